"""Folders in the temporary folder that do not outlive their process, however it ends.

Each is locked as long as the process that made it lives. What a killed process left behind is
removed by the next one that makes a folder.
"""

import atexit
import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
from pathlib import Path

PREFIX = "unrolled-"
_held = {}  # folder: the open file that locks it


def make():
    """A new empty folder, for this user only; `remove` it, or it goes at the end of the process."""
    _sweep()
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        handle = _locked(folder)
        if handle is not None:
            break  # else another process swept it away before it was locked
    _held[folder] = handle
    return folder


def remove(folder):
    """Remove a folder of `make`; nothing happens where that is done already."""
    handle = _held.pop(folder, None)
    if handle is not None:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


@atexit.register
def _remove_all():
    for folder in list(_held):
        remove(folder)


def _sweep():
    """Remove the folders that nobody locks any more."""
    with contextlib.suppress(OSError):
        for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
            handle = None if folder in _held else _locked(folder)
            if handle is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(handle)


def _locked(folder):
    """An open file that locks the folder, or None: it is locked, gone, no folder, or not ours."""
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        found = os.fstat(handle)
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise PermissionError
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(folder, follow_symlinks=False).st_ino != found.st_ino:
            raise FileNotFoundError
    except OSError:
        os.close(handle)
        return None
    return handle
