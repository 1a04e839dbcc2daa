"""What a page's own run gives to its explorables, the figures that readers take hold of."""

import json

import numpy as np


def keep(name, digits=4, **values):
    """Keep values for the directive `{explorable}` with `:data: name`, as JSON.

    values: numbers, texts, arrays, and lists and dicts of these. Numbers that are not whole are
    rounded to `digits` significant digits: the explorable computes with what it is given here.
    """
    from myst_nb import glue

    text = json.dumps(_plain(values, digits), ensure_ascii=False, separators=(",", ":"))
    glue(f"explorable-{name}", text, display=False)


def _plain(value, digits):
    if isinstance(value, dict):
        return {str(key): _plain(one, digits) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one, digits) for one in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist(), digits)
    return float(f"{value:.{digits}g}") if isinstance(value, float) else value
