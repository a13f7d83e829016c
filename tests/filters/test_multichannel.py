"""The multichannel Wiener filter: its twin, norbert's rule, and what theory says of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phasewise.reference import multichannel as twin
from tolerances import relative_error, tolerance

DTYPES = [np.float64, np.float32]


def complex_normal(rng, shape):
    return rng.standard_normal((*shape, 2)).view(np.complex128)[..., 0]


def problem(rng, channels=2, sources=3, freq=37, frames=40, dtype=np.float64):
    """Return mixture, true images and rough magnitudes of sources with full-rank spatial covariances."""
    power = rng.gamma(0.3, 1, (1, sources, freq, frames))
    places = complex_normal(rng, (channels, sources, freq, 1))
    images = np.sqrt(power) * (
        places * complex_normal(rng, power.shape) + 0.1 * complex_normal(rng, (channels, *power.shape[1:]))
    )
    V = abs(images) * rng.uniform(0.5, 2, images.shape)
    V[:, 0, 3:5, :7] = 0
    V[:, :, 9, 8] = 0
    return images.sum(axis=1).astype(np.result_type(dtype, np.complex64)), images, V.astype(dtype)


def score(S, images):
    return 10 * np.log10(np.sum(abs(images) ** 2) / np.sum(abs(S - images) ** 2))


@pytest.mark.parametrize("update", ["estimates", "posterior"])
@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_equals_twin(isa, rng, channels, update):
    X, _, V = problem(rng, channels)
    X[:, 7], V[:, :, 7] = 0, 0
    for n_iter in (1, 2, 6):
        S, cost = pw.multichannel_wiener(X, V, n_iter=n_iter, update=update, return_cost=True)
        theirs, their_cost = twin.multichannel_wiener(X, pw.wiener(X, V), n_iter, update)
        assert relative_error(S, theirs) < 1e-10
        np.testing.assert_allclose(cost, their_cost, rtol=1e-8)
        assert relative_error(S.sum(axis=1), X) < tolerance("sum", np.float64)


def norbert_iterations(x, y, n_iter, eps):
    """Expectation-maximisation as norbert 0.2.1 writes it, without its division by the maximum."""
    for _ in range(n_iter):
        v = np.mean(np.abs(y) ** 2, axis=0)  # (source, freq, frames)
        R = np.einsum("ajft,bjft->jfab", y, y.conj()) / (eps + v.sum(axis=-1))[..., None, None]
        mix = np.einsum("jft,jfab->ftab", v, R) + np.sqrt(eps) * np.eye(len(x))
        y = np.einsum("jft,jfab,ftbc,cft->ajft", v, R, np.linalg.inv(mix), x)
    return y


@pytest.mark.parametrize("init", ["wiener", "mixture"])
def test_is_the_filter_that_open_unmix_users_know(rng, init):
    X, _, V = problem(rng)
    V[:, :, 9, 8] = 1  # norbert makes nothing of bins without magnitudes
    start = V * np.exp(1j * np.angle(X))[:, None] if init == "mixture" else pw.wiener(X, V)
    expected = norbert_iterations(X, start, 3, 1e-24)
    S = pw.multichannel_wiener(X, V, init=init, n_iter=3, noise=1e-13)
    assert relative_error(S, expected) < 1e-6
    assert relative_error(pw.multichannel_wiener(X, V, init=start, n_iter=3, noise=1e-13), S) < 1e-11


@pytest.mark.parametrize("update", ["estimates", "posterior"])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_single_precision(isa, rng, channels, update):
    X, _, V = problem(rng, channels, dtype=np.float32)
    S = pw.multichannel_wiener(X, V, n_iter=3, update=update)
    assert S.dtype == np.complex64
    double = pw.multichannel_wiener(X.astype(np.complex128), V.astype(np.float64), n_iter=3, update=update)
    assert relative_error(S, double) < 1e-3
    assert relative_error(S.sum(axis=1), X) < tolerance("sum", np.float32)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("update", ["estimates", "posterior"])
def test_equal_channels_have_no_inverse_and_do_no_harm(isa, rng, dtype, update):
    X, _, V = problem(rng, 1, dtype=dtype)
    alone = pw.multichannel_wiener(X, V, n_iter=3, update=update, noise=0.0)
    both = pw.multichannel_wiener(
        np.repeat(X, 2, axis=0), np.repeat(V, 2, axis=0), n_iter=3, update="estimates", noise=0.0
    )
    assert np.isfinite(both).all()
    if update == "estimates":
        assert relative_error(both, np.repeat(alone, 2, axis=0)) < tolerance("inversion", dtype)


@given(
    seed=st.integers(0, 2**32 - 1),
    channels=st.integers(1, 3),
    sources=st.integers(1, 4),
    noise=st.sampled_from([1e-8, 1e-4, 1e-1]),
)
@settings(max_examples=30, deadline=None)
def test_likelihood_of_the_posterior_update_never_decreases(seed, channels, sources, noise):
    X, _, V = problem(np.random.default_rng(seed), channels, sources, 13, 17)
    S, cost = pw.multichannel_wiener(X, V, n_iter=25, update="posterior", noise=noise, return_cost=True)
    assert (np.diff(cost) <= tolerance("monotone", np.float64) * abs(cost).max()).all()
    assert relative_error(S.sum(axis=1), X) < 1e-12


@pytest.mark.parametrize("dtype", DTYPES)
def test_scale_phase_and_order_are_kept(isa, rng, dtype):
    X, _, V = problem(rng, dtype=dtype)
    options = {"n_iter": 3, "noise": 1e-3}
    S = pw.multichannel_wiener(X, V, **options)
    for gain in (2.0**-60, 2.0**40):
        np.testing.assert_array_equal(pw.multichannel_wiener(X * dtype(gain), V, **options), S * dtype(gain))
    turn = np.exp(1j * rng.uniform(-3, 3, X.shape[1:])).astype(X.dtype)  # one phase for all channels of a bin
    turned = pw.multichannel_wiener(X * turn, V, **options)
    assert relative_error(turned, S * turn) < tolerance("mixing", dtype)
    order = [2, 0, 1]
    assert relative_error(pw.multichannel_wiener(X, V[:, order], **options), S[:, order]) < tolerance(
        "mixing", dtype
    )
    swapped = pw.multichannel_wiener(X[::-1], V[::-1], **options)
    assert relative_error(swapped, S[::-1]) < tolerance("mixing", dtype)


def test_places_help(rng):
    X, images, V = problem(rng, frames=300)
    plain, one = pw.wiener(X, V), pw.multichannel_wiener(X, V)
    assert score(one, images) > score(plain, images) + 1
    many = pw.multichannel_wiener(X, V, n_iter=30, update="posterior")
    assert score(many, images) > score(one, images) + 0.5


def test_magnitudes_may_be_shared_by_the_channels(rng):
    X, _, V = problem(rng)
    np.testing.assert_array_equal(
        pw.multichannel_wiener(X, V[0]), pw.multichannel_wiener(X, np.stack([V[0], V[0]]))
    )


def test_one_channel_and_no_iteration(rng):
    X, _, V = problem(rng, 1)
    mono, cost = pw.multichannel_wiener(X[0], V[0], n_iter=4, return_cost=True)
    np.testing.assert_array_equal(mono, pw.multichannel_wiener(X, V, n_iter=4)[0])
    assert cost.shape == (4,)
    np.testing.assert_array_equal(pw.multichannel_wiener(X, V, n_iter=0), pw.wiener(X, V))
    # One iteration of one channel: the powers of the Wiener estimates make the shares.
    power = abs(pw.wiener(X[0], V[0])) ** 2
    once = pw.multichannel_wiener(X[0], V[0], noise=0.0)
    assert relative_error(once, pw.wiener(X[0], np.sqrt(power))) < 1e-12


@pytest.mark.parametrize("update", ["estimates", "posterior"])
def test_batch_threads_and_memory_order_do_not_matter(isa, rng, update):
    items = [problem(rng, 2, 3, 300, 70) for _ in range(3)]
    X, V = (np.stack([item[i] for item in items]) for i in (0, 2))
    S, cost = pw.multichannel_wiener(X, V, n_iter=3, update=update, return_cost=True)
    for i in range(3):
        alone, its_cost = pw.multichannel_wiener(X[i], V[i], n_iter=3, update=update, return_cost=True)
        np.testing.assert_array_equal(alone, S[i])
        np.testing.assert_array_equal(its_cost, cost[i])
    before = pw.get_num_threads()
    try:
        for n in (1, 2, 3):
            pw.set_num_threads(n)
            again = pw.multichannel_wiener(
                np.asfortranarray(X), np.asfortranarray(V), n_iter=3, update=update
            )
            np.testing.assert_array_equal(again, S)
    finally:
        pw.set_num_threads(before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"V": np.ones((3, 3, 9, 4))}, "V must have the axes of X"),
        ({"V": np.ones((9, 4))}, "V must have at least 3 axes"),
        ({"V": np.ones((2, 0, 9, 4))}, "V must have the axes of X"),
        ({"X": np.ones((9, 9, 4)), "V": np.ones((3, 9, 4))}, "at most 8 channels"),
        ({"n_iter": -1}, "n_iter must be"),
        ({"noise": -1}, "noise must be"),
        ({"update": "em"}, "update must be one of 'estimates', 'posterior'"),
        ({"init": "random"}, "init must be one of 'wiener', 'mixture'"),
        ({"init": np.ones((2, 2))}, "init must be a complex array"),
    ],
)
def test_errors(options, message):
    arrays = [options.pop("X", np.ones((2, 9, 4))), options.pop("V", np.ones((2, 3, 9, 4)))]
    with pytest.raises(pw.ParameterError, match=message):
        pw.multichannel_wiener(*arrays, **options)
