"""Onset detection: its twin, sounds whose onsets are known, errors."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise as pw
from phasewise.reference import onsets as twin

RATE, N_FFT, HOP = 16000, 1024, 256
TIMES = np.array([0.5, 1.1, 1.9, 2.4, 3.3])
DTYPES = [np.float64, np.float32]


def magnitude(y):
    return abs(pw.stft(y, n_fft=N_FFT, hop_length=HOP))[..., :-3]  # the cut at the end sounds like a click


def clicks(times):
    y = np.zeros(4 * RATE)
    y[(times * RATE).astype(int)] = 1
    return y


def notes(times, frequency):
    n = np.arange(4 * RATE) / RATE
    return sum(
        np.where(n >= t, np.exp(-3 * (n - t)), 0) * np.sin(2 * np.pi * frequency * (n - t)) for t in times
    )


def detect(V, **options):
    return pw.detect_onsets(V, **({"sample_rate": RATE, "hop_length": HOP} | options))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    "y", [clicks(TIMES), notes(TIMES, 300.0), notes(TIMES, 3000.0)], ids=["clicks", "low notes", "high notes"]
)
def test_every_attack_is_found_once(y, rng, dtype):
    onsets = detect(magnitude(y + 1e-3 * rng.standard_normal(len(y))).astype(dtype))
    assert onsets.dtype == bool
    found = np.flatnonzero(onsets) * HOP / RATE
    assert len(found) == len(TIMES)
    np.testing.assert_allclose(found, TIMES, atol=0.5 * N_FFT / RATE + 0.05)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("rate", "hop"), [(16000, 256), (44100, 256), (8000, 512), (16000.5, 2000)])
def test_equals_twin(rng, rate, hop, dtype):
    V = (rng.uniform(0, 1, (2, 2, 1 + N_FFT // 2, 120)) ** 3 * np.exp(rng.standard_normal(120))).astype(dtype)
    onsets = detect(V, sample_rate=rate, hop_length=hop)
    np.testing.assert_array_equal(onsets, twin.detect_onsets(V, rate, hop))
    assert onsets.any()


def test_odd_lengths_equal_twin(rng):
    V = rng.uniform(0, 1, (51, 100)) ** 3
    for n_fft in (100, 101):
        ours = detect(V, n_fft=n_fft, hop_length=40)
        np.testing.assert_array_equal(ours, twin.detect_onsets(V, RATE, 40, n_fft))


def test_steady_sounds_and_silence_have_no_onset():
    V = magnitude(np.sin(2 * np.pi * 440.3 * np.arange(4 * RATE) / RATE))[:, 4:-4]
    for v in (V, V.astype(np.float32), 0 * V, V[:, :1], V[:, :2]):
        assert not detect(v).any()


def test_level_and_batch_do_not_matter():
    V = np.stack([magnitude(clicks(TIMES)), magnitude(notes(TIMES[:3], 500.0))])
    both = detect(V)
    assert both.shape == (2, V.shape[-1])
    np.testing.assert_array_equal(both[0], detect(V[0]))
    np.testing.assert_array_equal(both[1], detect(2.0**-20 * V[1]))
    assert both[1].sum() == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hop_length": 0}, "hop_length must be an integer >= 1, got 0"),
        ({"sample_rate": 0}, "sample_rate must be a finite number"),
        ({"sample_rate": np.nan}, "sample_rate must be a finite number"),
        ({"sample_rate": "CD"}, "sample_rate must be a number"),
        ({"n_fft": 7}, "V must have 1 \\+ n_fft // 2 = 4 bins"),
        ({"V": np.full((33, 10), -1.0)}, "V must be nonnegative"),
        ({"V": np.ones(33)}, "V must have at least 2 axes"),
    ],
)
def test_errors(options, message):
    V = options.pop("V", np.ones((33, 10)))
    with pytest.raises(pw.ParameterError, match=message):
        detect(V, **options)
