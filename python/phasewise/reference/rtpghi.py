r"""Phase gradient heap integration of a stream (RTPGHI): every frame from the frame before it.

The gradient is that of `phasewise.reference.integration`: cycles per frame from the log magnitudes of the
frame itself, cycles per bin from how they change over time,

.. math:: \partial_n s \approx \tfrac{1}{2} (s_{n+1} - s_{n-1}) \quad \text{or, without look-ahead,} \quad
    \tfrac{1}{2} (3 s_n - 4 s_{n-1} + s_{n-2}),

one-sided where a stream begins or ends. From the values of the last frame and those of the frame in hand
that have been reached, the loudest hands its phase on: to its own bin of the frame in hand, or to the
neighbours. Loudness counts in steps of an eighth of an octave; among equals, the last value that came goes
first. Log magnitudes do not go below a share of the largest of the three frames in sight.

Paper: Prusa & Sondergaard, "Real-time spectrogram inversion using phase gradient heap integration", DAFx
2016.
"""

from __future__ import annotations

import heapq
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise.reference.integration import LOG_FLOOR, hashed_cycles, window_width
from phasewise.reference.transform import window_values

__all__ = ["rtpghi"]

Array = NDArray[Any]


def rtpghi(
    V: ArrayLike,
    hop_length: int,
    n_fft: int | None = None,
    window: str | ArrayLike = "hann",
    win_length: int | None = None,
    tol: float = 1e-6,
    seed: int = 0,
    lookahead: int = 0,
) -> Array:
    """Complex spectrogram of magnitudes ``V`` (freq, frames), with ``lookahead`` 0 or 1.

    Values of at most ``tol`` times the largest of the frames in sight get pseudo-random phases that belong
    to ``seed`` and their place.
    """
    V = np.asarray(V, dtype=np.float64)
    bins, frames = V.shape
    n_fft = n_fft or 2 * (bins - 1)
    c, gamma = window_width(window_values(window, win_length or n_fft, n_fft, np.float64))
    cycles, per_frame = np.zeros((frames, bins)), np.zeros((frames, bins))
    place = np.arange(frames * bins).reshape(frames, bins)
    for t in range(frames):
        last = min(t + lookahead, frames - 1)
        level = V[:, max(0, last - 2) : last + 1].max()
        cycles[t] = hashed_cycles(seed, place[t])
        if level == 0:
            continue
        s = np.log(np.maximum(V[:, max(0, t - 2) : last + 1] / level, max(tol, LOG_FLOOR))).T
        here = min(t, 2)
        per_frame[t] = _advance(s[here], n_fft, hop_length, gamma)
        slope = _slope(s, here, t, last, lookahead)
        per_bin = -c / n_fft - gamma / (2 * np.pi * hop_length * n_fft) * slope
        waiting = V[:, t] > tol * level
        heap = []
        if t > 0:
            known = np.flatnonzero(V[:, t - 1] > tol * level)
            heap = [(-_loudness(V[m, t - 1] / level), -i, 0, int(m)) for i, m in enumerate(known)]
            heapq.heapify(heap)
        came = bins
        # What nothing louder leads to: islands, each from its largest value.
        for start in [None, *np.lexsort((np.arange(bins), -V[:, t]))]:
            if start is not None:
                if not waiting[start]:
                    continue
                cycles[t, start], waiting[start] = 0, False
                heap = [(-_loudness(V[start, t] / level), -came, 1, int(start))]
            while heap:
                _, _, now, m = heapq.heappop(heap)
                if now:
                    steps = [(m + 1, 1), (m - 1, -1)]
                    targets = [
                        (i, cycles[t, m] + step * (per_bin[m] + per_bin[i]) / 2)
                        for i, step in steps
                        if 0 <= i < bins
                    ]
                else:
                    targets = [(m, cycles[t - 1, m] + (per_frame[t - 1, m] + per_frame[t, m]) / 2)]
                for i, phase in targets:
                    if waiting[i]:
                        cycles[t, i], waiting[i] = phase - np.floor(phase), False
                        came += 1
                        heapq.heappush(heap, (-_loudness(V[i, t] / level), -came, 1, i))
    S: Array = V * np.exp(2j * np.pi * cycles.T)
    return S


def _loudness(ratio: float) -> int:
    """Exponent and three bits of the mantissa."""
    return int(np.float64(ratio).view(np.int64)) >> 49


def _advance(s: Array, n_fft: int, hop: int, gamma: float) -> Array:
    """Cycles per frame of a frame with log magnitudes ``s``; over the edges, the spectrum is even."""
    slope = np.zeros_like(s)
    if len(s) > 1:
        above = s[-2] if n_fft % 2 == 0 else s[-1]
        mirrored = np.concatenate([s[1:2], s, [above]])
        slope = (mirrored[2:] - mirrored[:-2]) / 2
    turn: Array = (hop * np.arange(len(s))) % n_fft / n_fft
    return turn + hop * n_fft / (2 * np.pi * gamma) * slope


def _slope(s: Array, here: int, t: int, last: int, lookahead: int) -> Array:
    """Change per frame of the log magnitudes ``s`` (frames, freq) at row ``here``, frame t of the stream."""
    if last > t:
        rise: Array = s[here + 1] - s[here] if t == 0 else (s[here + 1] - s[here - 1]) / 2
    elif t == 0:
        rise = np.zeros_like(s[here])
    elif t == 1 or lookahead:
        rise = s[here] - s[here - 1]
    else:
        rise = (3 * s[here] - 4 * s[here - 1] + s[here - 2]) / 2
    return rise
