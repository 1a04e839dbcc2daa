"""The record of a run: all that is needed to repeat it, and to say how it went; not the secret."""

import hashlib
import hmac
import platform
from dataclasses import asdict
from functools import cache
from importlib import metadata

from unrolled import exercises
from unrolled.grading.assign.seeds import SEEDS, seeds
from unrolled.grading.run import confine, kit, sandbox

VERSIONS = ("numpy", "torch", "scipy", "unrolled")


def versions():
    """{name: version} of what a verdict may depend on."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    for name in VERSIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


@cache
def code_digest():
    """SHA-256 of everything of ours a verdict depends on: labs, chapters, checks and grading."""
    rooms = ("common", "exercises", "grading")
    files = [path for room in rooms for path in (kit.PACKAGE / room).rglob("*.py")]
    files += kit.PACKAGE.glob("*.py")
    whole = hashlib.sha256()
    for path in sorted(files):
        whole.update(f"{path.relative_to(kit.PACKAGE).as_posix()}\0".encode())
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def secret_digest(secret):
    """Tells one secret from another without telling it."""
    return hmac.new(secret.encode("utf-8", "surrogatepass"), b"record", "sha256").hexdigest()[:16]


def record(assignment, results, started, finished, repeated, executor):
    """The record as plain data."""
    described = asdict(assignment)
    described["secret"] = f"HMAC {secret_digest(assignment.secret)}"
    drawn = {
        name: "each student's own" if assignment.variants else seeds(assignment, name, "")
        for name in assignment.exercises
    }
    endings = {}
    for result in results:
        for mark in result.marks:
            endings[mark.ending] = endings.get(mark.ending, 0) + 1
    return {
        "assignment": described,
        "versions": versions(),
        "code": code_digest(),
        "labs": exercises.names(),
        "sandbox": sorted({result.sandbox for result in results}),
        "why_limits_only": sandbox.why_limited(),
        "system_calls_denied": platform.machine() in confine.MACHINES,
        "seeds_per_exercise": SEEDS,
        "seeds": drawn,
        "submissions": len(results),
        "graded_now": repeated,
        "endings": dict(sorted(endings.items())),
        "executor": executor,
        "started": started,
        "finished": finished,
    }
