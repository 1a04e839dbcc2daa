"""The look of the figures, so that plotting code on a page stays short.

Colours are semantic: the site replaces each hex of `COLOURS` in a figure by a colour that fits
its light or dark mode, so figures use these and no others.
"""

from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib_inline.backend_inline import set_matplotlib_formats

STYLE = Path(__file__).with_name("unrolled.mplstyle")

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

# for signed values: blue is negative, orange positive, paper is zero
SIGNED = LinearSegmentedColormap.from_list("signed", [BLUE, PAPER, ORANGE])


def use():
    """Give a notebook the book's style and vector figures, the same bytes on every run."""
    plt.style.use(STYLE)
    set_matplotlib_formats("svg", metadata={"Date": None, "Creator": None})


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
    # drawn as vector rectangles, not an image, so that the colours follow light and dark mode
    for (i, j), value in np.ndenumerate(values):
        colour = ORANGE if value > 0 else BLUE
        shade = min(abs(value) / limit, 1.0) * (0.5 if numbers else 1.0)  # ink on it is legible
        ax.add_patch(
            plt.Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=colour, alpha=shade, linewidth=0)
        )
        ax.add_patch(
            plt.Rectangle((j - 0.5, i - 0.5), 1, 1, fill=False, edgecolor=GRID, linewidth=0.5)
        )
        if numbers and value:
            ax.text(j, i, f"{value:g}", ha="center", va="center", fontsize=8, color=INK)
    ax.set(xlim=(-0.5, columns - 0.5), ylim=(rows - 0.5, -0.5), aspect="equal")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set_visible(False)
