"""The mixing iterations: their twin, and what theory says of them."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise as pw
from phasewise.phase import mixing_iterations
from phasewise.reference import unwrapping as twin
from tolerances import relative_error, tolerance

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


def test_errors_of_the_initial_array():
    X, V = np.ones((33, 10)), np.ones((3, 33, 10))
    with pytest.raises(pw.ParameterError, match="initial must be a real array"):
        mixing_iterations(X, V, np.ones((2, 33, 10)))
    with pytest.raises(pw.ParameterError, match="initial must be finite"):
        mixing_iterations(X, V, np.full((33, 10), np.nan))
