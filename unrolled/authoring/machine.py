"""What `make test` needs of a machine besides Python: a browser, and the sandbox of grading.

Both are looked for here and nowhere else. What is missing is fetched where that can be done
(`fetch`); where it cannot, everything else is tested, and the end says what was not.
"""

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

# as what a missing thing is reported, and by the name of the mark on the tests that need it
CHECKED = {"browser": "the site in a browser", "sandbox": "the sandbox"}
ON_PATH = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome"),
    *("microsoft-edge", "microsoft-edge-stable", "msedge"),
)
ON_MACOS = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
)
PLAYWRIGHT = [sys.executable, "-m", "playwright"]
SHELL = "chromium-headless-shell"
SECONDS = 60  # for a browser to say its version
LIBRARY = re.compile(r"error while loading shared libraries: (lib[\w+-]+)\.so\.(\d+)")


def everything():
    """Whether a missing browser or sandbox is a failure, as in CI."""
    return os.environ.get("CI") == "true" or bool(os.environ.get("EVERYTHING"))


@cache
def browser():
    """The path of a browser of Chromium's family that starts, or None."""
    return next((path for path in _candidates() if version(path)), None)


def _candidates():
    named = os.environ.get("UNROLLED_CHROMIUM")
    if named:
        yield named
        return
    yield from filter(None, map(shutil.which, ON_PATH))
    if sys.platform == "darwin":
        yield from filter(os.path.exists, ON_MACOS)
    yield from _of_playwright()


def _of_playwright():
    """The programs in the folder where Playwright keeps, or would keep, its own browser."""
    command = [*PLAYWRIGHT, "install", "--dry-run", SHELL]
    told = subprocess.run(command, capture_output=True, text=True)
    for folder in re.findall(r"Install location: +(.*headless_shell.*)", told.stdout):
        yield from map(str, Path(folder).glob("*/*headless[-_]shell*"))


@cache
def version(path):
    """What the browser calls itself; empty where it does not start."""
    try:
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return said.stdout.strip() if said.returncode == 0 else ""


@cache
def driver_says():
    """What Playwright says where it does not start, as a line; empty where it does.

    It drives the browser, and is a program of its own, which needs a library that a bare Debian 12
    lacks.
    """
    done = subprocess.run([*PLAYWRIGHT, "--version"], capture_output=True, text=True)
    said = (done.stderr or done.stdout).strip().splitlines() or ["it gives no reason"]
    return said[-1] if done.returncode else ""


def package(said):
    """Debian's package of the library that a program misses, or None: libatomic1."""
    found = LIBRARY.search(said)
    return "".join(found.groups()) if found else None


def why_no_browser():
    """Why the site cannot be looked at here, and what helps, in a sentence; empty when it can."""
    named = os.environ.get("UNROLLED_CHROMIUM")
    if driver_says():
        library = package(driver_says())
        helps = f"apt install {library}" if library else "python -m playwright install-deps"
        return f"Playwright does not start ({driver_says()}); on Debian: {helps}."
    if browser():
        return ""
    if named:
        return f"UNROLLED_CHROMIUM is {named}, which does not start."
    return (
        "no Chromium, Chrome or Edge was found: install one (on Debian: apt install chromium), "
        "or name one in UNROLLED_CHROMIUM."
    )


def why_no_sandbox():
    """Why students' code cannot be confined here, in a sentence; empty when it can."""
    from unrolled.grading.run import sandbox

    return sandbox.why_limited()


def missing():
    """{name: why} of what is not there, by the names of CHECKED."""
    found = {"browser": why_no_browser(), "sandbox": why_no_sandbox()}
    return {name: why for name, why in found.items() if why}


def described():
    """All that the outcome of the tests depends on besides the files, as one text."""
    whole = (sys.version, browser(), version(browser() or ""), missing(), everything())
    return repr(whole)


# --------------------------------------------------------------------------- fetching
def fetch():
    """Get what is missing: a library of Playwright's by apt, a browser by Playwright, else by apt,
    and bubblewrap by apt.

    Each attempt that fails is one line; nothing is raised.
    """
    wanted, has_apt = [], shutil.which("apt-get") and os.geteuid() == 0
    if has_apt and package(driver_says()):
        _fetch_with_apt([package(driver_says())])
    if why_no_browser() and not os.environ.get("UNROLLED_CHROMIUM"):
        _fetch_with_playwright()
        wanted += ["chromium"] if why_no_browser() else []
    if sys.platform == "linux" and shutil.which("bwrap") is None:
        wanted.append("bubblewrap")
    if wanted and has_apt:
        _fetch_with_apt(wanted)


def _fetch_with_playwright():
    print("looking for a browser: none here; asking Playwright for its own", flush=True)
    trouble = last = ""
    with subprocess.Popen(
        [*PLAYWRIGHT, "install", SHELL], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        for line in process.stdout:
            if "%" in line:
                print(line.rstrip(), flush=True)
            elif line.startswith("Error") and not trouble:
                trouble = line.strip()
            last = line.strip() or last
    if process.returncode:
        print(
            f"Playwright could not fetch one ({trouble or last or 'it gives no reason'})",
            flush=True,
        )
    browser.cache_clear()
    version.cache_clear()


def _fetch_with_apt(packages):
    print(f"installing {' and '.join(packages)} with apt", flush=True)
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *packages]
    for command in (["apt-get", "update", "-qq"], install):
        done = subprocess.run(command, capture_output=True, text=True, env=environment)
        if done.returncode:
            said = (done.stderr.strip() or "it gives no reason").splitlines()[-1]
            print(f"apt could not install {' and '.join(packages)} ({said})", flush=True)
            break
    from unrolled.grading.run import sandbox

    for cached in (driver_says, browser, version, sandbox.why_limited, sandbox.kind):
        cached.cache_clear()
