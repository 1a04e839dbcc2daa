"""Many small files as one, which a browser fetches at once; theme/lite/bundle.js opens it.

In it are a line of JSON, [[name, size], …], and then the files, all compressed by gzip.
"""

import gzip
import json


def bundled(parts):
    """The bytes of a bundle of {name: bytes}; the same for the same files."""
    names = sorted(parts)
    told = json.dumps([[name, len(parts[name])] for name in names], ensure_ascii=False)
    whole = b"".join([told.encode(), b"\n", *(parts[name] for name in names)])
    return gzip.compress(whole, compresslevel=6, mtime=0)


def opened(data):
    """{name: bytes} of a bundle."""
    told, _, rest = gzip.decompress(data).partition(b"\n")
    parts, begin = {}, 0
    for name, size in json.loads(told):
        parts[name] = rest[begin : begin + size]
        begin += size
    return parts
