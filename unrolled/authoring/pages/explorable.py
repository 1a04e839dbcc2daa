"""The directive {explorable}: a figure to take hold of, below the figure that stands without it.

    ```{explorable} paths
    :data: paths
    {"h_0": 0.6}
    ```

The argument names a module of theme/explorables/, which defines the element <explorable-paths>; a
page holds it once. The content, if there is any, is a JSON object that replaces the module's
parameters of the same names. `data` names what a cell of the page kept for it by
`unrolled.support.explorables.keep`; the page fetches it as a file.
"""

import ast
import json
import re
from html import escape
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import directives
from myst_nb.core.variables import RetrievalError
from myst_nb.ext.glue.utils import retrieve_glue_data
from sphinx.util.docutils import SphinxDirective

FOLDER = Path(__file__).parents[1] / "theme" / "explorables"
SHARED = ("base", "draw", "explorables")  # no explorables themselves
DATA_BYTES = 150_000  # at most, of one file of data


def setup(app):
    app.add_directive("explorable", Explorable)
    app.connect("builder-inited", add_files)
    app.connect("html-page-context", use_files)


def names():
    """The explorables there are."""
    return sorted(path.stem for path in FOLDER.glob("*.js") if path.stem not in SHARED)


class Explorable(SphinxDirective):
    required_arguments = 1
    has_content = True
    option_spec = {"data": directives.unchanged_required}  # noqa: RUF012

    def run(self):
        name, used = self.arguments[0], self.env.temp_data.setdefault("explorables", set())
        if name not in names():
            raise self.error(f"there is no explorable {name!r}; there are: {', '.join(names())}")
        if name in used:
            raise self.error(f"the explorable {name!r} is on this page already; leave one")
        used.add(name)
        attributes = {"id": f"explorable-{name}", "class": "explorable"}
        if self.content:
            attributes["data-parameters"] = json.dumps(self.parameters())
        if "data" in self.options:
            attributes["data-source"] = self.data(self.options["data"])
        said = " ".join(f'{key}="{escape(value)}"' for key, value in attributes.items())
        markup = f"<explorable-{name} {said}></explorable-{name}>\n"
        return [nodes.raw("", markup, format="html")]

    def parameters(self):
        try:
            found = json.loads("\n".join(self.content))
        except json.JSONDecodeError as error:
            raise self.error(f"its content is no JSON: {error}; mend it") from None
        if not isinstance(found, dict):
            raise self.error('its content is no JSON object; write {"name": value}')
        return found

    def data(self, key):
        """Write what a cell kept into the site; returns the file's name."""
        try:
            kept = retrieve_glue_data(self.state.document, f"explorable-{key}").data["text/plain"]
        except RetrievalError:
            raise self.error(f"no cell keeps {key!r}: explorables.keep({key!r}, …)") from None
        text = ast.literal_eval(kept)
        if len(text) > DATA_BYTES:
            raise self.error(f"{key}: {len(text):,} bytes, at most {DATA_BYTES:,}; keep less")
        target = Path(self.env.app.outdir, "_static", "explorables", "data", f"{key}.json")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, "utf-8")
        return target.name


def left_out(text):
    """A text without the directives: in a notebook there is no site to fetch modules from."""
    return re.sub(r"^```\{explorable\}.*?^```(?:\n+|\Z)", "", text, flags=re.MULTILINE | re.DOTALL)


def add_files(app):
    """Put scripts and style sheet into the site; they lie beside `static`, all of whose scripts
    Jupyter Book would add to every page."""
    if app.builder.format == "html":
        target = Path(app.outdir, "_static", "explorables")
        target.mkdir(parents=True, exist_ok=True)
        for path in FOLDER.iterdir():
            target.joinpath(path.name).write_bytes(path.read_bytes())


def use_files(app, pagename, templatename, context, doctree):
    if 'class="explorable"' in (context.get("body") or ""):
        app.add_js_file("explorables/explorables.js", loading_method="defer")
        app.add_css_file("explorables/explorables.css", priority=910)
