"""The inversion family against its twin and against what theory says of its costs and constraints."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise as pw
from phasewise.phase.registry import ALGORITHMS
from phasewise.phase.weights import mixing_shares
from phasewise.reference import inversion as twin
from phasewise.reference.projections import mixing_weights
from tolerances import relative_error, tolerance

N_FFT, HOP, LENGTH = 256, 64, 64 * 30
OPTIONS = {"n_fft": N_FFT, "hop_length": HOP, "length": LENGTH}
DTYPES = [np.float64, np.float32]


@pytest.fixture(scope="module")
def problem():
    """Return (mixture, magnitudes): three overlapping sources, estimated magnitudes with exact zeros."""
    rng = np.random.default_rng(0)
    t = np.arange(LENGTH)
    sources = rng.standard_normal((3, LENGTH))
    sources[1] += 3 * np.sin(0.05 * t + 1e-5 * t**2)
    sources[2, :500] = 0
    S = pw.stft(sources, n_fft=N_FFT, hop_length=HOP)
    V = np.abs(S) * rng.uniform(0.7, 1.3, S.shape)
    V[:, 3:6, 4] = 0
    return S.sum(axis=0), V


def solve(problem, algo, dtype=np.float64, **options):
    X, V = problem
    return pw.spectrogram_inversion(
        X.astype(np.result_type(dtype, np.complex64)),
        V.astype(dtype),
        algo,
        return_cost=True,
        **OPTIONS,
        **options,
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weights", [None, "equal", "magnitude", "wiener", 0.7])
@pytest.mark.parametrize("algo", sorted(ALGORITHMS))
def test_equals_twin(isa, problem, algo, weights, dtype):
    S, cost = solve(problem, algo, dtype, n_iter=4, consistency_weight=3.0, mixing_weights=weights)
    expected, expected_cost = twin.spectrogram_inversion(
        *problem, algo, n_iter=4, consistency_weight=3.0, weights=weights, **OPTIONS
    )
    assert S.dtype == np.result_type(dtype, np.complex64)
    assert relative_error(S, expected) < tolerance("inversion", dtype)
    scale = np.sum(problem[1] ** 2)  # costs that reach zero are rounding noise
    assert np.abs(cost - expected_cost).max() < tolerance("inversion", dtype) * scale


@pytest.mark.parametrize(
    "algo", ["MISI", "Mix+Incons", "Mix+Incons_hardMag", "Mag+Incons_hardMix", "RRR", "RAAR"]
)
def test_refreshed_weights_equal_twin(isa, problem, algo):
    S, cost = solve(problem, algo, n_iter=4, mixing_weights="refreshed")
    expected, expected_cost = twin.spectrogram_inversion(
        *problem, algo, n_iter=4, weights="refreshed", **OPTIONS
    )
    assert relative_error(S, expected) < tolerance("inversion", np.float64)
    np.testing.assert_allclose(cost, expected_cost, rtol=1e-6)


@pytest.mark.parametrize("n_fft", [250, 254, 255])
def test_other_sizes_equal_twin(n_fft):
    rng = np.random.default_rng(1)
    sources = rng.standard_normal((2, 1500))
    options = {"n_fft": n_fft, "hop_length": 50, "length": 1500}
    S = pw.stft(sources, n_fft=n_fft, hop_length=50)
    for algo in ("MISI", "RAAR"):
        ours = pw.spectrogram_inversion(S.sum(axis=0), np.abs(S), algo, n_iter=3, **options)
        theirs, _ = twin.spectrogram_inversion(S.sum(axis=0), np.abs(S), algo, n_iter=3, **options)
        assert relative_error(ours, theirs) < tolerance("inversion", np.float64)


@pytest.mark.parametrize("weights", [None, "equal", "magnitude", 0.5])
@pytest.mark.parametrize("algo", [name for name, a in ALGORITHMS.items() if a.monotone and a.iterative])
def test_costs_never_increase(problem, algo, weights):
    for sigma in (0.1, 10.0):
        _, cost = solve(problem, algo, n_iter=25, consistency_weight=sigma, mixing_weights=weights)
        assert np.diff(cost).max() <= tolerance("monotone", np.float64) * cost[0]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("algo", sorted(ALGORITHMS))
def test_promised_constraints_hold(problem, algo, dtype):
    X, V = problem
    S, _ = solve(problem, algo, dtype, n_iter=3)
    if ALGORITHMS[algo].exact_mixture:
        assert relative_error(S.sum(axis=0), X) < 10 * tolerance("sum", dtype)
    if ALGORITHMS[algo].exact_magnitude:
        assert relative_error(np.abs(S), V) < 10 * tolerance("sum", dtype)


def test_misi_order(problem):
    X, V = problem
    S, cost = pw.misi(X, V, n_iter=4, last="mag", return_cost=True, **OPTIONS)
    expected, expected_cost = twin.spectrogram_inversion(X, V, "MISI", n_iter=4, last="mag", **OPTIONS)
    assert relative_error(S, expected) < tolerance("inversion", np.float64)
    np.testing.assert_allclose(cost, expected_cost, rtol=1e-9)
    assert relative_error(np.abs(S), V) < 1e-13
    same = pw.spectrogram_inversion(X, V, "MISI", n_iter=4, **OPTIONS)
    assert np.array_equal(pw.misi(X, V, n_iter=4, **OPTIONS), same)
    with pytest.raises(pw.ParameterError, match="last must be one of 'mix', 'mag'"):
        pw.misi(X, V, last="both", **OPTIONS)


def test_known_sources_are_a_fixed_point(problem):
    sources = np.random.default_rng(3).standard_normal((2, LENGTH))
    S = pw.stft(sources, n_fft=N_FFT, hop_length=HOP)
    for algo in ("MISI", "Mix+Incons", "Mix+Incons_hardMag", "Mag+Incons_hardMix", "RRR", "RAAR"):
        result = pw.spectrogram_inversion(S.sum(axis=0), np.abs(S), algo, n_iter=5, init=S, **OPTIONS)
        assert relative_error(result, S) < 1e-9, algo


def test_threads_and_batches_do_not_change_a_bit(threads, problem):
    X, V = (
        np.stack([a, a[..., ::-1]]).astype(t)
        for a, t in zip(problem, (np.complex64, np.float32), strict=True)
    )
    for algo in ("MISI", "RAAR", "Mix+Incons"):
        both, cost = pw.spectrogram_inversion(X, V, algo, n_iter=3, return_cost=True, **OPTIONS)
        pw.set_num_threads(1)
        for b in range(2):
            one, one_cost = pw.spectrogram_inversion(X[b], V[b], algo, n_iter=3, return_cost=True, **OPTIONS)
            assert np.array_equal(one, both[b])
            assert np.array_equal(one_cost, cost[b])
        pw.set_num_threads(threads)


def test_iterations_can_be_resumed(problem):
    X, V = problem
    ten = pw.misi(X, V, n_iter=10, **OPTIONS)
    halfway = pw.misi(X, V, n_iter=5, **OPTIONS)
    kept = halfway.copy()
    assert relative_error(pw.misi(X, V, n_iter=5, init=halfway, **OPTIONS), ten) < 1e-10
    assert np.array_equal(halfway, kept), "a start that the caller owns must not change"


@pytest.mark.parametrize("algo", [name for name, a in ALGORITHMS.items() if a.iterative and name != "auto"])
def test_state_continues_every_algorithm(problem, algo):
    X, V = problem
    ten, cost = solve(problem, algo, n_iter=10)
    _, state = pw.spectrogram_inversion(X, V, algo, n_iter=4, return_state=True, **OPTIONS)
    rest, rest_cost = solve(problem, algo, n_iter=6, init=state)
    assert relative_error(rest, ten) < 1e-9
    np.testing.assert_allclose(rest_cost, cost[4:], rtol=1e-6)


@pytest.mark.parametrize("options", [{"algo": "auto"}, {"algo": "MISI", "mixing_weights": "refreshed"}])
def test_states_that_would_not_continue_are_refused(problem, options):
    with pytest.raises(pw.ParameterError, match="return_state is not for"):
        pw.spectrogram_inversion(*problem, return_state=True, **options, **OPTIONS)


def test_nearest_in_divergence_is_a_minimum(problem):
    X, V = problem
    S, cost = solve(problem, "Mag(KL)_hardMix")
    assert np.array_equal(S, pw.wiener(X, V, power=1.0))
    a = np.r_[1, np.full(N_FFT // 2 - 1, 2), 1][:, None]

    def divergence(Y):
        sounds = V > 0
        return np.sum(
            (a * (Y * np.log(np.where(sounds, Y / np.where(sounds, V, 1), 1)) - Y + V))[..., sounds]
        )

    # Other moduli that add up in phase with the mixture are further away.
    Y, rng = np.abs(S), np.random.default_rng(0)
    for step in (1e-3, 0.1):
        move = step * Y * rng.uniform(-1, 1, Y.shape)
        move -= Y / np.maximum(Y.sum(axis=0), 1e-300) * move.sum(axis=0)
        assert divergence(Y + move) > cost[0]


@pytest.mark.parametrize("algo", ["MISI", "RAAR", "auto"])
def test_every_item_stops_when_its_cost_does_not_fall(problem, algo):
    X, V = (np.stack([a, 3 * a, a[..., ::-1]]) for a in problem)
    V[1] *= np.random.default_rng(1).uniform(0.3, 3, V[1].shape)
    options = {"n_iter": 45, "tol": 0.02, "return_cost": True, **OPTIONS}
    S, cost = pw.spectrogram_inversion(X, V, algo, **options)
    runs = np.isfinite(cost).sum(axis=-1)
    assert (runs < 45).any()
    assert (runs >= 10).all()
    for b in range(3):
        one, one_cost = pw.spectrogram_inversion(X[b], V[b], algo, **options)
        assert np.array_equal(one, S[b])
        np.testing.assert_array_equal(one_cost, cost[b])
        plain, plain_cost = pw.spectrogram_inversion(
            X[b], V[b], algo, n_iter=int(runs[b]), return_cost=True, **OPTIONS
        )
        assert relative_error(one, plain) < 1e-9
        np.testing.assert_allclose(one_cost[: runs[b]], plain_cost, rtol=1e-6)
    with pytest.raises(pw.ParameterError, match="tol needs weights that stay"):
        pw.spectrogram_inversion(X, V, algo, tol=0.1, mixing_weights="refreshed", **OPTIONS)


def test_starts(problem):
    X, V = problem
    am = pw.spectrogram_inversion(X, V, "AM", **OPTIONS)
    assert relative_error(am, V * np.exp(1j * np.angle(X))) < 1e-13
    assert np.array_equal(pw.misi(X, V, n_iter=0, **OPTIONS), am)
    phase = np.random.default_rng(5).uniform(-3, 3, V.shape)
    by_phase = pw.misi(X, V, n_iter=0, init=phase, **OPTIONS)
    assert relative_error(by_phase, V * np.exp(1j * phase)) < 1e-13
    random = [
        pw.misi(X, V, n_iter=0, init="random", rng=rng, **OPTIONS)
        for rng in (7, 7, np.random.default_rng(7), 8)
    ]
    assert np.array_equal(random[0], random[1])
    assert np.array_equal(random[0], random[2])
    assert not np.array_equal(random[0], random[3])
    wiener = pw.misi(X, V, n_iter=0, init="wiener", **OPTIONS)
    assert relative_error(wiener.sum(axis=0), X) < 1e-12
    sinusoidal = pw.misi(X, V, n_iter=0, init="sinusoidal", **OPTIONS)
    assert relative_error(np.abs(sinusoidal), V) < 1e-12


def test_more_iterations_recover_known_sources():
    rng = np.random.default_rng(11)
    t = np.arange(LENGTH)
    sources = np.stack(
        [np.sin(0.3 * t) + np.sin(0.305 * t), np.sin(0.31 * t + 1), 0.3 * rng.standard_normal(LENGTH)]
    )
    S = pw.stft(sources, n_fft=N_FFT, hop_length=HOP)

    def quality(algo, n_iter):
        result = pw.spectrogram_inversion(S.sum(axis=0), np.abs(S), algo, n_iter=n_iter, **OPTIONS)
        estimate = pw.istft(result, hop_length=HOP, length=LENGTH)
        return np.mean([pw.metrics.si_sdr(s, e) for s, e in zip(sources, estimate, strict=True)])

    assert quality("AM", 0) < quality("MISI", 15) < quality("MISI", 60)
    assert quality("MISI", 30) < quality("RAAR", 30)
    assert quality("MISI", 30) < quality("RRR", 30)


def test_mixing_weights():
    V = np.random.default_rng(0).uniform(0, 1, (2, 3, 5, 4))
    V[..., 2, 1] = 0
    assert mixing_shares(V, "equal") is None
    for kind in ("magnitude", "wiener", 0.3, [1.0, 2.0, 0.0], V + 1):
        shares = mixing_shares(V, kind)
        np.testing.assert_allclose(shares.sum(axis=-3), 1, atol=1e-14)
        np.testing.assert_allclose(shares, mixing_weights(V, kind), atol=1e-14)
    with pytest.raises(pw.ParameterError, match="mixing_weights must be one of 'equal'"):
        mixing_shares(V, "fair")
    with pytest.raises(pw.ParameterError, match="finite and nonnegative"):
        mixing_shares(V, [1.0, -2.0, 0.0])
    with pytest.raises(pw.ParameterError, match="must broadcast"):
        mixing_shares(V, [1.0, 2.0])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"algo": "magic"}, "algo must be one of 'AM', 'MISI'.*got 'magic'"),
        ({"n_iter": -1}, "n_iter must be an integer >= 0, got -1"),
        ({"consistency_weight": -1.0}, "consistency_weight must be a finite number"),
        ({"relaxation": 0.5}, "relaxation belongs to 'RRR', 'RAAR' and 'auto', not to 'MISI'"),
        ({"algo": "RRR", "relaxation": 2.5}, "relaxation must be a finite number in"),
        ({"init": "luck"}, "init must be one of 'mixture'"),
        ({"init": np.zeros((2, 5, 5))}, "init must be a complex array"),
        ({"length": 64 * 25}, "length=1600 makes 26 frames .* but there are 31"),
        ({"n_fft": 300}, r"mixture must have 1 \+ n_fft // 2 = 151 bins"),
        ({"hop_length": 400}, "without energy|makes"),
    ],
)
def test_bad_arguments_are_explained(problem, change, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.spectrogram_inversion(*problem, **{**OPTIONS, **change})


def test_bad_arrays_are_explained(problem):
    X, V = problem
    with pytest.raises(pw.ParameterError, match="magnitudes must be nonnegative"):
        pw.misi(X, -V, **OPTIONS)
    with pytest.raises(pw.ParameterError, match="magnitudes must be finite"):
        pw.misi(X, np.where(V > 1, np.nan, V), **OPTIONS)
    with pytest.raises(pw.ParameterError, match="magnitudes must have the shape"):
        pw.misi(X, V[:, :, :-1], **OPTIONS)
    with pytest.raises(pw.ParameterError, match="at least 3 axes"):
        pw.misi(X, V[0], **OPTIONS)
