"""Complex NMF and complex IS-NMF: their twins, their criteria, and NMF as the case without phases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phase_problems import HOP, N_FFT, RANK, learned, score, tones
from phasewise.reference import phase_models as twin
from tolerances import relative_error, tolerance

DTYPES = [np.float64, np.float32]


@pytest.fixture(scope="module")
def sources():
    return tones()


@pytest.fixture(scope="module")
def powers(sources):
    """Return spectra of the sources and activations that know nothing."""
    W, H = learned(sources, 2)
    return W, np.full_like(H, H.mean())


@pytest.fixture(scope="module")
def magnitudes(sources):
    W, H = learned(sources, 1)
    return W, np.full_like(H, H.mean())


def start(X, V):
    return np.broadcast_to(np.exp(1j * np.angle(X)), V.shape), twin.phase_turns(V, HOP, N_FFT)


@pytest.mark.parametrize("update_W", [False, True])
@pytest.mark.parametrize("update", ["mm", "em"])
@pytest.mark.parametrize("kappa", [0.0, 0.5, [0.5, 2.0, 20.0]], ids=str)
def test_isnmf_equals_twin(isa, sources, powers, kappa, update, update_W):
    X, (W, H) = sources.sum(axis=0), powers
    options = {"kappa": kappa, "tau": 0.7, "n_iter": 4, "update": update, "update_W": update_W}
    options["init"] = "mixture"
    S, W1, H1, cost = pw.complex_isnmf(X, W, H, **options, return_factors=True, return_cost=True)
    v = W @ H
    theirs = twin.gaussian_phase_model(
        X, v, *start(X, np.sqrt(v)), kappa, 0.7, 4, update, W=W, H=H, update_W=update_W
    )
    for actual, expected in zip((S, W1, H1), (theirs[0], theirs[2], theirs[3]), strict=True):
        assert relative_error(actual, expected) < 1e-10
    np.testing.assert_allclose(cost, theirs[-1], rtol=1e-9)
    assert relative_error(S.sum(axis=0), X) < tolerance("sum", np.float64)


@pytest.mark.parametrize("update_W", [False, True])
@pytest.mark.parametrize("sigma", [0.0, 0.1, 10.0])
def test_nmf_equals_twin(isa, rng, sources, magnitudes, sigma, update_W):
    """From phases at random: at those of the mixture, rounding decides about bins that are nearly zero."""
    X, (W, H) = sources.sum(axis=0), magnitudes
    phase = rng.uniform(-3, 3, sources.shape)
    options = {"sigma": sigma, "n_iter": 6, "update_W": update_W}
    S, W1, H1, cost = pw.complex_nmf(X, W, H, init=phase, **options, return_factors=True, return_cost=True)
    theirs = twin.complex_nmf(X, W, H, np.exp(1j * phase), start(X, W @ H)[1], **options)
    for actual, expected in zip((S, W1, H1, cost), theirs, strict=True):
        assert relative_error(actual, expected) < 1e-10
    assert relative_error(S.sum(axis=0), X) < tolerance("sum", np.float64)


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_concentration_is_nmf_and_wiener(isa, sources, powers, dtype):
    """The iterates of IS-NMF on the powers of the mixture, all spectra side by side."""
    X, (W, H) = sources.sum(axis=0).astype(np.result_type(dtype, np.complex64)), powers
    W, H = W.astype(dtype), H.astype(dtype)
    S, _, H1, cost = pw.complex_isnmf(
        X, W, H, kappa=0, tau=0, n_iter=40, return_factors=True, return_cost=True
    )
    joined = np.concatenate(list(W), axis=1), H.reshape(-1, H.shape[-1])
    V = (abs(X) ** 2).astype(dtype)
    _, activations, divergence = pw.nmf(
        V, 3 * RANK, W=joined[0], H=joined[1], beta=0.0, n_iter=40, update_W=False, return_cost=True
    )
    expected = activations.reshape(H.shape)
    bound = tolerance("nmf", dtype) * (1 if dtype == np.float64 else 10)
    assert relative_error(H1, expected) < bound
    assert relative_error(S, pw.wiener(X, np.sqrt(W @ expected))) < bound
    np.testing.assert_allclose(np.diff(cost), np.diff(divergence), atol=bound * abs(divergence[0]))


def test_tighter_bound_gets_further(sources, powers):
    X, (W, H) = sources.sum(axis=0), powers
    _, slow = pw.complex_isnmf(X, W, H, update="em", n_iter=30, return_cost=True)
    _, fast = pw.complex_isnmf(X, W, H, n_iter=30, return_cost=True)
    assert (fast < slow).all()


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 3),
    weight=st.sampled_from([0.0, 0.3, 30.0]),
    kappa=st.floats(0, 60),
    update_W=st.booleans(),
    method=st.sampled_from(["mm", "em", "nmf"]),
)
@settings(max_examples=60, deadline=None)
def test_cost_never_increases(seed, count, weight, kappa, update_W, method):
    rng = np.random.default_rng(seed)
    X = pw.stft(rng.standard_normal(300), n_fft=32, hop_length=8)
    W, H = rng.gamma(0.5, 1, (count, 17, 2)) + 1e-3, rng.gamma(0.5, 1, (count, 2, X.shape[-1])) + 1e-3
    common = {"n_iter": 15, "update_W": update_W, "return_cost": True}
    if method == "nmf":
        S, cost = pw.complex_nmf(X, W, H, sigma=weight, **common)
    else:
        S, cost = pw.complex_isnmf(X, W, H, kappa=kappa, tau=weight, update=method, **common)
    assert (np.diff(cost) <= 1e-11 * abs(cost).max()).all()
    assert relative_error(S.sum(axis=0), X) < 1e-12


def test_phases_help(sources):
    """With spectra and activations near the truth, what the phases do shows."""
    X = sources.sum(axis=0)
    W, H = learned(sources, 2)
    plain = pw.complex_isnmf(X, W, H, kappa=0, tau=0, n_iter=10)
    aware = pw.complex_isnmf(X, W, H, kappa=2.0, tau=1.0, n_iter=10)
    assert score(aware, sources) > score(plain, sources)
    W, H = learned(sources, 1)
    free = pw.complex_nmf(X, W, H, sigma=0.0, n_iter=10)
    bound = pw.complex_nmf(X, W, H, sigma=0.1, n_iter=10)
    assert score(bound, sources) > score(free, sources)


def test_learned_spectra_fit_better(sources, magnitudes, powers):
    X = sources.sum(axis=0)
    for function, (W, H) in ((pw.complex_nmf, magnitudes), (pw.complex_isnmf, powers)):
        _, fixed = function(X, W, H, n_iter=20, return_cost=True)
        _, learning = function(X, W, H, n_iter=20, update_W=True, return_cost=True)
        assert learning[-1] < fixed[-1]


@pytest.mark.parametrize("dtype", DTYPES)
def test_precision_and_inputs_are_kept(sources, powers, magnitudes, dtype):
    X = sources.sum(axis=0).astype(np.result_type(dtype, np.complex64))
    for function, factors in ((pw.complex_isnmf, powers), (pw.complex_nmf, magnitudes)):
        W, H = (f.astype(dtype) for f in factors)
        copies = W.copy(), H.copy()
        S, W1, H1 = function(X, W, H, n_iter=5, update_W=True, return_factors=True)
        assert S.dtype == X.dtype
        assert W1.dtype == H1.dtype == dtype
        for array, copy in zip((W, H), copies, strict=True):
            np.testing.assert_array_equal(array, copy)
        double = function(sources.sum(axis=0), *factors, n_iter=5, update_W=True)
        assert relative_error(S, double) < tolerance("inversion", dtype)
        again = function(X, W1, H1, n_iter=0)
        assert again.shape == S.shape


@pytest.mark.parametrize("function", [pw.complex_isnmf, pw.complex_nmf])
def test_silence(sources, powers, function):
    X, (W, H) = sources.sum(axis=0), powers
    X[30], X[:, 7:9] = 0, 0
    W, H = W.copy(), H.copy()
    W[0, 10:20], W[:, 5], H[1, :, 3:9] = 0, 0, 0
    S, W1, H1, cost = function(X, W, H, n_iter=10, update_W=True, return_factors=True, return_cost=True)
    for array in (S, W1, H1, cost):
        assert np.isfinite(array).all()
    assert relative_error(S.sum(axis=0), X) < 1e-12
    assert (W1[0, 10:20] == 0).all()


@pytest.mark.parametrize("function", [pw.complex_isnmf, pw.complex_nmf])
def test_batch_threads_and_memory_order_do_not_matter(isa, rng, function):
    X = pw.stft(rng.standard_normal((2, 2, 9000)), n_fft=512, hop_length=128)
    W, H = rng.uniform(0.1, 1, (3, 257, 7)), rng.uniform(0.1, 1, (2, 1, 3, 7, X.shape[-1]))
    options = {"n_iter": 3, "update_W": True, "return_factors": True}
    expected = function(X, W, H, **options)
    for item in np.ndindex(2, 2):
        alone = function(X[item], W, H[item[0], 0], **options)
        for actual, array in zip(alone, expected, strict=True):
            np.testing.assert_array_equal(actual, array[item])
    before = pw.get_num_threads()
    try:
        for n in (1, 2, 3):
            pw.set_num_threads(n)
            again = function(*(np.asfortranarray(a) for a in (X, W, H)), **options)
            for actual, array in zip(again, expected, strict=True):
                np.testing.assert_array_equal(actual, array)
    finally:
        pw.set_num_threads(before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"W": np.ones((3, 32, 2))}, "W and H must have shapes"),
        ({"H": np.ones((3, 2, 9))}, "W and H must have shapes"),
        ({"H": np.ones((2, 2, 10))}, "W and H must have shapes"),
        ({"W": np.ones((4, 3, 33, 2))}, "W and H must have shapes"),
        ({"W": -np.ones((3, 33, 2))}, "W must be nonnegative"),
        ({"H": np.full((3, 2, 10), np.nan)}, "H must be finite"),
        ({"W": np.ones((33, 2))}, "W must have at least 3 axes"),
        ({"n_iter": -1}, "n_iter must be"),
        ({"init": "random"}, "init must be one of 'sinusoidal', 'mixture'"),
        ({"n_fft": 62}, r"X must have 1 \+ n_fft // 2"),
        ({"onsets": np.zeros(3)}, "onsets must be a boolean array"),
    ],
)
def test_errors(options, message):
    factors = [options.pop("W", np.ones((3, 33, 2))), options.pop("H", np.ones((3, 2, 10)))]
    for function in (pw.complex_isnmf, pw.complex_nmf):
        with pytest.raises(pw.ParameterError, match=message):
            function(np.ones((33, 10)), *factors, **options)


@pytest.mark.parametrize(
    ("function", "options", "message"),
    [
        (pw.complex_isnmf, {"kappa": -1}, "kappa must lie in"),
        (pw.complex_isnmf, {"tau": -1}, "tau must be"),
        (pw.complex_isnmf, {"update": "mu"}, "update must be one of 'mm', 'em'"),
        (pw.complex_nmf, {"sigma": -1}, "sigma must be"),
    ],
)
def test_own_errors(function, options, message):
    with pytest.raises(pw.ParameterError, match=message):
        function(np.ones((33, 10)), np.ones((3, 33, 2)), np.ones((3, 2, 10)), **options)
