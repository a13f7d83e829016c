"""PU-Iter: error never grows, starts order as published, frames are sequential."""

from __future__ import annotations

import numpy as np
import pytest

from phasewise.reference.sinusoidal import sinusoidal_phase
from phasewise.reference.transform import stft
from phasewise.reference.unwrapping import mixing_iterations, pu_iter
from tolerances import relative_error, tolerance

N_FFT, HOP = 512, 128
STARTS = (0, 0, 4000, 8000)


@pytest.fixture
def sources():
    """Harmonic sounds whose partials overlap, the last two enter later: (4, freq, frames)."""
    n = np.arange(12000)
    y = [
        sum(np.sin(2 * np.pi * f0 * h * n + (j + 1) * h**1.5) / h for h in range(1, 12)) * (n >= start)
        for j, (f0, start) in enumerate(zip((0.0081, 0.0102, 0.0121, 0.0143), STARTS, strict=True))
    ]
    return stft(np.array(y), N_FFT, HOP)


@pytest.fixture
def onsets(sources):
    marks = np.zeros((4, sources.shape[-1]), dtype=bool)
    for j in (2, 3):
        marks[j, STARTS[j] // HOP - 2 : STARTS[j] // HOP + 3] = True
    return marks


def score(S, sources):
    error = np.sum(abs(S - sources) ** 2, axis=(1, 2)) / np.sum(abs(sources) ** 2, axis=(1, 2))
    return float(np.mean(-10 * np.log10(error)))


def random_problem(rng, shape=(3, 17, 20)):
    X = rng.standard_normal(shape[1:]) + 1j * rng.standard_normal(shape[1:])
    V = rng.uniform(0, 1, shape)
    return X, V, V * np.exp(1j * rng.uniform(-np.pi, np.pi, shape))


@pytest.mark.parametrize("weights", ["equal", "magnitude", "wiener", "refreshed", 0.5])
def test_error_never_grows_in_any_bin(weights, rng):
    X, V, S = random_problem(rng)
    for k, t in [(0, 0), (5, 7), (16, 19)]:
        one = (slice(None), slice(k, k + 1), slice(t, t + 1))
        _, cost = mixing_iterations(X[one[1:]], V[one], S[one], 60, weights)
        assert (np.diff(cost) <= tolerance("monotone", np.float64) * cost[0]).all()
    S, cost = mixing_iterations(X, V, S, 60, weights)
    assert cost.shape == (60,)
    assert cost[-1] < cost[0]
    assert relative_error(abs(S), V) < 1e-14
    a = np.full((17, 1), 2.0)
    a[[0, -1]] = 1
    assert np.sum(a * abs(X - S.sum(axis=0)) ** 2) == pytest.approx(cost[-1])


def test_first_iteration_by_hand():
    X, V = np.array([[2.0j]]), np.array([3.0, 1.0]).reshape(2, 1, 1)
    S, cost = mixing_iterations(X, V, V, 1)  # both phases 0: error 2j - 4, gains 0.9 and 0.1
    Y = np.array([3 + 0.9 * (2j - 4), 1 + 0.1 * (2j - 4)])
    np.testing.assert_allclose(S.ravel(), [3, 1] * Y / abs(Y), rtol=1e-14)
    assert cost == pytest.approx(abs(2j - S.sum()) ** 2)


def test_mixture_phase_stays_collinear(rng):
    X, V, _ = random_problem(rng)
    start = V * X / abs(X)
    for weights in ("equal", "wiener"):  # some sources flip by pi, none leaves the line
        S, _ = mixing_iterations(X, V, start, 2, weights)
        assert abs((S * X.conj()).imag).max() < 1e-9
        assert relative_error(S, start) > 0.1
    S, _ = mixing_iterations(X, V, start, 2, "magnitude")
    assert relative_error(S, start) < 1e-12


def test_starts_order_as_published(sources, onsets, rng):
    X, V = sources.sum(axis=0), abs(sources)
    random_phase = rng.uniform(-np.pi, np.pi, V.shape)
    scores = {
        name: score(pu_iter(X, V, HOP, 50, onsets, sources, init=init)[0], sources)
        for name, init in {"mixture": "mixture", "random": random_phase, "sinusoidal": "sinusoidal"}.items()
    }
    assert scores["mixture"] < scores["random"] < scores["sinusoidal"] - 10
    without = score(pu_iter(X, V, HOP, 50, onset_phase=sources)[0], sources)
    assert without < scores["sinusoidal"] - 2


def test_error_never_grows_over_all_frames(sources):
    _, cost = pu_iter(sources.sum(axis=0), abs(sources), HOP, 20)
    assert cost.shape == (20,)
    assert (np.diff(cost) <= tolerance("monotone", np.float64) * cost[0]).all()


def test_no_iterations_is_the_sinusoidal_model(sources):
    sources = sources + 1e-6  # the phase of silence is not carried from frame to frame
    X, V = sources.sum(axis=0), abs(sources)
    S, cost = pu_iter(X, V, HOP, 0, onset_phase=sources)
    expected = V * np.exp(1j * sinusoidal_phase(V, HOP, onset_phase=sources))
    assert relative_error(S, expected) < 1e-9
    assert cost.shape == (0,)


def test_true_phase_everywhere_is_a_fixed_point(sources):
    X, V = sources.sum(axis=0), abs(sources)
    S, cost = pu_iter(X, V, HOP, 10, np.ones((4, V.shape[-1]), dtype=bool), sources)
    assert relative_error(S, sources) < 1e-10
    assert cost.max() < 1e-20


def test_the_future_does_not_matter(sources, rng):
    X, V = sources.sum(axis=0), abs(sources)
    S, _ = pu_iter(X, V, HOP, 10)
    X[:, 40:] *= 1j
    V[..., 40:] = rng.uniform(0, 1, V[..., 40:].shape)
    changed, _ = pu_iter(X, V, HOP, 10)
    np.testing.assert_array_equal(changed[..., :40], S[..., :40])
    assert relative_error(changed, S) > 0.1


def test_onsets_default_to_the_mixture_phase(sources, onsets):
    X, V = sources.sum(axis=0), abs(sources)
    S, _ = pu_iter(X, V, HOP, 0, onsets)
    t = int(np.flatnonzero(onsets[2])[-1])
    assert relative_error(S[2, :, t], V[2, :, t] * np.exp(1j * np.angle(X[:, t]))) < 1e-12
    assert relative_error(S[..., 0], V[..., 0] * np.exp(1j * np.angle(X[:, 0]))) < 1e-12


def test_batch_equals_loop(sources):
    batch = np.stack([sources, sources[::-1] * 0.5j])[..., :30]
    X, V = batch.sum(axis=1), abs(batch)
    S, cost = pu_iter(X, V, HOP, 5)
    for i in range(2):
        Si, ci = pu_iter(X[i], V[i], HOP, 5)
        np.testing.assert_array_equal(S[i], Si)
        np.testing.assert_allclose(cost[i], ci, rtol=1e-12)
