"""Magnitudes of the sources of a factorisation, and the filters from them."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise as pw


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_parts_are_the_products_of_each_source(dtype, rng):
    W, H = rng.random((33, 7)).astype(dtype), rng.random((7, 20)).astype(dtype)
    labels = np.array([2, 0, 0, 4, 2, 0, 2])
    parts = pw.nmf_parts(W, H, labels)
    assert parts.shape == (5, 33, 20)
    assert parts.dtype == dtype
    assert np.swapaxes(parts, -1, -2).flags.c_contiguous
    for j in range(5):
        np.testing.assert_allclose(parts[j], W[:, labels == j] @ H[labels == j], rtol=1e-6)
    assert not parts[[1, 3]].any()
    np.testing.assert_allclose(parts.sum(axis=0), W @ H, rtol=1e-5)
    assert np.array_equal(pw.nmf_parts(W, H, labels, n_sources=6)[:5], parts)
    alone = pw.nmf_parts(W, H)
    np.testing.assert_allclose(alone, W.T[:, :, None] * H[:, None], rtol=1e-6)


@pytest.mark.parametrize(
    "shapes", [((33, 4), (2, 4, 20)), ((2, 33, 4), (4, 20)), ((2, 1, 33, 4), (3, 4, 20))]
)
def test_leading_axes_broadcast(shapes, rng):
    W, H = (rng.random(shape) for shape in shapes)
    parts = pw.nmf_parts(W, H, [0, 1, 1, 0])
    batch = np.broadcast_shapes(W.shape[:-2], H.shape[:-2])
    assert parts.shape == (*batch, 2, 33, 20)
    W, H = np.broadcast_to(W, (*batch, 33, 4)), np.broadcast_to(H, (*batch, 4, 20))
    for i in np.ndindex(batch):
        np.testing.assert_allclose(parts[i], pw.nmf_parts(W[i], H[i], [0, 1, 1, 0]), rtol=1e-12)


def test_sources_with_known_spectra_are_told_apart(rng):
    """A dictionary per source, side by side; the filters give back sources that do not overlap."""
    n, rate = 16000, 8000
    t = np.arange(n) / rate
    low = np.sin(2 * np.pi * 300 * t) * (np.sin(2 * np.pi * 2 * t) > 0)
    high = np.sin(2 * np.pi * 2000 * t) * (np.sin(2 * np.pi * 3 * t) > 0)
    dictionaries = [pw.nmf(abs(pw.stft(y, n_fft=512)), 2, n_iter=40, rng=0)[0] for y in (low, high)]
    X = pw.stft(np.stack([low + high, low + 0.5 * high]), n_fft=512)
    W = np.hstack(dictionaries)
    H = pw.nmf(abs(X), 4, W=W, update_W=False, n_iter=60, rng=0)[1]
    sources = pw.wiener(X, pw.nmf_parts(W, H, [0, 0, 1, 1]))
    assert sources.shape[:2] == (2, 2)
    for channel, gain in enumerate((1.0, 0.5)):
        for j, truth in enumerate((low, gain * high)):
            found = pw.istft(sources[channel, j], length=n)
            assert pw.metrics.si_sdr(truth, found) > 15


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"H": np.ones((3, 9))}, r"W and H must have shapes \(..., freq, n_components\)"),
        ({"W": np.ones((2, 6, 4)), "H": np.ones((3, 4, 9))}, "leading axes that broadcast"),
        ({"W": -np.ones((6, 4))}, "W must be nonnegative"),
        ({"H": np.full((4, 9), np.inf)}, "H must be finite"),
        ({"labels": [0, 1]}, "labels must be 4 integers"),
        ({"labels": [0, 1, -1, 0]}, "labels must be 4 integers"),
        ({"labels": ["a", "b", "b", "a"]}, "labels must be 4 integers .* numbers names"),
        ({"labels": [0, 1, 2, 0], "n_sources": 2}, "n_sources must be at least 3"),
        ({"labels": [0, 1, 1, 0], "n_sources": 0}, "n_sources must be an integer"),
    ],
)
def test_mistakes_are_explained(arguments, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.nmf_parts(**{"W": np.ones((6, 4)), "H": np.ones((4, 9)), **arguments})
