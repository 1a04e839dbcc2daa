"""The rule of the notation page, for every public function of the package, found by itself.

Each chapter's module has a file in valid_arguments/ with arguments that are right. What is wrong
is made from them: a function without such arguments fails here.
"""

import importlib
import inspect
import pkgutil
from copy import deepcopy
from functools import partial
from itertools import islice

import numpy as np
import pytest

import unrolled

FLOATS = ("float16", "float32", "float64")
MODULES = {
    info.name: importlib.import_module(f"unrolled.{info.name}")
    for info in pkgutil.iter_modules(unrolled.__path__)
    if not info.ispkg and not info.name.startswith("__")
}
VALID = {name: importlib.import_module(f"valid_arguments.{name}") for name in MODULES}
FUNCTIONS = {
    name: getattr(module, name)
    for module in MODULES.values()
    for name in module.__all__
    if inspect.isfunction(getattr(module, name))
}
CASES = {name: case for valid in VALID.values() for name, case in valid.CASES.items()}
FORWARDS = {name: pair for valid in VALID.values() for name, pair in valid.FORWARDS.items()}
NO_ARRAYS = set().union(*(valid.NO_ARRAYS for valid in VALID.values()))
EXCEPT = {name: why for valid in VALID.values() for name, why in valid.EXCEPT.items()}


def forward_of(name):
    """The forward function of a backward one."""
    stem = name.removesuffix("_backward")
    return FORWARDS.get(name) or next(f for f in (stem, f"{stem}_forward") if f in CASES)


BACKWARDS = [name for name in FUNCTIONS if name.endswith("_backward") or name in FORWARDS]
OTHERS = [name for name in FUNCTIONS if name not in BACKWARDS and name not in NO_ARRAYS]


def arguments(name):
    """Valid arguments of a function, the same at every call."""
    return CASES[name](np.random.default_rng(3))


def leaves(value, path=()):
    """(path, array) of every array in nested dicts, lists and tuples."""
    if isinstance(value, np.ndarray):
        yield path, value
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from leaves(part, (*path, key))
    elif isinstance(value, (list, tuple)):
        for key, part in enumerate(value):
            yield from leaves(part, (*path, key))


def put(value, path, new):
    """`value` with `new` in the place that `path` leads to."""
    if not path:
        return new
    if isinstance(value, dict):
        return value | {path[0]: put(value[path[0]], path[1:], new)}
    parts = [put(part, path[1:], new) if k == path[0] else part for k, part in enumerate(value)]
    return type(value)(parts)


def each(value, change, kinds):
    """`value` with every array whose dtype's kind is one of `kinds` changed."""
    for path, array in leaves(value):
        if array.dtype.kind in kinds:
            value = put(value, path, change(array))
    return value


def places(names, kinds):
    """(name of the function, path) of each of their arrays of such kinds, as parameters."""
    return [
        pytest.param(name, path, id=f"{name}-{'.'.join(map(str, path))}")
        for name in names
        for path, array in leaves(arguments(name))
        if array.dtype.kind in kinds
    ]


def results(value):
    """Every array in what a function returned, its cache included."""
    if inspect.isgenerator(value):
        value = list(islice(value, 3))
    if isinstance(value, (np.ndarray, np.generic)):
        return [np.asarray(value)]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [array for part in value for array in results(part)]
    return [np.asarray(value, object)] if isinstance(value, (int, float)) else []


def run(name, given):
    again = {k: deepcopy(v) for k, v in given.items() if isinstance(v, np.random.Generator)}
    return results(FUNCTIONS[name](**(given | again)))


def upstream(out, kind=None):
    """A random gradient of what a forward function returned: numbers, arrays or tuples of them."""
    if isinstance(out, tuple):
        return tuple(upstream(part, kind) for part in out)
    rng = np.random.default_rng(5)
    random = rng.standard_normal(np.shape(out)).astype(kind or np.asarray(out).dtype)
    return random if np.ndim(out) else float(random)


def back(name, change=lambda given: given, kind=None):
    """(upstream gradient, cache) for a backward function."""
    out, cache = FUNCTIONS[forward_of(name)](**change(arguments(forward_of(name))))
    return upstream(out, kind), cache


def run_back(name, dout, cache):
    return results(FUNCTIONS[name](dout, cache))


def same(found, wanted):
    assert [a.dtype for a in found] == [a.dtype for a in wanted]
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(a, b)


def excused(name, what):
    if what in EXCEPT.get(name, ()):
        pytest.skip(EXCEPT[name][what])


def to(kind):
    return lambda given: each(given, lambda array: array.astype(kind), "f")


def whole_numbers(given):
    """The floats rounded to 1, 2 or 3, which are valid everywhere."""
    return each(given, lambda array: 1 + np.abs(np.rint(3 * array)) % 3, "f")


def strided(array):
    wide = np.repeat(array[..., None], 2, axis=-1)
    return wide[..., 1] if array.ndim == 1 else np.flip(np.flip(wide[..., 1], 0).copy(), 0)


def read_only(array):
    array = array.copy()
    array.flags.writeable = False
    return array


def big_endian(array):
    return array.astype(array.dtype.newbyteorder(">"))


LAYOUTS = [strided, read_only, np.asfortranarray, big_endian]
WRONG = {
    "complex": lambda array: array.astype(complex),
    "text": lambda array: array.astype(str),
    "objects": lambda array: array.astype(object),
    "bool": lambda array: array.astype(bool),
    "ragged": lambda array: [[1.0, 2.0], [3.0]],
}
OURS = r"^\w[\w. ]*: .* expected"  # NumPy's own messages do not read so


def test_every_public_function_has_valid_arguments():
    assert set(FUNCTIONS) - set(BACKWARDS) == set(CASES) | NO_ARRAYS
    assert not set(CASES) & NO_ARRAYS
    assert set(FORWARDS) <= set(FUNCTIONS)
    assert set(EXCEPT) <= set(FUNCTIONS)
    for name in BACKWARDS:
        assert forward_of(name) in CASES


def refused(call, path):
    """The call must raise a ValueError that begins with the argument's name, if it has one."""
    expected = rf"^{path[-1]}: " if isinstance(path[-1], str) else OURS
    with pytest.raises(ValueError, match=expected):
        call()


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("name", OTHERS)
def test_floats_keep_their_type(name, kind):
    excused(name, "type")
    found = run(name, to(kind)(arguments(name)))
    assert {str(array.dtype) for array in found if array.dtype.kind == "f"} <= {kind}


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("name", BACKWARDS)
def test_gradients_keep_their_type(name, kind):
    found = run_back(name, *back(name, to(kind)))
    assert {str(array.dtype) for array in found} == {kind}


@pytest.mark.parametrize(("name", "path"), places(OTHERS, "f"))
def test_the_widest_type_decides(name, path):
    excused(name, "type")
    given = to("float32")(arguments(name))
    array = dict(leaves(given))[path]
    found = run(name, put(given, path, array.astype(float)))
    assert {str(array.dtype) for array in found if array.dtype.kind == "f"} <= {"float64"}


@pytest.mark.parametrize("name", BACKWARDS)
def test_a_wide_gradient_decides_and_a_narrow_one_does_not(name):
    for given, upstream_kind in (("float32", "float64"), ("float64", "float32")):
        dout, cache = back(name, to(given), upstream_kind)
        if not list(leaves({"dout": dout})):
            upstream_kind = "float32"  # a number never decides
            expected = given
        else:
            expected = "float64"
        found = run_back(name, dout, cache)
        assert {str(array.dtype) for array in found} == {expected}


@pytest.mark.parametrize("name", OTHERS)
def test_integers_and_lists_are_numbers(name):
    excused(name, "integers")
    given = whole_numbers(arguments(name))
    wanted = run(name, given)
    for change in (lambda a: a.astype("uint8"), lambda a: a.astype("int64"), np.ndarray.tolist):
        same(run(name, each(given, change, "f")), wanted)


@pytest.mark.parametrize("name", OTHERS)
def test_lists_are_ids_and_masks(name):
    excused(name, "lists")
    given = arguments(name)
    same(run(name, each(given, np.ndarray.tolist, "iub")), run(name, given))
    same(run(name, each(given, lambda a: a.astype("uint8"), "i")), run(name, given))


@pytest.mark.parametrize("name", BACKWARDS)
def test_gradients_of_integers(name):
    excused(forward_of(name), "integers")
    dout, cache = back(name, whole_numbers)
    dout = whole_numbers({"dout": dout})["dout"]
    wanted = run_back(name, dout, cache)
    for kind in ("uint8", "int64"):
        _, cache = back(name, lambda given, kind=kind: to(kind)(whole_numbers(given)))
        integers = to(kind)({"dout": dout})["dout"]
        same(run_back(name, integers, cache), wanted)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
@pytest.mark.parametrize("name", OTHERS)
def test_memory_does_not_matter(name, layout):
    excused(name, "memory")
    given = arguments(name)
    wanted = run(name, arguments(name))
    same(run(name, each(given, layout, "fiub")), wanted)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
@pytest.mark.parametrize("name", BACKWARDS)
def test_memory_of_gradients_does_not_matter(name, layout):
    dout, cache = back(name)
    wanted = run_back(name, dout, cache)
    _, cache = back(name, lambda given: each(given, layout, "fiub"))
    same(run_back(name, each({"dout": dout}, layout, "f")["dout"], cache), wanted)


@pytest.mark.parametrize("name", OTHERS)
def test_arguments_are_left_alone(name):
    excused(name, "memory")
    given = arguments(name)
    run(name, given)
    same(results(given), results(arguments(name)))


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize(("name", "path"), places(OTHERS, "f"))
def test_what_is_no_number_is_refused(name, path, wrong):
    given = arguments(name)
    array = dict(leaves(given))[path]
    refused(partial(run, name, put(given, path, WRONG[wrong](array))), path)


@pytest.mark.parametrize(("name", "path"), places(OTHERS, "iu"))
def test_what_is_no_id_is_refused(name, path):
    given = arguments(name)
    array = dict(leaves(given))[path]
    wrong = [change(array) for change in WRONG.values()]
    for new in (*wrong, array.astype(float), array - 1 - array.max()):
        refused(partial(run, name, put(given, path, new)), path)


@pytest.mark.parametrize(("name", "path"), places(OTHERS, "b"))
def test_what_is_no_mask_is_refused(name, path):
    given = arguments(name)
    array = dict(leaves(given))[path]
    for new in (array.astype(int), array * 0.5, array.astype(object), array[..., None]):
        refused(partial(run, name, put(given, path, new)), path)


@pytest.mark.parametrize(("name", "path"), places(OTHERS, "fiub"))
def test_arrays_without_entries_get_our_words(name, path):
    given = arguments(name)
    array = dict(leaves(given))[path]
    for axis in range(array.ndim):
        empty = np.delete(array, slice(None), axis)
        with pytest.raises(ValueError, match=OURS):
            run(name, put(given, path, empty))


@pytest.mark.parametrize("name", BACKWARDS)
def test_a_wrong_gradient_is_refused(name):
    dout, cache = back(name)
    found = list(leaves({"dout": dout}))
    for path, array in found:
        wrong = [array[None], array[..., None], array[..., 0], array[:0]]
        wrong += [change(array) for change in WRONG.values()]
        wrong += [np.repeat(array, 2, axis) for axis in range(array.ndim)]
        wrong += [array.take([0], axis) for axis in range(array.ndim) if array.shape[axis] > 1]
        for new in wrong:
            with pytest.raises(ValueError, match=OURS):
                run_back(name, put({"dout": dout}, path, new)["dout"], cache)
    if not found:
        for new in (np.ones(2), "1", None, np.nan):
            with pytest.raises(ValueError, match=OURS):
                run_back(name, new, cache)


@pytest.mark.parametrize("name", OTHERS)
def test_a_number_of_numpy_widens_nothing(name):
    given = to("float32")(arguments(name))
    numbers = {key: np.float64(v) for key, v in given.items() if type(v) is float}
    same(run(name, given | numbers), run(name, given))


@pytest.mark.parametrize("name", BACKWARDS)
def test_a_number_of_numpy_widens_no_gradient(name):
    dout, cache = back(name, to("float32"))
    if isinstance(dout, float):
        same(run_back(name, np.float64(dout), cache), run_back(name, dout, cache))
