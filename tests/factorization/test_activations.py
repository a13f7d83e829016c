"""Activations of known spectra in a stream."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise as pw
from phasewise.reference import nmf as twin
from tolerances import relative_error, tolerance

BETAS = [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0]


def problem(rng, dtype=np.float32, freq=129, frames=61, rank=7):
    W = rng.random((freq, rank)).astype(dtype) ** 3
    V = W @ rng.random((rank, frames)).astype(dtype) * 10 ** rng.uniform(-6, 6, frames).astype(dtype)
    V[:, 20:23] = 0
    V[rng.random(V.shape) < 0.05] = 0
    return V, W


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", BETAS)
def test_no_cut_of_the_stream_changes_a_bit(isa, threads, beta, dtype, rng):
    V, W = problem(rng, dtype)
    stream = pw.StreamingActivations(W, beta=beta, n_iter=12)
    whole = stream.push(V)
    assert whole.shape == (7, 61)
    assert whole.dtype == dtype
    for size in (1, 2, 7, 32):
        parts = [stream.push(V[:, i : i + size]) for i in range(0, 61, size)]
        np.testing.assert_array_equal(np.concatenate(parts, axis=-1), whole)
    np.testing.assert_array_equal(stream.push(np.stack([V, V[:, ::-1]]))[1], whole[:, ::-1])
    assert (whole[:, 20:23] == 0).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", BETAS)
def test_they_are_those_of_the_twin(beta, dtype, rng):
    V, W = problem(rng, dtype)
    H = pw.StreamingActivations(W, beta=beta, n_iter=15).push(V)
    for t in (0, 17, 60):
        v = V[:, t : t + 1].astype(np.float64)
        v = np.maximum(v, 1e-10 * v.max()) if beta <= 0 else v
        start = np.full((7, 1), v.max() * 129 / W.sum(dtype=np.float64))
        expected = twin.nmf(v, 7, beta, 15, W=W, H=start, update_W=False)[1]
        assert relative_error(H[:, t : t + 1], expected) < tolerance("nmf", dtype)


def test_they_find_what_was_played(rng):
    W = rng.random((129, 5)) ** 4
    H = rng.random((5, 80)) * (rng.random((5, 80)) < 0.4)
    assert relative_error(pw.StreamingActivations(W, n_iter=2000).push(W @ H), H) < 0.05


def test_empty_pushes_and_empty_spectra(rng):
    V, W = problem(rng)
    W[:, 3] = 0
    stream = pw.StreamingActivations(W)
    assert stream.n_components == 7
    assert stream.push(V[:, :0]).shape == (7, 0)
    assert stream.push(np.zeros((2, 129, 0))).shape == (2, 7, 0)
    assert np.isfinite(stream.push(V)).all()
    assert np.isfinite(pw.StreamingActivations(np.zeros((129, 2))).push(V)).all()


@pytest.mark.parametrize(
    ("W", "V", "options", "message"),
    [
        (np.ones(5), None, {}, "W must have at least 2 axes"),
        (np.ones((2, 5, 3)), None, {}, r"W must be a matrix of shape \(freq, n_components\)"),
        (-np.ones((5, 3)), None, {}, "W must be nonnegative"),
        (np.ones((5, 3)), None, {"n_iter": 0}, "n_iter must be"),
        (np.ones((5, 3)), None, {"beta": np.nan}, "beta must be"),
        (np.ones((5, 3)), np.ones((6, 2)), {}, "V must have the 5 frequencies of W"),
        (np.ones((5, 3)), np.full((5, 2), np.nan), {}, "V must be finite"),
        (np.ones((5, 3)), -np.ones((5, 2)), {}, "V must be nonnegative"),
    ],
)
def test_mistakes_are_explained(W, V, options, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.StreamingActivations(W, **options).push(V)
