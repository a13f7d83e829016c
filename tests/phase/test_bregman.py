"""Beta divergences for one source: their twin, their proximal points, and what is known of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import phasewise as pw
from phasewise.phase._bregman import Divergence
from phasewise.phase.registry import SINGLE_SOURCE
from phasewise.reference import one_source as twin
from tolerances import relative_error, tolerance

N_FFT, HOP, LENGTH = 256, 64, 64 * 30
OPTIONS = {"hop_length": HOP, "length": LENGTH}
CASES = list(itertools.product([0.0, 0.5, 1.0, 1.25, 1.5, 2.0], [1, 2], ["right", "left"]))
ALGORITHMS = [name for name in SINGLE_SOURCE if name.startswith("bregman")]


@pytest.fixture(scope="module")
def consistent():
    """Magnitudes of a sound."""
    t = np.arange(LENGTH)
    y = np.sin(0.2 * t + 3e-5 * t**2) + 0.1 * np.random.default_rng(0).standard_normal(LENGTH)
    return pw.STFT(N_FFT, HOP).magnitude(y)


@pytest.fixture(scope="module")
def magnitudes(consistent):
    """Magnitudes with zeros that no sound has."""
    V = consistent.copy()
    V[:, 7] = 0
    V[20:30, 9] = 0
    return V


@pytest.fixture(scope="module")
def start(magnitudes):
    return magnitudes * np.exp(1j * np.random.default_rng(4).uniform(-3, 3, magnitudes.shape))


def scaled(V, beta, d, step, proximal=False):
    """The step and the floor that belong to the scale of V."""
    scale = np.sqrt(np.mean(V**2))
    floor = 0.0 if (beta, d) == (2, 1) else 1e-4 * scale
    return step * scale ** ((d * beta - 2) * (1 if proximal else -1)), floor


@pytest.mark.parametrize(("beta", "d", "direction"), CASES)
def test_descent_equals_twin(isa, magnitudes, start, beta, d, direction):
    step, floor = scaled(magnitudes, beta, d, 1e-3)
    expected, expected_cost = twin.bregman(
        magnitudes, start, 3, beta, d, direction, step, 0.5, floor, **OPTIONS
    )
    rule = {"beta": beta, "d": d, "direction": direction, "step": 1e-3, "momentum": 0.5}
    options = {"algorithm": "bregman", "n_iter": 3, "init": start, "return_cost": True} | rule | OPTIONS
    y, cost = pw.griffinlim(magnitudes, **options)
    assert relative_error(y, pw.istft(expected, **OPTIONS)) < tolerance("griffinlim_iteration", np.float64)
    np.testing.assert_allclose(cost, expected_cost, rtol=1e-9)


@pytest.mark.parametrize(("beta", "d", "direction"), CASES)
def test_admm_equals_twin(isa, magnitudes, start, beta, d, direction):
    rho, floor = scaled(magnitudes, beta, d, 0.5, proximal=True)
    _, expected = twin.bregman_admm(magnitudes, start, 2, beta, d, direction, rho, floor, **OPTIONS)
    rule = {"beta": beta, "d": d, "direction": direction, "step": 0.5}
    options = {"algorithm": "bregman_admm", "n_iter": 2, "init": start} | rule | OPTIONS
    _, state = pw.griffinlim(magnitudes, return_state=True, **options)
    assert relative_error(state.estimate, expected) < tolerance("griffinlim_iteration", np.float64)


@pytest.mark.parametrize(("beta", "d", "direction"), CASES)
@pytest.mark.parametrize("rho", [0.05, 1.0, 20.0])
def test_proximal_points_are_minima(beta, d, direction, rho):
    rng = np.random.default_rng(2)
    h, v = 10 ** rng.uniform(-3, 2, 40), 10 ** rng.uniform(-3, 2, 40)
    y = twin.proximal(h, v, rho, beta, d, direction)

    def objective(y):
        terms = [
            twin.beta_value(np.array([[a]]), np.array([[b]]), beta, d, direction, np.ones((1, 1)))
            for a, b in zip(y, v, strict=True)
        ]
        return np.array(terms) + rho / 2 * (y - h) ** 2

    here = objective(y)
    for factor in (0.99, 1.01):
        assert (objective(y * factor) >= here - 1e-9 * (1 + abs(here))).all()
    # closed forms that the literature gives
    if (d, beta) == (1, 2):
        np.testing.assert_allclose(y, (rho * h + v) / (rho + 1), rtol=1e-9)
    if (d, beta, direction) == (1, 1, "right"):
        np.testing.assert_allclose(
            y, (rho * h - 1 + np.sqrt((rho * h - 1) ** 2 + 4 * rho * v)) / (2 * rho), rtol=1e-7
        )
    if (d, beta, direction) == (1, 0, "left"):
        b = 1 / v - rho * h
        np.testing.assert_allclose(y, (np.sqrt(b**2 + 4 * rho) - b) / (2 * rho), rtol=1e-7)


def test_euclidean_descent_is_griffin_lim(magnitudes, start):
    options = {"n_iter": 6, "init": start, "return_cost": True} | OPTIONS
    plain, cost = pw.griffinlim(magnitudes, algorithm="gla", **options)
    descended, half = pw.griffinlim(
        magnitudes, algorithm="bregman", beta=2, d=1, step=1.0, momentum=0.0, **options
    )
    assert relative_error(descended, plain) < 1e-12
    np.testing.assert_allclose(half, cost / 2, rtol=1e-10)


def test_euclidean_admm_with_a_light_distance_is_admm(magnitudes, start):
    options = {"n_iter": 4, "init": start} | OPTIONS
    hard = pw.griffinlim(magnitudes, algorithm="admm", **options)
    soft = pw.griffinlim(magnitudes, algorithm="bregman_admm", beta=2, d=1, step=1e-13, **options)
    assert relative_error(soft, hard) < 1e-10


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("beta", "d", "direction"), CASES)
def test_default_steps_descend_at_any_scale(consistent, algorithm, beta, d, direction):
    start = consistent * np.exp(1j * np.random.default_rng(4).uniform(-3, 3, consistent.shape))
    options = {"algorithm": algorithm, "beta": beta, "d": d, "direction": direction, "n_iter": 25} | OPTIONS

    def run(gain):
        return pw.griffinlim(gain * consistent, init=gain * start, return_cost=True, **options)

    y, cost = run(1.0)
    assert cost[-1] < 0.7 * cost[0]
    louder, its_cost = run(1000.0)
    assert relative_error(louder, 1000 * y) < 1e-6
    np.testing.assert_allclose(its_cost, cost * 1000.0 ** (d * beta), rtol=1e-6)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("beta", "d", "direction"), CASES)
def test_single_precision_silence_and_true_phase(magnitudes, algorithm, beta, d, direction):
    options = {"algorithm": algorithm, "beta": beta, "d": d, "direction": direction} | OPTIONS
    for V in (magnitudes.astype(np.float32), np.zeros_like(magnitudes, dtype=np.float32)):
        y, cost = pw.griffinlim(V, n_iter=4, init=V + 0j, return_cost=True, **options)
        assert y.dtype == np.float32
        assert np.isfinite(y).all()
        assert np.isfinite(cost).all()
    y = np.random.default_rng(2).standard_normal(LENGTH)
    S = pw.stft(y, n_fft=N_FFT, hop_length=HOP)
    assert relative_error(pw.griffinlim(S, init=None, n_iter=3, **options), y) < 1e-6


def test_batches_are_loops(threads, magnitudes, start):
    V, S = np.stack([magnitudes, 5 * magnitudes[::-1]]), np.stack([start, start[::-1]])
    for algorithm in ALGORITHMS:
        options = {"algorithm": algorithm, "n_iter": 3} | OPTIONS
        both = pw.griffinlim(V, init=S, **options)
        for item in range(2):
            np.testing.assert_array_equal(pw.griffinlim(V[item], init=S[item], **options), both[item])


@pytest.fixture(scope="module")
def band():
    """Three sources and their mixture, with silence in one."""
    rng = np.random.default_rng(8)
    t = np.arange(LENGTH)
    y = np.stack([np.sin(0.2 * t), np.sign(np.sin(0.05 * t)), rng.standard_normal(LENGTH) * (t > 900)])
    S = pw.stft(y, n_fft=N_FFT, hop_length=HOP)
    return S.sum(axis=0), np.abs(S) * rng.uniform(0.8, 1.2, S.shape)


@pytest.mark.parametrize(("beta", "d", "direction"), CASES)
def test_several_sources_equal_twin(isa, band, beta, d, direction):
    X, V = band
    step, floor = scaled(V, beta, d, 0.01)
    expected = twin.bregman_misi(X, V, 3, beta, d, direction, [step] * 3, [floor] * 3, **OPTIONS)
    ours = pw.bregman_misi(X, V, beta=beta, d=d, direction=direction, step=0.01, n_iter=3, **OPTIONS)
    assert relative_error(ours, expected) < tolerance("griffinlim_iteration", np.float64)
    assert relative_error(ours.sum(axis=0), X) < tolerance("sum", np.float64)


def test_euclidean_sources_are_those_of_misi(band):
    X, V = band
    ours, half = pw.bregman_misi(X, V, beta=2, d=1, step=1.0, n_iter=4, return_cost=True, **OPTIONS)
    misi, cost = pw.misi(X, V, n_iter=4, return_cost=True, **OPTIONS)
    assert relative_error(ours, misi) < 1e-12
    np.testing.assert_allclose(half, cost / 2, rtol=1e-10)
    # other divergences with endless steps come to the same
    endless = pw.bregman_misi(X, V, step=1e12, n_iter=4, **OPTIONS)
    assert relative_error(endless, misi) < 1e-2


def test_several_sources_of_any_scale_order_and_batch(threads, band):
    X, V = band
    one = pw.bregman_misi(X, V, **OPTIONS)
    assert relative_error(pw.bregman_misi(100 * X, 100 * V, **OPTIONS), 100 * one) < 1e-6
    turned = pw.bregman_misi(X, V[::-1], **OPTIONS)[::-1]
    assert relative_error(turned, one) < 1e-9
    batch = pw.bregman_misi(np.stack([X, 2 * X]), np.stack([V, 3 * V]), **OPTIONS)
    np.testing.assert_array_equal(batch[0], one)
    np.testing.assert_array_equal(batch[1], pw.bregman_misi(2 * X, 3 * V, **OPTIONS))
    single = pw.bregman_misi(X.astype(np.complex64), V.astype(np.float32), n_iter=2, **OPTIONS)
    assert single.dtype == np.complex64
    assert relative_error(single, pw.bregman_misi(X, V, n_iter=2, **OPTIONS)) < 1e-3


def test_rules_are_checked():
    with pytest.raises(pw.ParameterError, match="beta must be a finite number"):
        Divergence.check(9.0, 1, "right")
    with pytest.raises(pw.ParameterError, match="step must be positive"):
        pw.bregman_misi(np.ones((3, 2)), np.ones((2, 3, 2)), step=0.0)
