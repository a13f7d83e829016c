"""The members of the inversion family that need no transform: every bin by itself, once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise.phase.weights import mixing_shares

__all__ = ["solve_bins"]


def solve_bins(
    name: str,
    X: NDArray[Any],
    V: NDArray[Any],
    start: Callable[[], NDArray[Any]],
    weights: Any,
    counts: NDArray[Any],
) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Return the estimate (..., source, freq, frames) of an algorithm of the registry, and its cost (...,).

    ``X`` (..., freq, frames) is the mixture, ``V`` the magnitudes, ``start()`` makes the start, an array of
    its own; ``counts`` (freq, 1) says how many bins of the full spectrum each bin stands for.
    """
    if name == "Mag(KL)_hardMix":
        from phasewise.filters import wiener

        S = np.asarray(wiener(X, V, power=1.0))
        return S, _total(counts * _divergence(np.abs(S), V), (-3, -2, -1))
    S = start()
    if name == "AM":
        return S, _total(counts * np.abs(X - S.sum(axis=-3)) ** 2, (-2, -1))
    shares = mixing_shares(V, weights)
    missing = (X - S.sum(axis=-3))[..., None, :, :]
    S += missing / S.shape[-3] if shares is None else shares * missing
    return S, _total(counts * (np.abs(S) - V) ** 2, (-3, -2, -1))


def _divergence(modulus: NDArray[Any], V: NDArray[Any]) -> NDArray[Any]:
    """Return y log(y / v) - y + v; 0 where there is no magnitude to be near to."""
    sounds = V > 0
    ratio = np.where(sounds & (modulus > 0), modulus / np.where(sounds, V, 1), 1)
    return np.asarray(np.where(sounds, modulus * np.log(ratio) - modulus + V, 0))


def _total(terms: NDArray[Any], axes: tuple[int, ...]) -> NDArray[np.float64]:
    return np.asarray(terms.sum(axis=axes, dtype=np.float64))
