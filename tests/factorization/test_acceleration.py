"""Accelerated updates: the twin's steps, costs that never rise, and the iterations that they save."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phasewise.reference import nmf as twin
from tolerances import relative_error, tolerance

BETAS = [0.0, 0.5, 1.0, 1.5, 2.0]


def problem(rng, freq=65, frames=101, rank=9):
    V = rng.uniform(0.1, 1, (freq, rank)) @ rng.uniform(0.1, 1, (rank, frames))
    V *= rng.uniform(0.5, 1.5, V.shape)
    return V, rng.uniform(0.1, 1, (freq, rank)), rng.uniform(0.1, 1, (rank, frames))


def spectrogram(seed):
    """Decaying notes with harmonics, and noise."""
    rng = np.random.default_rng(seed)
    bins, frames = np.arange(129)[:, None], np.arange(200)
    V = np.full((129, 200), 0.02)
    for pitch in rng.uniform(5, 25, 15):
        note = sum(np.exp(-(((bins - h * pitch) / 1.5) ** 2)) / h for h in range(1, 10))
        for start in rng.integers(0, 200, 5):
            V += note * np.where(frames >= start, np.exp(-(frames - start) / 20), 0)
    return V * np.sqrt(rng.exponential(size=V.shape))


def non_increasing(cost, dtype=np.float64):
    return (np.diff(cost) <= tolerance("monotone", dtype) * abs(cost[..., :1])).all()


# ---- values --------------------------------------------------------------------------------------

OPTIONS = {
    "": {},
    "W alone": {"update_H": False},
    "H alone": {"update_W": False},
    "columns": {"update_W": np.arange(9) % 2 == 0},
    "penalties": {"l1_W": 0.1, "l2_W": 0.5, "l1_H": 0.2, "l2_H": 1.0, "smooth_H": 3.0},
    "weights": {"weights": np.arange(101) % 3},
}


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("beta", BETAS)
def test_steps_are_the_twins(isa, beta, options, rng):
    V, W, H = problem(rng)
    arguments = OPTIONS[options] | {"W": W, "H": H, "n_iter": 25, "accelerate": True, "beta": beta}
    expected = twin.nmf(V, 9, **arguments)
    actual = pw.nmf(V, 9, **arguments, return_cost=True)
    for a, b in zip(actual, expected, strict=True):
        assert relative_error(a, b) < tolerance("nmf", np.float64)
    alone = pw.nmf(V, 9, **arguments)
    np.testing.assert_array_equal(actual[0], alone[0])
    np.testing.assert_array_equal(actual[1], alone[1])


def test_iterations_that_were_undone_are_counted_and_repeat_their_cost(rng):
    V, W, H = problem(rng)
    cost = pw.nmf(V, 9, n_iter=300, W=W, H=H, beta=2.0, accelerate=True, return_cost=True)[2]
    assert cost.shape == (300,)
    same = np.flatnonzero(np.diff(cost) == 0)
    assert 0 < len(same) < 60


@pytest.mark.parametrize("n_iter", [0, 1, 2])
def test_few_iterations_are_those_of_plain_updates(n_iter, rng):
    """The first iteration has nothing to extrapolate from; the factors returned never are extrapolated."""
    V, W, H = problem(rng)
    plain, fast = (pw.nmf(V, 9, n_iter=n_iter, W=W, H=H, accelerate=on, return_cost=True) for on in (0, 1))
    assert plain[2].shape == fast[2].shape
    equal = [np.array_equal(a, b) for a, b in zip(plain, fast, strict=True)]
    assert all(equal) == (n_iter < 2)
    assert n_iter == 0 or fast[2][-1] == pytest.approx(twin.divergence(V, fast[0] @ fast[1], 1.0), rel=1e-12)


# ---- the guard -----------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    beta=st.sampled_from(BETAS),
    dtype=st.sampled_from([np.float32, np.float64]),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 70), st.integers(1, 12)),
    scale=st.sampled_from([1e-8, 1.0, 1e8]),
    kind=st.sampled_from(["both", "W", "H", "weights", "penalties"]),
    zeros=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_no_cost_ever_increases(beta, dtype, shape, scale, kind, zeros, seed):
    rng = np.random.default_rng(seed)
    V, W, H = problem(rng, *shape)
    if zeros:
        V[rng.random(V.shape) < 0.2] = 0
        W[rng.random(W.shape) < 0.1] = 0
        H[rng.random(H.shape) < 0.1] = 0
    options = {}
    if kind in "WH":
        options[f"update_{kind}"] = False
    if kind == "weights":
        options["weights"] = rng.uniform(0, 2, V.shape) * (rng.random(V.shape) < 0.7)
    if kind == "penalties":
        options = {"l1_H": 0.3 * scale**beta, "l2_H": 0.1 * scale**beta, "smooth_H": 2 * scale**beta}
    W1, H1, cost = pw.nmf(
        (V * scale).astype(dtype), shape[2], beta=beta, n_iter=60, W=W * scale, H=H, accelerate=True,
        return_cost=True, **options,
    )  # fmt: skip
    assert np.isfinite(W1).all()
    assert np.isfinite(H1).all()
    assert (W1[W == 0] == 0).all()
    if kind != "penalties":  # smoothness revives a zero
        assert (H1[H == 0] == 0).all()
    if beta > 0 or not zeros:
        # The rounding of a divergence near zero is that of its terms.
        terms = np.sum(options.get("weights", 1) * (V * scale) ** beta)
        assert (np.diff(cost) <= tolerance("monotone", dtype) * (abs(cost[0]) + terms)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", BETAS)
def test_long_runs_fall_and_keep_what_is_positive(beta, dtype, rng):
    """Momentum drives entries that die out towards zero; none may reach it, where it would stay."""
    V, W, H = problem(rng)
    V[3] = 0
    W1, H1, cost = pw.nmf(
        V.astype(dtype), 9, beta=beta, n_iter=500, W=W, H=H, accelerate=True, return_cost=True
    )
    if beta > 0:  # zeros count as 1e-10 of the mean there, and rule the cost
        assert non_increasing(cost, dtype)
    assert cost[-1] < cost[0]
    alive = np.delete(W1, 3, axis=0)
    assert (alive > 0).all()
    assert (H1 > 0).all()


# ---- what it is for ------------------------------------------------------------------------------


@pytest.mark.parametrize("beta", BETAS)
def test_fewer_iterations_reach_the_same_cost(beta):
    shares, better = [], 0
    for seed in range(4):
        V = spectrogram(seed)
        plain = pw.nmf(V, 8, beta=beta, n_iter=200, rng=seed, return_cost=True)[2]
        fast = pw.nmf(V, 8, beta=beta, n_iter=200, rng=seed, accelerate=True, return_cost=True)[2]
        shares.append((np.argmax(fast <= plain[-1]) + 1) / 200 if fast[-1] <= plain[-1] else 1.0)
        better += np.mean(fast[1:] < plain[1:]) / 4
    assert np.mean(shares) < 0.5
    assert better > 0.9


def test_dictionaries_that_stay_are_fitted_sooner():
    V = spectrogram(0)
    W = pw.nmf(V, 8, n_iter=100, rng=0)[0]
    plain, fast = (
        pw.nmf(V, 8, n_iter=100, W=W, update_W=False, rng=1, accelerate=on, return_cost=True)[2]
        for on in (False, True)
    )
    assert np.argmax(fast <= plain[-1]) < 60


def test_tolerance_stops_and_the_cost_is_that_of_the_result():
    V = spectrogram(1)
    W, H, cost = pw.nmf(V, 8, n_iter=500, tol=1e-3, rng=0, accelerate=True, return_cost=True)
    assert 10 < len(cost) < 500
    assert len(cost) % 10 == 0
    assert cost[-1] == pytest.approx(twin.divergence(V, W @ H, 1.0), rel=1e-10)


# ---- determinism ---------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"update_W": False}, {"smooth_H": 2.0}])
@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_threads_never_change_a_bit(isa, threads, beta, options, rng):
    V, W, H = problem(rng, 130, 333, 12)
    arguments = {"beta": beta, "n_iter": 30, "W": W, "H": H, "accelerate": True, "return_cost": True}
    here = pw.nmf(V, 12, **arguments, **options)
    pw.set_num_threads(1)
    for a, b in zip(here, pw.nmf(V, 12, **arguments, **options), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_batch_is_a_loop(threads, rng):
    V = rng.uniform(0.1, 1, (2, 3, 33, 50)) * rng.uniform(0.1, 10, (2, 3, 1, 1))
    W, H = rng.random((2, 3, 33, 4)), rng.random((4, 50))
    options = {"n_iter": 60, "H": H, "accelerate": True, "return_cost": True, "beta": 2.0}
    results = pw.nmf(V, 4, W=W, **options)
    del options["return_cost"]
    for i in np.ndindex(2, 3):
        single = pw.nmf(V[i], 4, W=W[i], return_cost=True, **options)
        for a, b in zip(results, single, strict=True):
            np.testing.assert_array_equal(a[i], b)
    for a, b in zip(results, twin.nmf(V, 4, W=W, **options), strict=True):
        assert relative_error(a, b) < 1e-6


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("beta", BETAS)
def test_scale_of_the_data_changes_nothing_but_the_scale(beta, dtype, rng):
    V, W, H = (a.astype(dtype) for a in problem(rng))
    W1, H1 = pw.nmf(V, 9, beta=beta, n_iter=40, W=W, H=H, accelerate=True)
    factor = dtype(2.0**30)
    W2, H2 = pw.nmf(V * factor, 9, beta=beta, n_iter=40, W=W * factor, H=H, accelerate=True)
    np.testing.assert_array_equal(W2, W1 * factor)
    np.testing.assert_array_equal(H2, H1)
