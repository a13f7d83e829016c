"""Onset detection on clicks, notes, steady sounds and silence."""

from __future__ import annotations

import numpy as np
import pytest

from phasewise.reference.onsets import detect_onsets
from phasewise.reference.transform import stft

RATE, N_FFT, HOP = 16000, 1024, 256
TIMES = np.array([0.5, 1.1, 1.9, 2.4, 3.3])


def magnitude(y):
    return abs(stft(y, N_FFT, HOP))


def clicks(times):
    y = np.zeros(4 * RATE)
    y[(times * RATE).astype(int)] = 1
    return y


def notes(times, frequency):
    n = np.arange(4 * RATE) / RATE
    return sum(
        np.where(n >= t, np.exp(-3 * (n - t)), 0) * np.sin(2 * np.pi * frequency * (n - t)) for t in times
    )


@pytest.mark.parametrize(
    "y", [clicks(TIMES), notes(TIMES, 300.0), notes(TIMES, 3000.0)], ids=["clicks", "low notes", "high notes"]
)
def test_every_attack_is_found_once(y, rng):
    V = magnitude(y + 1e-3 * rng.standard_normal(len(y)))[:, :-3]  # the cut at the end sounds like a click
    onsets = detect_onsets(V, RATE, HOP)
    assert onsets.dtype == bool
    found = np.flatnonzero(onsets) * HOP / RATE
    assert len(found) == len(TIMES)
    np.testing.assert_allclose(found, TIMES, atol=0.5 * N_FFT / RATE + 0.05)


def test_steady_sounds_and_silence_have_no_onset(rng):
    tone = np.sin(2 * np.pi * 440.3 * np.arange(4 * RATE) / RATE)
    V = magnitude(tone)[:, 4:-4]
    assert not detect_onsets(V, RATE, HOP).any()
    assert not detect_onsets(0 * V, RATE, HOP).any()
    assert not detect_onsets(V[:, :1], RATE, HOP).any()


def test_level_does_not_matter_and_batch_equals_loop():
    V = np.stack([magnitude(clicks(TIMES)), magnitude(notes(TIMES[:3], 500.0))])[..., :-3]
    both = detect_onsets(V, RATE, HOP)
    assert both.shape == (2, V.shape[-1])
    np.testing.assert_array_equal(both[0], detect_onsets(V[0], RATE, HOP))
    np.testing.assert_array_equal(both[1], detect_onsets(1e-6 * V[1], RATE, HOP))
    assert both[1].sum() == 3
