"""Files: written whole or not at all."""

import os
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]  # of the tree that holds the package


def write_atomically(path, text, mode=0o644):
    """Write `text` in UTF-8 so that `path` holds, at every moment, the old text or the new one.

    mode: the permissions of a new file; one that is there keeps its own.
    """
    write_bytes_atomically(path, text.encode("utf-8"), mode)


def write_bytes_atomically(path, data, mode=0o644):
    """Write `data` as `write_atomically` writes text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, path.stat().st_mode & 0o777 if path.exists() else mode)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
