"""Real data that come with the dependencies: nothing is downloaded.

Every loader returns plain arrays, lists and strings. In a browser, where not all dependencies are,
the site carries what `digits` and `names` take from them as files.
"""

import json
from functools import cache
from pathlib import Path
from pydoc_data.topics import topics

import numpy as np
from matplotlib import cbook

EEG_RATE = 80.0  # samples per second: matplotlib's gallery plots the 800 samples over 10 s
CARRIED = Path(__file__).with_name("carried")  # only in the package of a browser
LANGUAGES = ("de", "en", "es", "fi", "fr", "hu", "it", "nl", "pl", "pt", "sv", "tr")


@cache
def _eeg():
    with cbook.get_sample_data("eeg.dat") as file:
        return np.frombuffer(file.read(), dtype=np.float64).reshape(800, 4).T


def eeg():
    """Four electrodes of a human EEG, `EEG_RATE` samples per second.

    Returns an array of shape (4, 800), float64, each channel with mean about 0 and standard
    deviation about 1. Source: matplotlib's sample data, `eeg.dat`.
    """
    return _eeg().copy()


def digits():
    """Handwritten digits: images (1797, 1, 8, 8), float64 in [0, 1], and labels (1797,), int64.

    Source: the test part of the Optical Recognition of Handwritten Digits data (UCI), as
    shipped with scikit-learn. Raises ModuleNotFoundError without it.
    """
    if (CARRIED / "digits.npz").exists():
        kept = np.load(CARRIED / "digits.npz")
        return kept["images"][:, None] / 16.0, kept["labels"].astype(np.int64)
    try:
        from sklearn.datasets import load_digits  # takes a second, and most pages need no digits
    except ModuleNotFoundError:
        raise _missing("scikit-learn", "the digits") from None

    bunch = load_digits()
    return bunch.images[:, None] / 16.0, bunch.target.astype(np.int64)


def names(languages=LANGUAGES):
    """Names of territories, languages and currencies that belong to exactly one of `languages`.

    Returns (names, labels): a list of strings and an int64 array of the same length, where
    label k stands for `languages[k]`; sorted, so that a seed gives the same split everywhere.
    Names that two of the languages share are left out. Source: Unicode CLDR, through Babel.

    Raises ValueError when a language is named twice, is unknown to CLDR, or is alone, and
    ModuleNotFoundError without Babel.
    """
    if len(languages) < 2 or len(set(languages)) != len(languages):
        raise ValueError(f"languages: two or more different codes expected, got {languages!r}")
    owners = {}
    for label, code in enumerate(languages):
        for name in words(code):
            owners.setdefault(name, set()).add(label)
    unique = sorted((name, labels.pop()) for name, labels in owners.items() if len(labels) == 1)
    return [name for name, _ in unique], np.array([label for _, label in unique])


def words(language):
    """All names of territories, languages and currencies that CLDR has in a language, with repeats.

    Raises as `names` does.
    """
    if (CARRIED / "names.json").exists():
        kept = json.loads((CARRIED / "names.json").read_text("utf-8"))
        if language not in kept:
            raise ValueError(f"languages: {language!r} is not among {', '.join(kept)}")
        return kept[language]
    try:
        from babel import Locale
    except ModuleNotFoundError:
        raise _missing("Babel", "the names") from None

    try:
        locale = Locale.parse(language)
    except ValueError as error:
        raise ValueError(f"languages: {language!r} is not a language CLDR knows") from error
    tables = (locale.territories, locale.languages, locale.currencies)
    return [name for table in tables for name in table.values()]


def _missing(distribution, data):
    """The error for data of the extra `data`, in one line that says how to get them."""
    return ModuleNotFoundError(
        f"{data} come with {distribution}: `pip install {distribution}`, or install Unrolled with "
        "its extra `data`, as in unrolled[data]"
    )


def python_docs():
    """The Python language reference as one string, topics in alphabetical order.

    About 465,000 characters; the exact text depends on the Python version, so no statement may
    depend on it. Source: the standard library's `pydoc_data.topics`.
    """
    return "\n\n".join(topics[name].strip() for name in sorted(topics))


def load_text(path):
    """The text of a UTF-8 file, with line ends as "\\n".

    Raises FileNotFoundError, or ValueError for a file that is empty, blank, or not UTF-8.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise FileNotFoundError(f"path: there is no file {str(path)!r}") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"path: {str(path)!r} is not UTF-8 (byte {error.start} is "
            f"0x{error.object[error.start]:02x}); save it as UTF-8 and load it again"
        ) from None
    if not text.strip():
        raise ValueError(f"path: {str(path)!r} holds no text; a file with some text was expected")
    return text
