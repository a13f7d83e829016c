"""Griffin-Lim against librosa and its twin, and its cost."""

from __future__ import annotations

import librosa
import numpy as np
import pytest

import phasewise as pw
from phasewise.phase.registry import SINGLE_SOURCE
from phasewise.reference import inversion as twin
from phasewise.reference import one_source
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


PROJECTIONS = sorted(name for name in SINGLE_SOURCE if "bregman" not in name)


@pytest.mark.parametrize("algorithm", PROJECTIONS)
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
    for algorithm in PROJECTIONS:
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


def consistent_start(magnitudes):
    return magnitudes * np.exp(1j * np.random.default_rng(4).uniform(-3, 3, magnitudes.shape))


@pytest.mark.parametrize(
    ("algorithm", "relaxation"), [("admm", 1.0), ("rrr", 0.8), ("rrr", 0.3), ("raar", 0.9)]
)
def test_reflections_equal_twin(isa, magnitudes, algorithm, relaxation):
    S = consistent_start(magnitudes)
    kind = "raar" if algorithm == "raar" else "rrr"
    expected, iterate = one_source.reflections(magnitudes, S, 4, relaxation, kind, **OPTIONS)
    ours, state = pw.griffinlim(
        magnitudes, n_iter=4, algorithm=algorithm, relaxation=relaxation, init=S, return_state=True, **OPTIONS
    )
    signal = pw.istft(expected, **OPTIONS)
    assert relative_error(ours, signal) < tolerance("griffinlim_iteration", np.float64)
    assert relative_error(state.estimate, iterate) < tolerance("griffinlim_iteration", np.float64)


@pytest.mark.parametrize("init", ["random", "pghi", "spsi", "sinusoidal", None])
def test_starts(magnitudes, init):
    S = {
        "random": magnitudes * np.exp(2j * np.pi * np.random.default_rng(3).random(magnitudes.shape)),
        "pghi": pw.pghi(magnitudes, hop_length=HOP, rng=3),
        "spsi": pw.spsi(magnitudes, hop_length=HOP),
        "sinusoidal": magnitudes * np.exp(1j * pw.sinusoidal_phase(magnitudes, hop_length=HOP)),
        None: magnitudes + 0j,
    }[init]
    named = pw.griffinlim(magnitudes, n_iter=2, init=init, rng=3, **OPTIONS)
    np.testing.assert_allclose(named, pw.griffinlim(magnitudes, n_iter=2, init=S, **OPTIONS), atol=1e-9)


def test_integrated_phase_is_a_better_start(magnitudes):
    def error(init):
        options = {"n_iter": 30, "init": init, "rng": 0, "return_cost": True} | OPTIONS
        return pw.griffinlim(magnitudes, **options)[1][-1]

    assert error("pghi") < 0.3 * error("random")


@pytest.mark.parametrize("algorithm", sorted(SINGLE_SOURCE))
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_iterations_go_on_from_a_state(threads, magnitudes, algorithm, dtype):
    V = np.stack([magnitudes, 3 * magnitudes]).astype(dtype)
    options = {"algorithm": algorithm, "return_cost": True, "return_state": True} | OPTIONS
    whole, whole_cost, whole_state = pw.griffinlim(V, n_iter=7, rng=1, **options)
    part, cost, state = pw.griffinlim(V, n_iter=3, rng=1, **options)
    kept = state.estimate.copy()
    for _ in range(2):  # a state can be used again
        rest, more_cost, last = pw.griffinlim(V, n_iter=4, init=state, **options)
        np.testing.assert_array_equal(rest, whole)
        np.testing.assert_array_equal(np.concatenate([cost, more_cost], axis=-1), whole_cost)
        np.testing.assert_array_equal(last.estimate, whole_state.estimate)
    np.testing.assert_array_equal(state.estimate, kept)
    assert not np.array_equal(part, whole)
    # without a state nothing changes
    plain = pw.griffinlim(V, n_iter=7, rng=1, algorithm=algorithm, **OPTIONS)
    np.testing.assert_array_equal(plain, whole)


@pytest.mark.parametrize("algorithm", ["gla", "fgla", "raar", "bregman"])
def test_early_stop_is_a_shorter_run(magnitudes, algorithm):
    V = np.stack([magnitudes, magnitudes[::-1].copy(), 0 * magnitudes])
    options = {"algorithm": algorithm, "return_cost": True, "init": consistent_start(V)} | OPTIONS
    y, cost = pw.griffinlim(V, n_iter=60, tol=0.05, **options)
    for item in range(3):
        done = int(np.isfinite(cost[item]).sum())
        assert done in range(10, 61)
        assert np.isnan(cost[item, done:]).all()
        options["init"] = consistent_start(V)[item]
        alone, its_cost = pw.griffinlim(V[item], n_iter=60, tol=0.05, **options)
        shorter, its_shorter_cost = pw.griffinlim(V[item], n_iter=done, **options)
        np.testing.assert_array_equal(alone, y[item])
        np.testing.assert_array_equal(shorter, y[item])
        np.testing.assert_array_equal(its_shorter_cost, cost[item, :done])
        distance = np.sqrt(its_cost[:done])
        if done > 10 and done < 60:
            assert distance[-11] - distance[-1] <= 0.05 * distance[0]
    assert np.isfinite(cost[2]).sum() == 10
    assert np.isfinite(cost[0]).sum() < 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"algorithm": "magic"}, "algorithm must be one of 'gla', 'fgla'"),
        ({"n_iter": -1}, "n_iter must be an integer >= 0"),
        ({"momentum": -0.1}, "momentum must be a finite number"),
        ({"init": "luck"}, "init must be one of 'random', 'pghi'"),
        ({"tol": -1}, "tol must be a finite number"),
        ({"relaxation": 0.5}, "relaxation belongs to the reflections"),
        ({"beta": 1.0}, "beta belongs to"),
        ({"algorithm": "bregman", "d": 3}, "d must be 1"),
        ({"algorithm": "bregman", "direction": "up"}, "direction must be one of"),
        ({"algorithm": "bregman", "step": 0.0}, "step must be positive"),
        (
            {"init": pw.phase.GriffinLimState("gla", np.zeros((129, 41), complex))},
            "is a state of algorithm='gla'",
        ),
        ({"init": pw.phase.GriffinLimState("fgla", np.zeros((129, 4), complex))}, "init must be a state of"),
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
