"""The sinusoidal phase model: its twin, and the phases of sounds whose phase is known."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise as pw
from phasewise.reference import sinusoidal as twin
from tolerances import tolerance

N_FFT, HOP = 512, 128
DTYPES = [np.float64, np.float32]


def distance(phase, other):
    """Absolute angle between phases in radians."""
    return np.abs(np.angle(np.exp(1j * (np.asarray(phase, dtype=float) - other))))


def sinusoid(bin_position, n=8192, phase=0.3):
    return np.cos(2 * np.pi * bin_position / N_FFT * np.arange(n) + phase)


def noisy_magnitudes(rng, shape=(2, 3, 65, 50)):
    """Magnitudes with silence, a ramp without peaks, plateaus and zeros beside peaks."""
    V = rng.uniform(0, 1, shape) ** 4
    V[..., 5] = 0
    V[..., 9] = np.linspace(1, 0, shape[-2])
    V[..., 10:12, 12] = V.max() + 1
    V[..., 30, 14], V[..., 29, 14] = 2, 0
    V[..., 40:, 16] = 3
    return V


@pytest.mark.parametrize("dtype", DTYPES)
def test_equals_twin(isa, threads, rng, dtype):
    V = noisy_magnitudes(rng).astype(dtype)
    onsets = rng.uniform(size=(2, 3, 50)) < 0.1
    given = rng.uniform(-9, 9, V.shape).astype(dtype)
    for options in ({}, {"onset_phase": given}, {"onsets": onsets, "onset_phase": given}):
        phase = pw.sinusoidal_phase(V, hop_length=33, **options)
        assert phase.dtype == dtype
        assert phase.shape == V.shape
        expected = twin.sinusoidal_phase(V, 33, **options)
        assert distance(phase, expected).max() < tolerance("phase", dtype)
        assert phase.max() <= dtype(np.pi)
        assert phase.min() > (-np.pi if dtype == np.float64 else -np.float32(3.1415930))


@pytest.mark.parametrize("dtype", DTYPES)
def test_peaks_that_rounding_flattens_stay_finite(dtype):
    V = np.full((65, 4), dtype(0.1))
    V[20:40] = np.nextafter(dtype(0.1), dtype(1))
    V[30] = np.nextafter(V[30], dtype(1))
    phase = pw.sinusoidal_phase(V, hop_length=16)
    assert distance(phase, twin.sinusoidal_phase(V, 16)).max() < tolerance("phase", dtype)


@pytest.mark.parametrize("n_fft", [2, 3, 33, 64])
def test_few_bins_and_odd_lengths_equal_twin(rng, n_fft):
    V = rng.uniform(0, 1, (1 + n_fft // 2, 20))
    phase = pw.sinusoidal_phase(V, hop_length=7, n_fft=n_fft)
    assert distance(phase, twin.sinusoidal_phase(V, 7, n_fft)).max() < 1e-10


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("position", [40.0, 40.3, 77.5, 100.8])
def test_stationary_sinusoid_keeps_its_phase(position, dtype):
    S = pw.stft(sinusoid(position).astype(dtype), n_fft=N_FFT, hop_length=HOP)[:, 4:-4]
    phase = pw.sinusoidal_phase(abs(S), hop_length=HOP, onset_phase=S)
    assert distance(phase[:, 0], np.angle(S[:, 0])).max() < 1e-6
    k = round(position)
    bias = abs(twin.frequencies(abs(S[:, 0]))[k] - position) + 1e-3
    allowed = 2 * np.pi * HOP / N_FFT * bias * np.arange(S.shape[1]) + 1e-5
    lobe = slice(k - 1, k + 2)
    assert (distance(phase[lobe], np.angle(S[lobe])) <= allowed).all()
    assert bias < 0.03  # of a bin; bin centres would be off by up to 0.5


def test_chirps_drift_to_their_side():
    """The frequency at the end of a step is ahead of a rising chirp's average, and behind a falling one's."""
    n = np.arange(8192)
    for rate in (4e-6, -4e-6):
        S = pw.stft(np.cos(2 * np.pi * (0.1 * n + 0.5 * rate * n**2)), n_fft=N_FFT, hop_length=HOP)[:, 4:-4]
        phase = pw.sinusoidal_phase(abs(S[:, :2]), hop_length=HOP, onset_phase=S[:, :2])
        k = int(np.argmax(abs(S[:, 1])))
        drift = np.angle(np.exp(1j * (phase[k, 1] - np.angle(S[k, 1]))))
        assert drift == pytest.approx(np.pi * rate * HOP**2, rel=0.5)


@pytest.mark.parametrize("dtype", DTYPES)
def test_level_does_not_matter(dtype):
    y = sinusoid(40.3) + 0.1 * sinusoid(90.7)
    V = abs(pw.stft(y, n_fft=N_FFT, hop_length=HOP)).astype(dtype)
    expected = pw.sinusoidal_phase(V, hop_length=HOP)
    for gain in (2.0**-40, 2.0**20):
        np.testing.assert_allclose(
            pw.sinusoidal_phase(V * dtype(gain), hop_length=HOP),
            expected,
            atol=2e-6 if dtype == np.float32 else 1e-9,
        )


def test_long_signals_do_not_drift_in_single_precision(rng):
    """4000 frames: sums are kept in double precision."""
    V = np.tile(rng.uniform(0, 1, (33, 1)).astype(np.float32), 4000)
    phase = pw.sinusoidal_phase(V, hop_length=16)
    assert distance(phase, pw.sinusoidal_phase(V.astype(float), hop_length=16)).max() < 1e-6


def test_onsets_restart_their_source_only(rng):
    V = noisy_magnitudes(rng)
    given = np.exp(1j * rng.uniform(-3, 3, V.shape))
    onsets = np.zeros((2, 3, 50), dtype=bool)
    onsets[1, 2, 20] = True
    phase = pw.sinusoidal_phase(V, hop_length=16, onsets=onsets, onset_phase=given)
    free = pw.sinusoidal_phase(V, hop_length=16, onset_phase=given)
    assert distance(phase[1, 2, :, 20], np.angle(given[1, 2, :, 20])).max() < 1e-12
    assert distance(phase[1, 2, :, 20:], free[1, 2, :, 20:]).max() > 0.1
    free[1, 2, :, 20:] = phase[1, 2, :, 20:]
    np.testing.assert_array_equal(phase, free)
    quiet = pw.sinusoidal_phase(V, hop_length=16, onsets=onsets)
    np.testing.assert_array_equal(quiet[1, 2, :, [0, 20]], 0)


def test_batch_threads_and_memory_order_do_not_matter(rng):
    V = noisy_magnitudes(rng, (3, 40, 300, 35))
    onsets = rng.uniform(size=(3, 40, 35)) < 0.1
    given = rng.uniform(-3, 3, V.shape)
    options = {"hop_length": 100, "onset_phase": given, "onsets": onsets}
    phase = pw.sinusoidal_phase(V, **options)
    for item in [(0, 0), (1, 7), (2, 39)]:
        alone = pw.sinusoidal_phase(V[item], hop_length=100, onset_phase=given[item], onsets=onsets[item])
        np.testing.assert_array_equal(alone, phase[item])
    np.testing.assert_array_equal(pw.sinusoidal_phase(np.asfortranarray(V), **options), phase)
    before = pw.get_num_threads()
    try:
        for n in (1, 2):
            pw.set_num_threads(n)
            np.testing.assert_array_equal(pw.sinusoidal_phase(V, **options), phase)
    finally:
        pw.set_num_threads(before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hop_length": 0}, "hop_length must be an integer >= 1, got 0"),
        ({"hop_length": 2.5}, "hop_length must be an integer"),
        ({"n_fft": 100}, r"V must have 1 \+ n_fft // 2 = 51 bins on axis -2 for n_fft=100, got 33; pass"),
        ({"onsets": np.zeros(9, dtype=bool)}, r"onsets must be a boolean array of shape \(10,\)"),
        ({"onsets": np.zeros(10)}, "onsets must be a boolean array"),
        ({"onset_phase": np.zeros((32, 10))}, r"onset_phase must be a real .* of shape \(33, 10\)"),
        ({"onset_phase": np.full((33, 10), np.nan)}, "onset_phase must be finite"),
        ({"onset_phase": "mixture"}, "onset_phase must be a real"),
        ({"V": np.full((33, 10), -1.0)}, "V must be nonnegative"),
        ({"V": np.full((33, 10), np.inf)}, "V must be finite"),
        ({"V": np.zeros(33)}, "V must have at least 2 axes"),
        ({"V": np.zeros((33, 0))}, "V must have at least one bin and one frame"),
    ],
)
def test_errors(options, message):
    V = options.pop("V", np.ones((33, 10)))
    with pytest.raises(pw.ParameterError, match=message):
        pw.sinusoidal_phase(V, **({"hop_length": 16} | options))
