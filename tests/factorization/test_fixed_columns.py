"""Known spectra among those to learn."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise as pw
from phasewise.reference import nmf as twin
from tolerances import relative_error, tolerance

BETAS = [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0]
LEARNT = np.array([True, False, False, True, True, False, True, False, True])


def problem(rng, dtype=np.float64, freq=65, frames=101, rank=9):
    V = rng.uniform(0.1, 1, (freq, rank)) @ rng.uniform(0.1, 1, (rank, frames))
    V *= rng.uniform(0.5, 1.5, V.shape)
    W, H = rng.uniform(0.1, 1, (freq, rank)), rng.uniform(0.1, 1, (rank, frames))
    return V.astype(dtype), W.astype(dtype), H.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("beta", BETAS)
def test_fixed_columns_stay_and_the_others_follow_the_twin(isa, beta, dtype, rng):
    V, W, H = problem(rng, dtype)
    options = {"W": W, "H": H, "update_W": LEARNT, "l1_W": 0.1, "l2_W": 0.2, "l1_H": 0.1}
    expected = twin.nmf(V, 9, beta, 20, **options)
    W1, H1, cost = pw.nmf(V, 9, beta=beta, n_iter=20, return_cost=True, **options)
    np.testing.assert_array_equal(W1[:, ~LEARNT], W[:, ~LEARNT])
    assert (W1[:, LEARNT] != W[:, LEARNT]).any(axis=0).all()
    assert relative_error(W1, expected[0]) < tolerance("nmf", dtype)
    assert relative_error(H1, expected[1]) < tolerance("nmf", dtype)
    np.testing.assert_allclose(cost, expected[2], rtol=tolerance("nmf", dtype))


@pytest.mark.parametrize("beta", BETAS)
def test_cost_never_increases(beta, rng):
    V, W, _ = problem(rng)
    cost = pw.nmf(V, 9, beta=beta, n_iter=150, W=W, update_W=LEARNT, rng=0, return_cost=True)[2]
    assert (np.diff(cost) <= tolerance("monotone", np.float64) * abs(cost[0])).all()
    assert cost[-1] < 0.9 * cost[0]


def test_all_and_none_are_the_booleans(rng):
    V, W, H = problem(rng)
    for value in (True, False):
        one = pw.nmf(V, 9, n_iter=7, W=W, H=H, update_W=value)
        for many in (np.full(9, value), [value] * 9):
            for a, b in zip(pw.nmf(V, 9, n_iter=7, W=W, H=H, update_W=many), one, strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_threads_and_batches_never_change_a_bit(threads, beta, rng):
    V, W, H = problem(rng)
    batch = np.stack([V, 3 * V])
    W1, H1 = pw.nmf(batch, 9, beta=beta, n_iter=5, W=W, H=H, update_W=LEARNT)
    pw.set_num_threads(1)
    for i in range(2):
        W2, H2 = pw.nmf(batch[i], 9, beta=beta, n_iter=5, W=W, H=H, update_W=LEARNT)
        np.testing.assert_array_equal(W1[i], W2)
        np.testing.assert_array_equal(H1[i], H2)


def test_unknown_source_is_learnt_beside_a_known_one(rng):
    """Semi-supervised: what the known spectra do not explain goes to the free ones."""
    known, unknown = np.zeros((40, 2)), np.zeros((40, 2))
    known[:20] = rng.uniform(0, 1, (20, 2))
    unknown[15:] = rng.uniform(0, 1, (25, 2))
    A, B = rng.uniform(0, 1, (2, 2, 200)) * (rng.random((2, 2, 200)) < 0.5)
    V = known @ A + unknown @ B
    start = np.hstack([known, rng.uniform(0.1, 1, (40, 2))])
    W, H = pw.nmf(V, 4, n_iter=1000, W=start, update_W=[False, False, True, True], rng=1)
    assert relative_error(W[:, :2] @ H[:2], known @ A) < 0.1
    assert relative_error(W[:, 2:] @ H[2:], unknown @ B) < 0.1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"update_W": [True, False, True]}, "update_W must be a bool, or one for each of the 2 columns of W"),
        ({"update_W": [0, 1]}, "update_W must be a bool, or one for each of the 2 columns of W, got int"),
        ({"update_W": [True, False]}, "W must be given"),
        ({"update_W": [False, False], "update_H": False, "W": np.ones((6, 2))}, "nothing is left to learn"),
    ],
)
def test_mistakes_are_explained(arguments, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.nmf(np.ones((6, 8)), 2, **arguments)
