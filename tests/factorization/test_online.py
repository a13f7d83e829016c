"""Dictionaries learnt from streams: OnlineNMF and NMF.partial_fit."""

from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pytest

import phasewise as pw
from phasewise.factorization.block_learning import BlockLearner
from tolerances import relative_error

BETAS = [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0]


def noisy(rng, freq=65, frames=3000, rank=6):
    """Spectra that come and go, multiplied by noise as magnitudes of sounds are."""
    W = rng.random((freq, rank)) ** 6
    H = rng.random((rank, frames)) ** 2 * (rng.random((rank, frames)) < 0.3)
    return W @ H * rng.gamma(4, 0.25, (freq, frames)) + 1e-3


def cost(V, W, beta):
    return pw.nmf(V, W.shape[1], beta=beta, n_iter=100, W=W, update_W=False, rng=0, return_cost=True)[2][-1]


@pytest.mark.parametrize("beta", BETAS)
def test_one_pass_is_close_to_the_batch(beta, rng):
    V = noisy(rng)
    batch = pw.nmf(V, 6, beta=beta, n_iter=200, init="kmeans", rng=0)[0]
    model = pw.OnlineNMF(6, beta=beta, block=256, rng=0)
    model.push(V)
    first = cost(V, model.flush().W, beta) / cost(V, batch, beta)
    assert first < (1.02 if beta > 0 else 1.05)
    model.push(V)
    assert cost(V, model.flush().W, beta) / cost(V, batch, beta) < max(first, 1.01)
    assert model.n_frames == 2 * V.shape[1]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_no_cut_of_the_stream_changes_a_bit(beta, dtype, rng):
    V = noisy(rng, frames=500).astype(dtype)
    results = []
    for size in (1, 63, 500):
        model = pw.OnlineNMF(4, beta=beta, block=120, n_iter=6, rng=1)
        for i in range(0, 500, size):
            model.push(V[:, i : i + size])
        assert model.n_frames == 480
        results.append(model.flush().W)
        assert results[-1].dtype == dtype
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_threads_never_change_a_bit(threads, rng):
    V = noisy(rng, frames=400).astype(np.float32)
    results = []
    for n in (None, 1):
        if n:
            pw.set_num_threads(n)
        model = pw.OnlineNMF(4, block=120, rng=1)
        model.push(V)
        results.append(model.flush().W)
    np.testing.assert_array_equal(*results)


def test_channels_are_frames_of_the_same_time(rng):
    V = noisy(rng, frames=200)
    stereo, mono = (pw.OnlineNMF(4, block=100, rng=0) for _ in range(2))
    stereo.push(np.stack([V[:, 0::2], V[:, 1::2]]))
    mono.push(V)
    np.testing.assert_array_equal(stereo.W, mono.W)


def test_memory_does_not_grow_with_the_stream(rng):
    def peak(blocks):
        model = pw.OnlineNMF(4, block=100, n_iter=2, rng=0)
        V = noisy(rng, frames=100)
        tracemalloc.start()
        for _ in range(blocks):
            model.push(V)
        result = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return result

    assert peak(60) < peak(6) + 1000


@pytest.mark.parametrize("beta", BETAS)
def test_the_sums_are_those_of_a_step_and_add_up(beta, rng):
    V, W, H = noisy(rng, frames=300), rng.uniform(0.1, 1, (65, 4)), rng.uniform(0.1, 1, (4, 300))
    learner = BlockLearner(4, beta, init="random", rng=rng)

    def sums(part):
        return learner._block_sums(V.T[part].copy(), W, H.T[part].copy(), 1e-12)

    whole = sums(slice(300))
    for total, a, b in zip(whole, sums(slice(100)), sums(slice(100, 300)), strict=True):
        np.testing.assert_allclose(a + b, total, rtol=1e-12)
    solution = learner._solve(W, *whole)
    step = pw.nmf(V, 4, beta=beta, n_iter=1, W=W, H=H, update_H=False)[0]
    if beta < 2:
        np.testing.assert_allclose(solution, np.maximum(step, 1e-8 * step.mean(axis=0)), rtol=1e-9)
    else:
        for _ in range(50):
            solution = learner._solve(solution, *whole)
        best = pw.nmf(V, 4, beta=2, n_iter=5000, W=W, H=H, update_H=False)[0]
        assert relative_error(solution, best) < 1e-4


def test_the_past_is_forgotten_at_the_given_rate(rng):
    """A tone that moves: with forgetting the dictionary follows, without it keeps both."""
    old, new = np.full((20, 1), 1e-3), np.full((20, 1), 1e-3)
    old[3], new[12] = 1, 1
    parts = [tone @ rng.uniform(0.5, 1, (1, 400)) for tone in (old, new)]
    shares = []
    for forgetting in (1.0, 0.5):
        model = pw.OnlineNMF(1, block=50, forgetting=forgetting, rng=0)
        for part in parts:
            model.push(part)
        shares.append(model.W[3, 0] / model.W[12, 0])
    assert 0.1 < shares[0] < 0.6  # sum of (m / n)^2 over blocks 1 to 8 and 9 to 16 of 16: 0.15
    assert shares[1] < 0.02


def test_silence_and_bins_that_wake_up(rng):
    model = pw.OnlineNMF(3, block=50, rng=0)
    model.push(np.zeros((20, 200)))
    with pytest.raises(pw.ParameterError, match="no block with sound is finished yet"):
        _ = model.W
    V = rng.random((20, 3)) @ rng.random((3, 300))
    low = V.copy()
    low[10:] = 0
    model.push(low)
    model.push(np.zeros((20, 100)))
    for _ in range(10):
        model.push(V)
    model.push(np.zeros((20, 100)))
    assert np.isfinite(model.W).all()
    assert cost(V, model.W, 1.0) < 0.02 * V.sum()


def test_a_given_dictionary_is_the_start(rng):
    V = noisy(rng, frames=300)
    W = pw.nmf(V, 6, n_iter=300, rng=0)[0]
    model = pw.OnlineNMF(6, W=W, block=300)
    np.testing.assert_allclose(model.flush().W, W, rtol=0, atol=1e-8)
    model.push(V)
    assert relative_error(model.W / model.W.sum(axis=0), W / W.sum(axis=0)) < 0.05


def test_objects_can_be_stored(rng):
    V = noisy(rng, frames=300)
    model = pw.OnlineNMF(4, block=100, rng=0)
    model.push(V[:, :150])
    copy = pickle.loads(pickle.dumps(model))
    for each in (model, copy):
        each.push(V[:, 150:])
    np.testing.assert_array_equal(model.W, copy.W)


@pytest.mark.parametrize(
    ("options", "V", "message"),
    [
        ({"n_components": 0}, None, "n_components must be"),
        ({"beta": 2.5}, None, r"beta must be a finite number in \[-inf, 2\]"),
        ({"block": 0}, None, "block must be"),
        ({"forgetting": 0}, None, r"forgetting must be in \(0, 1\]"),
        ({"forgetting": 1.1}, None, "forgetting must be"),
        ({"n_iter": 0}, None, "n_iter must be"),
        ({"n_iter": 3, "n_sweeps": 4}, None, "n_sweeps must be at most n_iter = 3, got 4"),
        ({"init": "custom"}, None, "init must be one of"),
        ({"W": np.ones((5, 3))}, None, r"W must have shape \(freq, n_components\) = \(freq, 2\)"),
        ({"W": np.ones((5, 2))}, np.ones((6, 3)), "V must have 5 frequencies"),
        ({}, -np.ones((5, 3)), "V must be nonnegative"),
        ({"init": "nndsvd", "block": 1}, np.ones((5, 3)), "n_components <= min"),
    ],
)
def test_mistakes_are_explained(options, V, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.OnlineNMF(**{"n_components": 2, **options}).push(V)


def test_precision_of_the_stream():
    model = pw.OnlineNMF(2)
    model.push(np.ones((5, 3), np.float32))
    with pytest.raises(pw.ParameterError, match="V must be float32 as the stream has been so far"):
        model.push(np.ones((5, 3)))


# ---- NMF.partial_fit -----------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", ["frobenius", "kullback-leibler", 0.5])
def test_partial_fit_is_close_to_fit(loss, rng):
    X = noisy(rng).T
    full = pw.NMF(6, beta_loss=loss, tol=0, max_iter=200, random_state=0).fit(X)
    parts = pw.NMF(6, beta_loss=loss, tol=0, max_iter=200, random_state=0)
    for i in range(0, len(X), 250):
        assert parts.partial_fit(X[i : i + 250]) is parts
    assert parts.n_steps_ == 12
    assert parts.n_components_ == 6
    beta = {"frobenius": 2.0, "kullback-leibler": 1.0}.get(loss, loss)
    assert cost(X.T, parts.components_.T, beta) < 1.02 * cost(X.T, full.components_.T, beta)
    assert parts.transform(X).shape == (3000, 6)


def test_partial_fit_starts_from_what_is_there(rng):
    X = noisy(rng, frames=400).T
    fitted = pw.NMF(6, beta_loss=1, tol=0, max_iter=300, random_state=0).fit(X)
    before = fitted.components_
    after = fitted.partial_fit(X).components_
    assert 0 < relative_error(after, before) < 0.1
    custom = pw.NMF(init="custom", beta_loss=1).partial_fit(X, H=before)
    np.testing.assert_array_equal(custom.components_, after)
    # A fit begins anew.
    assert fitted.fit(X) is fitted
    np.testing.assert_array_equal(fitted.components_, before)
    assert not hasattr(fitted, "n_steps_")


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"alpha_W": 0.1}, "partial_fit has no penalties, got alpha_W=0.1"),
        ({"alpha_H": 0.1}, "partial_fit has no penalties"),
        ({"beta_loss": 3}, "partial_fit needs beta_loss <= 2, got 3; use fit"),
        ({"init": "custom"}, "init='custom' needs W and H"),
    ],
)
def test_partial_fit_explains_mistakes(parameters, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.NMF(2, **parameters).partial_fit(np.ones((8, 5)))
