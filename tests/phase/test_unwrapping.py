"""PU-Iter and the mixing iterations: their twins, and what theory says of them."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise as pw
from phasewise.phase import mixing_iterations
from phasewise.reference import unwrapping as twin
from tolerances import relative_error, tolerance

N_FFT, HOP = 512, 128
STARTS = (0, 0, 4000, 8000)
DTYPES = [np.float64, np.float32]
WEIGHTS = ["wiener", "magnitude", "equal", "refreshed", 0.5, [1, 2, 3]]


def random_problem(rng, shape=(3, 70, 12), dtype=np.float64):
    """Return X, V and phases: magnitudes of wide range, some zero, some bins and mixtures all zero."""
    S = rng.standard_normal((*shape, 2)).view(np.complex128)[..., 0]
    X, V = S.sum(axis=-3), abs(S) * rng.uniform(0, 2, shape) ** 3
    V[..., 0, 3, 4] = 0
    V[..., :, 5, 6] = 0
    X[..., 7, 8] = 0
    phase = rng.uniform(-np.pi, np.pi, shape)
    return X.astype(np.result_type(dtype, np.complex64)), V.astype(dtype), phase.astype(dtype)


def mixing_error(X, S):
    a = np.full((X.shape[-2], 1), 2.0)
    a[[0, -1]] = 1
    return np.sum(a * abs(X - S.sum(axis=-3)) ** 2, axis=(-2, -1))


@pytest.fixture(scope="module")
def sources():
    """Harmonic sounds whose partials overlap, the last two enter later: (4, freq, frames)."""
    n = np.arange(12000)
    y = [
        sum(np.sin(2 * np.pi * f0 * h * n + (j + 1) * h**1.5) / h for h in range(1, 12)) * (n >= start)
        for j, (f0, start) in enumerate(zip((0.0081, 0.0102, 0.0121, 0.0143), STARTS, strict=True))
    ]
    return pw.stft(np.array(y), n_fft=N_FFT, hop_length=HOP)


@pytest.fixture(scope="module")
def onsets(sources):
    marks = np.zeros((4, sources.shape[-1]), dtype=bool)
    for j in (2, 3):
        marks[j, STARTS[j] // HOP - 2 : STARTS[j] // HOP + 3] = True
    return marks


def score(S, sources):
    error = np.sum(abs(S - sources) ** 2, axis=(1, 2)) / np.sum(abs(sources) ** 2, axis=(1, 2))
    return float(np.mean(-10 * np.log10(error)))


# ---- mixing iterations ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_mixing_equals_twin(isa, threads, rng, weights, dtype):
    X, V, phase = random_problem(rng, dtype=dtype)
    S, cost = mixing_iterations(X, V, phase, n_iter=15, mixing_weights=weights, return_cost=True)
    expected, expected_cost = twin.mixing_iterations(X, V, V * np.exp(1j * phase), 15, weights)
    assert S.dtype == X.dtype
    assert cost.dtype == np.float64
    assert relative_error(S, expected) < tolerance("mixing", dtype)
    np.testing.assert_allclose(cost, expected_cost, rtol=tolerance("mixing", dtype))


@pytest.mark.parametrize("weights", ["wiener", "refreshed"])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 9])
def test_any_number_of_sources(isa, rng, count, weights):
    X, V, phase = random_problem(rng, (2, count, 33, 9))
    S, cost = mixing_iterations(X, V, phase, n_iter=10, mixing_weights=weights, return_cost=True)
    expected, expected_cost = twin.mixing_iterations(X, V, V * np.exp(1j * phase), 10, weights)
    assert relative_error(S, expected) < tolerance("mixing", np.float64)
    np.testing.assert_allclose(cost, expected_cost, rtol=1e-9)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("bins", [1, 2, 15, 16, 17, 128, 129, 161])
def test_any_number_of_bins(isa, rng, bins, dtype):
    """Every bin is a problem of its own: neighbours, vectors and blocks do not matter."""
    X, V, phase = random_problem(rng, (4, 161, 9), dtype)
    whole = mixing_iterations(X, V, phase, n_iter=7)
    part = mixing_iterations(X[-bins:], V[:, -bins:], phase[:, -bins:], n_iter=7)
    np.testing.assert_array_equal(part, whole[:, -bins:])


def test_array_weights_equal_their_exponent(isa, rng):
    X, V, phase = random_problem(rng)
    expected = mixing_iterations(X, V, phase, n_iter=10)
    given = mixing_iterations(X, V, phase, n_iter=10, mixing_weights=V**2)
    assert relative_error(given, expected) < 1e-12
    assert relative_error(mixing_iterations(X, V, phase, n_iter=10, mixing_weights="equal"), expected) > 0.1


def test_first_iteration_by_hand(isa):
    X, V = np.array([[2.0j]]), np.array([3.0, 1.0]).reshape(2, 1, 1)
    S, cost = mixing_iterations(X, V, np.zeros((2, 1, 1)), n_iter=1, return_cost=True)
    Y = np.array([3 + 0.9 * (2j - 4), 1 + 0.1 * (2j - 4)])  # error 2j - 4, gains 0.9 and 0.1
    np.testing.assert_allclose(S.ravel(), [3, 1] * Y / abs(Y), rtol=1e-14)
    assert cost == pytest.approx(abs(2j - S.sum()) ** 2)


def test_zero_takes_the_phase_of_the_mixture(isa):
    """X = 0, two equal sources in phase: both Y are exactly 0 and stay at phase 0."""
    X, V = np.zeros((1, 1), dtype=complex), np.ones((2, 1, 1))
    S, cost = mixing_iterations(X, V, V, n_iter=5, mixing_weights="equal", return_cost=True)
    np.testing.assert_array_equal(S.ravel(), [1, 1])
    np.testing.assert_array_equal(cost, 4)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_error_never_grows_in_any_bin(isa, rng, weights, dtype):
    X, V, phase = random_problem(rng, dtype=dtype)
    # One bin per item of the batch.
    X, V, phase = X.reshape(-1, 1, 1), *(np.moveaxis(a, 0, -1).reshape(-1, 3, 1, 1) for a in (V, phase))
    S, cost = mixing_iterations(X, V, phase, n_iter=60, mixing_weights=weights, return_cost=True)
    # From the end of the error's descent on, it is the rounding of the sum.
    scale = np.maximum(cost[:, :1], V.max(axis=(1, 2, 3))[:, None] ** 2)
    assert (np.diff(cost) <= tolerance("monotone", dtype) * scale).all()
    assert np.median(cost[:, -1]) < 0.5 * np.median(cost[:, 0])
    assert relative_error(abs(S), V) < 1e-6
    np.testing.assert_allclose(cost[:, -1], abs(X - S.sum(axis=1))[:, 0, 0] ** 2, rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_cost_is_the_error_of_the_result(isa, rng, dtype):
    X, V, phase = random_problem(rng, (2, 4, 65, 9), dtype)
    for n in (1, 2, 8):
        S, cost = mixing_iterations(X, V, phase, n_iter=n, return_cost=True)
        assert cost.shape == (2, n)
        np.testing.assert_allclose(cost[:, -1], mixing_error(X, S), rtol=1e-5)
    _, odd = mixing_iterations(X, V, phase, n_iter=8, n_fft=129, return_cost=True)
    nyquist = abs(X - S.sum(axis=-3))[:, -1] ** 2
    np.testing.assert_allclose(odd[:, -1] - cost[:, -1], nyquist.sum(axis=-1), rtol=1e-3)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weights", ["wiener", "equal", "magnitude"])
def test_mixture_phase_stays_on_its_line(isa, rng, weights, dtype):
    """However many iterations: rounding does not push sources off the line through 0 and X."""
    X, V, _ = random_problem(rng, dtype=dtype)
    X[X == 0] = 1e-3
    S = mixing_iterations(X, V, n_iter=200, mixing_weights=weights)
    line = S * np.exp(-1j * np.angle(X.astype(complex)))
    assert abs(line.imag).max() < 4 * np.finfo(dtype).eps * V.max()
    flipped = np.mean(line.real < -1e-6)
    assert flipped == 0 if weights == "magnitude" else 0 < flipped < 0.5


@pytest.mark.parametrize("dtype", DTYPES)
def test_level_does_not_matter(isa, rng, dtype):
    X, V, phase = random_problem(rng, dtype=dtype)
    V = np.where(V > 1e-6, V, 0).astype(dtype)
    for weights in ("wiener", "refreshed"):
        S, cost = mixing_iterations(X, V, phase, mixing_weights=weights, return_cost=True)
        for gain in (2.0**-60, 2.0**60):
            scaled, scaled_cost = mixing_iterations(
                X * dtype(gain), V * dtype(gain), phase, mixing_weights=weights, return_cost=True
            )
            np.testing.assert_array_equal(scaled, S * dtype(gain))
            np.testing.assert_array_equal(scaled_cost, cost * gain**2)


def test_turning_everything_turns_the_result(isa, rng):
    X, V, phase = random_problem(rng)
    X[X == 0] = 1
    S = mixing_iterations(X, V, phase, n_iter=20)
    turned = mixing_iterations(X * np.exp(2j), V, phase + 2, n_iter=20)
    assert relative_error(turned, S * np.exp(2j)) < 1e-10


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("weights", WEIGHTS, ids=str)
def test_extreme_values_stay_finite(isa, rng, weights, dtype):
    tiny, huge = np.finfo(dtype).tiny, np.finfo(dtype).max / 16
    values = np.array([0, tiny * 2.0**-10, tiny, 1e-20, 1, 1e15, huge], dtype=dtype)
    V = rng.choice(values, (3, 300, 8))
    X = (rng.choice(values, V.shape[1:]) * np.exp(1j * rng.uniform(-3, 3, V.shape[1:]))).astype(
        np.result_type(dtype, np.complex64)
    )
    S = mixing_iterations(X, V, rng.uniform(-3, 3, V.shape), mixing_weights=weights)
    assert np.isfinite(S).all()
    np.testing.assert_allclose(abs(S.astype(complex)), V, rtol=2e-6, atol=float(tiny))


def test_batch_threads_and_memory_order_do_not_matter(isa, rng):
    X, V, phase = random_problem(rng, (2, 3, 4, 300, 40))
    before = pw.get_num_threads()
    try:
        for weights in ("wiener", "refreshed"):
            options = {"n_iter": 5, "mixing_weights": weights, "return_cost": True}
            pw.set_num_threads(1)
            S, cost = mixing_iterations(X, V, phase, **options)
            assert np.swapaxes(S, -1, -2).flags.c_contiguous
            pw.set_num_threads(2)
            again, cost_again = mixing_iterations(
                np.asfortranarray(X), V, np.asfortranarray(phase), **options
            )
            np.testing.assert_array_equal(again, S)
            np.testing.assert_array_equal(cost_again, cost)
            for item in np.ndindex(2, 3):
                alone, cost_alone = mixing_iterations(X[item], V[item], phase[item], **options)
                np.testing.assert_array_equal(alone, S[item])
                np.testing.assert_array_equal(cost_alone, cost[item])
    finally:
        pw.set_num_threads(before)


def test_only_the_phase_of_the_start_counts(rng):
    X, V, phase = random_problem(rng)
    expected = mixing_iterations(X, V, phase, n_iter=5)
    for modulus in (1.0, V + 1, 1e-200):
        start = modulus * np.exp(1j * phase)
        assert relative_error(mixing_iterations(X, V, start, n_iter=5), expected) < 1e-12
    assert relative_error(mixing_iterations(X, V, phase[0, :1, :1], n_iter=5), expected) > 0.1  # broadcasts


@pytest.mark.parametrize("dtype", DTYPES)
def test_angles_become_phasors(isa, dtype):
    """Every quarter of a turn and its borders, far turns too."""
    angles = np.concatenate([np.linspace(-20, 20, 4001), np.arange(-64, 65) * np.pi / 8, [1e5, -1e5]]).astype(
        dtype
    )
    X, V = np.zeros((len(angles), 1), dtype=np.result_type(dtype, np.complex64)), np.ones((1, len(angles), 1))
    S = mixing_iterations(X, V.astype(dtype), angles[:, None], n_iter=0)[0, :, 0]
    expected = np.exp(1j * angles.astype(np.float64))
    # The angle itself is known to half a unit in its last place.
    allowed = 4 * np.finfo(dtype).eps + abs(angles) * np.finfo(np.float64).eps
    assert (abs(S - expected) < allowed).all()


# ---- PU-Iter ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("init", ["sinusoidal", "mixture", "array"])
@pytest.mark.parametrize("given", [False, True], ids=["onsets of the mixture", "onsets given"])
def test_pu_iter_equals_twin(isa, threads, rng, sources, onsets, init, given):
    X, V = sources.sum(axis=0), abs(sources)
    V[0, 40:60, 10:14] = 0  # silence carries the phase on
    options = {"onsets": onsets, "onset_phase": sources if given else None}
    options["init"] = rng.uniform(-3, 3, V.shape) if init == "array" else init
    S, cost = pw.pu_iter(X, V, hop_length=HOP, n_iter=20, return_cost=True, **options)
    expected, expected_cost = twin.pu_iter(X, V, HOP, 20, **options)
    assert relative_error(S, expected) < 1e-9
    np.testing.assert_allclose(cost, expected_cost, rtol=1e-9, atol=1e-9 * np.sum(V**2))


@pytest.mark.parametrize("weights", WEIGHTS[1:-1], ids=str)
def test_pu_iter_with_other_weights_equals_twin(isa, sources, weights):
    X, V = sources.sum(axis=0), abs(sources)
    S = pw.pu_iter(X, V, hop_length=HOP, n_iter=5, mixing_weights=weights)
    expected, _ = twin.pu_iter(X, V, HOP, 5, weights=weights)
    assert relative_error(S[..., :40], expected[..., :40]) < 1e-8


@pytest.mark.parametrize("count", [1, 2, 5])
def test_pu_iter_single_precision(isa, sources, count):
    """Rounding grows from frame to frame where bins have no clear solution: most bins agree."""
    S = np.concatenate([sources, sources[:1, :, ::-1]])[:count]
    X, V = S.sum(axis=0).astype(np.complex64), abs(S).astype(np.float32)
    ours = pw.pu_iter(X, V, hop_length=HOP, n_iter=10)
    assert ours.dtype == np.complex64
    expected, _ = twin.pu_iter(X, V, HOP, 10)
    assert np.median(abs(ours - expected)) < 1e-5 * V.max()
    assert np.mean(abs(ours - expected) < 1e-3 * V.max()) > 0.98
    assert relative_error(abs(ours), V) < 1e-6


def test_starts_order_as_published(sources, onsets):
    X, V = sources.sum(axis=0), abs(sources)
    options = {"hop_length": HOP, "onset_phase": sources}
    scores = {
        init: score(pw.pu_iter(X, V, onsets=onsets, init=init, rng=0, **options), sources)
        for init in ("mixture", "random", "sinusoidal")
    }
    assert scores["mixture"] < scores["random"] < scores["sinusoidal"] - 10
    assert score(pw.pu_iter(X, V, **options), sources) < scores["sinusoidal"] - 2


def test_defaults(sources):
    X, V = sources.sum(axis=0), abs(sources)
    expected = pw.pu_iter(X, V, n_iter=50, hop_length=HOP, n_fft=N_FFT, mixing_weights="wiener")
    np.testing.assert_array_equal(pw.pu_iter(X, V), expected)
    assert relative_error(pw.pu_iter(X, V, hop_length=HOP + 1), expected) > 0.1
    odd = pw.pu_iter(X, V, n_fft=N_FFT + 1, hop_length=HOP)
    theirs, _ = twin.pu_iter(X, V, HOP, n_fft=N_FFT + 1)
    assert relative_error(odd[..., :10], theirs[..., :10]) < 1e-9


def test_random_start_is_the_seed_s(sources):
    X, V = sources.sum(axis=0), abs(sources)
    first = pw.pu_iter(X, V, n_iter=3, init="random", rng=7)
    np.testing.assert_array_equal(
        pw.pu_iter(X, V, n_iter=3, init="random", rng=np.random.default_rng(7)), first
    )
    assert relative_error(pw.pu_iter(X, V, n_iter=3, init="random", rng=8), first) > 0.1


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_iterations_is_the_sinusoidal_model(isa, sources, onsets, dtype):
    X, V = sources.sum(axis=0), abs(sources).astype(dtype)
    V[1, 30:50, 20:30] = 0
    given = {"onsets": onsets, "onset_phase": np.angle(sources)}
    S, cost = pw.pu_iter(X, V, hop_length=HOP, n_iter=0, return_cost=True, **given)
    expected = V * np.exp(1j * pw.sinusoidal_phase(V, hop_length=HOP, **given))
    assert relative_error(S, expected) < (1e-9 if dtype == np.float64 else 2e-5)
    assert cost.shape == (0,)


def test_true_phase_everywhere_is_a_fixed_point(isa, sources):
    X, V = sources.sum(axis=0), abs(sources)
    everywhere = np.ones((4, V.shape[-1]), dtype=bool)
    S, cost = pw.pu_iter(X, V, onsets=everywhere, onset_phase=sources, n_iter=10, return_cost=True)
    assert relative_error(S, sources) < 1e-10
    assert cost.max() < 1e-20 * np.sum(V**2)


def test_onsets_default_to_the_mixture_phase(sources, onsets):
    X, V = sources.sum(axis=0), abs(sources)
    S = pw.pu_iter(X, V, n_iter=0, onsets=onsets)
    for j, t in [(2, int(np.flatnonzero(onsets[2])[-1])), (0, 0), (3, 0)]:
        assert relative_error(S[j, :, t], V[j, :, t] * np.exp(1j * np.angle(X[:, t]))) < 1e-12
    assert relative_error(S[0], pw.pu_iter(X, V, n_iter=0)[0]) == 0  # onsets of other sources


def test_the_future_does_not_matter(sources, rng):
    X, V = sources.sum(axis=0), abs(sources)
    S = pw.pu_iter(X, V, n_iter=10)
    X[:, 40:] *= 1j
    V[..., 40:] = rng.uniform(0, 1, V[..., 40:].shape)
    changed = pw.pu_iter(X, V, n_iter=10)
    np.testing.assert_array_equal(changed[..., :40], S[..., :40])
    assert relative_error(changed, S) > 0.1


def test_pu_iter_batch_and_threads_do_not_matter(isa, sources, onsets):
    batch = np.stack([sources, sources[::-1] * 0.5j, sources[[1, 3, 0, 2]]]).reshape(3, 1, *sources.shape)
    X, V = batch.sum(axis=-3), abs(batch)
    options = {"n_iter": 5, "onset_phase": sources, "onsets": onsets, "return_cost": True}
    before = pw.get_num_threads()
    try:
        pw.set_num_threads(1)
        S, cost = pw.pu_iter(X, V, **options)
        pw.set_num_threads(2)
        again, cost_again = pw.pu_iter(X, V, **options)
        np.testing.assert_array_equal(again, S)
        np.testing.assert_array_equal(cost_again, cost)
        for i in range(3):
            alone, cost_alone = pw.pu_iter(X[i, 0], V[i, 0], **options)
            np.testing.assert_array_equal(alone, S[i, 0])
            np.testing.assert_array_equal(cost_alone, cost[i, 0])
    finally:
        pw.set_num_threads(before)


def test_error_never_grows_over_all_frames(isa, sources):
    _, cost = pw.pu_iter(sources.sum(axis=0), abs(sources), return_cost=True)
    assert cost.shape == (50,)
    assert (np.diff(cost) <= tolerance("monotone", np.float64) * cost[0]).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_iter": -1}, "n_iter must be an integer >= 0, got -1"),
        ({"hop_length": 0}, "hop_length must be an integer >= 1"),
        ({"n_fft": 9}, r"mixture must have 1 \+ n_fft // 2 = 5 bins on axis -2 for n_fft=9, got 33"),
        ({"init": "wiener"}, "init must be one of 'sinusoidal', 'mixture', 'random'; got 'wiener'"),
        (
            {"init": np.zeros(4)},
            r"init must be a real array of phases .* of shape \(3, 33, 10\); got float64 \(4,\)",
        ),
        ({"init": "random", "rng": "x"}, "rng must be None, a nonnegative int or a numpy Generator"),
        ({"mixing_weights": "loud"}, "mixing_weights must be one of"),
        ({"mixing_weights": -1.0}, "mixing_weights must be"),
        ({"mixing_weights": [1, -1, 1]}, "mixing_weights must be finite and nonnegative"),
        ({"mixing_weights": [1, 1]}, "mixing_weights must broadcast"),
        ({"onsets": np.zeros((2, 10), dtype=bool)}, r"onsets must be a boolean array of shape \(3, 10\)"),
        ({"onsets": [1, 5]}, "onsets must be a boolean array"),
        ({"onset_phase": np.full((3, 33, 10), np.inf)}, "onset_phase must be finite"),
        ({"mixture": np.ones((33, 9))}, r"magnitudes must have the shape of mixture, \(33, 9\)"),
        ({"mixture": np.full((33, 10), np.nan)}, "mixture must be finite"),
        ({"magnitudes": -np.ones((3, 33, 10))}, "magnitudes must be nonnegative"),
        ({"magnitudes": np.ones((33, 10))}, "magnitudes must have at least 3 axes"),
        ({"magnitudes": np.ones((0, 33, 10))}, "magnitudes must have the shape of mixture"),
    ],
)
def test_errors(options, message):
    arrays = [options.pop("mixture", np.ones((33, 10))), options.pop("magnitudes", np.ones((3, 33, 10)))]
    with pytest.raises(pw.ParameterError, match=message):
        pw.pu_iter(*arrays, **options)


def test_errors_of_the_initial_array():
    X, V = np.ones((33, 10)), np.ones((3, 33, 10))
    with pytest.raises(pw.ParameterError, match="initial must be a real array"):
        mixing_iterations(X, V, np.ones((2, 33, 10)))
    with pytest.raises(pw.ParameterError, match="initial must be finite"):
        mixing_iterations(X, V, np.full((33, 10), np.nan))
