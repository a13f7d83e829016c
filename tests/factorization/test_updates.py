"""nmf against its twin and scikit-learn, at every level; zeros, penalties, batches, threads, errors."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.decomposition import non_negative_factorization

import phasewise as pw
from phasewise.reference import nmf as twin
from tolerances import relative_error, tolerance

BETAS = [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0]
# Around the sizes of panels, tiles and vectors, and below them.
SHAPES = [(17, 3, 1), (65, 101, 9), (129, 70, 33), (20, 33, 40)]


def problem(rng, freq=65, frames=101, rank=9):
    """Strictly positive data that `rank` components cannot explain, and a start."""
    V = (
        rng.uniform(0.1, 1, (freq, rank))
        @ rng.uniform(0.1, 1, (rank, frames))
        * rng.uniform(0.5, 1.5, (freq, frames))
    )
    return V, rng.uniform(0.1, 1, (freq, rank)), rng.uniform(0.1, 1, (rank, frames))


def non_increasing(cost, dtype=np.float64):
    return (np.diff(cost) <= tolerance("monotone", dtype) * abs(cost[0])).all()


# ---- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("beta", BETAS)
def test_equals_the_twin_in_every_instruction_set(isa, beta, dtype, rng):
    for shape in SHAPES:
        V, W, H = problem(rng, *shape)
        expected = twin.nmf(V, shape[2], beta, 20, W, H, l1_W=0.1, l1_H=0.2)
        actual = pw.nmf(
            V.astype(dtype), shape[2], beta=beta, n_iter=20, W=W, H=H, l1_W=0.1, l1_H=0.2, return_cost=True
        )
        for a, b in zip(actual[:2], expected[:2], strict=True):
            assert a.dtype == dtype
            assert relative_error(a, b) < tolerance("nmf", dtype)
        assert np.allclose(actual[2], expected[2], rtol=tolerance("nmf", dtype), atol=0)


@pytest.mark.parametrize("n_iter", [1, 200])
@pytest.mark.parametrize("beta", BETAS)
def test_iterates_are_scikit_learns_on_the_transpose(beta, n_iter, rng):
    V, W, H = problem(rng)
    W1, H1 = pw.nmf(V, 9, beta=beta, n_iter=n_iter, W=W, H=H)
    Ht, Wt, _ = non_negative_factorization(
        V.T,
        W=H.T.copy(),
        H=W.T.copy(),
        n_components=9,
        init="custom",
        solver="mu",
        beta_loss=beta,
        tol=0,
        max_iter=n_iter,
    )
    assert relative_error(W1 @ H1, (Ht @ Wt).T) < 1e-8
    assert relative_error(W1, Wt.T) < 1e-8
    assert relative_error(H1, Ht.T) < 1e-8


@pytest.mark.parametrize("fixed", ["W", "H"])
@pytest.mark.parametrize("beta", BETAS)
def test_a_fixed_factor_stays_and_the_other_follows_the_twin(isa, beta, fixed, rng):
    V, W, H = problem(rng)
    keep = {f"update_{fixed}": False}
    expected = twin.nmf(V, 9, beta, 30, W, H, l1_H=0.1, **keep)
    W1, H1, cost = pw.nmf(V, 9, beta=beta, n_iter=30, W=W, H=H, l1_H=0.1, return_cost=True, **keep)
    assert np.array_equal(W1 if fixed == "W" else H1, W if fixed == "W" else H)
    assert relative_error(W1, expected[0]) < tolerance("nmf", np.float64)
    assert relative_error(H1, expected[1]) < tolerance("nmf", np.float64)
    assert np.allclose(cost, expected[2], rtol=1e-8, atol=0)
    # Without costs the tiles make all iterations at a stretch: the same factors.
    assert np.array_equal(H1, pw.nmf(V, 9, beta=beta, n_iter=30, W=W, H=H, l1_H=0.1, **keep)[1])


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("l1_W", "l1_H"), [(0.0, 0.0), (0.0, 0.3), (0.2, 0.3)])
@pytest.mark.parametrize("beta", BETAS)
def test_cost_never_increases(beta, l1_W, l1_H, dtype, rng):
    V, _, _ = problem(rng)
    cost = pw.nmf(V.astype(dtype), 6, beta=beta, n_iter=150, l1_W=l1_W, l1_H=l1_H, rng=1, return_cost=True)[2]
    assert cost.shape == (150,)
    assert non_increasing(cost, dtype)
    assert cost[-1] < 0.9 * cost[0]


def test_sparsity_shrinks_the_activations(rng):
    V, W, H = problem(rng)
    free, sparse = (pw.nmf(V, 9, n_iter=50, W=W, H=H, update_W=False, l1_H=l1)[1] for l1 in (0.0, 10.0))
    assert sparse.sum() < 0.8 * free.sum()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("scale", [1e-30, 1e-6, 1e12])
def test_scale_of_the_data_changes_nothing_but_the_scale(scale, beta, dtype, rng):
    V, W, H = (a.astype(dtype) for a in problem(rng))
    exact = dtype(2.0 ** round(np.log2(scale)))  # a power of two loses no digits
    W1, H1 = pw.nmf(V, 9, beta=beta, n_iter=20, W=W, H=H)
    W2, H2 = pw.nmf(V * exact, 9, beta=beta, n_iter=20, W=W * exact, H=H)
    assert np.array_equal(W2, W1 * exact)
    assert np.array_equal(H2, H1)


# ---- zeros and extremes --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("beta", BETAS)
def test_zeros_anywhere_give_finite_factors_and_falling_costs(isa, beta, dtype, rng):
    V, W, H = problem(rng)
    V[3] = V[:, 5] = 0
    V[rng.random(V.shape) < 0.3] = 0
    W[rng.random(W.shape) < 0.3] = 0
    H[rng.random(H.shape) < 0.3] = 0
    W[7] = H[:, 9] = H[2] = W[:, 4] = 0
    W1, H1, cost = pw.nmf(V.astype(dtype), 9, beta=beta, n_iter=60, W=W, H=H, return_cost=True)
    assert np.isfinite(W1).all()
    assert np.isfinite(H1).all()
    assert np.isfinite(cost).all()
    assert (W1[W == 0] == 0).all()
    assert (H1[H == 0] == 0).all()
    assert W1.min() >= 0
    assert H1.min() >= 0
    assert cost[-1] < cost[0]
    if beta > 0:
        assert non_increasing(cost, dtype)


@pytest.mark.parametrize("beta", BETAS)
def test_silence_gives_a_finite_result(beta):
    W, H, cost = pw.nmf(np.zeros((9, 7), np.float32), 2, beta=beta, n_iter=5, return_cost=True)
    assert np.isfinite(W).all()
    assert np.isfinite(H).all()
    assert np.isfinite(cost).all()


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("size", [1e-25, 1e14])
def test_a_start_of_the_wrong_size_recovers_in_float32(beta, size, rng):
    V, W, H = (a.astype(np.float32) for a in problem(rng))
    W1, H1 = pw.nmf(V, 9, beta=beta, n_iter=300, W=W * np.float32(size), H=H)
    assert np.isfinite(W1).all()
    assert np.isfinite(H1).all()
    assert relative_error(W1.astype(float) @ H1, V) < 1


def test_subnormal_data_are_zeros(rng):
    V, W, H = (a.astype(np.float32) for a in problem(rng))
    dead = V.copy()
    V[::3], dead[::3] = 1e-42, 0
    for a, b in zip(pw.nmf(V, 9, n_iter=9, W=W, H=H), pw.nmf(dead, 9, n_iter=9, W=W, H=H), strict=True):
        assert np.array_equal(a, b)


# ---- determinism ---------------------------------------------------------------------------------


@pytest.mark.parametrize("update_W", [True, False])
@pytest.mark.parametrize("beta", [0.0, 1.0, 1.7, 2.0])
def test_threads_never_change_a_bit(isa, threads, beta, update_W, rng):
    V, W, H = problem(rng, 130, 333, 12)
    arguments = {"beta": beta, "n_iter": 7, "W": W, "H": H, "update_W": update_W, "return_cost": True}
    here = pw.nmf(V, 12, **arguments)
    pw.set_num_threads(1)
    for a, b in zip(here, pw.nmf(V, 12, **arguments), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("batch", [(2,), (3, 5)])
@pytest.mark.parametrize("tol", [0.0, 1e-2])
def test_a_batch_is_a_loop(threads, batch, tol, rng):
    V = rng.uniform(0.1, 1, (*batch, 33, 50)) * rng.uniform(0.1, 10, (*batch, 1, 1))
    W, H = rng.random((*batch, 33, 4)), rng.random((4, 50))  # one factor is shared
    W1, H1, cost = pw.nmf(V, 4, n_iter=60, tol=tol, W=W, H=H, return_cost=True)
    assert W1.shape == (*batch, 33, 4)
    assert H1.shape == (*batch, 4, 50)
    lengths = set()
    for i in np.ndindex(batch):
        W2, H2, single = pw.nmf(V[i], 4, n_iter=60, tol=tol, W=W[i], H=H, return_cost=True)
        assert np.array_equal(W1[i], W2)
        assert np.array_equal(H1[i], H2)
        assert np.array_equal(cost[i][: len(single)], single)
        assert (cost[i][len(single) :] == single[-1]).all()
        lengths.add(len(single))
    assert cost.shape == (*batch, max(lengths))
    assert lengths == {60} if tol == 0 else max(lengths) < 60


def test_memory_order_and_arguments_stay_untouched(rng):
    V, W, H = problem(rng)
    copies = V.copy(), W.copy(), H.copy()
    for order in "CF":
        arrays = [np.array(a, order=order) for a in (V, W, H)]
        W1, H1 = pw.nmf(arrays[0], 9, n_iter=5, W=arrays[1], H=arrays[2])
        for a, b in zip(arrays, copies, strict=True):
            assert np.array_equal(a, b)
        if order == "C":
            first = W1, H1
    assert np.array_equal(first[0], W1)
    assert np.array_equal(first[1], H1)


def test_random_start_is_the_twins(rng):
    V, _, _ = problem(rng)
    for a, b in zip(pw.nmf(V, 5, n_iter=3, rng=7), twin.nmf(V, 5, n_iter=3, rng=7), strict=False):
        assert relative_error(a, b) < 1e-12
    given = rng.random((65, 5))
    W, H = pw.nmf(V, 5, n_iter=0, W=given, rng=7)
    assert np.array_equal(W, given)
    assert H.shape == (5, 101)


# ---- stopping ------------------------------------------------------------------------------------


@pytest.mark.parametrize("update_W", [True, False])
@pytest.mark.parametrize("beta", BETAS)
def test_tolerance_stops_where_scikit_learn_stops(beta, update_W, rng):
    V, W, H = problem(rng)
    cost = pw.nmf(V, 9, beta=beta, n_iter=400, tol=1e-3, W=W, H=H, update_W=update_W, return_cost=True)[2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _, _, n_iter = non_negative_factorization(
            V.T, W=H.T.copy() if update_W else None, H=W.T.copy(), n_components=9, init="custom", solver="mu",
            beta_loss=beta, tol=1e-3, max_iter=400, update_H=update_W,
        )  # fmt: skip
    assert len(cost) < 400
    if update_W:
        assert len(cost) == n_iter


@pytest.mark.parametrize("batch", [(), (40,)])
@pytest.mark.parametrize("update_W", [True, False])
def test_callback_hears_the_fraction_and_can_cancel(update_W, batch, rng):
    V = rng.random((*batch, 20, 40))
    heard = []
    arguments = {"n_iter": 40, "W": rng.random((20, 3)), "update_W": update_W}
    pw.nmf(V, 3, callback=heard.append, **arguments)
    assert heard == sorted(heard)
    assert heard[-1] == 1
    assert len(heard) > 1
    with pytest.raises(pw.Cancelled):
        pw.nmf(V, 3, callback=lambda fraction: False, **arguments)

    def broken(fraction):
        raise KeyError("callback")

    with pytest.raises(KeyError):
        pw.nmf(V, 3, callback=broken, **arguments)


# ---- errors --------------------------------------------------------------------------------------

GOOD = np.ones((6, 8))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"V": -GOOD}, "V must be nonnegative, but its minimum is -1"),
        ({"V": GOOD * np.nan}, "V must be finite"),
        ({"V": GOOD[0]}, "V must have at least 2 axes"),
        ({"V": GOOD[:0]}, "V must not be empty"),
        ({"V": GOOD * 1j}, "V must be a real"),
        ({"n_components": 0}, "n_components must be an integer >= 1, got 0"),
        ({"n_components": 2.5}, "n_components must be an integer"),
        ({"n_iter": -1}, "n_iter must be an integer >= 0"),
        ({"tol": -0.1}, "tol must be"),
        ({"beta": np.inf}, "beta must be"),
        ({"l1_H": -1}, "l1_H must be"),
        ({"l1_W": "x"}, "l1_W must be a number"),
        ({"W": np.ones((5, 2))}, r"W must have shape \(..., freq, n_components\) = \(6, 2\), got \(5, 2\)"),
        ({"H": np.ones((2, 7))}, r"H must have shape \(..., n_components, frames\) = \(2, 8\), got \(2, 7\)"),
        ({"W": np.ones((3, 6, 2))}, "W must have shape"),
        ({"V": np.ones((2, 6, 8)), "W": np.ones((3, 6, 2))}, "W must have leading axes that broadcast"),
        ({"W": -np.ones((6, 2))}, "W must be nonnegative"),
        ({"H": np.full((2, 8), np.inf)}, "H must be finite"),
        ({"update_W": False}, "update_W=False keeps W as it is, so W must be given"),
        ({"update_H": False}, "update_H=False keeps H as it is, so H must be given"),
        ({"update_W": False, "update_H": False}, "nothing is left to learn"),
        ({"rng": "seed"}, "rng must be"),
    ],
)  # fmt: skip
def test_mistakes_are_explained(arguments, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.nmf(**{"V": GOOD, "n_components": 2, **arguments})
