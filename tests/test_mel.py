"""Mel filters and spectrograms against librosa."""

from __future__ import annotations

import itertools
import warnings

import librosa
import numpy as np
import pytest

import phasewise as pw
from phasewise.mel import hz_to_mel, mel_frequencies, mel_to_hz
from tolerances import relative_error


@pytest.mark.parametrize("htk", [False, True])
def test_scale(htk):
    hz = np.r_[0.0, 1.0, 440.0, 999.9, 1000.0, 1000.1, 22050.0]
    np.testing.assert_allclose(hz_to_mel(hz, htk=htk), librosa.hz_to_mel(hz, htk=htk), rtol=1e-14)
    np.testing.assert_allclose(mel_to_hz(hz_to_mel(hz, htk=htk), htk=htk), hz, rtol=1e-13)
    assert hz_to_mel(440, htk=htk) == pytest.approx(librosa.hz_to_mel(440, htk=htk), rel=1e-14)
    assert mel_to_hz(3, htk=htk) == pytest.approx(librosa.mel_to_hz(3, htk=htk), rel=1e-14)
    expected = librosa.mel_frequencies(40, fmin=30, fmax=8000, htk=htk)
    np.testing.assert_allclose(mel_frequencies(40, fmin=30, fmax=8000, htk=htk), expected, rtol=1e-13)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("norm", ["slaney", None, 1, 2.0, np.inf])
@pytest.mark.parametrize("htk", [False, True])
@pytest.mark.filterwarnings("ignore:Empty filters:UserWarning")
@pytest.mark.filterwarnings("ignore:.*mel filters are empty:UserWarning")
def test_filters_equal_librosa(htk, norm, dtype):
    for sample_rate, n_fft, n_mels, (fmin, fmax) in itertools.product(
        (8000, 22050.0, 44100), (255, 512, 2048), (1, 20, 128), ((0.0, None), (50.0, 3900.0))
    ):
        options = {"n_mels": n_mels, "fmin": fmin, "fmax": fmax, "htk": htk, "norm": norm, "dtype": dtype}
        expected = librosa.filters.mel(sr=sample_rate, n_fft=n_fft, **options)
        actual = pw.mel_filters(sample_rate, n_fft, **options)
        assert actual.dtype == expected.dtype
        assert relative_error(actual, expected) < (1e-12 if dtype == np.float64 else 1e-6)


def test_empty_filters_warn_where_librosa_does():
    for n_mels, n_fft in [(128, 512), (128, 2048), (40, 512), (20, 64)]:
        with warnings.catch_warnings(record=True) as theirs:
            warnings.simplefilter("always")
            filters = librosa.filters.mel(sr=44100, n_fft=n_fft, n_mels=n_mels)
        with warnings.catch_warnings(record=True) as ours:
            warnings.simplefilter("always")
            pw.mel_filters(44100, n_fft, n_mels)
        assert len(ours) == len(theirs)
        if ours:
            empty = (filters.max(axis=1) == 0).sum()
            assert f"{empty} of {n_mels} mel filters are empty" in str(ours[0].message)
            assert ours[0].filename == __file__


@pytest.mark.parametrize("power", [1.0, 2.0, 1.5])
@pytest.mark.parametrize("shape", [(8000,), (2, 3000)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_spectrogram_equals_librosa(dtype, shape, power):
    y = np.random.default_rng(0).standard_normal(shape).astype(dtype)
    options = {"n_fft": 512, "power": power, "n_mels": 30, "fmin": 40, "center": False, "window": "hamming"}
    actual = pw.mel_spectrogram(y, sample_rate=16000, **options)
    expected = librosa.feature.melspectrogram(y=y, sr=16000, hop_length=128, **options, dtype=dtype)
    assert actual.dtype == expected.dtype == dtype
    assert relative_error(actual, expected) < (1e-12 if dtype == np.float64 else 2e-6)
    if dtype == np.float64:  # librosa's default filters have float32 precision
        expected = librosa.feature.melspectrogram(y=y, sr=16000, hop_length=128, **options)
        assert relative_error(actual, expected) < 1e-6


def test_defaults_of_the_spectrogram():
    y = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    expected = librosa.feature.melspectrogram(y=y, sr=22050)
    assert relative_error(pw.mel_spectrogram(y, sample_rate=22050), expected) < 2e-6
    batch = np.stack([y, 2 * y])
    assert np.array_equal(
        pw.mel_spectrogram(batch, sample_rate=22050)[1], pw.mel_spectrogram(2 * y, sample_rate=22050)
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sample_rate": 0}, "sample_rate must be a finite number"),
        ({"n_fft": 0}, "n_fft must be an integer"),
        ({"n_mels": 2.5}, "n_mels must be an integer"),
        ({"fmax": 5000}, r"fmax must be a finite number in \[0, 4000.0\], got 5000"),
        ({"fmin": -1}, r"fmin must lie in \[0, fmax\), got fmin=-1"),
        ({"fmin": 3000, "fmax": 3000}, "fmin must lie in"),
        ({"norm": "area"}, "norm must be 'slaney', None or a number > 0, got 'area'"),
        ({"norm": 0}, "norm must be 'slaney'"),
    ],
)
def test_errors(options, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.mel_filters(**{"sample_rate": 8000, "n_fft": 512, "n_mels": 20} | options)
