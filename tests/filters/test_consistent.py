"""The consistent Wiener filters: their twin, the published form for two sources, costs, sums."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phasewise.reference import anisotropic as twin_of_start
from phasewise.reference import consistent as twin
from phasewise.reference.transform import bin_weights, project_consistent
from tolerances import relative_error, tolerance

N_FFT, HOP, LENGTH = 128, 32, 32 * 20
OPTIONS = {"n_fft": N_FFT, "hop_length": HOP, "length": LENGTH}
DTYPES = [np.float64, np.float32]


@pytest.fixture(scope="module")
def sources():
    rng = np.random.default_rng(0)
    n = np.arange(LENGTH)
    y = 0.05 * rng.standard_normal((3, LENGTH))
    y[0] += np.sin(0.2 * n)
    y[1] += 0.5 * np.sin(0.23 * n + 1) + 0.3 * np.sin(0.7 * n)
    y[2, :300] = 0
    return pw.stft(y, n_fft=N_FFT, hop_length=HOP)


@pytest.fixture(scope="module")
def problem(sources):
    """Return mixture and magnitudes that are a little wrong, with exact zeros."""
    V = abs(sources) * np.random.default_rng(1).uniform(0.7, 1.3, sources.shape)
    V[0, 3:6, 4] = 0
    V[:, 7, 5] = 0
    return sources.sum(axis=0), V


def score(S, sources):
    return 10 * np.log10(np.sum(abs(sources) ** 2) / np.sum(abs(S - sources) ** 2))


@pytest.mark.parametrize("solver", ["cg", "mm"])
@pytest.mark.parametrize("kappa", [0, 1.0, [0.3, 2.0, 5.0]], ids=str)
def test_equals_twin(isa, threads, problem, kappa, solver):
    options = {"kappa": kappa, "delta": 3.0, "n_iter": 6, "solver": solver, "tol": 0.0, **OPTIONS}
    S, cost = pw.consistent_anisotropic_wiener(*problem, return_cost=True, **options)
    expected, expected_cost = twin.consistent_anisotropic_wiener(*problem, **options)
    assert relative_error(S, expected) < 1e-10
    np.testing.assert_allclose(cost, expected_cost, rtol=1e-9)
    assert relative_error(S.sum(axis=0), problem[0]) < tolerance("sum", np.float64)


@pytest.mark.parametrize("options", [{"n_fft": 125, "hop_length": 30}, {"n_fft": 126, "hop_length": 63}])
def test_other_sizes_and_ends_equal_twin(rng, options):
    y = rng.standard_normal((2, 700))
    S = pw.stft(y, **options)
    for more in ({"tol": 1e-3}, {"tol": 1e-3, "solver": "mm"}):
        more = {"delta": 50.0, "length": 700, **options, **more}
        ours, cost = pw.consistent_anisotropic_wiener(S.sum(axis=0), abs(S), return_cost=True, **more)
        theirs, their_cost = twin.consistent_anisotropic_wiener(S.sum(axis=0), abs(S), **more)
        assert relative_error(ours, theirs) < 1e-10
        assert 1 < len(their_cost) < 60
        np.testing.assert_allclose(cost[: len(their_cost)], their_cost, rtol=1e-9)
        assert (cost[len(their_cost) :] == cost[-1]).all()


def test_onsets_and_given_phases(problem, sources):
    onsets = np.zeros((3, sources.shape[-1]), dtype=bool)
    onsets[:, 10] = True
    for options in ({"onsets": onsets}, {"phase": sources}):
        ours = pw.consistent_anisotropic_wiener(*problem, n_iter=3, tol=0, **options, **OPTIONS)
        theirs, _ = twin.consistent_anisotropic_wiener(*problem, n_iter=3, tol=0, **options, **OPTIONS)
        assert relative_error(ours, theirs) < 1e-10


@pytest.mark.parametrize("kappa", [0.0, 1.5])
def test_two_sources_give_the_published_form(problem, kappa):
    """The equation of Le Roux and Vincent, of Magron et al.: (g S - c conj(S)) / d + delta (S - G S) = 0."""
    X, V = problem[0], problem[1][:2]
    V = np.maximum(V, 1e-3)
    delta = 40.0
    ours = pw.consistent_anisotropic_wiener(X, V, kappa=kappa, delta=delta, n_iter=400, tol=1e-26, **OPTIONS)
    start, g, c, _ = twin_of_start.anisotropic_wiener(X, V, HOP, kappa, n_fft=N_FFT)
    g, c, change = g[0], c[0], ours[0] - start[0]
    gap = ours[0] - project_consistent(ours[0], HOP, n_fft=N_FFT, length=LENGTH)
    gradient = (g * change - c * change.conj()) / (g**2 - abs(c) ** 2) + delta / N_FFT * gap
    assert abs(gradient).max() < 1e-6 * delta / N_FFT * abs(gap).max()


@pytest.mark.parametrize("solver", ["cg", "mm"])
def test_weight_zero_and_no_iterations_change_nothing(isa, problem, solver):
    options = {"hop_length": HOP, "n_fft": N_FFT}
    expected = pw.anisotropic_wiener(*problem, kappa=1.3, **options)
    for more in ({"delta": 0.0}, {"n_iter": 0}):
        S = pw.consistent_anisotropic_wiener(*problem, kappa=1.3, solver=solver, **more, **OPTIONS)
        assert relative_error(S, expected) < 1e-13


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("solver", ["cg", "mm"])
def test_no_concentration_is_the_consistent_wiener_filter(problem, solver, dtype):
    X, V = problem[0].astype(np.result_type(dtype, np.complex64)), problem[1].astype(dtype)
    S = pw.consistent_wiener(X, V, gamma=3.0, solver=solver, **OPTIONS)
    assert S.dtype == X.dtype
    again = pw.consistent_anisotropic_wiener(X, V, kappa=0, delta=3.0, solver=solver, **OPTIONS)
    np.testing.assert_array_equal(S, again)
    assert relative_error(S.sum(axis=0), X) < tolerance("sum", dtype)
    if dtype == np.float32:
        double = pw.consistent_wiener(*problem, gamma=3.0, solver=solver, **OPTIONS)
        assert relative_error(S, double) < 1e-4


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 4),
    kappa=st.floats(0, 50),
    delta=st.sampled_from([1e-3, 1.0, 1e2, 1e4]),
    solver=st.sampled_from(["cg", "mm"]),
)
@settings(max_examples=40, deadline=None)
def test_cost_never_increases(seed, count, kappa, delta, solver):
    rng = np.random.default_rng(seed)
    S = pw.stft(rng.standard_normal((count, 300)), n_fft=32, hop_length=8)
    V = abs(S) * rng.uniform(0, 2, S.shape) ** 3
    options = {"n_fft": 32, "hop_length": 8, "length": 300, "n_iter": 12, "tol": 0.0}
    estimate, cost = pw.consistent_anisotropic_wiener(
        S.sum(axis=0), V, kappa=kappa, delta=delta, solver=solver, return_cost=True, **options
    )
    assert (np.diff(cost) <= tolerance("monotone", np.float64) * max(cost[0], 1e-12)).all()
    assert relative_error(estimate.sum(axis=0), S.sum(axis=0)) < 1e-12


@given(kappa=st.floats(0, 20), scale=st.integers(-20, 20), solver=st.sampled_from(["cg", "mm"]))
@settings(max_examples=20, deadline=None)
def test_level_and_order_only_scale_and_permute(kappa, scale, solver):
    """The weight of the inconsistency is relative to the powers: that of a gain c is delta / c**2."""
    S = pw.stft(np.random.default_rng(7).standard_normal((3, 300)), n_fft=32, hop_length=8)
    X, V, gain = S.sum(axis=0), abs(S), 2.0**scale
    options = {"kappa": kappa, "n_iter": 5, "tol": 0.0, "solver": solver, "length": 300}
    options["phase"] = S
    expected = pw.consistent_anisotropic_wiener(X, V, delta=20.0, **options)
    louder = pw.consistent_anisotropic_wiener(gain * X, gain * V, delta=20.0 / gain**2, **options)
    np.testing.assert_array_equal(louder, gain * expected)
    options["phase"] = S[::-1]
    permuted = pw.consistent_anisotropic_wiener(X, V[::-1], delta=20.0, **options)
    assert relative_error(permuted[::-1], expected) < 1e-9


def test_solvers_meet(problem):
    options = {"delta": 30.0, "tol": 0.0, "return_cost": True, **OPTIONS}
    direct, low = pw.consistent_anisotropic_wiener(*problem, n_iter=60, **options)
    slow, cost = pw.consistent_anisotropic_wiener(*problem, n_iter=2000, solver="mm", **options)
    assert low[-1] <= cost[-1] * (1 + 1e-12)
    assert relative_error(slow, direct) < 1e-3
    assert low[5] < cost[5]  # what conjugate gradients are for


def test_consistency_lowers_inconsistency_and_error(sources):
    X, V = sources.sum(axis=0), abs(sources)

    def gap(S):
        G = project_consistent(S, HOP, n_fft=N_FFT, length=LENGTH)
        return np.sum(bin_weights(N_FFT) * abs(S - G) ** 2)

    plain, weak = pw.wiener(X, V), pw.consistent_wiener(X, V, gamma=4.0, **OPTIONS)
    strong = pw.consistent_wiener(X, V, gamma=400.0, **OPTIONS)
    assert gap(strong) < gap(weak) < gap(plain)
    assert score(plain, sources) < score(weak, sources)


@pytest.mark.parametrize("solver", ["cg", "mm"])
def test_batch_threads_and_memory_order_do_not_matter(isa, rng, solver):
    y = rng.standard_normal((2, 2, 3, 4000))
    S = pw.stft(y, n_fft=N_FFT, hop_length=HOP)
    X, V = S.sum(axis=-3), abs(S) * rng.uniform(0.5, 2, S.shape)
    options = {"n_fft": N_FFT, "hop_length": HOP, "delta": 20.0, "tol": 1e-4, "solver": solver}
    expected, cost = pw.consistent_anisotropic_wiener(X, V, return_cost=True, **options)
    for item in np.ndindex(2, 2):
        alone, its_cost = pw.consistent_anisotropic_wiener(X[item], V[item], return_cost=True, **options)
        np.testing.assert_array_equal(alone, expected[item])
        np.testing.assert_array_equal(its_cost, cost[item])
    before = pw.get_num_threads()
    try:
        for n in (1, 2, 3):
            pw.set_num_threads(n)
            again = pw.consistent_anisotropic_wiener(np.asfortranarray(X), np.asfortranarray(V), **options)
            np.testing.assert_array_equal(again, expected)
    finally:
        pw.set_num_threads(before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"delta": -1}, "delta must be"),
        ({"n_iter": -1}, "n_iter must be an integer >= 0"),
        ({"tol": -1}, "tol must be"),
        ({"solver": "newton"}, "solver must be one of 'cg', 'mm'"),
        ({"kappa": -1}, "kappa must lie in"),
        ({"length": 9999}, "length=9999 makes"),
        ({"hop_length": 0}, "hop_length must be"),
        ({"n_fft": 62}, r"X must have 1 \+ n_fft // 2"),
        ({"V": np.ones((3, 33, 9))}, "V must have the shape of X"),
    ],
)
def test_errors(options, message):
    arrays = [options.pop("X", np.ones((33, 10))), options.pop("V", np.ones((3, 33, 10)))]
    with pytest.raises(pw.ParameterError, match=message):
        pw.consistent_anisotropic_wiener(*arrays, **options)
    with pytest.raises(pw.ParameterError, match="gamma must be"):
        pw.consistent_wiener(*arrays, gamma=-1)
