"""What is committed is what the sources say."""

from unrolled.authoring import notebooks
from unrolled.authoring.__main__ import changes, drift


def test_modules_and_labs_are_as_their_sources_say():
    found = changes(notebooks.ROOT)
    report = "\n".join(
        drift(notebooks.relative_name(path), current, wanted) for path, current, wanted in found
    )
    assert not found, f"out of date; run `make sync` and commit what it writes\n{report}"
