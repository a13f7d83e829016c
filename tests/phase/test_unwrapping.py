"""PU-Iter: its twin, and what theory says of it."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise as pw
from phasewise.reference import unwrapping as twin
from tolerances import relative_error, tolerance

N_FFT, HOP = 512, 128
STARTS = (0, 0, 4000, 8000)
DTYPES = [np.float64, np.float32]


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


@pytest.mark.parametrize("weights", ["magnitude", "equal", "refreshed", 0.5], ids=str)
def test_pu_iter_with_other_weights_equals_twin(isa, sources, weights):
    X, V = sources.sum(axis=0), abs(sources)
    S = pw.pu_iter(X, V, hop_length=HOP, n_iter=5, mixing_weights=weights)
    expected, _ = twin.pu_iter(X, V, HOP, 5, weights=weights)
    assert relative_error(S[..., :40], expected[..., :40]) < 1e-8


@pytest.mark.parametrize("weights", ["wiener", "refreshed", "equal"])
@pytest.mark.parametrize("model_weight", [1e-3, 0.5, 30.0])
def test_constrained_form_equals_twin(isa, threads, sources, onsets, weights, model_weight):
    X, V = sources.sum(axis=0)[:, :30], abs(sources)[..., :30]
    options = {"onsets": onsets[:, :30], "model_weight": model_weight}
    S, cost = pw.pu_iter(X, V, hop_length=HOP, n_iter=8, mixing_weights=weights, return_cost=True, **options)
    expected, expected_cost = twin.pu_iter(X, V, HOP, 8, weights=weights, **options)
    assert relative_error(S, expected) < 1e-9
    np.testing.assert_allclose(cost, expected_cost, rtol=1e-9)
    assert np.diff(cost).max() <= tolerance("monotone", np.float64) * cost[0]


def test_weight_of_the_model_leads_from_the_mixture_to_the_model(sources):
    X, V = sources.sum(axis=0), abs(sources)
    options = {"hop_length": HOP, "n_iter": 20}
    free, model = pw.pu_iter(X, V, **options), pw.pu_iter(X, V, hop_length=HOP, n_iter=0)
    light = pw.pu_iter(X, V, model_weight=1e-12, **options)
    heavy = pw.pu_iter(X, V, model_weight=1e9, **options)
    assert np.median(abs(light - free)) < 1e-6 * V.max()
    assert relative_error(heavy, model) < 1e-4
    for dtype in DTYPES:
        bound = pw.pu_iter(
            X.astype(np.result_type(dtype, np.complex64)), V.astype(dtype), model_weight=0.3, **options
        )
        assert bound.dtype == np.result_type(dtype, np.complex64)
        assert np.isfinite(bound).all()
        np.testing.assert_allclose(abs(bound), V, rtol=1e-5, atol=1e-6 * V.max())


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
        ({"model_weight": -1.0}, "model_weight must be a finite number"),
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
