"""Quadratic penalties and weights of the entries: the twin's steps, costs that never increase, and uses."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phasewise.reference import nmf as twin
from tolerances import relative_error, tolerance

BETAS = [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0]
PENALTIES = {
    "l2": {"l2_W": 0.7, "l2_H": 3.0},
    "smooth": {"smooth_H": 2.0},
    "all": {"l1_W": 0.1, "l2_W": 0.5, "l1_H": 0.2, "l2_H": 1.0, "smooth_H": 30.0},
}


def problem(rng, freq=65, frames=101, rank=9):
    V = rng.uniform(0.1, 1, (freq, rank)) @ rng.uniform(0.1, 1, (rank, frames))
    weights = rng.uniform(0, 2, V.shape) * (rng.random(V.shape) < 0.7)
    W, H = rng.uniform(0.1, 1, (freq, rank)), rng.uniform(0.1, 1, (rank, frames))
    return V * rng.uniform(0.5, 1.5, V.shape), weights, W, H


def non_increasing(cost, dtype=np.float64):
    return (np.diff(cost) <= tolerance("monotone", dtype) * abs(cost[..., :1])).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("update_W", [True, False])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("penalties", PENALTIES)
@pytest.mark.parametrize("beta", BETAS)
def test_steps_are_the_twins(isa, beta, penalties, weighted, update_W, dtype, rng):
    for shape in ((65, 101, 9), (20, 33, 40), (17, 1, 3)):  # several tiles, padded rank, a single frame
        V, weights, W, H = problem(rng, *shape)
        options = dict(PENALTIES[penalties], update_W=update_W, W=W, H=H)
        if weighted:
            options["weights"] = weights
        expected = twin.nmf(V, shape[2], beta, 20, **options)
        W1, H1, cost = pw.nmf(V.astype(dtype), shape[2], beta=beta, n_iter=20, return_cost=True, **options)
        assert W1.dtype == H1.dtype == dtype
        assert relative_error(W1, expected[0]) < tolerance("nmf", dtype)
        assert relative_error(H1, expected[1]) < tolerance("nmf", dtype)
        bound = tolerance("nmf", dtype)
        np.testing.assert_allclose(cost, expected[2], rtol=bound, atol=bound * len(V))  # some fit exactly


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("penalties", PENALTIES)
@pytest.mark.parametrize("beta", BETAS)
def test_cost_never_increases(beta, penalties, weighted, dtype, rng):
    V, weights, _, _ = problem(rng)
    V[3] = V[:, 5] = 0
    for strength in (0.01, 1.0, 1000.0):
        options = {name: strength * value for name, value in PENALTIES[penalties].items()}
        cost = pw.nmf(
            V.astype(dtype), 6, beta=beta, n_iter=100, rng=1, weights=weights if weighted else None,
            return_cost=True, **options,
        )[2]  # fmt: skip
        assert np.isfinite(cost).all()
        if beta > 0:  # zeros of V count as 1e-10 for the others, whose costs are ruled by them
            assert non_increasing(cost, dtype)
        assert cost[-1] < cost[0]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    beta=st.sampled_from(BETAS),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 70), st.integers(1, 12)),
    strengths=st.lists(st.sampled_from([0.0, 1e-6, 0.1, 10.0, 100.0]), min_size=5, max_size=5),
    scale=st.sampled_from([1e-8, 1.0, 1e8]),
    update_W=st.booleans(),
    weighted=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_no_cost_ever_increases(beta, shape, strengths, scale, update_W, weighted, seed):
    rng = np.random.default_rng(seed)
    V, weights, W, H = problem(rng, *shape)
    powers = {"l1_W": beta - 1, "l2_W": beta - 2, "l1_H": beta, "l2_H": beta, "smooth_H": beta}
    penalties = {
        name: strength * scale**power
        for (name, power), strength in zip(powers.items(), strengths, strict=True)
    }
    options = penalties | {"update_W": update_W, "W": W * scale, "H": H}
    if weighted:
        options["weights"] = weights
    W1, H1, cost = pw.nmf(V * scale, shape[2], beta=beta, n_iter=30, return_cost=True, **options)
    assert np.isfinite(W1).all()
    assert np.isfinite(H1).all()
    # The rounding of a divergence near zero is that of its terms.
    terms = np.sum((weights if weighted else 1) * (V * scale) ** beta)
    assert (np.diff(cost) <= tolerance("monotone", np.float64) * (abs(cost[0]) + terms)).all()


def test_cost_is_what_the_documentation_says(rng):
    V, weights, _, _ = problem(rng)
    W, H, cost = pw.nmf(V, 4, n_iter=5, rng=0, weights=weights, return_cost=True, **PENALTIES["all"])
    terms = weights * (V * np.log(V / (W @ H)) - V + W @ H)
    penalties = 0.1 * W.sum() + 0.25 * (W**2).sum() + 0.2 * H.sum() + 0.5 * (H**2).sum()
    assert cost[-1] == pytest.approx(terms.sum() + penalties + 30 * (np.diff(H) ** 2).sum(), rel=1e-10)


def test_smoothness_smooths_and_squares_shrink(rng):
    V, _, W, H = problem(rng)
    free = pw.nmf(V, 9, n_iter=100, W=W, H=H, update_W=False)[1]
    smooth = pw.nmf(V, 9, n_iter=100, W=W, H=H, update_W=False, smooth_H=300)[1]
    small = pw.nmf(V, 9, n_iter=100, W=W, H=H, update_W=False, l2_H=100)[1]
    assert (np.diff(smooth) ** 2).sum() < 1e-2 * (np.diff(free) ** 2).sum()
    assert smooth.mean() == pytest.approx(free.mean(), rel=0.1)
    assert (small**2).sum() < 0.5 * (free**2).sum()


def test_smoothness_revives_a_frame_without_activation(rng):
    """Where beta is 1 the penalty alone decides about a zero between others."""
    V, _, W, H = problem(rng)
    H[:, 7] = 0
    assert not pw.nmf(V, 9, n_iter=5, W=W, H=H)[1][:, 7].any()
    assert (pw.nmf(V, 9, n_iter=5, W=W, H=H, smooth_H=1e3)[1][:, 7] > 0).all()


def test_quadratic_penalty_reaches_its_minimum():
    """One entry: v = 3, w = 2, and the root of the derivative of d(v | w h) + l2 h^2 / 2."""
    V, W, H = np.full((1, 1), 3.0), np.full((1, 1), 2.0), np.ones((1, 1))
    for beta in BETAS:
        h = pw.nmf(V, 1, beta=beta, n_iter=3000, W=W, H=H, update_W=False, l2_H=0.5)[1].item()
        assert 2 * (2 * h) ** (beta - 2) * (2 * h - 3) + 0.5 * h == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("beta", BETAS)
def test_values_of_weight_zero_do_not_matter(beta, dtype, rng):
    V, weights, W, H = problem(rng)
    other = np.where(weights > 0, V, 1e30 if dtype == np.float32 else 1e300)
    for start in ({"W": W, "H": H}, {"rng": 3}):
        results = [
            pw.nmf(v.astype(dtype), 9, beta=beta, n_iter=10, weights=weights, return_cost=True, **start)
            for v in (V, other)
        ]
        for a, b in zip(*results, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("beta", BETAS)
def test_equal_weights_weigh_nothing(isa, beta, rng):
    V, _, W, H = problem(rng)
    plain = pw.nmf(V, 9, beta=beta, n_iter=20, W=W, H=H, return_cost=True)
    for weights in (1, 2.5, np.ones((65, 1)), np.ones(101, bool)):
        weighted = pw.nmf(V, 9, beta=beta, n_iter=20, W=W, H=H, weights=weights, return_cost=True)
        for a, b in zip(weighted[:2], plain[:2], strict=True):
            assert relative_error(a, b) < tolerance("nmf", np.float64)
        np.testing.assert_allclose(weighted[2], np.max(weights) * plain[2], rtol=1e-8)


def test_missing_entries_are_predicted(rng):
    W, H = rng.uniform(0, 1, (40, 3)), rng.uniform(0, 1, (3, 60))
    known = rng.random((40, 60)) < 0.7
    W1, H1 = pw.nmf(np.where(known, W @ H, 0), 3, n_iter=3000, weights=known, rng=0)
    assert np.abs(W1 @ H1 - W @ H)[~known].max() < 0.05


@pytest.mark.parametrize(
    "shape", [(), (101,), (65, 1), (65, 101), (2, 1, 1, 1), (3, 1, 101), (2, 1, 65, 1), (2, 3, 65, 101)]
)
def test_weights_broadcast_and_a_batch_is_a_loop(threads, shape, rng):
    V, W, H = rng.uniform(0.1, 1, (2, 3, 65, 101)), rng.random((65, 4)), rng.random((4, 101))
    weights = np.asarray(rng.uniform(0.5, 2, shape))
    W1, H1, cost = pw.nmf(V, 4, n_iter=6, W=W, H=H, weights=weights, smooth_H=1.0, return_cost=True)
    full = np.broadcast_to(weights, V.shape)
    for i in np.ndindex(2, 3):
        expected = pw.nmf(V[i], 4, n_iter=6, W=W, H=H, weights=full[i], smooth_H=1.0, return_cost=True)
        for a, b in zip((W1[i], H1[i], cost[i]), expected, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("update_W", [True, False])
@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_threads_and_costs_never_change_a_bit(isa, threads, beta, update_W, rng):
    V, weights, W, H = problem(rng, 130, 333, 12)
    options = {"beta": beta, "n_iter": 7, "W": W, "H": H, "update_W": update_W, "smooth_H": 3.0, "l2_H": 1.0}
    here = pw.nmf(V, 12, weights=weights, return_cost=True, **options)
    pw.set_num_threads(1)
    for a, b in zip(here, pw.nmf(V, 12, weights=weights, return_cost=True, **options), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(pw.nmf(V, 12, weights=weights, **options)[1], here[1])


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("size", [1e-25, 1e14])
def test_a_start_of_the_wrong_size_stays_finite_in_float32(beta, size, rng):
    V, weights, W, H = (a.astype(np.float32) for a in problem(rng))
    W1, H1 = pw.nmf(V, 9, beta=beta, n_iter=50, W=W * size, H=H, weights=weights, smooth_H=1e4, l2_W=1e-3)
    assert np.isfinite(W1).all()
    assert np.isfinite(H1).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"l2_H": -1}, "l2_H must be"),
        ({"l2_W": np.nan}, "l2_W must be"),
        ({"smooth_H": -0.1}, "smooth_H must be"),
        ({"weights": -1}, "weights must be nonnegative"),
        ({"weights": np.full((6, 8), np.inf)}, "weights must be finite"),
        ({"weights": np.ones(6)}, r"weights must broadcast to the shape of V, \(6, 8\), got \(6,\)"),
        ({"weights": np.ones((2, 6, 8))}, "weights must broadcast to the shape of V"),
    ],
)
def test_mistakes_are_explained(arguments, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.nmf(np.ones((6, 8)), 2, **arguments)
