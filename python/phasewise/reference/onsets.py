r"""Onset frames from a magnitude spectrogram: where the energy of some bands rises at once.

The steps follow the description of the spectral novelty of Grosche & Mueller 2011 (Tempogram):

1. divide by the maximum, floor at -74 dB, compress: y = log(1 + 1000 v) / log(1001); 2. per bin, difference
between the weighted means of the next and the last 0.15 s, half-wave rectified; 3. per band (limits 500,
1250, 3125 and 7812.5 Hz), the sum of these rises over the sum of y, smoothed over 5 s; 4. mean over the
bands, less its local mean over 1.5 s, half-wave rectified: the novelty; 5. an onset is a local maximum of
the novelty of at least 10 % of its maximum, and of at least 0.01: a smaller rise
   is the ripple of a steady sound.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise.reference.sinusoidal import peaks

__all__ = ["detect_onsets", "novelty"]

Array = NDArray[Any]

BAND_LIMITS = (500.0, 1250.0, 3125.0, 7812.5)
FLOOR = 10 ** (-74 / 20)
COMPRESSION = 1000.0
SLOPE_SECONDS = 0.3
ENERGY_SECONDS = 5.0
MEAN_SECONDS = 1.5
PEAK_HEIGHT = 0.1
SMALLEST_NOVELTY = 0.01


def detect_onsets(V: ArrayLike, sample_rate: float, hop_length: int, n_fft: int | None = None) -> Array:
    """Mark the onset frames: magnitudes ``(..., freq, frames)`` to booleans ``(..., frames)``."""
    V = np.asarray(V, dtype=np.float64)
    n_fft = n_fft or 2 * (V.shape[-2] - 1)
    onsets = np.zeros((*V.shape[:-2], V.shape[-1]), dtype=bool)
    for item in np.ndindex(V.shape[:-2]):
        curve = novelty(V[item], sample_rate, hop_length, n_fft)
        found = peaks(curve, PEAK_HEIGHT)
        onsets[item][found[curve[found] >= SMALLEST_NOVELTY]] = True
    return onsets


def novelty(v: Array, sample_rate: float, hop_length: int, n_fft: int) -> Array:
    """Novelty curve ``(frames,)`` of one spectrogram ``v`` (freq, frames)."""
    frame_rate = sample_rate / hop_length
    y = np.log1p(COMPRESSION * np.maximum(v / (v.max() or 1.0), FLOOR)) / np.log1p(COMPRESSION)

    half = max(2, int(SLOPE_SECONDS * frame_rate / 2))
    n_frames = y.shape[-1]
    padded = np.pad(y, [(0, 0), (half, half)], mode="edge")
    weights = bell(half)[half + 1 :]
    rise = np.zeros_like(y)
    for m in range(1, half + 1):
        after = padded[:, half + m : half + m + n_frames]
        before = padded[:, half - m : half - m + n_frames]
        rise += weights[m - 1] / weights.sum() * (after - before)
    rise = np.maximum(rise, 0)

    band = np.digitize(np.arange(y.shape[0]) * sample_rate / n_fft, BAND_LIMITS)
    curves = []
    for b in np.unique(band):
        energy = local_mean(y[band == b].sum(axis=0), int(ENERGY_SECONDS * frame_rate / 2))
        curves.append(rise[band == b].sum(axis=0) / energy)
    curve = np.mean(curves, axis=0)
    above: Array = np.maximum(curve - local_mean(curve, int(MEAN_SECONDS * frame_rate / 2)), 0)
    return above


def bell(half: int) -> Array:
    """Hann window of 2 half + 1 positive values, maximum 1 in the middle."""
    values: Array = 0.5 + 0.5 * np.cos(np.pi * np.arange(-half, half + 1) / (half + 1))
    return values


def local_mean(x: Array, half: int) -> Array:
    """Mean of ``x`` weighted by a Hann window around each frame; at the ends, of the frames that exist."""
    w = bell(half)
    within = slice(half, half + len(x))
    mean: Array = np.convolve(x, w)[within] / np.convolve(np.ones(len(x)), w)[within]
    return mean
