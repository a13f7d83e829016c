"""The sinusoidal model: peaks, frequencies, regions, and the phase of stationary partials."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal

from phasewise.reference.sinusoidal import frequencies, peaks, qifft, regions, sinusoidal_phase
from phasewise.reference.transform import stft

N_FFT, HOP = 512, 128


def distance(phase, other):
    """Absolute angle between phases in radians."""
    return abs(np.angle(np.exp(1j * (phase - other))))


def sinusoid(bin_position, n=8192, phase=0.3):
    return np.cos(2 * np.pi * bin_position / N_FFT * np.arange(n) + phase)


def test_peaks_match_scipy_with_height(rng):
    v = rng.uniform(0, 1, 400) ** 12
    expected, _ = scipy.signal.find_peaks(v, height=0.01 * v.max())
    np.testing.assert_array_equal(peaks(v), expected)
    assert len(expected) < len(scipy.signal.find_peaks(v)[0])  # the height matters


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        ([0, 1, 0], [1]),
        ([2, 1, 0, 1, 2], []),  # end points
        ([0, 3, 3, 3, 1, 4, 0], [1, 5]),  # a plateau counts once, at its first bin
        ([0, 3, 3], []),  # a plateau at the end
        ([1, 1, 1], []),
        ([0, 0, 0], []),
        ([0, 0.5, 0, 100, 0], [3]),  # below -40 dB
        ([0, 1.0, 0, 100, 0], [1, 3]),
    ],
)
def test_peaks_special_cases(frame, expected):
    assert peaks(np.array(frame, dtype=float)).tolist() == expected


def test_qifft_is_exact_for_a_gaussian():
    k = np.arange(50)
    v = np.exp(-((k - 20.37) ** 2) / 5)
    assert qifft(v, peaks(v)) == pytest.approx([20.37], abs=1e-9)
    v[19] = v[21] = 0.0
    assert qifft(v, np.array([20])) == pytest.approx([20.0])  # the logarithm has a floor


@pytest.mark.parametrize("fraction", np.linspace(-0.5, 0.5, 11))
def test_qifft_bias_of_a_hann_window(fraction):
    v = abs(stft(sinusoid(40 + fraction), N_FFT, HOP))[:, 20]
    q = frequencies(v)[40]
    assert abs(q - 40 - fraction) < 0.02


def test_regions_cross_the_weights():
    owner = regions(np.array([10, 20]), np.array([1.0, 1.0]), 30)
    np.testing.assert_array_equal(owner, [0] * 16 + [1] * 14)
    owner = regions(np.array([10, 20]), np.array([4.0, 1.0]), 30)  # floor((1 * 10 + 4 * 20) / 5) = 18
    np.testing.assert_array_equal(owner, [0] * 19 + [1] * 11)
    owner = regions(np.array([10, 20]), np.array([1.0, 99.0]), 30)
    np.testing.assert_array_equal(owner, [0] * 11 + [1] * 19)
    owner = regions(np.array([3, 5, 9]), np.array([1.0, 1.0, 1.0]), 12)
    np.testing.assert_array_equal(owner, [0] * 5 + [1] * 3 + [2] * 4)


def test_frequencies_without_peaks_are_bin_centres():
    np.testing.assert_array_equal(frequencies(np.zeros(9)), np.arange(9))
    np.testing.assert_array_equal(frequencies(np.linspace(1, 0, 9)), np.arange(9))


@pytest.mark.parametrize("position", [40.0, 40.3, 77.5, 100.8])
def test_stationary_sinusoid_keeps_its_phase(position):
    S = stft(sinusoid(position), N_FFT, HOP)[:, 4:-4]  # frames that see no edge
    phase = sinusoidal_phase(abs(S), HOP, N_FFT, onset_phase=S)
    assert distance(phase[:, 0], np.angle(S[:, 0])).max() < 1e-12
    lobe = slice(round(position) - 1, round(position) + 2)
    bias = abs(frequencies(abs(S[:, 0]))[round(position)] - position) + 1e-4
    steps = np.arange(S.shape[1])
    error = distance(phase[lobe], np.angle(S[lobe]))
    assert (error <= 2 * np.pi * HOP / N_FFT * bias * steps + 1e-9).all()
    # six frames at the frequency of the bin instead of the partial's are off by 2 pi (6 hops) 0.3 / N = 2.8
    if position == 40.3:
        centre = np.angle(S[40, 0]) + 2 * np.pi * HOP / N_FFT * 40 * 6
        assert distance(centre, np.angle(S[40, 6])) > 2.5
        assert error[:, 6].max() < 0.2


def test_amplitude_does_not_matter():
    y = sinusoid(40.3) + 0.1 * sinusoid(90.7)
    V = abs(stft(y, N_FFT, HOP))
    for gain in (2.0**-40, 2.0**20):
        assert distance(sinusoidal_phase(gain * V, HOP), sinusoidal_phase(V, HOP)).max() < 1e-10


def test_chirp_falls_behind():
    """The model takes the frequency at the end of each step: a rising chirp has advanced less."""
    n = np.arange(8192)
    S = stft(np.cos(2 * np.pi * (0.08 * n + 0.5 * 4e-6 * n**2)), N_FFT, HOP)[:, 4:-4]
    phase = sinusoidal_phase(abs(S[:, :2]), HOP, onset_phase=S[:, :2])
    k = int(np.argmax(abs(S[:, 1])))
    drift = np.angle(np.exp(1j * (phase[k, 1] - np.angle(S[k, 1]))))
    # half a hop of frequency change: 2 pi * (rate * hop) * hop / 2
    assert drift == pytest.approx(np.pi * 4e-6 * HOP**2, rel=0.5)


def test_onsets_restart_each_source(rng):
    V = rng.uniform(0, 1, (2, 33, 10))
    given = rng.uniform(-3, 3, V.shape)
    onsets = np.zeros((2, 10), dtype=bool)
    onsets[0, 4] = onsets[1, 7] = True
    phase = sinusoidal_phase(V, 16, onsets=onsets, onset_phase=given)
    for j, t in [(0, 0), (1, 0), (0, 4), (1, 7)]:
        np.testing.assert_allclose(phase[j, :, t], given[j, :, t], atol=1e-12)
    free = sinusoidal_phase(V, 16, onset_phase=given)
    np.testing.assert_array_equal(free[0, :, :4], phase[0, :, :4])
    np.testing.assert_array_equal(free[1, :, :7], phase[1, :, :7])
    assert distance(free[0, :, 4:], phase[0, :, 4:]).max() > 0.1
    for j in range(2):
        alone = sinusoidal_phase(V[j], 16, onsets=onsets[j], onset_phase=np.exp(1j * given[j]))
        np.testing.assert_allclose(alone, phase[j], atol=1e-9)
