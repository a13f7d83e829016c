"""Magnitudes that can sum to the mixture, and the blend of an estimate with the Wiener filter."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phasewise.phase import feasible_magnitudes
from phasewise.phase.agreement import blend_with_prior
from phasewise.reference import agreement as twin
from phasewise.reference.filters import wiener
from phasewise.reference.projections import mixing_projection, mixing_weights
from tolerances import relative_error, tolerance

DTYPES = [np.float64, np.float32]


def problem(rng, shape=(2, 3, 70, 9), dtype=np.float64):
    """Return X and V with wrong magnitudes, zeros, and an empty bin."""
    S = rng.standard_normal((*shape, 2)).view(np.complex128)[..., 0]
    V = np.abs(S) * rng.uniform(0, 2, shape) ** 2
    V[..., 0, 3, 4] = 0
    V[..., :, 5, 6] = 0
    X = S.sum(axis=-3)
    X[..., 7, 8] = 0
    return X.astype(np.result_type(dtype, np.complex64)), V.astype(dtype)


def frame_major(a):
    return np.ascontiguousarray(np.swapaxes(a, -1, -2))


def closes(X, V, slack):
    total, largest = V.sum(axis=-3), V.max(axis=-3)
    return (total >= abs(X) - slack) & (2 * largest - total <= abs(X) + slack)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sources", [1, 2, 3, 6])
def test_feasible_magnitudes_equal_twin_and_close(threads, rng, sources, dtype):
    X, V = problem(rng, (2, sources, 70, 9), dtype)
    ours = feasible_magnitudes(X, V)
    assert ours.dtype == dtype
    assert relative_error(ours, twin.feasible_magnitudes(X, V)) < tolerance("sum", dtype)
    assert not closes(X, V, 1e-5).all()
    assert closes(X, ours, 1e-5).all()
    assert (ours >= 0).all()


def test_feasible_magnitudes_by_hand():
    X = np.array([[10.0, 1.0, 2.0]])
    V = np.array([[[3.0, 6.0, 2.0]], [[1.0, 2.0, 1.0]]])
    # 6 lacking, shared 9 : 1; 3 too much, shared 36 : 4; nothing wrong
    expected = [[[3 + 5.4, 6 - 2.7, 2.0]], [[1 + 0.6, 2 + 0.3, 1.0]]]
    np.testing.assert_allclose(feasible_magnitudes(X + 0j, V), expected, rtol=1e-14)


@pytest.mark.parametrize("dtype", DTYPES)
def test_true_magnitudes_stay(rng, dtype):
    S = (
        rng.standard_normal((3, 33, 20, 2))
        .view(np.complex128)[..., 0]
        .astype(np.result_type(dtype, np.complex64))
    )
    V = np.abs(S)
    assert relative_error(feasible_magnitudes(S.sum(axis=0), V), V) < 4 * np.finfo(dtype).eps


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1.0, 1e-25, 1e15])
@pytest.mark.parametrize("distance", [0.1, 0.7, 1.5])
@pytest.mark.parametrize("prior", [False, True])
def test_blend_equals_twin(threads, rng, prior, distance, scale, dtype):
    """From no trust to full trust: estimates near the Wiener estimate, and far from it."""
    X, V = problem(rng, dtype=dtype)
    noise = rng.standard_normal((*V.shape, 2)).view(np.complex128)[..., 0]
    moved = distance * V * noise
    S = wiener(X, V) + moved - moved.mean(axis=-3, keepdims=True)
    other = rng.standard_normal((*V.shape, 2)).view(np.complex128)[..., 0] if prior else None
    V *= np.sqrt((np.abs(X) ** 2).sum() / (V**2).sum()).astype(dtype)  # magnitudes that can be trusted at all
    expected, trust = twin.blend_with_prior(X.astype(complex), V.astype(float), S, other)
    assert (trust == 0).all() if distance == 0.1 else (trust > 0).all()

    def ready(a, kind):
        return frame_major(a * scale).astype(kind)

    estimate = ready(S, X.dtype)
    prior_values = None if other is None else ready(other, X.dtype)
    found = blend_with_prior(ready(X, X.dtype), ready(V, dtype), estimate, prior_values)
    assert relative_error(np.swapaxes(estimate, -1, -2) / scale, expected) < tolerance("mixing", dtype)
    np.testing.assert_allclose(found, trust, rtol=1e-4, atol=1e-6)
    sums = estimate.sum(axis=1) / scale
    assert relative_error(np.swapaxes(sums, -1, -2), X) < 10 * tolerance("sum", dtype)


@given(
    seed=st.integers(0, 2**32 - 1),
    sources=st.integers(1, 5),
    bins=st.integers(1, 140),
    zeros=st.floats(0, 1),
)
@settings(max_examples=40, deadline=None)
def test_anything_finite_gives_finite_values(seed, sources, bins, zeros):
    rng = np.random.default_rng(seed)
    V = rng.exponential(size=(1, sources, 3, bins)) * 10.0 ** rng.integers(-30, 30, (1, sources, 3, bins))
    V *= rng.random(V.shape) > zeros
    X = rng.standard_normal((1, 3, bins, 2)).view(np.complex128)[..., 0]
    S = rng.standard_normal((*V.shape, 2)).view(np.complex128)[..., 0] * V
    trust = blend_with_prior(X, V, S)
    assert np.isfinite(S).all()
    assert ((trust >= 0) & (trust <= 1)).all()
    feasible = feasible_magnitudes(np.swapaxes(X, -1, -2), np.swapaxes(V, -1, -2))
    assert np.isfinite(feasible).all()
    assert (feasible >= 0).all()


def sources(rng, length=30 * 512):
    """Three tones that swell and fade, and a beat of noise."""
    t = np.arange(length)
    tones = [np.sin(f * t) * (1.1 + np.sin(2e-3 * t * k)) for k, f in enumerate((0.11, 0.171, 0.29), 1)]
    return np.stack([*tones, rng.standard_normal(length) * np.exp(-0.002 * (t % 4000))])


def quality(y, estimate, hop):
    return float(np.mean(pw.metrics.si_sdr(y, pw.istft(estimate, hop_length=hop, length=y.shape[-1]))))


def test_auto_keeps_what_reflections_find_and_drops_what_blurred_magnitudes_suggest(rng):
    """Known magnitudes: far above Wiener. The same magnitudes for all: nothing to be won, nothing lost."""
    y = sources(rng)
    S = pw.stft(y, n_fft=512)
    X, V = S.sum(axis=0), np.abs(S)
    options = {"n_fft": 512, "length": y.shape[-1], "n_iter": 15}
    auto = pw.spectrogram_inversion(X, V, "auto", **options)
    assert quality(y, auto, 128) > quality(y, pw.wiener(X, V), 128) + 10
    assert quality(y, auto, 128) > quality(y, pw.misi(X, V, **options), 128) + 3

    vague = 0.25 * np.abs(X) * rng.uniform(0.6, 1.4, V.shape)
    auto = pw.spectrogram_inversion(X, vague, "auto", **options)
    assert relative_error(auto, pw.wiener(X, vague)) < 1e-12
    start = S + 0.01 * rng.standard_normal(S.shape)
    kept = pw.spectrogram_inversion(X, vague, "auto", init=start, **options)
    assert relative_error(kept, mixing_projection(start, X, mixing_weights(vague, 2.0))) < 1e-12


def test_items_are_judged_one_by_one(rng):
    y = sources(rng)
    S = pw.stft(y, n_fft=512)
    X, V = S.sum(axis=0), np.abs(S)
    vague = 0.25 * np.abs(X) * rng.uniform(0.6, 1.4, V.shape)
    options = {"n_fft": 512, "length": y.shape[-1]}
    both = pw.spectrogram_inversion(np.stack([X, X]), np.stack([V, vague]), "auto", **options)
    for estimate, magnitudes in zip(both, (V, vague), strict=True):
        assert np.array_equal(estimate, pw.spectrogram_inversion(X, magnitudes, "auto", **options))
