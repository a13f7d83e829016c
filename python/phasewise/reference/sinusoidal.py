r"""Sinusoidal phase model: phase that follows the frequencies of the spectral peaks.

If one partial of frequency :math:`\nu` (cycles per sample) dominates bin f, the phase advances between
frames by

.. math:: \mu(f, t) = \mu(f, t-1) + 2 \pi l \nu(f, t) = \mu(f, t-1) + 2 \pi l q(f, t) / N

with hop l, FFT length N and the frequency q in bins, a fraction. Per frame, the peaks of the magnitude give
q by interpolation of the log magnitude with a parabola (QIFFT), and each peak rules the bins around it, its
region of influence. Onset frames restart from a given phase.

Papers: McAulay & Quatieri 1986; Abe & Smith 2004 (QIFFT); Laroche & Dolson 1999 (regions of influence);
Magron, Badeau & David 2015 (unwrapping for separation).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["frequencies", "peaks", "phase_values", "qifft", "regions", "sinusoidal_phase"]

Array = NDArray[Any]

# Peaks lower than this share of the frame's maximum (-40 dB) are ignored.
PEAK_HEIGHT = 0.01
# Neighbours of a peak below this share of the peak (-120 dB) count as that: the logarithm needs a floor.
LOG_FLOOR = 1e-6


def peaks(v: Array, height: float = PEAK_HEIGHT) -> Array:
    """Bins of the local maxima of a frame ``v`` (freq,) that reach ``height * max(v)``.

    The end points are no peaks; a plateau between lower neighbours counts once, at its first bin.
    """
    found = []
    k = 1
    while k < len(v) - 1:
        end = k
        while end + 1 < len(v) and v[end + 1] == v[k]:
            end += 1
        if end + 1 < len(v) and v[k - 1] < v[k] > v[end + 1] and v[k] >= height * v.max():
            found.append(k)
        k = end + 1
    return np.array(found, dtype=np.intp)


def qifft(v: Array, peak_bins: Array) -> Array:
    """Frequencies of the peaks in bins: the summit of the parabola through three log magnitudes.

    Where rounding leaves no parabola, the bin's own.
    """
    triples = np.stack([v[peak_bins - 1], v[peak_bins], v[peak_bins + 1]]).astype(np.float64)
    a, b, c = np.log(np.maximum(triples, LOG_FLOOR * triples[1]))
    bend = 2 * (2 * b - a - c)
    offset = np.where(bend > 0, (c - a) / np.where(bend > 0, bend, 1.0), 0.0)
    q: Array = peak_bins + np.clip(offset, -0.5, 0.5)
    return q


def regions(peak_bins: Array, heights: Array, n_bins: int) -> Array:
    """For every bin, the index of the peak whose region of influence it lies in.

    Between peaks k < k' of heights v and v', the region of k ends with bin floor((v' k + v k') / (v + v')):
    the stronger peak gets the larger part. The first region starts at bin 0, the last ends at the last bin.
    """
    owner = np.zeros(n_bins, dtype=np.intp)
    for i in range(len(peak_bins) - 1):
        k, v = peak_bins[i], float(heights[i])
        gap, v_next = peak_bins[i + 1] - k, float(heights[i + 1])
        owner[k + int(np.floor(gap * (v / (v + v_next)))) + 1 :] = i + 1
    return owner


def frequencies(v: Array) -> Array:
    """Frequency, in bins, that rules each bin of a frame ``v`` (freq,); the bin's own if there is no peak."""
    peak_bins = peaks(v)
    if len(peak_bins) == 0:
        return np.arange(len(v), dtype=np.float64)
    return qifft(v, peak_bins)[regions(peak_bins, v[peak_bins], len(v))]


def sinusoidal_phase(
    V: ArrayLike,
    hop_length: int,
    n_fft: int | None = None,
    onsets: ArrayLike | None = None,
    onset_phase: ArrayLike | None = None,
) -> Array:
    """Phase in radians, wrapped to [-pi, pi), of magnitudes ``V`` (..., freq, frames).

    ``onsets`` (..., frames) marks the frames that take ``onset_phase`` (radians or complex, broadcast to
    ``V``; zero if None) instead of unwrapping. Frame 0 always does.
    """
    V = np.asarray(V)
    n_frames = V.shape[-1]
    n_fft = n_fft or 2 * (V.shape[-2] - 1)
    restart = np.zeros((*V.shape[:-2], n_frames), dtype=bool)
    if onsets is not None:
        restart[...] = onsets
    restart[..., 0] = True
    given = np.broadcast_to(0.0 if onset_phase is None else phase_values(onset_phase), V.shape)

    mu = np.zeros(V.shape)
    for item in np.ndindex(V.shape[:-2]):
        for t in range(n_frames):
            if restart[item][t]:
                mu[item][:, t] = given[item][:, t]
            else:
                cycles = hop_length * frequencies(V[item][:, t]) / n_fft
                mu[item][:, t] = mu[item][:, t - 1] + 2 * np.pi * cycles
            mu[item][:, t] = (mu[item][:, t] + np.pi) % (2 * np.pi) - np.pi
    return mu


def phase_values(phase: ArrayLike) -> Array:
    """Return radians as they are, and the angle of complex values."""
    values = np.asarray(phase)
    return np.angle(values) if np.iscomplexobj(values) else values
