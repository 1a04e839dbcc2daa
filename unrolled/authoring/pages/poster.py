"""The picture on the front page: a recurrent network unrolled, and one gradient on its way back.

The numbers are those of a network of one unit, computed by the chapters' own functions when the
book is built; the width of each arrow back is what is left of the gradient there.
"""

import numpy as np
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from unrolled.authoring.pages.diagram import drawing
from unrolled.clipping import lag_norms
from unrolled.unfolding import rnn_forward

STEPS, WIDTH, MARGIN = 6, 96, 44  # steps of the network; pixels from one to the next, and before
ROWS = {"x": 176, "h": 108, "L": 34}  # heights of inputs, states and losses, in pixels
WEIGHT, INPUTS = 0.9, (0.8, -0.3, 0.6, 0.1, -0.5, 0.7)


def setup(app):
    app.add_directive("poster", Poster)


class Poster(SphinxDirective):
    def run(self):
        h, left = gradient()
        shares = ", ".join(f"{share:.0%}" for share in left[1:])
        said = nodes.paragraph("", "", *self.parse(CAPTION.format(shares=shares)))
        said["classes"].append("poster-caption")
        return [drawing(svg=poster(h, left)), said]

    def parse(self, text):
        found, messages = self.parse_inline(text)
        return [*found, *messages]


CAPTION = (
    "One unit, six steps. The loss of the last step sends its gradient back; at each step it is "
    "multiplied by one derivative, and {shares} of it are left. Chapter 5 derives this, chapter 6 "
    "asks how to stop it, chapter 7 builds the cell that does."
)


def gradient():
    """States h_1 … h_T, and the share of ∂L/∂h_T that reaches h_T, h_{T-1}, …, h_1."""
    x = np.array(INPUTS)[:, None, None]
    W_i, W_h, b = np.ones((1, 1)), np.full((1, 1), WEIGHT), np.zeros(1)
    h, _ = rnn_forward(x, None, W_i, W_h, b)
    return h[1:, 0, 0], lag_norms(h, W_h, longest=STEPS - 1)[:, 0]


def poster(h, left):
    """The picture as SVG; its moving parts are CSS, and stand still where that is asked for."""
    centre = [MARGIN + WIDTH * step for step in range(STEPS)]
    parts = []
    for step, x in enumerate(centre):
        parts += [_line(x, ROWS["x"] - 20, x, ROWS["h"] + 22), _line(x, ROWS["h"] - 22, x, 56)]
        if step:
            parts.append(_line(centre[step - 1] + 24, ROWS["h"], x - 24, ROWS["h"]))
            lag = STEPS - step
            parts.append(
                f'<path class="back" style="--turn: {lag}; stroke-width: {9 * left[lag]:.2f}" '
                f'd="M{x - 14} {ROWS["h"] - 20} Q{x - WIDTH / 2} {ROWS["h"] - 54} '
                f'{centre[step - 1] + 14} {ROWS["h"] - 20}"/>'
            )
        parts += [
            f'<circle cx="{x}" cy="{ROWS["h"]}" r="22"/>',
            _text(x, ROWS["h"], f"{h[step]:.2f}"),
            _text(x, ROWS["x"], f"{INPUTS[step]:g}", "small"),
            _text(x, ROWS["L"], f"L<tspan>{step + 1}</tspan>", "small"),
        ]
    size = f"{centre[-1] + MARGIN} 200"
    name = "Six states in a row, each made from the one before and an input below it. Arrows lead "
    name += "back from the last loss, thinner at every step."
    return (
        f'<svg class="poster" role="img" aria-label="{name}" viewBox="0 0 {size}">'
        f"{''.join(parts)}</svg>\n"
    )


def _line(x, y, u, v):
    return f'<path d="M{x} {y} L{u} {v}"/>'


def _text(x, y, text, kind=""):
    return f'<text class="{kind}" x="{x}" y="{y}">{text}</text>'
