"""The inversion twins: monotone costs, exact sums, librosa's Griffin-Lim, and the definitions themselves."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

from phasewise.reference.filters import wiener
from phasewise.reference.inversion import DEFAULT_WEIGHTS, griffinlim, spectrogram_inversion
from phasewise.reference.projections import magnitude_projection, mixing_projection, mixing_weights
from phasewise.reference.transform import istft, project_consistent, stft
from tolerances import relative_error, tolerance

LENGTH = 2000
STFT = {"n_fft": 128, "hop_length": 32}
TRANSFORM = {**STFT, "length": LENGTH}
MONOTONE = ["MISI", "Mix+Incons", "Mix+Incons_hardMag", "Mag+Incons_hardMix"]
ITERATIVE = [*MONOTONE, "RRR", "RAAR"]


@pytest.fixture
def sources(rng):
    """Spectrograms (3, freq, frames) of sources that overlap: gliding tone, decaying tones, noise."""
    n = np.arange(LENGTH)
    y = [
        np.sin(2 * np.pi * (0.05 * n + 1e-5 * n**2)),
        np.exp(-(n % 500) / 150) * np.sin(2 * np.pi * 0.11 * n),
        0.3 * rng.standard_normal(LENGTH),
    ]
    return stft(np.array(y), **STFT)


@pytest.fixture
def problem(sources, rng):
    """A mixture and magnitudes that are not quite right."""
    return sources.sum(axis=0), abs(sources) * rng.uniform(0.6, 1.4, sources.shape)


def score(S, sources):
    """Mean signal-to-error ratio in dB."""
    error = np.sum(abs(S - sources) ** 2, axis=(1, 2)) / np.sum(abs(sources) ** 2, axis=(1, 2))
    return float(np.mean(-10 * np.log10(error)))


def test_projections_land_on_their_sets(problem, rng):
    X, V = problem
    S = rng.standard_normal(V.shape) + 1j * rng.standard_normal(V.shape)
    S[0, 0, 0] = 0
    projected = magnitude_projection(S, V)
    assert relative_error(abs(projected), V) < 1e-14
    assert projected[0, 0, 0] == V[0, 0, 0]
    assert relative_error(np.angle(projected)[1:], np.angle(S)[1:]) < 1e-13
    for kind in ("equal", "magnitude", "wiener", 0.5, [1.0, 2.0, 3.0]):
        weights = mixing_weights(V, kind)
        assert relative_error(weights.sum(axis=0), np.ones(X.shape)) < 1e-14
        assert relative_error(mixing_projection(S, X, weights).sum(axis=0), X) < 1e-13


def test_mixing_weights_are_the_named_powers():
    V = np.array([3.0, 1.0, 0.0]).reshape(3, 1, 1)
    for kind, expected in {
        "equal": [1 / 3, 1 / 3, 1 / 3],
        "magnitude": [3 / 4, 1 / 4, 0],
        "wiener": [9 / 10, 1 / 10, 0],
        "refreshed": [3 / 4, 1 / 4, 0],
        3.0: [27 / 28, 1 / 28, 0],
    }.items():
        np.testing.assert_allclose(mixing_weights(V, kind).ravel(), expected, rtol=1e-15)
    np.testing.assert_allclose(mixing_weights(V, [2.0, 1.0, 1.0]).ravel(), [0.5, 0.25, 0.25])
    np.testing.assert_array_equal(mixing_weights(0 * V, "wiener").ravel(), [1 / 3] * 3)
    np.testing.assert_allclose(mixing_weights(V * 1e-200, "wiener").ravel(), [0.9, 0.1, 0])


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("length", [None, LENGTH])
def test_griffinlim_matches_librosa(sources, momentum, length):
    V = abs(sources[:2])
    ours, _ = griffinlim(V, 6, **STFT, momentum=momentum, length=length)
    theirs = librosa.griffinlim(
        V, n_iter=6, **STFT, momentum=momentum, length=length, init=None, pad_mode="constant"
    )
    assert relative_error(ours, theirs) < 6 * tolerance("griffinlim_iteration", np.float64)


def test_griffinlim_cost(sources, rng):
    V = abs(sources)
    phase = rng.uniform(-np.pi, np.pi, V.shape)
    y, cost = griffinlim(V, 30, **TRANSFORM, momentum=0, init=phase)
    assert cost.shape == (3, 30)
    assert (np.diff(cost) <= tolerance("monotone", np.float64) * cost[:, :1]).all()
    a = np.full((65, 1), 2.0)
    a[[0, -1]] = 1
    assert np.sum(a * (abs(stft(y, **STFT)) - V) ** 2, axis=(1, 2)) == pytest.approx(cost[:, -1])
    _, fast = griffinlim(V, 30, **TRANSFORM, init=phase)
    assert (fast[:, -1] < cost[:, -1]).all()
    y, cost = griffinlim(V, 0, **TRANSFORM, init=phase)
    assert relative_error(y, istft(V * np.exp(1j * phase), **STFT, length=LENGTH)) < 1e-14
    assert cost.shape == (3, 0)


# MISI and Mag+Incons_hardMix need the orthogonal mixing projection, the others take any weights.
@pytest.mark.parametrize(
    ("algo", "weights"),
    [("MISI", None), ("Mag+Incons_hardMix", None)]
    + [
        (algo, weights)
        for algo in ("Mix+Incons", "Mix+Incons_hardMag")
        for weights in (None, "equal", "wiener", "refreshed", [1.0, 2.0, 3.0])
    ],
)
@pytest.mark.parametrize("sigma", [0.1, 10.0])
def test_costs_never_increase(problem, algo, weights, sigma):
    _, cost = spectrogram_inversion(
        *problem, algo, 40, consistency_weight=sigma, weights=weights, **TRANSFORM
    )
    assert cost.shape == (40,)
    assert (np.diff(cost) <= tolerance("monotone", np.float64) * cost[0]).all()
    assert cost[-1] < 0.9 * cost[0]


def test_misi_is_monotone_with_magnitudes_last(problem):
    S, cost = spectrogram_inversion(*problem, "MISI", 40, last="mag", **TRANSFORM)
    assert relative_error(abs(S), problem[1]) < 1e-14
    assert (np.diff(cost) <= tolerance("monotone", np.float64) * cost[0]).all()


@pytest.mark.parametrize("algo", ["MISI", "Incons_hardMix", "Mag+Incons_hardMix", "RRR", "RAAR"])
@pytest.mark.parametrize("weights", ["equal", 0.5, "refreshed", [1.0, 2.0, 3.0]])
def test_sum_is_the_mixture(problem, algo, weights):
    S, _ = spectrogram_inversion(*problem, algo, 5, weights=weights, **TRANSFORM)
    assert relative_error(S.sum(axis=0), problem[0]) < tolerance("sum", np.float64)


@pytest.mark.parametrize("algo", ITERATIVE)
def test_the_true_sources_are_a_fixed_point(sources, algo):
    S, cost = spectrogram_inversion(sources.sum(axis=0), abs(sources), algo, 3, init=sources, **TRANSFORM)
    assert relative_error(S, sources) < 1e-12
    assert cost[-1] < 1e-20


def test_known_magnitudes_order_the_algorithms(sources):
    X, V = sources.sum(axis=0), abs(sources)
    scores = {
        algo: score(spectrogram_inversion(X, V, algo, 15, **TRANSFORM)[0], sources)
        for algo in ("AM", "MISI", "RRR", "RAAR")
    }
    assert scores["AM"] < score(wiener(X, V), sources) < scores["MISI"] < scores["RAAR"]
    assert scores["MISI"] < scores["RRR"]


def test_hard_constraints_hold(problem):
    X, V = problem
    assert relative_error(abs(spectrogram_inversion(X, V, "AM")[0]), V) < 1e-14
    hard_mag, _ = spectrogram_inversion(X, V, "Mix+Incons_hardMag", 5, **TRANSFORM)
    assert relative_error(abs(hard_mag), V) < 1e-14
    hard_mix, cost = spectrogram_inversion(X, V, "Incons_hardMix", 7, **TRANSFORM)
    assert cost == pytest.approx(
        0, abs=1e-20
    )  # consistent sources and a consistent mixture: one step is enough
    assert relative_error(project_consistent(hard_mix, **TRANSFORM), hard_mix) < 1e-12


def test_costs_belong_to_the_returned_estimate(problem):
    X, V = problem
    a = np.full((65, 1), 2.0)
    a[[0, -1]] = 1
    S, cost = spectrogram_inversion(X, V, "MISI", 4, **TRANSFORM)
    assert np.sum(a * (abs(project_consistent(S, **TRANSFORM)) - V) ** 2) == pytest.approx(cost[-1])
    for algo in ("RRR", "RAAR"):
        S, cost = spectrogram_inversion(X, V, algo, 4, **TRANSFORM)
        assert np.sum(a * (abs(S) - V) ** 2) == pytest.approx(cost[-1])


def test_relaxed_reflections_reduce_to_known_forms(problem):
    """With b = 1 both are Douglas-Rachford, the average of identity and both reflections."""
    rrr, _ = spectrogram_inversion(*problem, "RRR", 5, relaxation=1.0, weights="equal", **TRANSFORM)
    raar, _ = spectrogram_inversion(*problem, "RAAR", 5, relaxation=1.0, weights="equal", **TRANSFORM)
    assert relative_error(rrr, raar) < 1e-12


@pytest.mark.parametrize("algo", list(DEFAULT_WEIGHTS))
def test_batch_equals_loop(sources, algo, rng):
    V = abs(sources) * rng.uniform(0.6, 1.4, (2, *sources.shape))
    X = np.stack([sources.sum(axis=0), sources[:2].sum(axis=0)])
    S, cost = spectrogram_inversion(X, V, algo, 3, **TRANSFORM)
    for i in range(2):
        Si, ci = spectrogram_inversion(X[i], V[i], algo, 3, **TRANSFORM)
        np.testing.assert_array_equal(S[i], Si)
        np.testing.assert_allclose(cost[i], ci, rtol=1e-12)


@pytest.mark.parametrize("algo", list(DEFAULT_WEIGHTS))
def test_silence_stays_silence(algo):
    S, cost = spectrogram_inversion(np.zeros((65, 63)), np.zeros((3, 65, 63)), algo, 3, **TRANSFORM)
    assert not S.any()
    assert not cost.any()


def test_init_forms(problem, rng):
    X, V = problem
    phase = rng.uniform(-np.pi, np.pi, V.shape)
    by_phase, _ = spectrogram_inversion(X, V, n_iter=2, init=phase, **TRANSFORM)
    by_start, _ = spectrogram_inversion(X, V, n_iter=2, init=V * np.exp(1j * phase), **TRANSFORM)
    by_mixture, _ = spectrogram_inversion(X, V, n_iter=2, **TRANSFORM)
    np.testing.assert_array_equal(by_phase, by_start)
    assert relative_error(by_mixture, by_phase) > 0.1


@pytest.mark.parametrize("power", [1.0, 2.0, 0.5])
def test_wiener(problem, power):
    X, V = problem
    V[:, 3, 4] = 0
    S = wiener(X, V, power)
    assert relative_error(S.sum(axis=0), X) < tolerance("sum", np.float64)
    np.testing.assert_allclose(S[:, 3, 4], X[3, 4] / 3)
    np.testing.assert_allclose(S[0, 10, 10], X[10, 10] * V[0, 10, 10] ** power / sum(V[:, 10, 10] ** power))
