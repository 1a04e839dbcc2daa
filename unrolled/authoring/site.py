"""The Sphinx extension that makes the site ours: offline, accessible, its figures follow the mode.

It serves MathJax from the site itself, puts the notebooks' SVG figures into the page with colours
the style sheet can change, folds with <details>, offers each notebook for download, ties labs to
their solutions, and mends what the theme and extensions do to accessibility. The questions at the
end of the chapters are in self_check.py.
"""

import hashlib
import json
import os
import re
import shutil
from importlib.metadata import distribution
from pathlib import Path

import nbformat
from docutils import nodes
from sphinx.transforms.post_transforms import SphinxPostTransform
from sphinx.util import logging

from unrolled.authoring import notebooks, self_check, svg
from unrolled.authoring.lite.available import FOLDER
from unrolled.authoring.pages import explorable, live
from unrolled.common.links import linked

THEME = Path(__file__).parent / "theme"
MATHJAX = "tex-chtml.js"  # the entry point; what it loads on demand lies in folders beside it
MATHJAX_FOLDERS = ("a11y", "adaptors", "input", "output", "sre", "ui")
SITE_NOTEBOOKS = {"chapters": "chapter", "labs": "lab", "solutions": "solution"}
MENDED = {  # markup of extensions, and what it should be
    ' aria-label="Toggle hidden content"': "",  # a name that is not the visible text
    ' role="doc-biblioentry"': ' role="listitem"',  # deprecated, and a list of no list items
    ' id="proof"': "",  # of every proof alike
}
MARKER = re.compile(r"\s*### (BEGIN|END) SOLUTION\s*")
MATH = r'<span class="math notranslate nohighlight">[^<]*</span>'
PUNCTUATED = re.compile(rf"(\(?)({MATH})((?:’s|-\w+)?[,.;:!?)]*)")  # and what must not leave it
VIEW = re.compile(r'viewBox="[\d.]+ [\d.]+ ([\d.]+) ([\d.]+)"')
SIDES = re.compile(r"\b(left|right)\b", re.IGNORECASE)
LOG = logging.getLogger(__name__)


class figure_svg(nodes.General, nodes.Element):
    """A figure of a notebook as SVG in the page; `wide` and `narrow` are its markup."""


class folded(nodes.General, nodes.Element):
    """An admonition with the class `dropdown`, as <details>; its first child is the title."""


class folded_title(nodes.TextElement):
    """What a folded block shows when it is closed."""


def setup(app):
    app.setup_extension("unrolled.authoring.pages")
    app.add_config_value("unrolled_digests", {}, "")
    app.add_config_value("unrolled_runs_labs", False, "html")  # whether labs run in a browser
    app.add_config_value("unrolled_runs_chapters", False, "html")  # whether chapters do
    app.add_config_value("comments_config", {}, "")  # Jupyter Book sets it for a part we leave out
    app.add_node(figure_svg, html=(visit_figure_svg, None))
    app.add_node(folded, html=(visit_folded, depart_folded))
    app.add_node(folded_title, html=(visit_folded_title, depart_folded_title))
    app.add_css_file("unrolled.css", priority=900)
    app.add_js_file("unrolled.js", loading_method="defer")
    app.add_post_transform(InlineFigures)
    app.add_directive("self-check", self_check.SelfCheck)
    app.connect("builder-inited", self_check.add_files)
    app.connect("html-page-context", self_check.use_files)
    app.connect("config-inited", configure, priority=900)
    app.connect("env-get-outdated", outdated)
    app.connect("env-get-updated", concerned, priority=900)  # after pages have been numbered
    app.connect("source-read", drop_markers)
    app.connect("doctree-read", name_solution, priority=400)  # before Sphinx collects the titles
    app.connect("doctree-resolved", fold, priority=900)
    app.connect("html-page-context", finish_page, priority=950)
    app.connect("build-finished", add_files)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def configure(app, config):
    config.templates_path.insert(0, str(THEME / "templates"))
    config.html_static_path.append(str(THEME / "static"))
    config.html_favicon = str(THEME / "icon.svg")
    config.mathjax_path = f"mathjax/{MATHJAX}"
    options = {
        "enableMenu": False,  # its menu makes each formula a stop of the Tab key
        # whose script copies formulas as they are shown; on a page where nothing is found here the
        # component fails, hence the head, which holds no formula
        "lazyAlwaysTypeset": ["head", ".self-check"],
    }
    config.mathjax3_config = {
        # formulas when they come near the view: a page of 300 took seconds of a phone at once
        "loader": {"load": ["ui/lazy"]},
        "options": options,
        # an unknown macro is an error that the site's tests see, not a red word
        "tex": {"packages": {"[-]": ["noundefined"]}},
    }
    config.html_context["default_mode"] = "auto"
    theme = config.html_theme_options
    if not theme.get("repository_url"):  # then there is nothing that Binder or Colab could open
        theme["launch_buttons"] = {}


def outdated(app, env, added, changed, removed):
    """Pages whose notebook was executed with other modules than when Sphinx read it last."""
    before = getattr(env, "unrolled_digests", {})
    env.unrolled_digests = dict(app.config.unrolled_digests)
    return [
        page
        for page, digest in env.unrolled_digests.items()
        if page in env.found_docs and before.get(page) != digest
    ]


def concerned(app, env):
    """All pages, where something changed that others show or refer to; else only what was read.

    So a label gone from one page is missed in all others, and a word changed on a page is written
    on that page alone. What follows, writing, may use all cores; reading may not, some extensions
    keep what they read to themselves.
    """
    app.parallel = os.cpu_count() or 1
    before, env.unrolled_shared = getattr(env, "unrolled_shared", None), shared(env)
    return [] if env.unrolled_shared == before else sorted(env.found_docs)


def shared(env):
    """Digest of what a page may show of other pages: titles, numbers, and where labels lead."""
    std, math, cited = (env.domaindata[name] for name in ("std", "math", "cite"))
    exercises = getattr(env, "sphinx_exercise_registry", {})
    parts = {
        "pages": sorted(env.found_docs),
        "titles": {page: title.astext() for page, title in env.titles.items()},
        "long titles": {page: title.astext() for page, title in env.longtitles.items()},
        "numbers": [env.toc_secnumbers, env.toc_fignumbers, env.toctree_includes],
        "labels": [std[name] for name in ("labels", "anonlabels", "objects", "terms")],
        "equations": math["objects"],
        "works": sorted((one.key, one.formatted_entry.label) for one in cited["citations"]),
        "cited": sorted(
            (ref.docname, aim.key) for ref in cited["citation_refs"] for aim in ref.targets
        ),
        "exercises": {
            name: (one["docname"], str(one.get("title"))) for name, one in exercises.items()
        },
    }
    # sorted, because what is read again comes last
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def drop_markers(app, docname, source):
    """In the text of a solution, the press's markers would be headings. (Code is left as it is:
    by its code a notebook is found in the cache.)"""
    if docname.startswith("solutions/"):
        fence, kept = False, []
        for line in source[0].splitlines():
            fence ^= line.startswith("```")
            if fence or not MARKER.fullmatch(line):
                kept.append(line)
        source[0] = "\n".join(kept) + "\n"


def name_solution(app, doctree):
    """A solution is its lab's notebook, down to the title: tell the two apart, and show the code
    without the press's markers."""
    if app.env.docname.startswith("solutions/"):
        title = next(doctree.findall(nodes.title), None)
        if title is not None:
            title.insert(0, nodes.Text("Solution of "))
        for block in doctree.findall(nodes.literal_block):
            shown = [line for line in block.astext().splitlines() if not MARKER.fullmatch(line)]
            block.rawsource = "\n".join(shown)
            block.children = []
            block += nodes.Text(block.rawsource)


# Figures


class InlineFigures(SphinxPostTransform):
    """Replaces the image of each SVG a notebook made by its markup."""

    default_priority = 10  # when myst-nb has chosen among an output's formats
    formats = ("html",)

    def run(self, **kwargs):
        made = Path(self.app.outdir).parent / "jupyter_execute"  # where myst-nb puts outputs
        count = 0
        for image in list(self.document.findall(nodes.image)):
            path = Path(self.app.srcdir, image["uri"]).resolve()
            alt = image.get("alt", "").strip()
            if not alt:
                LOG.warning("a figure without alt text; say in `alt` what is seen", location=image)
            if path.suffix == ".svg" and path.is_relative_to(made):
                count += 1
                wide, narrow = svg.themed(path.read_text("utf-8"), f"f{count}-", alt)
                if narrow and _stacked(wide, narrow) and any(map(SIDES.search, captions(image))):
                    image.parent["classes"].append("left-is-above")
                image.replace_self(figure_svg(wide=wide, narrow=narrow))


def _stacked(wide, narrow):
    """Whether the drawing for a phone has below one another what stands side by side in the other:
    it is more than twice as high for its width, where a smaller drawing of one panel is not."""
    shapes = [VIEW.search(markup).groups() for markup in (wide, narrow)]
    high, higher = (float(height) / float(width) for width, height in shapes)
    return higher > 2 * high


def captions(image):
    return [caption.astext() for caption in image.parent.findall(nodes.caption)]


def visit_figure_svg(self, node):
    mark = " data-narrow" if node["narrow"] else ""
    self.body.append(f'<div class="figure-scroll"{mark}>{node["wide"]}</div>\n')
    raise nodes.SkipNode


def set_narrow_apart(app, pagename, doctree, body):
    """The page's body, its drawings for a phone in a script beside it, which only a phone fetches.

    A script, because a page opened as a file may fetch nothing else.
    """
    found = [node["narrow"] for node in doctree.findall(figure_svg)]
    drawings = [markup for markup in found if markup]
    if not drawings:
        return body
    script = f"drawNarrow({json.dumps(drawings)});\n"
    path = Path(app.outdir, f"{pagename}-narrow.js")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(script, encoding="utf-8")
    address = f"{path.name}?v={hashlib.sha256(script.encode()).hexdigest()[:8]}"
    return body.replace(" data-narrow>", f' data-narrow="{address}">')


# Folded blocks


def fold(app, doctree, docname):
    """Make each admonition with the class `dropdown` a <details>, which needs no script."""
    for node in list(doctree.findall(nodes.Admonition)):
        if "dropdown" in node["classes"]:
            head, *rest = node.children
            title = folded_title(head.rawsource)
            if isinstance(head, nodes.title):
                title += list(head.children)
            else:  # a plain note has no title; its kind is one
                title += nodes.Text(node.tagname.capitalize())
                rest = node.children
            block = folded("", title, *rest, ids=node["ids"], classes=node["classes"])
            block.source, block.line = node.source, node.line
            node.replace_self(block)


def visit_folded(self, node):
    self.body.append(self.starttag(node, "details", CLASS="admonition"))


def depart_folded(self, node):
    self.body.append("</details>\n")


def visit_folded_title(self, node):
    self.body.append(self.starttag(node, "summary", "", CLASS="admonition-title"))


def depart_folded_title(self, node):
    self.body.append("</summary>\n")


# Pages


def finish_page(app, pagename, templatename, context, doctree):
    """Offer the page's notebook, tie labs and solutions, and mend ids and line breaks."""
    body = context.get("body")
    if not body:
        return
    for address in fetched_elsewhere(body):
        LOG.warning("fetches %s; put the file into the book", address, location=pagename)
    head = [offer_notebook(app, pagename)] if is_notebook(app, pagename) else []
    folder, _, name = pagename.partition("/")
    if folder == "labs" and head and app.config.unrolled_runs_labs:
        head.insert(0, offer_browser(name))
    says = ""
    if live.is_offered(app, pagename) and head:
        head.append(live.button(name))
        says = live.SAYS
    pair = {"labs": "solutions", "solutions": "labs"}.get(folder)
    foot = []
    if pair and f"{pair}/{name}" in app.env.found_docs:
        address = app.builder.get_relative_uri(pagename, f"{pair}/{name}")
        if folder == "labs":
            foot.append(f'<a href="{address}">Compare with the solution of this lab</a>')
        else:
            head.append(f'<a href="{address}">Back to the lab</a>')
    body = body.replace("</h1>", "</h1>\n" + _bar(head) + says, 1) + _bar(foot)
    for wrong, right in MENDED.items():
        body = body.replace(wrong, right)
    body = PUNCTUATED.sub(_unbroken, body)
    context["body"] = unique_ids(set_narrow_apart(app, pagename, doctree, body))


def _unbroken(match):
    """Around a formula a browser may break the line, and begin the next one with a comma."""
    return f'<span class="unbroken">{match[0]}</span>' if match[1] or match[3] else match[0]


def fetched_elsewhere(html):
    """Addresses of other hosts from which a browser would fetch what the page shows or runs."""
    elements = r"<(?:img|script|iframe|link|source|video|audio|embed|object|image|use)\b[^>]*?"
    addresses = r"""\b(?:src|srcset|href|data|poster)\s*=\s*["']?\s*((?:https?:)?//[^"'\s>]+)"""
    return re.findall(elements + addresses, html, flags=re.IGNORECASE)


def is_notebook(app, pagename):
    return "kernelspec" in app.env.metadata.get(pagename, {})


def offer_notebook(app, pagename):
    folder, _, name = pagename.rpartition("/")
    kind = SITE_NOTEBOOKS.get(folder, "page")
    return f'<a href="{name}.ipynb" download>Download this {kind} as a notebook (.ipynb)</a>'


def offer_browser(name):
    address = f"../{FOLDER}/index.html?lab={name}"
    return f'<a class="run-here" href="{address}">Run this lab here, in the browser</a>'


def _bar(links):
    return f'<p class="page-links">{" ".join(links)}</p>\n' if links else ""


def unique_ids(html):
    """`html` with each id given only once: sphinx-exercise and sphinx-proof repeat theirs."""
    seen = set()

    def first(match):
        known = match[1] in seen
        seen.add(match[1])
        return "" if known else match[0]

    return re.sub(r'\sid="([^"]+)"', first, html)


# Files


def add_files(app, exception):
    """Put MathJax and the notebooks into the built site."""
    if exception is not None or app.builder.format != "html":
        return
    package = distribution("sphinx-mathjax-offline")
    source = Path(package.locate_file("sphinx-mathjax-offline/static/mathjax"))
    target = Path(app.outdir, "_static", "mathjax")
    if not target.exists():
        for folder in MATHJAX_FOLDERS:
            shutil.copytree(source / folder, target / folder)
        shutil.copy(source / MATHJAX, target)
    for page in app.env.found_docs:
        source, offered = Path(app.env.doc2path(page)), Path(app.outdir, page + ".ipynb")
        if is_notebook(app, page) and (source.suffix == ".ipynb" or _older(offered, source)):
            write_notebook(source, offered, app.config.html_baseurl)


def _older(target, source):
    return not target.exists() or target.stat().st_mtime_ns <= source.stat().st_mtime_ns


def write_notebook(source, target, book=""):
    """The notebook of a page as a file to work with: without outputs.

    A lab's links to chapters lead to the site at the address `book`; without one they are text.
    """
    if source.suffix == ".ipynb":
        nb = nbformat.read(source, as_version=4)
        for cell in nb.cells:
            if cell.cell_type == "markdown":
                cell.source = linked(cell.source, book)
        nbformat.write(nb, target)
    else:
        notebook = notebooks.read(source)
        nb = notebooks.to_nbformat(notebook)
        nb.metadata = {"kernelspec": nb.metadata["kernelspec"]}
        for cell, shown in zip(notebook.cells, nb.cells):
            if cell.kind == "markdown":
                shown.source = explorable.left_out(self_check.as_markdown(cell))
        nbformat.write(nb, target)
