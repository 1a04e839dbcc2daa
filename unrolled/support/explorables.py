"""What a page's own run gives to its explorables, the figures that readers take hold of."""

import json

import numpy as np

STEPS = 299  # of the largest entry: what is kept is off by half a step at most


def keep(name, **values):
    """Keep values for the directive `{explorable}` with `:data: name`, as `as_json` has them."""
    from myst_nb import glue

    glue(f"explorable-{name}", as_json(**values), display=False)


def as_json(**values):
    """Numbers, texts, arrays, and lists and dicts of these, as JSON.

    An array is written as whole numbers of a unit, 299 at most, and the explorable computes with
    what is written; `kept` says what that is. Raises ValueError for numbers that are not finite.
    """
    plain = _plain(values)
    return json.dumps(plain, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(value):
    if isinstance(value, dict):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if not isinstance(value, np.ndarray):
        return value
    largest = float(np.abs(value).max(initial=0))
    if not np.isfinite(largest):
        raise ValueError("values: finite numbers expected")
    unit = float(f"{largest / STEPS:.3g}") or 1.0
    return {"unit": unit, "whole": np.rint(value / unit).astype(int).tolist()}


def kept(value):
    """The arrays in what was read from the JSON of `as_json`, as the explorable has them."""
    if isinstance(value, dict) and value.keys() == {"unit", "whole"}:
        return np.array(value["whole"]) * value["unit"]
    if isinstance(value, dict):
        return {key: kept(one) for key, one in value.items()}
    return value
