"""The Wiener filter: exact sums, its twin, errors."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise as pw
from phasewise.reference import filters as twin
from tolerances import relative_error, tolerance

DTYPES = [np.float64, np.float32]


def problem(rng, shape=(2, 3, 37, 11), dtype=np.float64):
    """Return mixtures (..., freq, frames) and magnitudes of wide range with zeros, one bin all zero."""
    X = rng.standard_normal((*shape[:-3], *shape[-2:], 2)).view(np.complex128)[..., 0]
    V = rng.uniform(0, 1, shape) ** 6
    V[..., 1:, 2, 3] = 0
    V[..., :, 5, 3] = 0
    return X.astype(np.result_type(dtype, np.complex64)), V.astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("power", [0, 0.5, 1.0, 2, 3.3])
def test_equals_twin_and_sums_to_the_mixture(isa, threads, rng, power, dtype):
    X, V = problem(rng, dtype=dtype)
    S = pw.wiener(X, V, power=power)
    assert S.shape == V.shape
    assert S.dtype == X.dtype
    assert relative_error(S, twin.wiener(X, V, power)) < tolerance("sum", dtype)
    assert relative_error(S.sum(axis=-3), X) < tolerance("sum", dtype)


@pytest.mark.parametrize("sources", [1, 2, 5])
@pytest.mark.parametrize("bins", [1, 2, 16, 33])
def test_any_shape(isa, rng, sources, bins):
    X, V = problem(rng, (sources, 40, 8))
    X, V = X[:bins], V[:, :bins]
    np.testing.assert_allclose(pw.wiener(X, V), twin.wiener(X, V), rtol=1e-13)


def test_shares_by_hand(isa):
    X = np.array([[4.0, 4j, 2.0]])
    V = np.array([[[1.0, 3.0, 0.0]], [[1.0, 1.0, 0.0]]])
    S = pw.wiener(X, V)
    np.testing.assert_allclose(S[:, 0], [[2.0, 3.6j, 1.0], [2.0, 0.4j, 1.0]], rtol=1e-15)
    np.testing.assert_allclose(pw.wiener(X, V, power=1)[:, 0], [[2, 3j, 1], [2, 1j, 1]], rtol=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_level_of_the_magnitudes_does_not_matter(isa, rng, dtype):
    X, V = problem(rng, dtype=dtype)
    V = np.where(V > 1e-3, V, 0).astype(dtype)
    for gain in (2.0**-100, 2.0**100):
        np.testing.assert_array_equal(pw.wiener(X, V * dtype(gain)), pw.wiener(X, V))


def test_batch_threads_and_memory_order_do_not_matter(isa, rng):
    X, V = problem(rng, (2, 2, 3, 65, 40))
    S = pw.wiener(X, V)
    assert np.swapaxes(S, -1, -2).flags.c_contiguous
    for item in np.ndindex(2, 2):
        np.testing.assert_array_equal(pw.wiener(X[item], V[item]), S[item])
    np.testing.assert_array_equal(pw.wiener(np.asfortranarray(X), np.asfortranarray(V)), S)
    before = pw.get_num_threads()
    try:
        for n in (1, 2):
            pw.set_num_threads(n)
            np.testing.assert_array_equal(pw.wiener(X, V), S)
    finally:
        pw.set_num_threads(before)


def test_precision_is_the_wider(rng):
    X, V = problem(rng)
    assert pw.wiener(X.astype(np.complex64), V).dtype == np.complex128
    assert pw.wiener(X.astype(np.complex64), V.astype(np.float32)).dtype == np.complex64
    assert pw.wiener(X.real, V).dtype == np.complex128


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, V: (X, V[:, :-1]), "V must have the shape of X"),
        (lambda X, V: (X, V[0]), "V must have at least 3 axes|V must have the shape of X"),
        (lambda X, V: (X, V[:0]), "V must have the shape of X"),
        (lambda X, V: (X, -V), "V must be nonnegative"),
        (lambda X, V: (X * np.nan, V), "X must be finite"),
        (lambda X, V: (X, V * np.inf), "V must be finite"),
        (lambda X, V: (X, V.astype(str)), "V must be a real"),
        (lambda X, V: (X[:, :0], V[..., :0]), "at least one bin and one frame"),
    ],
)
def test_wrong_arrays(rng, change, message):
    X, V = problem(rng, (3, 9, 4))
    with np.errstate(invalid="ignore"), pytest.raises(pw.ParameterError, match=message):
        pw.wiener(*change(X, V))


@pytest.mark.parametrize("power", [-1, np.nan, np.inf, "two"])
def test_wrong_power(rng, power):
    X, V = problem(rng, (3, 9, 4))
    with pytest.raises(pw.ParameterError, match="power must be"):
        pw.wiener(X, V, power=power)
