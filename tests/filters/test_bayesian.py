"""The Bayesian anisotropic model: its twin, its criterion, and what it does to phases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phase_problems import HOP, N_FFT, score, tones
from phasewise.reference import phase_models as twin
from tolerances import relative_error, tolerance

DTYPES = [np.float64, np.float32]


@pytest.fixture(scope="module")
def sources():
    return tones()


def start(X, V):
    """Return the twin's phasors and turns."""
    phasors = np.broadcast_to(np.exp(1j * np.angle(X)), V.shape)
    return phasors, twin.phase_turns(V, HOP, N_FFT)


@pytest.mark.parametrize("variance", ["fixed", "free"])
@pytest.mark.parametrize("kappa", [0.0, 0.5, 5.0, [0.5, 2.0, 40.0]], ids=str)
def test_equals_twin(isa, sources, kappa, variance):
    X, V = sources.sum(axis=0), abs(sources)
    S, cost = pw.bayesian_anisotropic_wiener(
        X, V, kappa=kappa, tau=0.7, n_iter=5, variance=variance, init="mixture", return_cost=True
    )
    theirs = twin.gaussian_phase_model(X, V**2, *start(X, V), kappa, 0.7, 5, free=variance == "free")
    assert relative_error(S, theirs[0]) < 1e-10
    np.testing.assert_allclose(cost, theirs[-1], rtol=1e-9)
    assert relative_error(S.sum(axis=0), X) < tolerance("sum", np.float64)


def test_onsets_break_the_chain(sources):
    X, V = sources.sum(axis=0), abs(sources)
    onsets = np.zeros((3, V.shape[-1]), dtype=bool)
    onsets[0, 9:12] = onsets[2, 20] = True
    phasors, turns = start(X, V)
    turns = turns * ~onsets[:, None]
    S = pw.bayesian_anisotropic_wiener(X, V, n_iter=4, onsets=onsets, init="mixture")
    assert relative_error(S, twin.gaussian_phase_model(X, V**2, phasors, turns, 5.0, 0.5, 4)[0]) < 1e-10
    assert relative_error(S, pw.bayesian_anisotropic_wiener(X, V, n_iter=4, init="mixture")) > 1e-3


def test_no_concentration_is_wiener(isa, sources):
    X, V = sources.sum(axis=0), abs(sources)
    S = pw.bayesian_anisotropic_wiener(X, V, kappa=0, n_iter=3)
    assert relative_error(S, pw.wiener(X, V)) < 1e-12


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 4),
    kappa=st.floats(0, 100),
    tau=st.sampled_from([0.0, 0.5, 20.0]),
    variance=st.sampled_from(["fixed", "free"]),
)
@settings(max_examples=40, deadline=None)
def test_cost_never_increases(seed, count, kappa, tau, variance):
    rng = np.random.default_rng(seed)
    S = pw.stft(rng.standard_normal((count, 300)), n_fft=32, hop_length=8)
    V = abs(S) * rng.uniform(0.1, 2, S.shape) ** 3
    estimate, cost = pw.bayesian_anisotropic_wiener(
        S.sum(axis=0), V, kappa=kappa, tau=tau, n_iter=15, variance=variance, return_cost=True
    )
    assert (np.diff(cost) <= 1e-11 * abs(cost).max()).all()
    assert relative_error(estimate.sum(axis=0), S.sum(axis=0)) < 1e-12


def test_learns_phases(sources):
    X, V = sources.sum(axis=0), abs(sources)
    plain = score(pw.wiener(X, V), sources)
    mixture = pw.bayesian_anisotropic_wiener(X, V, n_iter=50, init="mixture")
    assert score(mixture, sources) > plain + 0.5
    start = pw.anisotropic_wiener(X, V)
    S = pw.bayesian_anisotropic_wiener(X, V, n_iter=50)
    assert score(S, sources) > max(score(mixture, sources), score(start, sources)) + 0.5
    np.testing.assert_array_equal(pw.bayesian_anisotropic_wiener(X, V, n_iter=50, init=start), S)
    near = pw.bayesian_anisotropic_wiener(X, V, n_iter=5, init=sources)
    assert score(near, sources) > plain + 3
    angles = pw.bayesian_anisotropic_wiener(X, V, n_iter=5, init=np.angle(sources))
    assert relative_error(angles, near) < 1e-9


@pytest.mark.parametrize("dtype", DTYPES)
def test_scale_phase_and_order_are_kept(sources, dtype):
    V = abs(sources).astype(dtype)
    X = sources.sum(axis=0).astype(np.result_type(dtype, np.complex64))
    options = {"n_iter": 4, "kappa": [0.5, 2.0, 5.0]}
    S = pw.bayesian_anisotropic_wiener(X, V, **options)
    assert S.dtype == X.dtype
    bound = tolerance("mixing", dtype)
    gain = dtype(2.0**10)
    assert relative_error(pw.bayesian_anisotropic_wiener(X * gain, V * gain, **options), S * gain) < bound
    turn = X.dtype.type(np.exp(0.7j))
    assert relative_error(pw.bayesian_anisotropic_wiener(X * turn, V, **options), S * turn) < bound
    order = [2, 0, 1]
    again = pw.bayesian_anisotropic_wiener(X, V[order], n_iter=4, kappa=[5.0, 0.5, 2.0])
    assert relative_error(again, S[order]) < bound


def test_silence(sources):
    V = abs(sources)
    V[0, 10:20] = 0
    V[:, 5, 7] = 0
    X = sources.sum(axis=0)
    X[30] = 0
    for variance in ("fixed", "free"):
        S, cost = pw.bayesian_anisotropic_wiener(X, V, n_iter=5, variance=variance, return_cost=True)
        assert np.isfinite(S).all()
        assert np.isfinite(cost).all()
        assert relative_error(S.sum(axis=0), X) < 1e-12
    silent = pw.bayesian_anisotropic_wiener(0 * X, V, n_iter=5)
    assert (silent.sum(axis=0) == 0).all() or abs(silent.sum(axis=0)).max() < 1e-12 * V.max()


def test_batch_threads_and_memory_order_do_not_matter(isa, rng):
    S = pw.stft(rng.standard_normal((2, 2, 3, 2000)), n_fft=512, hop_length=128)
    X, V = S.sum(axis=-3), abs(S) * rng.uniform(0.5, 2, S.shape)
    expected, cost = pw.bayesian_anisotropic_wiener(X, V, n_iter=3, return_cost=True)
    for item in np.ndindex(2, 2):
        alone, its_cost = pw.bayesian_anisotropic_wiener(X[item], V[item], n_iter=3, return_cost=True)
        np.testing.assert_array_equal(alone, expected[item])
        np.testing.assert_array_equal(its_cost, cost[item])
    before = pw.get_num_threads()
    try:
        for n in (1, 2, 3):
            pw.set_num_threads(n)
            again = pw.bayesian_anisotropic_wiener(np.asfortranarray(X), np.asfortranarray(V), n_iter=3)
            np.testing.assert_array_equal(again, expected)
    finally:
        pw.set_num_threads(before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kappa": -1}, "kappa must lie in"),
        ({"kappa": [1, 2]}, "kappa must be a number or one number"),
        ({"tau": -1}, "tau must be"),
        ({"n_iter": -1}, "n_iter must be"),
        ({"variance": "given"}, "variance must be one of 'fixed', 'free'"),
        ({"init": "random"}, "init must be one of 'sinusoidal', 'mixture'"),
        ({"init": np.ones(5)}, "init must be a name, or phases"),
        ({"init": np.full((3, 33, 10), np.nan)}, "init must be finite"),
        ({"hop_length": 0}, "hop_length must be"),
        ({"n_fft": 62}, r"X must have 1 \+ n_fft // 2"),
        ({"onsets": np.zeros(3)}, "onsets must be a boolean array"),
        ({"V": np.ones((3, 33, 9))}, "V must have the shape of X"),
    ],
)
def test_errors(options, message):
    arrays = [options.pop("X", np.ones((33, 10))), options.pop("V", np.ones((3, 33, 10)))]
    with pytest.raises(pw.ParameterError, match=message):
        pw.bayesian_anisotropic_wiener(*arrays, **options)
