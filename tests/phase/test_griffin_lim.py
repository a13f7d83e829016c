"""Griffin-Lim against librosa and its twin, and its cost."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

import phasewise as pw
from phasewise.phase.registry import SINGLE_SOURCE
from phasewise.reference import inversion as twin
from tolerances import relative_error, tolerance

N_FFT, HOP, LENGTH = 256, 64, 64 * 40
OPTIONS = {"hop_length": HOP, "length": LENGTH}


@pytest.fixture(scope="module")
def magnitudes():
    t = np.arange(LENGTH)
    y = np.sin(0.2 * t + 3e-5 * t**2) + 0.1 * np.random.default_rng(0).standard_normal(LENGTH)
    return pw.STFT(N_FFT, HOP).magnitude(y)


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.99])
def test_equals_librosa_by_seed(magnitudes, momentum):
    options = {"n_iter": 5, "random_state": 3, **OPTIONS}
    theirs = librosa.griffinlim(magnitudes, momentum=momentum, **options)
    ours = pw.griffinlim(magnitudes, momentum=momentum, **options)
    assert relative_error(ours, theirs) < tolerance("griffinlim_iteration", np.float64)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("momentum", [0.0, 0.99])
def test_equals_twin(isa, magnitudes, momentum, dtype):
    phase = np.random.default_rng(4).uniform(-3, 3, magnitudes.shape)
    expected, expected_cost = twin.griffinlim(magnitudes, n_iter=4, momentum=momentum, init=phase, **OPTIONS)
    ours, cost = pw.griffinlim(
        magnitudes.astype(dtype), n_iter=4, momentum=momentum, init=phase, return_cost=True, **OPTIONS
    )
    assert ours.dtype == dtype
    assert relative_error(ours, expected) < 10 * tolerance("griffinlim_iteration", dtype)
    np.testing.assert_allclose(cost, expected_cost, rtol=1e-3 if dtype == np.float32 else 1e-9)


def test_plain_cost_never_increases(magnitudes):
    _, cost = pw.griffinlim(magnitudes, algorithm="gla", n_iter=50, rng=0, return_cost=True, **OPTIONS)
    assert np.diff(cost).max() <= tolerance("monotone", np.float64) * cost[0]


@pytest.mark.parametrize("algorithm", sorted(SINGLE_SOURCE))
def test_cost_belongs_to_the_signal(magnitudes, algorithm):
    y, cost = pw.griffinlim(magnitudes, algorithm=algorithm, n_iter=10, rng=0, return_cost=True, **OPTIONS)
    a = np.r_[1.0, np.full(N_FFT // 2 - 1, 2.0), 1.0][:, None]
    error = np.sum(a * (pw.STFT(N_FFT, HOP).magnitude(y) - magnitudes) ** 2)
    np.testing.assert_allclose(cost[-1], error, rtol=1e-9)


@pytest.mark.parametrize("algorithm", ["fgla", "admm", "rrr", "raar"])
def test_accelerations_beat_the_plain_algorithm(magnitudes, algorithm):
    def error(name):
        return pw.griffinlim(magnitudes, algorithm=name, n_iter=100, rng=1, return_cost=True, **OPTIONS)[1][
            -1
        ]

    assert error(algorithm) < error("gla")


def test_true_phase_is_a_fixed_point():
    y = np.random.default_rng(2).standard_normal(LENGTH)
    S = pw.stft(y, n_fft=N_FFT, hop_length=HOP)
    for algorithm in SINGLE_SOURCE:
        assert (
            relative_error(pw.griffinlim(S, init=None, algorithm=algorithm, n_iter=5, **OPTIONS), y) < 1e-10
        )


def test_both_momentum_conventions(magnitudes):
    by_momentum = pw.griffinlim(magnitudes, n_iter=5, momentum=0.5, rng=0, **OPTIONS)
    by_alpha = pw.griffinlim(magnitudes, n_iter=5, alpha=0.5, rng=0, **OPTIONS)
    assert relative_error(by_alpha, by_momentum) < 1e-12
    with pytest.raises(pw.ParameterError, match="give one of them"):
        pw.griffinlim(magnitudes, momentum=0.5, alpha=1.0, **OPTIONS)
    with pytest.raises(pw.ParameterError, match="belong to algorithm='fgla'"):
        pw.griffinlim(magnitudes, momentum=0.5, algorithm="raar", **OPTIONS)


def test_seeds_and_batches(threads, magnitudes):
    V = np.stack([magnitudes, 2 * magnitudes]).astype(np.float32)
    phase = np.random.default_rng(1).uniform(-3, 3, V.shape)
    both = pw.griffinlim(V, n_iter=3, init=phase, **OPTIONS)
    pw.set_num_threads(1)
    for b in range(2):
        assert np.array_equal(pw.griffinlim(V[b], n_iter=3, init=phase[b], **OPTIONS), both[b])
    assert np.array_equal(
        pw.griffinlim(V, n_iter=1, rng=5, **OPTIONS), pw.griffinlim(V, n_iter=1, rng=5, **OPTIONS)
    )
    assert not np.array_equal(
        pw.griffinlim(V, n_iter=1, rng=5, **OPTIONS), pw.griffinlim(V, n_iter=1, rng=6, **OPTIONS)
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"algorithm": "magic"}, "algorithm must be one of 'gla', 'fgla'"),
        ({"n_iter": -1}, "n_iter must be an integer >= 0"),
        ({"momentum": -0.1}, "momentum must be a finite number"),
        ({"init": "luck"}, "init must be one of 'random'"),
        ({"rng": 0, "random_state": 0}, "give one of them"),
        ({"rng": "x"}, "rng must be None"),
        ({"hop_length": 256}, "without energy"),
        ({"length": 100}, "length=100 makes"),
        ({"dtype": np.complex64}, "dtype must be float32 or float64"),
    ],
)
def test_bad_arguments_are_explained(magnitudes, arguments, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.griffinlim(magnitudes, **{"hop_length": HOP, **arguments})
    with pytest.raises(pw.ParameterError, match="S must be nonnegative"):
        pw.griffinlim(-magnitudes, **OPTIONS)
