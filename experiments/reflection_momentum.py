"""Momentum and restarts for the reflections of several sources, beside the algorithms of the package.

The iterate S of RAAR (weights V^0.5, b = 0.85, Wiener start) is extrapolated, S <- T + a (T - T_last), where
T is the iterate after a reflection. With restarts, an iteration that raises the magnitude error of the result
goes on without extrapolation. Without momentum these are the iterations of ``algo="auto"`` before its blend.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

import phasewise as pw

__all__ = ["COUNTS", "VARIANTS", "reflections"]

RELAXATION, EXPONENT = 0.85, 0.5
COUNTS = (5, 10, 15, 30)
# Name -> momentum, whether to restart.
VARIANTS = {
    "plain": (0.0, False),
    "momentum 0.2": (0.2, False),
    "momentum 0.5": (0.5, False),
    "momentum 0.5, restarts": (0.5, True),
    "momentum 0.9": (0.9, False),
    "momentum 0.9, restarts": (0.9, True),
    "momentum -0.2": (-0.2, False),
}


def reflections(
    X: np.ndarray, V: np.ndarray, transform: dict[str, int], momentum: float, restarts: bool
) -> Iterator[np.ndarray]:
    """Yield the result after each iteration.

    Parameters
    ----------
    X, V : ndarray
        Spectrogram of the mixture (freq, frames), magnitudes of its sources (source, freq, frames).
    transform : dict
        ``n_fft``, ``hop_length`` and ``length``.
    """
    plan = pw.STFT(transform["n_fft"], transform["hop_length"])
    V = pw.phase.feasible_magnitudes(X, V)
    weights = V**EXPONENT
    weights /= np.maximum(weights.sum(axis=0), np.finfo(V.dtype).tiny)

    def mixed(S: np.ndarray) -> np.ndarray:
        G = plan.project_consistent(S, length=transform["length"])
        return np.asarray(G + weights * (X - G.sum(axis=0)))

    def with_magnitudes(S: np.ndarray) -> np.ndarray:
        return np.asarray(V * S / np.maximum(np.abs(S), 1e-30))

    S = last = pw.wiener(X, V)
    B = mixed(S)
    error = np.inf
    while True:
        moved = RELAXATION * (S + with_magnitudes(2 * B - S) - B) + (1 - RELAXATION) * B
        S = moved + momentum * (moved - last)
        last = moved
        B = mixed(S)
        now = float(np.sum((np.abs(B) - V) ** 2))
        if restarts and now > error:
            S = moved
            B = mixed(S)
            now = float(np.sum((np.abs(B) - V) ** 2))
        error = now
        yield B
