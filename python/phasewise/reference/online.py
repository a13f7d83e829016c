r"""Iterative inversion of streams with look-ahead: online MISI, online reflections, RTISI-LA.

With the look-ahead K the window holds the frames t, ..., t + K of all sources. When frame m = t + K comes, it
is started and joins the window; then, ``n_iter`` times, every frame of the window is replaced by a step of
`phasewise.reference.inversion`, where :math:`P_{cons}` is

.. math::
    y_j = \frac{\sum_{u \le m} w(n - u l)\, \mathrm{iDFT}(S_j(u))}{\sum_{u \le m} w^2(n - u l)}, \qquad
    P_{cons}(S)_j(u) = \mathrm{DFT}(w\, y_j),

with the frames before t as they were settled: the projection on the transforms of signals that end with the
newest frame. Then frame t is settled. Reflections settle :math:`P_{mix}(P_{cons}(S))` in place of their last
step. At the end of the stream the frames that are left are iterated together, ``n_iter`` times for each of
them.

Papers: Magron & Virtanen 2020 (online MISI); Zhu, Beauregard & Wyse 2007 (RTISI-LA, one source). Online
reflections are phasewise's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise.reference.inversion import DEFAULT_RELAXATION, DEFAULT_WEIGHTS
from phasewise.reference.projections import (
    magnitude_projection,
    mixing_projection,
    mixing_weights,
    unit_phasor,
)
from phasewise.reference.sinusoidal import frequencies
from phasewise.reference.transform import window_values

__all__ = ["online_inversion"]

Array = NDArray[Any]


def online_inversion(
    X: ArrayLike | None,
    V: ArrayLike,
    algo: str = "MISI",
    *,
    lookahead: int = 0,
    n_iter: int = 1,
    init: str = "mixture",
    weights: str | float | ArrayLike | None = None,
    relaxation: float | None = None,
    consistency_weight: float = 1.0,
    last: str = "mix",
    momentum: float = 0.0,
    n_fft: int | None = None,
    hop_length: int | None = None,
    window: str | ArrayLike = "hann",
    center: bool = True,
    length: int | None = None,
) -> Array:
    """Samples ``(source, length)`` of one channel, from its mixture (freq, frames) and magnitudes ``V``.

    ``V`` is (source, freq, frames). Starts: "mixture" (phase of the mixture), "wiener", "sinusoidal" (phases
    of the frame before, advanced), "overlap" (phases that the samples of the frames before have in the
    frame). Without a mixture, ``algo`` is "gla", "RRR" or "RAAR", and "sinusoidal" begins with phase 0.
    ``last="mag"`` makes MISI project on the magnitudes after the mixing.
    """
    V = np.asarray(V, dtype=np.float64)
    n_fft = n_fft or 2 * (V.shape[-2] - 1)
    w = window_values(window, n_fft, n_fft, np.float64)
    s = _Stream(X, V, w, hop_length or n_fft // 4, n_fft // 2 if center else 0)
    if X is not None:
        s.weights = mixing_weights(V, DEFAULT_WEIGHTS[algo] if weights is None else weights)
    b = DEFAULT_RELAXATION.get(algo, 0.0) if relaxation is None else relaxation
    frames = V.shape[-1]
    previous = np.zeros(V.shape, dtype=np.complex128)  # consistent points, for momentum

    def step(at: slice) -> tuple[Array, Array]:
        """Return the next S of some frames, and what is settled in its place."""
        S, V = s.S[:, :, at], s.V[:, :, at]
        G = s.consistent(at)
        new: Array
        if algo == "gla":
            new = magnitude_projection(G - momentum / (1 + momentum) * previous[:, :, at], V)
            previous[:, :, at] = G
        elif algo == "MISI" and last == "mix":
            new = s.mix(magnitude_projection(G, V), at)
        elif algo == "MISI":
            new = magnitude_projection(s.mix(G, at), V)
        elif algo in ("Mix+Incons", "Mix+Incons_hardMag"):
            pull = consistency_weight * s.weights[:, :, at]
            new = s.mix(S, at) + pull * G
            new = new / (1 + pull) if algo == "Mix+Incons" else magnitude_projection(new, V)
        elif algo == "Mag+Incons_hardMix":
            new = (magnitude_projection(S, V) + consistency_weight * G) / (1 + consistency_weight)
            new = s.mix(new, at)
        elif algo in ("RRR", "RAAR"):
            on_b = s.mix(G, at)
            reflected = 2 * on_b - S
            on_a = magnitude_projection(reflected, V)
            if algo == "RRR":
                return S + b * (on_a - on_b), on_b
            return b / 2 * (2 * on_a - reflected + S) + (1 - b) * on_b, on_b
        else:
            raise ValueError(f"unknown algorithm {algo!r}")
        return new, new

    def iterate(at: slice, count: int, settled: int) -> None:
        for i in range(count):
            new, result = step(at)
            if i + 1 == count:
                new[:, :, :settled] = result[:, :, :settled]
            s.S[:, :, at] = new

    for m in range(frames):
        s.start(m, init)
        if m >= lookahead:
            iterate(slice(m - lookahead, m + 1), n_iter, 1)
    if length is None:
        length = (frames - 1) * s.hop + n_fft - 2 * s.lead
    s.end = s.lead + length
    left = min(lookahead, frames)
    if left > 0:
        iterate(slice(frames - left, frames), n_iter * left, left)
    y = np.zeros((V.shape[0], length))
    known = s.signal(frames)[:, s.lead : s.end]
    y[:, : known.shape[-1]] = known
    return y


class _Stream:
    """Spectra S of all frames so far, with the positions of their samples counted from frame 0's first."""

    def __init__(self, X: ArrayLike | None, V: Array, window: Array, hop: int, lead: int) -> None:
        self.X = None if X is None else np.asarray(X, dtype=np.complex128)
        self.V, self.window, self.hop, self.lead = V, window, hop, lead
        self.S = np.zeros(V.shape, dtype=np.complex128)
        self.weights = np.ones(V.shape)
        self.end: int | None = None

    def signal(self, frames: int) -> Array:
        """Return the normalised overlap-add of the first ``frames`` frames, zero outside the signal."""
        n = len(self.window)
        y = np.zeros((self.V.shape[0], max(0, frames - 1) * self.hop + n))
        energy = np.zeros(y.shape[-1])
        for t in range(frames):
            at = slice(t * self.hop, t * self.hop + n)
            y[:, at] += self.window * np.fft.irfft(self.S[:, :, t], n)
            energy[at] += self.window**2
        steady = np.pad(self.window**2, (0, -n % self.hop)).reshape(-1, self.hop).sum(axis=0).max()
        y /= np.where(energy > 1e-11 * steady, energy, 1.0)
        y[:, : self.lead] = 0
        if self.end is not None:
            y[:, self.end :] = 0
        return y

    def transform(self, y: Array, t: int) -> Array:
        n = len(self.window)
        part = y[:, t * self.hop : t * self.hop + n]
        return np.fft.rfft(self.window * np.pad(part, ((0, 0), (0, n - part.shape[-1]))))

    def consistent(self, at: slice) -> Array:
        y = self.signal(at.stop)
        return np.stack([self.transform(y, t) for t in range(at.start, at.stop)], axis=-1)

    def mix(self, S: Array, at: slice) -> Array:
        if self.X is None:
            return S
        return mixing_projection(S, self.X[:, at], self.weights[:, :, at])

    def start(self, m: int, init: str) -> None:
        """Set the first estimate of frame ``m``."""
        V = self.V[:, :, m]
        if init == "overlap":
            self.S[:, :, m] = magnitude_projection(self.transform(self.signal(m), m), V)
        elif init == "sinusoidal" and m > 0:
            nu = np.array([frequencies(v) for v in V]) / len(self.window)
            turned = self.S[:, :, m - 1] * np.exp(2j * np.pi * self.hop * nu)
            self.S[:, :, m] = magnitude_projection(turned, V)
        elif init == "wiener" and self.X is not None:
            self.S[:, :, m] = mixing_weights(V[..., None], 2.0)[..., 0] * self.X[:, m]
        else:
            self.S[:, :, m] = V if self.X is None else V * unit_phasor(self.X[:, m])
