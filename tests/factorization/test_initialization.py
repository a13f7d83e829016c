"""Where factorisations start: scikit-learn's starting factors, and clusters of frames."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.decomposition._nmf import _initialize_nmf

import phasewise as pw
from phasewise.factorization.initialization import kmeans
from phasewise.reference import nmf as twin
from tolerances import relative_error

FAMILY = ["nndsvd", "nndsvda", "nndsvdar"]


def matrix(rng, freq=70, frames=90, rank=6):
    """Singular values that fall fast, so that scikit-learn's randomised decomposition is exact enough."""
    V = (rng.random((freq, rank)) ** 3 * 0.5 ** np.arange(rank)) @ rng.random((rank, frames)) ** 3
    return V + 1e-6 * rng.random((freq, frames))


@pytest.mark.parametrize("shape", [(70, 90), (90, 70), (260, 240)])
@pytest.mark.parametrize("init", [*FAMILY, "random"])
def test_the_estimators_start_is_scikit_learns(init, shape, rng):
    X = matrix(rng, *shape)
    ours = pw.NMF(5, init=init, random_state=3)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The multiplicative update")
        start = ours._start(X, None, None, np.random.RandomState(3))
        for a, b in zip(start, _initialize_nmf(X, 5, init, random_state=3), strict=True):
            assert relative_error(a, b) < 1e-6
        # One step from there, so that the seed is seen to reach it.
        ours.set_params(max_iter=1, tol=0).fit(X)
    W, H = _initialize_nmf(X, 5, init, random_state=3)
    assert relative_error(ours.components_, twin.nmf(X.T, 5, 2, 1, W=H.T, H=W.T)[0].T) < 1e-6


@pytest.mark.parametrize("init", ["nndsvd", "nndsvda"])
def test_the_functions_start_is_scikit_learns(init, rng):
    V = np.stack([matrix(rng), matrix(rng)])
    W, H = pw.nmf(V, 5, init=init, n_iter=0)
    for i in range(2):
        expected = _initialize_nmf(V[i], 5, init, random_state=0)
        assert relative_error(W[i], expected[0]) < 1e-6
        assert relative_error(H[i], expected[1]) < 1e-6


def test_zeros_are_kept_or_filled(rng):
    V = matrix(rng)
    (W, H), mean = pw.nmf(V, 5, init="nndsvd", n_iter=0), V.mean()
    assert (W == 0).any()
    assert (H == 0).any()
    for a, b in zip(pw.nmf(V, 5, init="nndsvda", n_iter=0), (W, H), strict=True):
        np.testing.assert_allclose(a, np.where(b == 0, mean, b), rtol=1e-9)
    for a, b in zip(pw.nmf(V, 5, init="nndsvdar", n_iter=0, rng=0), (W, H), strict=True):
        filled = a[b == 0]
        assert 0 < filled.min() < filled.max() < 0.06 * mean
        np.testing.assert_allclose(a[b > 0], b[b > 0], rtol=1e-9)


@pytest.mark.parametrize("init", [*FAMILY, "kmeans"])
def test_given_factors_and_precision_are_kept(init, rng):
    V = matrix(rng).astype(np.float32)
    W0 = rng.random((70, 5), dtype=np.float32)
    W, H = pw.nmf(V, 5, init=init, n_iter=0, W=W0, rng=0)
    np.testing.assert_array_equal(W, W0)
    np.testing.assert_array_equal(H, pw.nmf(V, 5, init=init, n_iter=0, rng=0)[1])
    assert W.dtype == H.dtype == np.float32


def test_missing_entries_do_not_matter(rng):
    V = matrix(rng)
    known = rng.random(V.shape) < 0.9
    spoilt = np.where(known, V, 1e3)
    for init in ("nndsvda", "kmeans"):
        pair = [pw.nmf(v, 4, init=init, n_iter=3, weights=known, rng=0) for v in (V, spoilt)]
        for a, b in zip(*pair, strict=True):
            np.testing.assert_array_equal(a, b)


def test_kmeans_finds_the_spectra_of_frames_that_have_one_each(rng):
    spectra = rng.random((40, 5)) ** 4
    labels = rng.integers(5, size=300)
    V = spectra[:, labels] * rng.uniform(0.1, 10, 300)
    V[:, ::50] = 0
    W, H = pw.nmf(V, 5, init="kmeans", n_iter=0, rng=0)
    cosines = (W / np.linalg.norm(W, axis=0)).T @ (spectra / np.linalg.norm(spectra, axis=0))
    assert sorted(cosines.argmax(axis=0)) == list(range(5))
    assert cosines.max(axis=0).min() > 0.999
    np.testing.assert_allclose((W @ H).sum(axis=0), V.sum(axis=0), rtol=1e-12)
    assert (W > 0).all()


def test_kmeans_starts_better_than_chance(rng):
    activations = rng.random((8, 400)) * (rng.random((8, 400)) < 0.2)
    V = rng.random((60, 8)) ** 6 @ activations + 1e-3 * rng.random((60, 400))
    costs = {
        init: [pw.nmf(V, 8, init=init, n_iter=30, rng=i, return_cost=True)[2] for i in range(5)]
        for init in ("kmeans", "random")
    }
    early = {init: np.median([c[0] for c in runs]) for init, runs in costs.items()}
    late = {init: np.median([c[-1] for c in runs]) for init, runs in costs.items()}
    assert early["kmeans"] < 0.6 * early["random"]
    assert late["kmeans"] < late["random"]


def test_kmeans_is_seeded_and_serves_the_estimator(rng):
    V = matrix(rng)
    first, second = (kmeans(V, 4, np.random.default_rng(1)) for _ in range(2))
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    models = [pw.NMF(4, init="kmeans", tol=0, max_iter=20, random_state=0).fit(V.T) for _ in range(2)]
    np.testing.assert_array_equal(models[0].components_, models[1].components_)
    assert models[0].reconstruction_err_ < 0.2 * np.linalg.norm(V)


@pytest.mark.parametrize("shape", [(6, 1), (6, 3), (1, 9)])
def test_kmeans_needs_no_more_frames_than_there_are(shape, rng):
    for V in (rng.random(shape), np.zeros(shape), np.ones(shape)):
        W, H, cost = pw.nmf(V, 5, init="kmeans", n_iter=5, rng=0, return_cost=True)
        assert np.isfinite(W).all()
        assert np.isfinite(H).all()
        assert (np.diff(cost) <= 1e-12 * max(cost[0], 1)).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"init": "svd"}, "init must be one of 'random', 'nndsvd', 'nndsvda', 'nndsvdar', 'kmeans'"),
        ({"init": "nndsvd", "n_components": 7}, r"n_components <= min\(freq, frames\) = 6, got 7; use"),
    ],
)
def test_mistakes_are_explained(arguments, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.nmf(np.ones((6, 8)), **{"n_components": 2, **arguments})
