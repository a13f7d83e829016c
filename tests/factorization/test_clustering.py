"""Clustering of components: sources of different timbre are told apart, louder ones come first."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise as pw

RATE, BINS = 16000, 257


def spectra(centres, rng):
    """Spectra with most energy around the given frequencies, in Hz."""
    f = np.linspace(0, RATE / 2, BINS)[:, None]
    return np.exp(-(((f - np.asarray(centres)) / (0.15 * np.asarray(centres) + 60)) ** 2)) * rng.uniform(
        0.8, 1.2, (BINS, len(centres))
    )


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("method", ["kmeans", "nmf"])
@pytest.mark.parametrize("seed", range(5))
def test_sources_of_different_timbre_are_told_apart(dtype, method, seed, rng):
    groups = [[180, 200, 220, 240], [1500, 1600, 1700], [5500, 5800, 6100, 6400, 6700]]
    truth = np.repeat([0, 1, 2], [len(g) for g in groups])
    W = spectra(np.concatenate(groups), rng)
    level = np.array([0.1, 5.0, 1.0])[truth]
    H = rng.random((len(truth), 40)) * level[:, None]
    # Any scale may sit in W or in H.
    shuffle, scale = rng.permutation(len(truth)), rng.uniform(0.01, 100, len(truth))
    labels = pw.cluster_components(
        (W / scale)[:, shuffle].astype(dtype),
        (H * scale[:, None])[shuffle].astype(dtype),
        3,
        sample_rate=RATE,
        method=method,
        rng=seed,
    )
    assert labels.dtype.kind == "i"
    assert np.array_equal(labels, np.array([2, 0, 1])[truth[shuffle]])  # loudest first


@pytest.mark.parametrize("seed", range(5))
def test_tones_and_noise_of_one_register_are_told_apart(seed, rng):
    """What fills the same bands may still be a tone or a noise."""
    bins = np.arange(BINS)[:, None]
    tones = np.exp(-((bins - np.arange(78, 88, 2)) ** 2) / 4)
    noises = np.exp(-(((bins - np.arange(78, 88, 2)) / 25) ** 2)) * rng.uniform(0.5, 1.5, (BINS, 5))
    W = np.hstack([tones / np.linalg.norm(tones, axis=0), noises / np.linalg.norm(noises, axis=0)])
    labels = pw.cluster_components(W, rng.random((10, 50)), 2, sample_rate=RATE, rng=seed)
    assert len(set(labels[:5])) == len(set(labels[5:])) == 1
    assert labels[0] != labels[5]


@pytest.mark.parametrize("method", ["kmeans", "nmf"])
def test_silence_and_single_groups(method, rng):
    W, H = rng.random((BINS, 4)), rng.random((4, 9))
    assert np.array_equal(pw.cluster_components(W, H, 1, method=method), [0, 0, 0, 0])
    W[:, 2] = 0
    labels = pw.cluster_components(W, H, 2, method=method, rng=0)
    assert set(labels) <= {0, 1}
    assert pw.cluster_components(0 * W, H, 2, method=method, rng=0).shape == (4,)
    assert pw.cluster_components(np.ones_like(W), H, 4, method=method, rng=0).shape == (4,)


def test_the_seed_decides(rng):
    W, H = rng.random((BINS, 12)), rng.random((12, 9))
    runs = [pw.cluster_components(W, H, 3, rng=1) for _ in range(2)]
    assert np.array_equal(*runs)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_sources": 5}, "n_sources must be at most the 4 components, got 5"),
        ({"n_sources": 0}, "n_sources must be an integer >= 1"),
        ({"H": np.ones((3, 9))}, r"W and H must have shapes \(freq, n_components\)"),
        ({"W": np.ones((2, 6, 4))}, "pass one matrix of a batch at a time"),
        ({"W": -np.ones((6, 4))}, "W must be nonnegative"),
        ({"sample_rate": 0}, "sample_rate must be"),
        ({"rng": "x"}, "rng must be"),
        ({"method": "x"}, "method must be one of 'kmeans', 'nmf'"),
    ],
)
def test_mistakes_are_explained(arguments, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.cluster_components(**{"W": np.ones((6, 4)), "H": np.ones((4, 9)), "n_sources": 2, **arguments})
