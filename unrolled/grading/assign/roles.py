"""What a cell of a lab's notebook is for, as nbgrader was told when the lab was released."""

EXERCISE, CHECK, QUESTION = "exercise", "check", "question"


def role(cell):
    """(EXERCISE, CHECK or QUESTION; its name) of a cell that counts, else (None, None)."""
    metadata = cell.get("metadata")
    told = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    name = told.get("grade_id") if isinstance(told, dict) else None
    if not isinstance(name, str):
        return None, None
    if told.get("grade") and told.get("locked"):
        return CHECK, name.removeprefix("check-")
    if told.get("solution"):
        return (QUESTION if told.get("grade") else EXERCISE), name
    return None, None
