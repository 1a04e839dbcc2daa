"""The data the chapters use are there, and have the documented form."""

import numpy as np
import pytest

from unrolled.support import data


def test_eeg():
    signals = data.eeg()
    assert signals.shape == (4, 800)
    assert signals.dtype == np.float64
    np.testing.assert_allclose(signals.std(axis=1), 1, atol=0.01)
    signals[:] = 0  # a reader's change must not reach the next reader
    assert data.eeg().any()


def test_digits():
    images, labels = data.digits()
    assert images.shape == (1797, 1, 8, 8)
    assert (images.min(), images.max()) == (0.0, 1.0)
    assert sorted(set(labels)) == list(range(10))


def test_names_belong_to_one_language_each():
    names, labels = data.names()
    assert len(names) == len(set(names)) == len(labels)
    assert 9_000 < len(names) < 10_000
    assert sorted(set(labels)) == list(range(len(data.LANGUAGES)))
    spoken = dict(zip(names, labels, strict=True))
    assert data.LANGUAGES[spoken["Deutschland"]] == "de"
    assert "Euro" not in spoken


@pytest.mark.parametrize("languages", [("de",), ("de", "de"), ("de", "xx-nonsense")])
def test_names_refuses(languages):
    with pytest.raises(ValueError, match="languages"):
        data.names(languages)


def test_python_docs():
    assert len(data.python_docs()) > 300_000
    assert data.python_docs().startswith("The ")


def test_load_text(tmp_path):
    good = tmp_path / "good.txt"
    good.write_bytes("\ufeffäß\r\nzwei".encode())
    assert data.load_text(good) == "äß\nzwei"
    for name, content, message in [
        ("empty", b" \n", "holds no text"),
        ("latin", "Käse".encode("latin-1"), "not UTF-8 .byte 1 is 0xe4"),
    ]:
        bad = tmp_path / name
        bad.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            data.load_text(bad)
    with pytest.raises(FileNotFoundError, match="nowhere"):
        data.load_text(tmp_path / "nowhere")
