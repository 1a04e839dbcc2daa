"""What the documents and comments of the project say of its files is true."""

import io
import re
import subprocess
import tokenize
from pathlib import Path

import pytest
import yaml

import unrolled
from unrolled.authoring import book
from unrolled.authoring.notebooks import ROOT

KINDS = "md|py|yml|toml|cff|txt|bib|mplstyle|css|js|jinja"
NAME = re.compile(rf"(?<![\w/.…*-])[\w./-]*\w\.(?:{KINDS})\b(?![\w*])")
PLACEHOLDER = re.compile(r"NN|NAME|topic")
OF_USERS = {  # made by users, or by programs they use
    *("week1.yml", "week3.yml", "my_text.txt", "nbgrader_config.py", "filter.txt"),
    *("submission_metadata.yml", "timestamp.txt", "mistake.yml"),
    "drive-worker.js",  # JupyterLite's service worker, beside ours
}
READ = {".md", ".py", ".yml", ".yaml", ".toml", ".css", ".js", ".mplstyle", ".jinja", ".cff", ""}
DOCUMENTS = (
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "CODE_OF_CONDUCT.md"),
    *("CITATION.cff", ".github/dependabot.yml", ".pre-commit-config.yaml"),
)


def files():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def prose(path):
    """What a file says to people: of Python, its comments and docstrings."""
    text = path.read_text("utf-8")
    if path.suffix != ".py":
        return text
    said, begins = [], True
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT or (token.type == tokenize.STRING and begins):
            said.append(token.string)
        if token.type not in (tokenize.COMMENT, tokenize.NL):
            begins = token.type in (tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT)
    return "\n".join(said)


def test_no_file_cites_a_file_that_is_not_there():
    names = files()
    ends = {"/".join(name.split("/")[-n:]) for name in names for n in range(1, 8)}
    missing = {}
    for name in names:
        if Path(name).suffix in READ:
            for cited in NAME.findall(prose(ROOT / name)):
                known = PLACEHOLDER.search(cited) or cited.rpartition("/")[2] in OF_USERS
                if not known and re.sub(r"^(\.{1,2}/)+", "", cited) not in ends:
                    missing.setdefault(cited, []).append(name)
    assert not missing


def test_links_of_the_documents_lead_somewhere():
    for name in DOCUMENTS:
        text = (ROOT / name).read_text("utf-8")
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (ROOT / name).parent.joinpath(target).exists(), f"{name}: {target}"


def test_the_documents_commands_are_there():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for name in DOCUMENTS:
        text = (ROOT / name).read_text("utf-8")
        code = "\n".join(re.findall(r"`([^`\n]+)`", text))
        assert set(re.findall(r"\bmake ([a-z]+)", code)) <= targets
        for test in re.findall(r"pytest (?:-n 0 )?([\w/.]+)", code):
            assert (ROOT / test).exists() or PLACEHOLDER.search(test), f"{name}: {test}"


def test_the_citation_and_the_changelog_know_the_version():
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["version"] == unrolled.__version__
    assert f"\n## {unrolled.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_a_new_edition_is_one_entry(monkeypatch):
    slim = book.Edition("html-slim", without=("labs/", "solutions/"))
    monkeypatch.setitem(book.EDITIONS, "slim", slim)
    pages = book.pages(book.contents(ROOT, "slim"))
    everything = book.pages(book.contents(ROOT, "learner"))
    assert set(pages) == {page for page in everything if not page.startswith(slim.without)}


@pytest.mark.parametrize("path", sorted((ROOT / ".github").rglob("*.yml")), ids=lambda p: p.stem)
def test_what_the_repository_s_host_reads_is_well_formed(path):
    read = yaml.safe_load(path.read_text("utf-8"))
    if path.parent.name == "workflows":
        for job in read["jobs"].values():
            assert "uses" in job or {"runs-on", "timeout-minutes", "steps"} <= job.keys()
    elif path.stem.startswith("wrong"):
        assert {"name", "description", "body"} <= read.keys()
        ids = [part["id"] for part in read["body"] if part["type"] != "markdown"]
        assert len(ids) == len(set(ids)) >= 3


def test_publishing_waits_for_the_tests():
    folder = ROOT / ".github" / "workflows"
    publish = yaml.safe_load((folder / "publish.yml").read_text("utf-8"))["jobs"]
    assert publish["test"]["uses"] == "./.github/workflows/test.yml"
    assert publish["publish"]["needs"] == "test"
    tests = yaml.safe_load((folder / "test.yml").read_text("utf-8"))["jobs"]
    assert {"3.11", "3.13", "3.14"} <= set(tests["test"]["strategy"]["matrix"]["python"])
    systems = tests["wheel"]["strategy"]["matrix"]["system"]
    assert {name.partition("-")[0] for name in systems} == {"ubuntu", "macos", "windows"}
