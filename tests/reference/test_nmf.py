"""The NMF twin: scikit-learn's iterates, monotone costs, zeros."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.decomposition import non_negative_factorization

from phasewise.reference.nmf import divergence, exponent, nmf
from tolerances import relative_error, tolerance

BETAS = [-1.0, 0.0, 0.5, 1.0, 1.5, 2.0, 3.0]


def problem(rng, shape=(30, 40), k=5):
    """Strictly positive data that k components cannot explain, and a start."""
    V = rng.uniform(0.1, 1, (shape[0], k)) @ rng.uniform(0.1, 1, (k, shape[1])) * rng.uniform(0.5, 1.5, shape)
    return V, rng.uniform(0.1, 1, (shape[0], k)), rng.uniform(0.1, 1, (k, shape[1]))


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize("n_iter", [1, 50])
def test_iterates_are_scikit_learns_on_the_transpose(beta, n_iter, rng):
    V, W, H = problem(rng)
    W1, H1, _ = nmf(V, 5, beta, n_iter, W, H)
    Ht, Wt, _ = non_negative_factorization(
        V.T, W=H.T.copy(), H=W.T.copy(), n_components=5, init="custom", solver="mu", beta_loss=beta, tol=0,
        max_iter=n_iter,
    )  # fmt: skip
    assert relative_error(W1, Wt.T) < tolerance("nmf", np.float64)
    assert relative_error(H1, Ht.T) < tolerance("nmf", np.float64)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize(("l1_W", "l1_H"), [(0.0, 0.0), (0.0, 0.3), (0.2, 0.3)])
def test_cost_never_increases(beta, l1_W, l1_H, rng):
    V, W, H = problem(rng)
    W1, H1, cost = nmf(V, 5, beta, 100, W, H, l1_W=l1_W, l1_H=l1_H)
    assert cost.shape == (100,)
    assert (np.diff(cost) <= tolerance("monotone", np.float64) * abs(cost[0])).all()
    assert cost[-1] < cost[0]
    expected = divergence(V, W1 @ H1, beta) + l1_W * W1.sum() + l1_H * H1.sum()
    assert cost[-1] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize(
    "penalties", [{"l2_W": 0.5, "l2_H": 5.0}, {"smooth_H": 0.1}, {"smooth_H": 50.0, "l1_H": 0.2, "l2_W": 2.0}]
)
@pytest.mark.parametrize("update_W", [True, False])
def test_weighted_cost_with_quadratic_penalties_never_increases(beta, penalties, update_W, rng):
    V, W, H = problem(rng)
    weights = rng.uniform(0, 2, V.shape) * (rng.random(V.shape) < 0.7)
    for M in (1.0, weights):
        W1, H1, cost = nmf(V, 5, beta, 100, W, H, weights=M, update_W=update_W, **penalties)
        assert (np.diff(cost) <= tolerance("monotone", np.float64) * abs(cost[0])).all()
        given = {"l1_H": 0.0, "l2_W": 0.0, "l2_H": 0.0, "smooth_H": 0.0, **penalties}
        expected = divergence(V, W1 @ H1, beta, M) + given["l1_H"] * H1.sum()
        expected += given["l2_W"] / 2 * (W1**2).sum() + given["l2_H"] / 2 * (H1**2).sum()
        expected += given["smooth_H"] * (np.diff(H1) ** 2).sum()
        assert cost[-1] == pytest.approx(expected, rel=1e-12)


def test_sparsity_shrinks_the_activations(rng):
    V, W, H = problem(rng)
    free, sparse = (nmf(V, 5, 1.0, 50, W, H, update_W=False, l1_H=l1)[1] for l1 in (0.0, 5.0))
    assert sparse.sum() < 0.8 * free.sum()


@pytest.mark.parametrize("beta", BETAS)
def test_divergence_is_its_own_limit_and_vanishes_only_at_equality(beta, rng):
    x, y = rng.uniform(0.5, 2, (2, 1, 1))
    assert divergence(x[None], x[None], beta) == pytest.approx(0, abs=1e-12)
    assert divergence(x[None], y[None], beta) > 1e-3
    near = divergence(x[None], y[None], beta + 1e-6)
    assert divergence(x[None], y[None], beta) == pytest.approx(near, rel=1e-4)


def test_exponent():
    assert [exponent(b) for b in (-1, 0, 0.5, 1, 1.5, 2, 3)] == pytest.approx(
        [1 / 3, 1 / 2, 2 / 3, 1, 1, 1, 1 / 2]
    )
    quadratic = [exponent(b, quadratic=True) for b in (-1, 0, 1, 2, 3)]
    assert quadratic == pytest.approx([1 / 4, 1 / 3, 1 / 2, 1, 1 / 2])


@pytest.mark.parametrize("beta", BETAS)
def test_zeros_never_give_nan(beta, rng):
    V, W, H = problem(rng)
    V[:, 3] = 0
    V[4] = 0
    W[4] = W[:, 2] = 0
    H[:, 3] = H[1] = 0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for data in (V, 0 * V):
            W1, H1, cost = nmf(data, 5, beta, 20, W, H)
            assert np.isfinite(W1).all()
            assert np.isfinite(H1).all()
            assert np.isfinite(cost).all()
    assert not (W1[W == 0]).any()  # multiplicative updates keep zeros


@pytest.mark.parametrize("update", ["W", "H"])
def test_fixed_factor_is_untouched(update, rng):
    V, W, H = problem(rng)
    W1, H1, cost = nmf(V, 5, 1.0, 20, W, H, update_W=update == "W", update_H=update == "H")
    assert (W1 != W).all() if update == "W" else (W1 == W).all()
    assert (H1 != H).all() if update == "H" else (H1 == H).all()
    assert (np.diff(cost) <= 0).all()


def test_random_start_is_seeded_and_follows_the_scale(rng):
    V, _, _ = problem(rng)
    W1, H1, _ = nmf(V, 4, n_iter=5, rng=7)
    W2, H2, _ = nmf(V, 4, n_iter=5, rng=np.random.default_rng(7))
    np.testing.assert_array_equal(W1, W2)
    np.testing.assert_array_equal(H1, H2)
    W3, H3, _ = nmf(1e-4 * V, 4, n_iter=5, rng=7)
    assert relative_error(W3 @ H3, 1e-4 * W1 @ H1) < 1e-12
    W4, H4, _ = nmf(V, 4, n_iter=0, rng=7)
    assert (W4 @ H4).mean() == pytest.approx(V.mean(), rel=0.2)


def test_recovers_an_exact_factorisation(rng):
    V = rng.uniform(0, 1, (20, 3)) @ rng.uniform(0, 1, (3, 40))
    W, H, _ = nmf(V, 3, 2.0, 3000, rng=1)
    assert relative_error(W @ H, V) < 0.02


def test_batch_equals_loop(rng):
    V = rng.uniform(0.1, 1, (2, 3, 10, 12))
    W, H = rng.uniform(0.1, 1, (2, 3, 10, 4)), rng.uniform(0.1, 1, (2, 3, 4, 12))
    Wb, Hb, cost = nmf(V, 4, 0.5, 10, W, H)
    for item in np.ndindex(2, 3):
        Wi, Hi, ci = nmf(V[item], 4, 0.5, 10, W[item], H[item])
        np.testing.assert_allclose(Wb[item], Wi, rtol=1e-12)
        np.testing.assert_allclose(Hb[item], Hi, rtol=1e-12)
        np.testing.assert_allclose(cost[item], ci, rtol=1e-12)
