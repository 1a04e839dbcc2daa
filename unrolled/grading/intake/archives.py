"""Files of a folder or an archive as Entries: nothing unpacked, no link followed, all bounded."""

import os
import re
import stat
import zipfile
import zlib
from pathlib import Path

from unrolled.grading.intake.reading import LARGEST_FILE, Unreadable
from unrolled.grading.intake.system import Entry
from unrolled.grading.model import GradingError

MOST_FILES = 50_000
LARGEST_IN_ALL = 8 * 2**30  # bytes read from one archive
DEEPEST = 20  # folders within folders
OUTSIDE = "its path leads out of the archive; it was not opened"
JUNK = re.compile(r"\..*|__MACOSX|__pycache__|Thumbs\.db|desktop\.ini", re.IGNORECASE)


def entries(path):
    """(the Entries of everything at `path`, the folder that their paths begin at).

    path: a folder, a zip file, or a single notebook
    Raises GradingError where `path` itself cannot be read.
    """
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise GradingError(f"{path}: cannot be read: {error.strerror}") from None
    if stat.S_ISDIR(mode):
        found = list(_folder(path))
    elif ".ipynb" in path.name.casefold():
        size = path.stat().st_size
        return [Entry((path.name,), size, lambda: read_file(path))], path.parent
    else:
        found = list(_archive(path))
    return [one for one in found if not any(JUNK.fullmatch(part) for part in one.parts)], path


def _folder(root):
    """Entries of a folder, with nothing followed that is not a plain file or folder."""
    waiting, count = [(root, ())], 0
    while waiting:
        folder, parts = waiting.pop()
        try:
            there = sorted(os.scandir(folder), key=lambda one: one.name)
        except OSError as error:
            yield Entry((*parts, "?"), problem=f"the folder cannot be read: {error.strerror}")
            continue
        for one in there:
            count += 1
            if count > MOST_FILES:
                raise GradingError(f"{root}: more than {MOST_FILES:,} files; is it the right one?")
            inside = (*parts, one.name)
            if one.is_symlink():
                yield Entry(inside, problem="a link, not a file; links are not followed")
            elif one.is_dir(follow_symlinks=False):
                if not JUNK.fullmatch(one.name):
                    if len(inside) > DEEPEST:
                        yield Entry(inside, problem="folders are nested too deeply")
                    else:
                        waiting.append((Path(one.path), inside))
            elif one.is_file(follow_symlinks=False):
                size = one.stat(follow_symlinks=False).st_size
                yield Entry(inside, size, lambda path=one.path: read_file(path))
            else:
                yield Entry(inside, problem="not a file (a pipe, a socket or a device)")


def read_file(path):
    """The bytes of a plain file, or Unreadable; a link put there meanwhile is not followed."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise Unreadable("not a file")
            return file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise Unreadable(f"it cannot be read: {error.strerror}") from None


def _archive(path):
    """Entries of a zip file; what is unsafe in it is named, not opened."""
    try:
        archive = zipfile.ZipFile(path)
        members = archive.infolist()
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        why = getattr(error, "strerror", None) or error
        raise GradingError(
            f"{path}: neither a folder nor a zip file that can be read: {why}"
        ) from None
    if len(members) > MOST_FILES:
        raise GradingError(f"{path}: {len(members):,} files; at most {MOST_FILES:,} are read")
    budget = [LARGEST_IN_ALL]
    for member in members:
        name = _member_name(member).replace("\\", "/")
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if member.is_dir() or not parts:
            continue
        problem = _unsafe(member, name, parts)
        if problem:
            if problem is OUTSIDE:  # under a name of its own: it may not pass for another's file
                parts = ("__".join(["outside", *parts]),)
            yield Entry(parts, problem=problem)
        else:
            yield Entry(parts, member.file_size, lambda m=member: _inflate(archive, m, budget))


def _member_name(member):
    """Python takes names that are not marked as UTF-8 for code page 437; most are UTF-8."""
    if not member.flag_bits & 0x800:
        try:
            return member.filename.encode("cp437").decode("utf-8")
        except (UnicodeEncodeError, UnicodeDecodeError):
            pass
    return member.filename


def _unsafe(member, name, parts):
    if ".." in parts or name.startswith("/") or re.match(r"[A-Za-z]:", name):
        return OUTSIDE
    if stat.S_ISLNK(member.external_attr >> 16):
        return "a link, not a file; links are not followed"
    if member.flag_bits & 0x1:
        return "it is encrypted"
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return "it is compressed in a way that is not read"
    if member.file_size > LARGEST_FILE:
        return f"it unpacks to {member.file_size / 2**20:,.0f} MB; it was not opened"
    return None


def _inflate(archive, member, budget):
    budget[0] -= member.file_size
    if budget[0] < 0:
        raise Unreadable("the archive unpacks to more than is read; this file was not opened")
    try:
        with archive.open(member) as file:
            return file.read(LARGEST_FILE + 1)
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, ValueError) as error:
        raise Unreadable(f"it is damaged in the archive: {error}") from None
