r"""Phase without iterations: integration of its gradient (PGHI), and propagation along peaks (SPSI).

**PGHI.** With a Gaussian window :math:`w(l) = e^{-\pi (l - c)^2 / \gamma}` centred on sample c of its frame,
the log magnitude s(m, n) of a transform of length N and hop a determines the gradient of the phase. In
cycles, for bin m and frame n of frames that start at sample 0,

.. math::
    \partial_n \phi = \frac{a m}{N} + \frac{a N}{2 \pi \gamma}\, \partial_m s, \qquad
    \partial_m \phi = -\frac{c}{N} - \frac{\gamma}{2 \pi a N}\, \partial_n s

with central differences, one-sided in the first and last frame; over the edges, the spectrum of a real
signal is even. Other windows are taken for the Gaussian of the same width. The gradient is integrated from
the largest magnitude outwards, always from the loudest value reached so far to its four neighbours, with the
mean of the two gradients. Loudness counts in steps of an eighth of an octave; among equals, the last value
reached goes first.

**SPSI.** Every peak of a frame advances by its frequency, and takes the bins of its hill along with the
phases that the transform of the window has around its centre.

Papers: Prusa, Balazs & Sondergaard, "A noniterative method for reconstruction of phase from STFT magnitude",
IEEE/ACM TASLP 2017; Beauregard, Harish & Wyse, "Single pass spectrogram inversion", DSP 2015.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise.reference.sinusoidal import qifft
from phasewise.reference.transform import window_values

__all__ = ["hashed_cycles", "main_lobe", "pghi", "spsi", "window_width"]

Array = NDArray[Any]

# Log magnitudes do not go below this share of the largest magnitude.
LOG_FLOOR = 1e-10


def window_width(w: Array) -> tuple[float, float]:
    """Return centre c and width gamma of the Gaussian whose square has the moments of the squared window."""
    l = np.arange(len(w))
    energy = w**2 / np.sum(w**2)
    c = float(np.sum(energy * l))
    return c, max(1.0, float(4 * np.pi * np.sum(energy * (l - c) ** 2)))


def main_lobe(w: Array) -> float:
    """Half the width of the main lobe of the window's transform, in bins (to a sixteenth of a bin)."""
    spectrum = np.abs(np.fft.rfft(w, 16 * len(w)))
    rising = np.flatnonzero(np.diff(spectrum) > 0)
    return float(rising[0] if len(rising) else len(spectrum) - 1) / 16


def hashed_cycles(seed: int, index: Array) -> Array:
    """Pseudo-random numbers in [0, 1) that belong to a seed and an index (splitmix64)."""
    with np.errstate(over="ignore"):
        x = np.uint64(seed) + (np.asarray(index, dtype=np.uint64) + np.uint64(1)) * np.uint64(
            0x9E3779B97F4A7C15
        )
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    cycles: Array = (x ^ (x >> np.uint64(31))).astype(np.float64) / 2.0**64
    return cycles


def _gradients(v: Array, n_fft: int, hop: int, c: float, gamma: float, tol: float) -> tuple[Array, Array]:
    """Cycles per frame and cycles per bin, (freq, frames), of one spectrogram that is not silent."""
    s = np.log(np.maximum(v / v.max(), max(tol, LOG_FLOOR)))
    above = s[-2:-1] if n_fft % 2 == 0 else s[-1:]  # the mirror image of the last bin but one, or of the last
    if len(s) > 1:
        mirrored = np.concatenate([s[1:2], s, above])
        along_bins = (mirrored[2:] - mirrored[:-2]) / 2
    else:
        along_bins = np.zeros_like(s)
    along_frames = np.gradient(s, axis=1) if s.shape[1] > 1 else np.zeros_like(s)
    m = np.arange(len(s))[:, None]
    per_frame = (hop * m) % n_fft / n_fft + hop * n_fft / (2 * np.pi * gamma) * along_bins
    return per_frame, -c / n_fft - gamma / (2 * np.pi * hop * n_fft) * along_frames


def pghi(
    V: ArrayLike,
    hop_length: int,
    n_fft: int | None = None,
    window: str | ArrayLike = "hann",
    win_length: int | None = None,
    tol: float = 1e-6,
    seeds: ArrayLike = 0,
) -> Array:
    """Complex spectrograms of magnitudes ``V`` (..., freq, frames).

    Values of at most ``tol`` times the largest of their spectrogram get pseudo-random phases that belong to
    ``seeds``, one per spectrogram.
    """
    V = np.asarray(V, dtype=np.float64)
    n_fft = n_fft or 2 * (V.shape[-2] - 1)
    c, gamma = window_width(window_values(window, win_length or n_fft, n_fft, np.float64))
    bins, frames = V.shape[-2:]
    cycles = np.zeros(V.shape)
    all_seeds = np.broadcast_to(np.asarray(seeds, dtype=np.uint64), V.shape[:-2])
    for item in np.ndindex(V.shape[:-2]):
        v, phase = V[item], cycles[item]
        phase[...] = hashed_cycles(all_seeds[item], np.arange(v.size).reshape(frames, bins).T)
        if v.max() == 0:
            continue
        per_frame, per_bin = _gradients(v, n_fft, hop_length, c, gamma, tol)
        waiting = v > tol * v.max()
        # Exponent and three bits of the mantissa.
        level = (np.ascontiguousarray(v / v.max()).view(np.int64)) >> 49
        reached = 0
        # From the largest to the smallest; of equal values, the first frame and in it the first bin.
        order = np.lexsort((np.arange(v.size), -v.T.ravel()))
        for start in order:
            n, m = divmod(int(start), bins)
            if not waiting[m, n]:
                continue
            waiting[m, n] = False
            phase[m, n] = 0
            heap = [(-level[m, n], 0, int(start))]
            while heap:
                n, m = divmod(heapq.heappop(heap)[2], bins)
                for dm, dn in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                    i, k = m + dm, n + dn
                    if not (0 <= i < bins and 0 <= k < frames and waiting[i, k]):
                        continue
                    gradient = per_frame if dn else per_bin
                    phase[i, k] = phase[m, n] + (dm + dn) * (gradient[m, n] + gradient[i, k]) / 2
                    phase[i, k] -= np.floor(phase[i, k])
                    waiting[i, k] = False
                    reached += 1
                    heapq.heappush(heap, (-level[i, k], -reached, k * bins + i))
    S: Array = V * np.exp(2j * np.pi * cycles)
    return S


def spsi(
    V: ArrayLike,
    hop_length: int,
    n_fft: int | None = None,
    window: str | ArrayLike = "hann",
    win_length: int | None = None,
) -> Array:
    """Complex spectrograms of magnitudes ``V`` (..., freq, frames)."""
    V = np.asarray(V, dtype=np.float64)
    n_fft = n_fft or 2 * (V.shape[-2] - 1)
    w = window_values(window, win_length or n_fft, n_fft, np.float64)
    step, lobe = -window_width(w)[0] / n_fft, main_lobe(w)
    cycles = np.zeros(V.shape)
    for item in np.ndindex(V.shape[:-2]):
        phase = np.zeros(V.shape[-2])
        for t in range(V.shape[-1]):
            v = V[item][:, t]
            tops = np.flatnonzero((v[1:-1] > v[:-2]) & (v[1:-1] >= v[2:])) + 1
            for k, q in zip(tops, qifft(v, tops), strict=True):
                phase[k] += hop_length * q / n_fft
                for side in (-1, 1):
                    i = k + side
                    while 0 <= i < len(v) and v[i] < v[i - side]:
                        # Side lobes alternate in sign, which undoes the phase of a window that is not at 0.
                        phase[i] = phase[i - side] + (side * step if abs(i - q) < lobe else 0)
                        i += side
            phase -= np.floor(phase)
            cycles[item][:, t] = phase
    S: Array = V * np.exp(2j * np.pi * cycles)
    return S
