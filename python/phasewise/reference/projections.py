"""Projections that phase recovery is made of: on magnitudes, and on sources that sum to their mixture."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Mixer", "magnitude_projection", "mixing_projection", "mixing_weights", "unit_phasor"]

Array = NDArray[Any]

# Names of exponents p in weights proportional to V^p.
EXPONENTS = {"equal": 0.0, "magnitude": 1.0, "wiener": 2.0, "refreshed": 1.0}


def unit_phasor(Y: Array) -> Array:
    """Return Y / abs(Y), and 1 where Y is 0."""
    modulus = np.abs(Y)
    return np.where(modulus > 0, Y / np.where(modulus > 0, modulus, 1.0), 1.0)


def magnitude_projection(Y: Array, V: Array) -> Array:
    """Give ``Y`` the magnitude ``V``; the phase of zero is 0."""
    return V * unit_phasor(Y)


def mixing_weights(V: Array, kind: str | float | ArrayLike) -> Array:
    """Shares of the mixing error ``(..., source, freq, frames)``, nonnegative, summing to 1 over the sources.

    ``kind`` is "equal" (1/J), "magnitude" (V), "wiener" (V^2), an exponent p (V^p), or an array: one weight
    per source or anything that broadcasts to ``V``. "refreshed" starts from V. Bins where all weights are 0
    get 1/J.
    """
    n_sources = V.shape[-3]
    if isinstance(kind, str):
        kind = EXPONENTS[kind]
    weights = np.asarray(kind, dtype=np.float64)
    if weights.ndim == 0:
        largest = V.max(axis=-3, keepdims=True)
        weights = (V / np.where(largest > 0, largest, 1.0)) ** weights
    elif weights.ndim == 1:
        weights = weights[:, None, None]
    weights = np.broadcast_to(weights, V.shape)
    total = weights.sum(axis=-3, keepdims=True)
    shares: Array = np.where(total > 0, weights / np.where(total > 0, total, 1.0), 1.0 / n_sources)
    return shares


def mixing_projection(S: Array, X: Array, weights: Array) -> Array:
    """Share the mixing error ``X - sum(S)`` among the sources."""
    mixed: Array = S + weights * (X[..., None, :, :] - S.sum(axis=-3, keepdims=True))
    return mixed


class Mixer:
    """The mixing projection, with fixed or refreshed weights.

    Refreshed weights are proportional to ``abs(Y - S)``, Y being the previous result and S the point to
    project: they minimise the bound sum_j abs(Y_j - S_j)^2 / weight_j of the mixing error, so a monotone
    cost stays so.
    """

    def __init__(self, X: Array, V: Array, kind: str | float | ArrayLike) -> None:
        self.X = X
        self.weights = mixing_weights(V, kind)
        self.refreshed = isinstance(kind, str) and kind == "refreshed"
        self.previous: Array | None = None

    def __call__(self, S: Array) -> Array:
        """Project ``S``."""
        if self.refreshed and self.previous is not None:
            moved = np.abs(self.previous - S)
            total = moved.sum(axis=-3, keepdims=True)
            self.weights = np.where(total > 0, moved / np.where(total > 0, total, 1.0), self.weights)
        self.previous = mixing_projection(S, self.X, self.weights)
        return self.previous
