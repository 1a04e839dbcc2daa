"""The look of the figures, so that plotting code on a page stays short.

Colours are semantic: the site replaces each hex of `COLOURS` in a figure by a colour that fits
its light or dark mode, so figures use these and no others.
"""

import os
import pathlib
import re
from contextlib import suppress
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
from cycler import cycler
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.gridspec import GridSpec
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, PathPatch
from matplotlib.path import Path

STYLE = pathlib.Path(__file__).with_name("unrolled.mplstyle")

COLOURS = {
    "ink": "#1b1f24",
    "muted": "#5b6470",
    "grid": "#d9dde3",
    "paper": "#ffffff",
    "blue": "#0b62a4",
    "orange": "#b8500b",
    "green": "#1c7a3e",
    "red": "#b3243b",
    "purple": "#6b3fa0",
}
INK, MUTED, GRID, PAPER, BLUE, ORANGE, GREEN, RED, PURPLE = COLOURS.values()

NARROW = "UNROLLED_NARROW"  # set where a figure is also drawn for a phone: by the press
PHONE = 4.4  # inches of a figure for a phone, which shows it at five sixths of its size
SHADES = 25  # of a colour in a matrix, as many as a reader can tell apart

# what of a figure has which colour, where the page does not say; unrolled.mplstyle has the rest
COLOURED = {
    "figure.facecolor": PAPER,
    "grid.color": GRID,
    **dict.fromkeys(("axes.edgecolor", "xtick.color", "ytick.color"), MUTED),
    **dict.fromkeys(("axes.labelcolor", "axes.titlecolor", "text.color"), INK),
    **dict.fromkeys(("xtick.labelcolor", "ytick.labelcolor"), INK),
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, PURPLE, RED]),
}

# for signed values: blue is negative, orange positive, paper is zero
SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, PAPER, ORANGE])


def use():
    """Give a notebook the book's style and vector figures, the same bytes on every run."""
    plt.style.use([STYLE, COLOURED])
    with suppress(ModuleNotFoundError):  # it comes with IPython; elsewhere there is no output cell
        from matplotlib_inline.backend_inline import set_matplotlib_formats

        set_matplotlib_formats("svg", metadata={"Date": None, "Creator": None})
        if os.environ.get(NARROW):
            _draw_twice()


def _draw_twice():
    """Let the output of a figure hold a second drawing, for a phone, among its metadata."""
    from IPython import get_ipython

    formatter = get_ipython().display_formatter.formatters["image/svg+xml"]
    draw = formatter.for_type(plt.Figure)

    def drawn(figure):
        wide = draw(figure)
        if not narrow(figure):
            return wide
        second = re.sub(r"^.*?(?=<svg)", "", draw(figure), flags=re.DOTALL)
        return wide.replace("</svg>", f'<metadata id="narrow">{second}</metadata></svg>')

    formatter.for_type(plt.Figure, drawn)


def narrow(figure):
    """Lay a figure out anew for a phone; False, and nothing done, where it is as well as it is.

    Panels side by side come one below the other, but for pictures without text.
    """
    panels = [ax for ax in figure.axes if ax.get_subplotspec() is not None]
    if not panels:
        return False
    grid, (width, height) = panels[0].get_gridspec(), figure.get_size_inches()
    rows, columns = grid.nrows, grid.ncols
    drawing = all(ax.get_aspect() != "auto" for ax in panels)
    bare = drawing and not any(ax.texts for ax in panels)
    if len(panels) > 4 or width <= PHONE or (bare and columns > 1):
        return False
    if columns == 1:
        figure.set_size_inches((0.72 * width, 0.72 * height) if drawing else (PHONE, height))
        return True
    heights = [max(1.7, 0.85 * height / rows)] * len(panels)
    if drawing:  # one unit is of one size in all of them
        across = max(abs(ax.viewLim.width) for ax in panels)
        unit = min(PHONE / across, 0.5)
        heights = [abs(ax.viewLim.height) * unit + 0.35 for ax in panels]
    stacked = GridSpec(len(panels), 1, figure=figure, height_ratios=heights)
    if columns == 4:  # narrow ones, two in a row
        stacked, heights = GridSpec(2, 2, figure=figure), heights[:2]
    for place, ax in zip(stacked, panels):
        ax.set_subplotspec(place)
        ax.tick_params(labelleft=True, labelbottom=True)
    figure.set_size_inches(PHONE, sum(heights))
    return True


def axes(rows=1, columns=1, height=2.6, width=7.0, **options):
    """The axes of a new figure: one, or an array of them. Sizes in inches."""
    _, made = plt.subplots(rows, columns, figsize=(width, height), **options)
    return made


def label(ax, x, y, text, colour=INK, **options):
    """Write `text` at (x, y) in data coordinates: labels beside lines instead of a legend."""
    options = {"ha": "left", "va": "center", "fontsize": 9} | options
    return ax.text(x, y, text, color=colour, **options)


def stems(ax, x, y, colour=BLUE, size=4):
    """A discrete signal: a dot at each value and a thin line down to zero."""
    x, y = np.asarray(x), np.asarray(y)
    ax.vlines(x, np.minimum(y, 0), np.maximum(y, 0), color=colour, linewidth=1.2)
    ax.plot(x, y, "o", color=colour, markersize=size)


def matrix(ax, values, limit=None, numbers=False):
    """A matrix as coloured squares, orange positive and blue negative, optionally with numbers."""
    values = np.asarray(values, dtype=float)
    limit = limit or np.abs(values).max() or 1.0
    rows, columns = values.shape
    # drawn as vector squares, not an image, so that the colours follow light and dark mode; those
    # of one shade are one path, which is short in a page
    shades = {}
    for (i, j), value in np.ndenumerate(values):
        shade = min(abs(value) / limit, 1.0) * (0.5 if numbers else 1.0)  # ink on it is legible
        shade = round(shade * SHADES) / SHADES
        if shade:
            look = ORANGE if value > 0 else BLUE, shade
            corners = [
                (j - 0.5, i - 0.5),
                (j + 0.5, i - 0.5),
                (j + 0.5, i + 0.5),
                (j - 0.5, i + 0.5),
            ]
            shades.setdefault(look, []).append(Path([*corners, corners[0]], closed=True))
        if numbers and value:
            ax.text(j, i, f"{value:g}", ha="center", va="center", fontsize=8, color=INK)
    for (colour, shade), squares in shades.items():
        whole = Path.make_compound_path(*squares)
        square = {"linewidth": 0, "clip_on": False}  # they fill the axes to the edge
        ax.add_patch(PathPatch(whole, facecolor=colour, alpha=shade, **square))
    # one path for all the lines between the squares
    across = [[(-0.5, i - 0.5), (columns - 0.5, i - 0.5)] for i in range(rows + 1)]
    down = [[(j - 0.5, -0.5), (j - 0.5, rows - 0.5)] for j in range(columns + 1)]
    lines = Path.make_compound_path(*map(Path, across + down))
    ax.add_patch(PathPatch(lines, fill=False, edgecolor=GRID, linewidth=0.5, capstyle="projecting"))
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), aspect="equal")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)


# --------------------------------------------------------------------------- networks
def network(rows, columns, height=2.6, width=7.0):
    """Axes for a drawing of nodes, one unit apart, `rows` high and `columns` wide; no frame."""
    ax = axes(height=height, width=width)
    ax.set(xlim=(-0.6, columns - 0.4), ylim=(-0.6, rows - 0.4), aspect="equal")
    ax.axis("off")
    return ax


def node(ax, x, y, text="", colour=INK, filled=False, size=(0.56, 0.5), fontsize=9):
    """A node of a network at (x, y): a rounded box with `text`. Returns it, for `arrow`.

    `filled` tints it in its colour. `size` is width and height in data coordinates.
    """
    width, height = size
    corner = (x - width / 2, y - height / 2)
    style = f"round,pad=0,rounding_size={0.45 * min(size)}"
    look = {"edgecolor": colour, "linewidth": 1.1, "zorder": 3}
    ax.add_patch(FancyBboxPatch(corner, width, height, boxstyle=style, facecolor=PAPER, **look))
    tint = {"facecolor": colour, "alpha": 0.16} if filled else {"facecolor": "none"}
    box = FancyBboxPatch(corner, width, height, boxstyle=style, **(look | tint))
    ax.add_patch(box)
    if text:
        label(ax, x, y, text, colour, ha="center", fontsize=fontsize, zorder=4)
    return box


def arrow(ax, start, end, colour=MUTED, text="", bend=0.0, linewidth=1.1):
    """An arrow between two nodes (from `node`) or points (x, y), with `text` beside it.

    `bend` curves it to the right of its direction (0.3 is a gentle arc), or to the left below 0.
    """
    tail, head = _centre(start), _centre(end)
    look = {"color": colour, "linewidth": linewidth, "zorder": 2}
    look |= {"arrowstyle": "-|>", "mutation_scale": 8, "shrinkA": 1, "shrinkB": 2}
    look |= {"patchA": _patch(start), "patchB": _patch(end)}
    ax.add_patch(FancyArrowPatch(tail, head, connectionstyle=f"arc3,rad={bend}", **look))
    if text:
        across, up = head - tail
        middle = (tail + head) / 2 + bend / 2 * np.array([up, -across])
        # beside what goes up, above what goes across
        place = {"xytext": (3, 0), "ha": "left", "va": "center"}
        if abs(across) > abs(up):
            place = {"xytext": (0, 2), "ha": "center", "va": "bottom"}
        ax.annotate(text, middle, textcoords="offset points", color=colour, fontsize=9, **place)


def _patch(end):
    return end if isinstance(end, FancyBboxPatch) else None


def _centre(end):
    if _patch(end) is None:
        return np.asarray(end, dtype=float)
    return np.array([end.get_x() + end.get_width() / 2, end.get_y() + end.get_height() / 2])


def unrolled(
    ax,
    inputs,
    states,
    outputs=(),
    start=None,
    path=(),
    weights=("", "", ""),
    backward=False,
    origin=(0, 0),
    size=(0.62, 0.5),
    fontsize=9,
):
    """An unrolled recurrent network: a column per step, inputs below, outputs above.

    inputs, states, outputs: lists of texts, one per step; None is no node. Several layers are a
        list of such lists in `states`, the lowest first.
    start: text of the node before the first step, which stands beside the first column.
    path: nodes (row, step) to highlight, with the arrows from each to the next. Row 0 are the
        inputs, then come the layers, the last row are the outputs; step -1 is the start.
    weights: texts of the arrows from input to state, state to state, state to output.
    backward: time runs from right to left.
    origin: place of the first column's input.
    Returns {(row, step): node}, for arrows and labels of one's own.
    """
    several = isinstance(states[0], (list, tuple))
    layers = list(states) if several else [states]
    top, before = len(layers) + 1, -1
    texts = {(0, t): text for t, text in enumerate(inputs)}
    texts |= {(k, t): text for k, row in enumerate(layers, 1) for t, text in enumerate(row)}
    texts |= {(top, t): text for t, text in enumerate(outputs)}
    texts |= {(k, before): start for k in range(1, top)}
    T, ahead = len(layers[0]), -1 if backward else 1
    first = T - 1 if backward else 0
    nodes = {}
    for (row, t), text in texts.items():
        if text is not None:
            column = t if t != before else first - ahead
            colour = {0: BLUE, top: GREEN}.get(row, INK if t != before else MUTED)
            colour = ORANGE if (row, t) in path else colour
            place = (ax, origin[0] + column, origin[1] + row)
            nodes[row, t] = node(*place, text, colour, t != before, size, fontsize)
    highlighted = set(pairwise(path))
    for row, t in nodes:
        upwards = (row + 1, t), weights[2 if row + 1 == top else 0]
        onwards = (row, first if t == before else t + ahead), weights[1]
        for target, text in (upwards, onwards):
            along_time = target[0] == row
            if target not in nodes or target[1] == before or (along_time and row in (0, top)):
                continue
            on = ((row, t), target) in highlighted
            look = {"colour": ORANGE, "linewidth": 2.0} if on else {}
            arrow(ax, nodes[row, t], nodes[target], text=text, **look)
    return nodes
