"""Onset frames of a sound: where the energy of several frequency bands rises at once.

The steps follow the published description of the spectral novelty of the Tempogram: magnitudes are
compressed, differentiated over time and rectified bin by bin, the rises summed per band and related to the
band's energy, and the mean over the bands stands out from its surroundings where a note or a beat begins.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._validate import integer, number
from phasewise.phase._bins import fft_length, spectra

__all__ = ["detect_onsets"]

Array = NDArray[Any]

_BAND_LIMITS = (500.0, 1250.0, 3125.0, 7812.5)  # Hz
_FLOOR = 10 ** (-74 / 20)
_COMPRESSION = 1000.0
_SLOPE_SECONDS = 0.3
_ENERGY_SECONDS = 5.0
_MEAN_SECONDS = 1.5
_PEAK_HEIGHT = 0.1  # of the maximum
_SMALLEST_NOVELTY = 0.01  # below it, the ripple of a steady sound
# Bins differentiated together: few enough to stay in the cache.
_BLOCK = 64


def detect_onsets(
    V: ArrayLike, *, sample_rate: float, hop_length: int, n_fft: int | None = None
) -> NDArray[np.bool_]:
    """Mark the frames in which notes or beats begin.

    Parameters
    ----------
    V : array of shape (..., freq, frames), nonnegative
        Magnitudes; every leading index is a sound of its own.
    sample_rate : float > 0
        Samples per second.
    hop_length : int > 0
        Samples between frames.
    n_fft : int > 0, optional
        Samples per frame, by default ``2 * (V.shape[-2] - 1)``.

    Returns
    -------
    bool array of shape (..., frames)
        True in one frame per onset. The level of `V` does not matter.

    Raises
    ------
    ParameterError
        If `V` is negative or not finite, or a parameter is not positive.

    Notes
    -----
    A frame is an onset if its novelty is a local maximum of at least 10 % of the largest novelty. The
    slope is taken over 0.3 s, energies over 5 s, the mean that is subtracted over 1.5 s. A sound that is cut
    off at the end of `V` may look like a click there.

    Cost: about one operation per value and frame within the 0.3 s.

    References
    ----------
    .. [1] P. Grosche and M. Mueller, "Extracting predominant local pulse information from music
           recordings", IEEE TASLP 19(6), 2011.
    """
    values = spectra("V", V)
    hop_length = integer("hop_length", hop_length)
    n_fft = fft_length(n_fft, values.shape[-2], "V")
    rate = number("sample_rate", sample_rate, minimum=np.finfo(float).tiny)
    onsets = np.zeros((*values.shape[:-2], values.shape[-1]), dtype=np.bool_)
    for item in np.ndindex(values.shape[:-2]):
        curve = _novelty(values[item], rate / hop_length, rate / n_fft)
        found = _peaks(curve)
        high = curve[found] >= max(_PEAK_HEIGHT * curve.max(), _SMALLEST_NOVELTY)
        onsets[item][found[high]] = True
    return onsets


def _novelty(v: Array, frame_rate: float, bin_hertz: float) -> Array:
    """Novelty of one spectrogram (freq, frames), one value per frame."""
    bins, frames = v.shape
    half = max(2, int(_SLOPE_SECONDS * frame_rate / 2))
    weights = _bell(half)[half + 1 :]
    weights /= weights.sum()
    gain = _COMPRESSION / (float(v.max()) or 1.0)
    limits = [int(np.ceil(limit / bin_hertz)) for limit in _BAND_LIMITS]
    edges = np.unique(np.clip([0, *limits, bins], 0, bins))

    curve = np.zeros(frames)
    for first, end in pairwise(edges):
        rise, energy = np.zeros(frames), np.zeros(frames)
        for start in range(first, end, _BLOCK):
            block = np.ascontiguousarray(v[start : min(start + _BLOCK, end)].T)
            rise_of_block, energy_of_block = _rise(block, gain, half, weights)
            rise += rise_of_block
            energy += energy_of_block
        curve += rise / _local_mean(energy, int(_ENERGY_SECONDS * frame_rate / 2))
    curve /= len(edges) - 1
    above: Array = np.maximum(curve - _local_mean(curve, int(_MEAN_SECONDS * frame_rate / 2)), 0)
    return above


def _rise(block: Array, gain: float, half: int, weights: Array) -> tuple[Array, Array]:
    """Rectified slope and level of some bins (frames, freq), summed over the bins."""
    frames = len(block)
    level = block * block.dtype.type(gain)
    np.maximum(level, _COMPRESSION * _FLOOR, out=level)
    level += 1
    np.log(level, out=level)
    level *= 1 / np.log1p(_COMPRESSION)
    padded = np.pad(level, [(half, half), (0, 0)], mode="edge")
    slope, difference = np.zeros_like(level), np.empty_like(level)
    for m, weight in enumerate(weights, 1):
        after, before = (padded[half + step : half + step + frames] for step in (m, -m))
        np.subtract(after, before, out=difference)
        difference *= weight
        slope += difference
    np.maximum(slope, 0, out=slope)
    return slope.sum(axis=1, dtype=np.float64), level.sum(axis=1, dtype=np.float64)


def _bell(half: int) -> Array:
    """Hann window of 2 half + 1 positive values, maximum 1 in the middle."""
    values: Array = 0.5 + 0.5 * np.cos(np.pi * np.arange(-half, half + 1) / (half + 1))
    return values


def _local_mean(x: Array, half: int) -> Array:
    """Mean of ``x`` weighted by a Hann window around each frame; at the ends, of the frames that exist."""
    window = _bell(half)
    within = slice(half, half + len(x))
    mean: Array = np.convolve(x, window)[within] / np.convolve(np.ones(len(x)), window)[within]
    return mean


def _peaks(x: Array) -> Array:
    """Local maxima of ``x``, ends excepted; a plateau counts once, at its first index."""
    runs = np.flatnonzero(np.append(True, x[1:] != x[:-1]))
    height = x[runs]
    inner: Array = runs[1:-1][(height[1:-1] > height[:-2]) & (height[1:-1] > height[2:])]
    return inner
