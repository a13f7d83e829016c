"""What holds for every problem that one can pose to the inversion family."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phasewise.phase.registry import ALGORITHMS
from tolerances import relative_error, tolerance

MONOTONE = [name for name, a in ALGORITHMS.items() if a.monotone and a.iterative]
WEIGHTS = ["equal", "magnitude", "wiener", "refreshed", 0.3]
HARD = ["silent", "single frame", "identical", "zero bins", "no mixture", "nothing"]

examples = partial(settings, deadline=None, derandomize=True)
algorithms = st.sampled_from(sorted(ALGORITHMS))
sizes = st.sampled_from([(16, 4), (30, 7), (33, 11), (64, 16)])
seeds = st.integers(0, 2**32 - 1)
counts = st.integers(1, 4)


def transform(size, frames=7):
    n_fft, hop = size
    return {"n_fft": n_fft, "hop_length": hop, "length": hop * (frames - 1) + 1}


def problem(seed, count, options):
    """Return X, wrong magnitudes, and the true spectrograms of random sources."""
    rng = np.random.default_rng(seed)
    y = rng.standard_normal((count, options["length"])) * rng.uniform(0.1, 3, (count, 1))
    S = pw.stft(y, n_fft=options["n_fft"], hop_length=options["hop_length"])
    return S.sum(axis=0), np.abs(S) * rng.uniform(0.5, 1.5, S.shape), S


@examples(max_examples=60)
@given(
    seed=seeds,
    count=counts,
    size=sizes,
    algo=st.sampled_from(MONOTONE),
    weights=st.sampled_from(WEIGHTS),
    sigma=st.floats(0, 100),
)
def test_costs_that_are_called_monotone_never_rise(seed, count, size, algo, weights, sigma):
    options = transform(size)
    X, V, _ = problem(seed, count, options)
    _, cost = pw.spectrogram_inversion(
        X, V, algo, n_iter=15, mixing_weights=weights, consistency_weight=sigma, return_cost=True, **options
    )
    assert np.diff(cost).max() <= tolerance("monotone", np.float64) * max(cost[0], np.sum(V**2))


@examples(max_examples=40)
@given(seed=seeds, count=counts, size=sizes, algo=algorithms, weights=st.sampled_from(WEIGHTS))
def test_promised_constraints_hold(seed, count, size, algo, weights):
    options = transform(size)
    X, V, _ = problem(seed, count, options)
    S = pw.spectrogram_inversion(X, V, algo, n_iter=4, mixing_weights=weights, **options)
    if ALGORITHMS[algo].exact_mixture:
        assert relative_error(S.sum(axis=0), X) < 1e-12
    if ALGORITHMS[algo].exact_magnitude:
        assert relative_error(np.abs(S), V) < 1e-12


@examples(max_examples=40)
@given(seed=seeds, count=counts, size=sizes, algo=algorithms)
def test_true_sources_are_a_fixed_point(seed, count, size, algo):
    options = transform(size)
    X, _, S = problem(seed, count, options)
    start = "mixture" if algo == "AM" else S
    if algo not in ("AM", "Mag(KL)_hardMix") or count == 1:
        result = pw.spectrogram_inversion(X, np.abs(S), algo, n_iter=5, init=start, **options)
        assert relative_error(result, S) < 1e-9


@examples(max_examples=40)
@given(seed=seeds, count=counts, size=sizes, algo=algorithms, power=st.integers(-60, 60))
def test_scale_passes_through(seed, count, size, algo, power):
    options = transform(size)
    X, V, _ = problem(seed, count, options)
    expected = pw.spectrogram_inversion(X, V, algo, n_iter=3, **options)
    scale = 2.0**power
    scaled = pw.spectrogram_inversion(scale * X, scale * V, algo, n_iter=3, **options)
    assert relative_error(scaled / scale, expected) < 1e-9


@examples(max_examples=40)
@given(
    seed=seeds, size=sizes, algo=algorithms, weights=st.sampled_from(WEIGHTS), order=st.permutations(range(4))
)
def test_order_of_sources_does_not_matter(seed, size, algo, weights, order):
    options = transform(size)
    X, V, _ = problem(seed, 4, options)
    run = partial(pw.spectrogram_inversion, X, algo=algo, n_iter=3, mixing_weights=weights, **options)
    assert relative_error(run(V[order]), run(V)[order]) < 1e-7


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("case", HARD)
@pytest.mark.parametrize("algo", sorted(ALGORITHMS))
def test_hard_problems_have_finite_solutions(algo, case, dtype):
    options = transform((32, 8), 1 if case == "single frame" else 7)
    X, V, _ = problem(5, 3, options)
    if case == "silent":
        V[1] = 0
    elif case == "identical":
        V[:] = V[0]
    elif case == "zero bins":
        V[:, 3:5] = 0
    elif case == "no mixture":
        X[:] = 0
    elif case == "nothing":
        V[:] = 0
        X[:] = 0
    X, V = X.astype(np.result_type(dtype, np.complex64)), V.astype(dtype)
    for weights in WEIGHTS:
        S, cost = pw.spectrogram_inversion(
            X, V, algo, n_iter=6, mixing_weights=weights, return_cost=True, **options
        )
        assert np.isfinite(S).all()
        assert np.isfinite(cost).all()
        if case == "nothing":
            assert not S.any()


@pytest.mark.parametrize("algo", sorted(ALGORITHMS))
def test_one_source_is_the_mixture_where_sums_are_exact(algo):
    options = transform((32, 8))
    X, V, _ = problem(6, 1, options)
    S = pw.spectrogram_inversion(X, V, algo, n_iter=4, **options)
    if ALGORITHMS[algo].exact_mixture:
        assert relative_error(S[0], X) < 1e-12
