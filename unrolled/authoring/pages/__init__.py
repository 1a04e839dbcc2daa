"""What the site generates: slide map, errata, glossary, tables of functions and of speed, course
plan, the diagram of the chapters, the figures to take hold of, and in each chapter the margin notes
that lead back to the slides.

Part of the site's Sphinx extension. All of it is read from data and code at build time, so that
none of it can drift.
"""

from unrolled.authoring.pages import (
    deeper,
    diagram,
    explorable,
    generated,
    glossary,
    library,
    links,
    live,
    plan,
    poster,
    slide_map,
    speed,
)

GENERATED = (
    "chapters/index",
    "chapters/slides",
    "chapters/errata",
    "chapters/notation",
    "chapters/library",
    "chapters/speed",
)


def setup(app):
    parts = (deeper, diagram, explorable, generated, glossary, library, links, live, plan, poster)
    for part in (*parts, slide_map, speed):
        part.setup(app)
    app.connect(
        "env-get-outdated", lambda app, env, *_: [p for p in GENERATED if p in env.all_docs]
    )
    return {"parallel_read_safe": True, "parallel_write_safe": True}
