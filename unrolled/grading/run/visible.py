"""What of the machine a sandbox shows: the interpreter's own parts, and nothing people write to.

Of a prefix (a virtual environment, a conda environment, /usr) that is the interpreter, its library,
and the libraries it is linked with. A course folder can be a prefix, so nothing else of one is ever
shown: not the folder itself, and no folder beside its library.
"""

import importlib.util
import os
import site
import sys
import sysconfig
from functools import cache
from pathlib import Path

from unrolled.grading.model import GradingError

VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
# of the system: programs' data that Python and Matplotlib read; /usr/local is the users' own
SYSTEM = (
    *("/usr/lib", "/usr/lib64", "/usr/lib32", "/nix/store"),
    *("/usr/share/python3", "/usr/share/fonts", "/usr/share/locale", "/usr/share/zoneinfo"),
    "/etc/alternatives",  # where Debian's links from library to library lead
)
FILES = ("/etc/ld.so.cache",)
LIBRARIES = ("purelib", "platlib")
LINKS = ("/lib", "/lib64", "/lib32")


@cache
def _folders():
    """The folders that are shown, outermost first, none in another."""
    found = {*SYSTEM, *site_folders(), *(path for path in LINKS if not os.path.islink(path))}
    for prefix in _prefixes(sys.base_prefix, sys.base_exec_prefix, _home()):
        found |= {f"{prefix}/lib", f"{prefix}/lib64", f"{prefix}/share/zoneinfo"}
    for prefix in _prefixes(sys.prefix, sys.exec_prefix):
        found |= {f"{prefix}/lib/{VERSION}", f"{prefix}/lib64/{VERSION}"}
    kept = []
    for path in sorted(found, key=len):
        if os.path.isdir(path) and not any(inside(path, one) for one in kept):
            kept.append(path)
    return tuple(kept)


@cache
def arguments():
    """bubblewrap's arguments for all that is shown.

    A prefix below /tmp, where an answer may write, is a file system of its own, and closed.
    """
    closed = [path for path in _prefixes(sys.prefix, sys.base_prefix) if inside(path, "/tmp")]
    command = [word for path in closed for word in ("--tmpfs", path)]
    for path in _folders():
        command += ["--ro-bind", path, path]
    for path in LINKS:
        if os.path.islink(path):
            command += ["--symlink", os.readlink(path), path]
    shown = [*FILES, os.path.realpath(sys.executable)]
    shown += [f"{prefix}/pyvenv.cfg" for prefix in _prefixes(sys.prefix)]
    for path in shown:
        if os.path.isfile(path) and not any(inside(path, one) for one in _folders()):
            command += ["--ro-bind", path, path]
    if os.path.realpath(sys.executable) != sys.executable:
        command += ["--symlink", os.path.realpath(sys.executable), sys.executable]
    command += [word for path in closed for word in ("--remount-ro", path)]
    return tuple(command)


def covered(own, hidden):
    """The folders to be covered because they lie in one that is shown.

    own:    of ours, as far as that is possible
    hidden: of the class; raises GradingError where one cannot be hidden
    """
    needed = [sysconfig.get_path("stdlib"), *site_folders(), sys.executable]
    needed = [os.path.realpath(path) for path in needed]
    found, hidden = set(), {os.path.realpath(path) for path in hidden}
    for path in {os.path.realpath(path) for path in own} | hidden:
        places = _places(path) if os.path.isdir(path) else []
        if not any(inside(one, path) for one in needed):
            found |= {*places}
        elif places and path in hidden:
            raise GradingError(
                f"{path} belongs to Python, so what lies in it cannot be hidden from students' "
                "code; move submissions and results elsewhere"
            )
    return sorted(found)


def _places(path):
    """Where a real path is seen in the sandbox: a shown folder may be known by another name."""
    real = [(folder, os.path.realpath(folder)) for folder in _folders()]
    return [folder + path[len(where) :] for folder, where in real if inside(path, where)]


def packages():
    """The package wherever it is installed: one beside the clone has the answers, too."""
    own = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix}
    folders = [*site_folders(), *(sysconfig.get_path(name, vars=own) for name in LIBRARIES)]
    return [found for folder in folders if (found := Path(folder, "unrolled")).is_dir()]


def inside(path, folder):
    """Whether a path is a folder's, or lies in it."""
    return os.path.commonpath([path, folder]) == folder


def _home():
    """The prefix in which the interpreter's program really is."""
    return os.path.dirname(os.path.dirname(os.path.realpath(sys.executable)))


def _prefixes(*prefixes):
    """Prefixes as they are called and as they really are, each once."""
    return dict.fromkeys([*prefixes, *map(os.path.realpath, prefixes)])


@cache
def torch_bytes():
    """Bytes of the shared libraries that `import torch` maps into memory; 0 without torch.

    The build for graphics cards maps gigabytes, which fill no memory until they are used.
    """
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return 0
    folder = Path(spec.origin).parent
    files = [*folder.glob("lib/*.so*"), *folder.parent.glob("nvidia/**/*.so*")]
    return sum(path.stat().st_size for path in files)


@cache
def site_folders():
    """Where libraries are installed; the student's own site has none to add."""
    found = [*map(sysconfig.get_path, LIBRARIES), *site.getsitepackages()]
    found += [site.getusersitepackages()] if site.ENABLE_USER_SITE else []
    return [path for path in dict.fromkeys(found) if path and os.path.isdir(path)]
