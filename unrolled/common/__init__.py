"""Below all rooms: files, code, YAML and prose. It imports nothing of ours."""
