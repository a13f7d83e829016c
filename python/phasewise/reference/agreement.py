r"""How far magnitudes agree with their mixture: polygons that close, and a blend by expected errors.

In every bin, the phasors of the sources and of the mixture must close a polygon:

.. math:: \sum_j V_j \ge |X|, \qquad V_j \le |X| + \sum_{k \ne j} V_k.

With :math:`w_j = V_j^2 / \sum_k V_k^2`, the Wiener estimate :math:`w_j X` of Gaussian sources has the
expected error :math:`e = \sum_j V_j^2 (1 - w_j)`. An estimate S is blended with it in proportion to the
inverse errors, :math:`m = \sum_j (|S_j| - V_j)^2` being taken for that of S.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise.reference.inversion import mixing_projection, mixing_weights

__all__ = ["BLURRED", "SHARP", "blend_with_prior", "feasible_magnitudes"]

Array = NDArray[Any]

# Distance from the Wiener estimate over its expected error: nothing is believed below, everything above.
BLURRED, SHARP = 0.35, 0.65


def feasible_magnitudes(X: Array, V: Array) -> Array:
    """The change of ``V`` with the least sum of change^2 / V^2 that lets every polygon close."""
    target = np.abs(X)
    w = mixing_weights(V, 2.0)
    total = V.sum(axis=-3)
    first = np.argmax(V, axis=-3)[..., None, :, :]
    largest = np.take_along_axis(V, first, axis=-3).squeeze(-3)
    excess = np.maximum(2 * largest - total - target, 0)[..., None, :, :]
    lacking = np.maximum(target - total, 0)[..., None, :, :]
    sign = np.ones_like(V)
    np.put_along_axis(sign, first, -1.0, axis=-3)
    feasible: Array = np.maximum(V + w * lacking + sign * w * excess, 0)
    return feasible


def blend_with_prior(X: Array, V: Array, S: Array, prior: Array | None = None) -> tuple[Array, Array]:
    """Blend ``S`` with the Wiener estimate, or with ``prior`` made to sum to ``X``; also return the trust."""
    w = mixing_weights(V, 2.0)
    wiener = w * X[..., None, :, :]
    other = wiener if prior is None else mixing_projection(prior, X, w)
    expected = np.sum(V**2 * (1 - w), axis=-3)
    mismatch = np.sum((np.abs(S) - V) ** 2, axis=-3)
    error = expected.sum(axis=(-2, -1))
    distance = np.sum(np.abs(S - wiener) ** 2, axis=(-3, -2, -1))
    ratio = np.where(error > 0, distance / np.where(error > 0, error, 1), np.inf)
    trust = np.clip((ratio - BLURRED) / (SHARP - BLURRED), 0, 1)
    total = mismatch + expected
    believed = trust[..., None, None] * np.where(expected > 0, expected / np.where(total > 0, total, 1), 0)
    return S + (1 - believed[..., None, :, :]) * (other - S), trust
