"""gain_map where the answer is known."""

from __future__ import annotations

import matplotlib.figure
import numpy as np
import pytest

import phasewise as pw
from phasewise.phase import gain_map

RATE = 16000
BANDS = (0, 500, 2000, 8000)


def shifted(angle, shape=(257, 40), seed=0):
    """Two sources of equal magnitudes in every bin, whose phases are `angle` apart."""
    rng = np.random.default_rng(seed)
    first = rng.uniform(0.5, 1, shape) * np.exp(1j * rng.uniform(-3, 3, shape))
    return np.stack([first, first * np.exp(1j * angle)])


@pytest.mark.parametrize("angle", [0.2, 1.0, 2.5])
def test_equal_sources_apart_by_an_angle(angle):
    # The mixture lies half-way: each estimate is turned by half the angle, everywhere.
    found = gain_map(shifted(angle), sample_rate=RATE, hop_length=128, bands=BANDS, block=0.1)
    expected = 20 * np.log10(1 / np.tan(angle / 2))
    assert found.with_mixture_phase.shape == (2, 3, 4)
    np.testing.assert_allclose(found.with_mixture_phase, expected, atol=1e-9)
    assert (found.with_true_phase > 200).all()
    np.testing.assert_allclose(found.gain(30.0), 30 - expected, atol=1e-9)
    # |1 - exp(i angle/2)|^2 of the energy is error
    np.testing.assert_allclose(found.error.sum(), abs(1 - np.exp(0.5j * angle)) ** 2, rtol=1e-9)


def test_the_place_of_the_overlap_is_found():
    S = np.zeros((3, 257, 40), complex)
    S[0, :10], S[1, 40:60], S[2, 100:] = 1, 2j, 3
    S[1, 110:140, 12:24] = 3j  # sources 1 and 2 meet in the third band and the second block
    found = gain_map(
        S, sample_rate=RATE, hop_length=128, bands=BANDS, block=12 * 128 / RATE, names=["a", "b", "c"]
    )
    assert {place[0] for place in found.worst(2)} == {"b", "c"}
    for _, hertz, seconds, _ in found.worst(2):
        assert hertz == (2000, 8000)
        assert seconds == pytest.approx((12 * 128 / RATE, 24 * 128 / RATE))
    assert np.count_nonzero(found.error > 1e-9) == 2
    np.testing.assert_allclose(found.with_mixture_phase[1, 2, 1], 0, atol=1e-9)  # 45 degrees off
    assert np.isnan(found.with_mixture_phase[0, 2]).all()  # silent there


def test_waveforms_channels_and_estimates():
    rng = np.random.default_rng(0)
    y = rng.standard_normal((2, 2, RATE))
    options = {"n_fft": 512, "hop_length": 128}
    S = pw.stft(y, **options)
    by_waveform = gain_map(y, sample_rate=RATE, **options)
    by_spectrogram = gain_map(S, S.sum(axis=0), sample_rate=RATE, hop_length=128)
    np.testing.assert_allclose(by_waveform.error, by_spectrogram.error, rtol=1e-9, atol=1e-12)
    # Magnitudes that are wrong by a factor of 2 cost the same with either phase up to what SI-SDR forgives.
    doubled = gain_map(y, sample_rate=RATE, estimates=2 * np.abs(S), **options)
    np.testing.assert_allclose(doubled.with_mixture_phase, by_waveform.with_mixture_phase, rtol=1e-6)
    assert (doubled.error > 0).all()
    noisy = gain_map(y, sample_rate=RATE, estimates=np.abs(S) * rng.uniform(0.5, 2, S.shape), **options)
    assert (noisy.with_true_phase < 15).all()
    assert (noisy.with_true_phase > noisy.with_mixture_phase).all()


def test_default_bands_cover_everything():
    S = shifted(1.0)
    for rate in (8000, 16000, 44100, 500):
        found = gain_map(S, sample_rate=rate, hop_length=128)
        assert found.bands[0] == 0
        assert found.bands[-1] == rate / 2
        assert np.isfinite(found.with_mixture_phase).all()
    tiny = gain_map(shifted(1.0, (5, 6)), sample_rate=44100, hop_length=2)
    np.testing.assert_allclose(tiny.with_mixture_phase, 20 * np.log10(1 / np.tan(0.5)), atol=1e-9)


def test_pictures(tmp_path):
    found = gain_map(shifted(1.0), sample_rate=RATE, hop_length=128, block=0.1)
    figure = found.plot()
    assert isinstance(figure, matplotlib.figure.Figure)
    found.save(tmp_path / "map.png")
    assert (tmp_path / "map.png").read_bytes()[:4] == b"\x89PNG"
    found.save(tmp_path / "map.svg")
    assert "<svg" in (tmp_path / "map.svg").read_text()
    with pytest.raises(pw.ParameterError, match="path must end in a format"):
        found.save(tmp_path / "map.song")
    assert not (tmp_path / "map.song").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"bands": [0, 100, 100, 8000]}, "bands must be at least two rising edges"),
        ({"bands": [0, 100]}, "bands must cover 0 to 8000"),
        ({"bands": [0, 1, 2, 8000]}, "bands must each hold a bin"),
        ({"names": ["a"]}, "names must name 2 sources"),
        ({"estimates": np.ones((2, 257, 4))}, "estimates must have shape"),
        ({"mixture": np.ones((257, 4))}, "mixture must have the shape of one source"),
        ({"n_fft": 100}, "bins for n_fft=100"),
    ],
)
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises(pw.ParameterError, match=message):
        gain_map(shifted(1.0), **({"sample_rate": RATE, "hop_length": 128} | arguments))
