"""Metrics: identities, invariances, silence, agreement with independent formulas, and error messages."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from phasewise import metrics
from phasewise.errors import ParameterError
from phasewise.reference.transform import bin_weights, project_consistent, stft

SIGNAL_METRICS = [metrics.sdr, metrics.si_sdr, metrics.usdr, metrics.csdr]


@pytest.fixture
def pair(rng):
    """A stereo reference with a silent stretch, and an estimate at about 20 dB; (2, samples)."""
    s = rng.standard_normal((2, 50_000))
    return s, s + 0.1 * rng.standard_normal(s.shape)


def test_sdr_of_known_errors():
    s = np.array([1.0, -1.0, 2.0, 0.0])
    assert metrics.sdr(s, 0.9 * s) == pytest.approx(20)
    assert metrics.sdr(s, 0 * s) == 0
    assert metrics.sdr(s, s) == np.inf
    assert metrics.sdr(s, [1.0, -1.0, 2.0, 1.0]) == pytest.approx(10 * np.log10(6))


def test_sdr_keeps_leading_axes_and_computes_in_double(rng):
    s = rng.standard_normal((3, 2, 1000)).astype(np.float32)
    e = (s * np.float32(1.0001)).astype(np.float32)
    scores = metrics.sdr(s, e)
    assert scores.shape == (3, 2)
    assert scores.dtype == np.float64
    assert scores[1, 1] == metrics.sdr(s[1, 1], e[1, 1])
    assert scores[1, 1] == pytest.approx(80, abs=0.1)
    assert isinstance(metrics.sdr(s[1, 1], e[1, 1]), float)


@pytest.mark.parametrize("gain", [1e-3, -2.0, 50.0])
def test_si_sdr_forgives_gain_and_offset_only(pair, gain):
    s, e = pair
    score = metrics.si_sdr(s, e)
    np.testing.assert_allclose(metrics.si_sdr(s, gain * e), score, atol=1e-9)
    np.testing.assert_allclose(metrics.si_sdr(gain * s, e), score, atol=1e-9)
    np.testing.assert_allclose(metrics.si_sdr(s + 0.5, e - 2), score, atol=1e-9)
    assert (metrics.si_sdr(s, e - 2, zero_mean=False) < score - 5).all()
    assert (metrics.si_sdr(s, gain * s) > 250).all()


def test_si_sdr_is_a_correlation(pair):
    """With zero means, |a s|^2 / |a s - e|^2 = r^2 / (1 - r^2)."""
    s, e = pair
    r = np.array([np.corrcoef(a, b)[0, 1] for a, b in zip(s, e, strict=True)])
    np.testing.assert_allclose(metrics.si_sdr(s, e), 10 * np.log10(r**2 / (1 - r**2)), atol=1e-8)


def test_si_sdr_of_nothing_in_common():
    s = np.array([1.0, -1.0, 0.0, 0.0])
    assert metrics.si_sdr(s, [0.0, 0.0, 1.0, -1.0]) == -np.inf
    assert metrics.si_sdr(s, 0 * s) == -np.inf


@pytest.mark.parametrize("metric", SIGNAL_METRICS)
def test_silent_reference_scores_nan(metric, pair):
    s, e = pair
    s[...] = 0
    assert np.isnan(metric(s, e)).all()
    assert np.isnan(metric(s, s)).all()


def test_constant_reference_is_silent_without_its_mean():
    s = np.full(1000, 0.3)
    assert np.isnan(metrics.si_sdr(s, np.arange(1000.0)))
    assert metrics.si_sdr(s, s + 0.1, zero_mean=False) > 250
    assert not np.isnan(metrics.si_sdr(s + 1e-9 * np.arange(1000.0), np.arange(1000.0)))


def test_usdr_pools_channels(pair):
    s, e = pair
    e[0] = s[0]
    expected = 10 * np.log10((np.sum(s**2) + 1e-7) / (np.sum((s - e) ** 2) + 1e-7))
    assert metrics.usdr(s, e) == pytest.approx(expected, rel=1e-12)
    assert metrics.usdr(s[1], e[1]) == metrics.usdr(s[1:], e[1:])
    assert metrics.usdr(s, s) == pytest.approx(10 * np.log10(np.sum(s**2) / 1e-7), rel=1e-9)
    np.testing.assert_array_equal(
        metrics.usdr([s, 2 * s], [e, e]), [metrics.usdr(s, e), metrics.usdr(2 * s, e)]
    )


def test_csdr_is_the_median_over_chunks(pair):
    s, e = pair
    s[:, 10_000:20_000] = 0  # the second chunk has no reference
    e[:, 20_000:30_000] = 0  # the third estimate is silent: 0 dB
    each = [metrics.usdr(s[:, i : i + 10_000], e[:, i : i + 10_000]) for i in range(0, 50_000, 10_000)]
    assert np.isnan(each[1])
    assert each[2] == pytest.approx(0)
    options = {"sample_rate": 10_000}
    assert metrics.csdr(s, e, **options) == pytest.approx(np.nanmedian(each))
    assert metrics.csdr(s[:, :49_999], e[:, :49_999], **options) == pytest.approx(np.nanmedian(each[:4]))
    assert metrics.csdr(s, e, sample_rate=5_000, seconds=2) == metrics.csdr(s, e, **options)
    assert metrics.csdr(s[:, :700], e[:, :700], **options) == metrics.usdr(s[:, :700], e[:, :700])
    both = metrics.csdr(np.stack([s, 0 * s]), np.stack([e, e]), **options)
    assert both[0] == metrics.csdr(s, e, **options)
    assert np.isnan(both[1])


def test_spectral_convergence(rng):
    V = rng.uniform(0, 1, (2, 9, 12))
    S = V * np.exp(1j * rng.uniform(-3, 3, V.shape))
    assert metrics.spectral_convergence(V, S) == pytest.approx(0, abs=1e-15)
    assert metrics.spectral_convergence(V, 0 * S) == pytest.approx(1)
    assert metrics.spectral_convergence(V, 1.1 * V) == pytest.approx(0.1)
    expected = [np.linalg.norm(V[i] - abs(S[::-1][i])) / np.linalg.norm(V[i]) for i in range(2)]
    assert metrics.spectral_convergence(V, S[::-1]) == pytest.approx(expected)
    assert np.isnan(metrics.spectral_convergence(0 * V, S)).all()


@pytest.mark.parametrize("n_fft", [64, 45])
def test_inconsistency(n_fft, rng):
    y = rng.standard_normal((2, 1000))
    options = {"n_fft": n_fft, "hop_length": 16, "length": 1000}
    S = stft(y, n_fft, 16)
    assert metrics.inconsistency(S, **options) == pytest.approx(0, abs=1e-13)
    noise = rng.standard_normal(S.shape) + 1j * rng.standard_normal(S.shape)
    a = bin_weights(n_fft)
    rest = noise - project_consistent(noise, **options)
    expected = np.sqrt(np.sum(a * abs(rest) ** 2, axis=(1, 2)) / np.sum(a * abs(noise) ** 2, axis=(1, 2)))
    assert metrics.inconsistency(noise, **options) == pytest.approx(expected)
    assert metrics.inconsistency(rest, **options) == pytest.approx(1)  # what an orthogonal projector removes
    assert np.isnan(metrics.inconsistency(0 * S, **options)).all()


def test_inconsistency_without_centring_ignores_uncovered_samples(rng):
    S = stft(rng.standard_normal(1000), 64, 16, center=False)
    assert metrics.inconsistency(S, hop_length=16, center=False) < 1e-13
    assert 0.1 < metrics.inconsistency(abs(S), hop_length=16, center=False) < 1


def test_phase_errors_make_a_spectrogram_inconsistent():
    S = stft(scipy.signal.chirp(np.arange(4000), 0.01, 4000, 0.2), 128, 32)
    scores = [
        metrics.inconsistency(S * np.exp(1j * spread * np.cos(np.arange(S.shape[1]))), hop_length=32)
        for spread in (0.0, 0.1, 1.0)
    ]
    assert scores[0] < 1e-13 < scores[1] < scores[2] < 1


def test_average_leaves_silence_out():
    scores = [[1.0, np.nan], [2.0, 6.0]]
    assert metrics.average(scores) == (3.0, 3, 1)
    assert metrics.average(scores, statistic="median") == (2.0, 3, 1)
    assert str(metrics.average(scores)) == "3.00 (3 scored, 1 silent left out)"
    assert str(metrics.average(5)) == "5.00 (1 scored)"
    nothing = metrics.average([np.nan, np.nan])
    assert np.isnan(nothing.value)
    assert nothing[1:] == (0, 2)


@pytest.mark.parametrize("metric", SIGNAL_METRICS)
def test_signal_errors(metric):
    y = np.ones((2, 100))
    with pytest.raises(
        ParameterError, match=r"estimate must have the shape of reference, \(2, 100\), but .*\(2, 99\)"
    ):
        metric(y, y[:, 1:])
    with pytest.raises(ParameterError, match="reference must have samples"):
        metric(y[:, :0], y[:, :0])
    with pytest.raises(ParameterError, match="reference must have at least 1 ax"):
        metric(1.0, 1.0)
    with pytest.raises(ParameterError, match="estimate must be finite"):
        metric(y, y * np.nan)
    with pytest.raises(ParameterError, match="reference must be a real"):
        metric(y * 1j, y)


def test_other_errors():
    V = np.ones((5, 4))
    with pytest.raises(ParameterError, match="seconds must span at least one sample"):
        metrics.csdr(V, V, seconds=0)
    with pytest.raises(ParameterError, match="sample_rate must be a finite number"):
        metrics.csdr(V, V, sample_rate=-1)
    with pytest.raises(ParameterError, match="reference_magnitude must be nonnegative"):
        metrics.spectral_convergence(-V, V)
    with pytest.raises(ParameterError, match="estimate must have the shape of reference_magnitude"):
        metrics.spectral_convergence(V, V[:, 1:])
    with pytest.raises(ParameterError, match="statistic must be one of"):
        metrics.average([1.0], statistic="mode")
    with pytest.raises(ParameterError, match="length must give the 4 frames of S, but 100 samples have 51"):
        metrics.inconsistency(V, hop_length=2, length=100)
    with pytest.raises(ParameterError, match="S must have 1 \\+ n_fft // 2 = 17 bins"):
        metrics.inconsistency(V, n_fft=32)
