"""Other sample rates, whole and in pieces."""

import numpy as np
import pytest

from phasewise import audio


@pytest.mark.parametrize(("old", "new"), [(44100, 48000), (48000, 44100), (8000, 44100), (44100, 16000)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_streamed_resampling_is_the_whole_one(rng, old, new, dtype):
    x = rng.uniform(-0.5, 0.5, (2, 20011)).astype(dtype)
    whole = audio.resample(x, old, new)
    resampler = audio.Resampler(old, new, 2, dtype)
    parts = list(resampler.stream(np.array_split(x, [1, 500, 501, 9000], axis=-1)))
    assert whole.shape == (2, round(20011 * new / old))
    assert whole.dtype == parts[0].dtype == dtype
    np.testing.assert_allclose(np.concatenate(parts, axis=-1), whole, atol=1e-6)


def test_resampling_keeps_a_tone(rng):
    x = np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)
    y = audio.resample(x, 48000, 44100, length=44100)
    expected = np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100)
    assert np.abs(y - expected)[500:-500].max() < 1e-4
    assert audio.resample(x, 48000, 48000) is x
