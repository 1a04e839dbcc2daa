"""Cases and outcomes as bytes: npz files without pickle, read as data from a stranger.

What arrives from a sandbox may have been written by a student's code. Nothing is allocated that a
header claims and the bytes do not hold, nothing is decompressed, and no class but ndarray is made.
"""

import io
import re
import struct
import zipfile
from json import dumps, loads
from math import prod

# By name: a student's code, which shares the process on the other side, may rebind them.
from numpy import array, concatenate, dtype, frombuffer, ndarray, uint8
from numpy.lib import format as npy

NUMERIC = "biufc"
MEMBERS = 64  # arrays in a file: one of each dtype, and the tree
LEAVES = 100_000
DIMENSIONS = 32
LENGTH = struct.Struct(">Q")
HEADER = re.compile(
    rb"\{'descr': '([<>|]\w\d{1,2})', 'fortran_order': False, 'shape': \((\d{1,18}),\), \} *\n"
)


class Unreadable(Exception):
    """The bytes are no message of ours; str(error) says why."""


def pack(value):
    """Bytes of nested dicts, lists and tuples of arrays, numbers and strings."""
    flat = {}

    def leaf(value):
        kind = type(value)
        if kind is ndarray:
            flat.setdefault(value.dtype.str, []).append(value.ravel())
            return ["array", value.dtype.str, list(value.shape)]
        if kind is tuple or kind is list:
            return [kind.__name__, *map(leaf, value)]
        if kind is dict:
            return ["dict", *([str(key), leaf(one)] for key, one in value.items())]
        return value

    tree = dumps(leaf(value)).encode()
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _write(archive, "tree", frombuffer(tree, uint8))
        for number, arrays in enumerate(flat.values()):
            _write(archive, f"values{number}", concatenate(arrays))
    return file.getvalue()


def _write(archive, name, values):
    head = io.BytesIO()
    npy.write_array_header_1_0(head, npy.header_data_from_array_1_0(values))
    archive.writestr(zipfile.ZipInfo(f"{name}.npy"), head.getvalue() + values.tobytes())


def unpack(data):
    """The value of `pack`, or Unreadable."""
    try:
        return _unpack(data)
    except Unreadable:
        raise
    except Exception as error:  # zipfile, json and numpy have many
        raise Unreadable(f"{type(error).__name__} while reading") from None


def _unpack(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = archive.infolist()
        if not 1 <= len(members) <= MEMBERS:
            raise Unreadable(f"{len(members)} arrays in one file")
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise Unreadable("compressed arrays")
        if sum(member.file_size for member in members) > len(data):
            raise Unreadable("arrays that overlap")
        arrays = [_read(archive.read(member)) for member in members]
    flat = {values.dtype.str: [values, 0] for values in arrays[1:]}
    left = LEAVES

    def grown(node):
        nonlocal left
        left -= 1
        if left < 0:
            raise Unreadable(f"more than {LEAVES:,} parts")
        if type(node) is not list:
            return node
        kind, *rest = node
        if kind == "array":
            stored, shape = rest
            if len(shape) > DIMENSIONS or not all(type(n) is int and 0 <= n < 2**40 for n in shape):
                raise Unreadable("a shape that is none")
            pool, size = flat[stored], prod(shape)
            start, pool[1] = pool[1], pool[1] + size
            if pool[1] > pool[0].size:
                raise Unreadable("a shape larger than its array")
            return array(pool[0][start : pool[1]]).reshape(shape)
        if kind == "dict":
            return {key: grown(one) for key, one in rest if type(key) is str}
        if kind in ("tuple", "list"):
            return (tuple if kind == "tuple" else list)(map(grown, rest))
        raise Unreadable("an unknown kind of node")

    if arrays[0].dtype != uint8:
        raise Unreadable("a file without a tree")
    return grown(loads(arrays[0].tobytes()))


def _read(data):
    """A one-dimensional numeric array of npy bytes that hold exactly what their header says.

    NumPy reads a header as Python's syntax, and syntax trees are not safe between threads.
    """
    if data[:8] != npy.magic(1, 0):
        raise Unreadable("another version of the format")
    start = 10 + int.from_bytes(data[8:10], "little")
    header = HEADER.fullmatch(data[10:start])
    if header is None:
        raise Unreadable("a header that is not ours")
    kind, length = dtype(header[1].decode()), int(header[2])
    if kind.kind not in NUMERIC:
        raise Unreadable(f"an array of dtype {kind}")
    if length * kind.itemsize != len(data) - start:
        raise Unreadable("a header that does not fit its array")
    return frombuffer(data, kind, offset=start)
