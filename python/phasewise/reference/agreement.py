r"""How far magnitudes agree with their mixture: polygons that close, and a blend by expected errors.

In every bin, the phasors of the sources and of the mixture must close a polygon:

.. math:: \sum_j V_j \ge |X|, \qquad V_j \le |X| + \sum_{k \ne j} V_k.

With :math:`w_j = V_j^2 / \sum_k V_k^2`, the Wiener estimate :math:`w_j X` of Gaussian sources has the
expected error :math:`e = \sum_j V_j^2 (1 - w_j)`. An estimate S is blended with it in proportion to the
inverse errors. :math:`m = \sum_j (|S_j| - V_j)^2` is the error of S along its phasors; another m is taken
for the error across them. The error of a prior that is given shows in what it lacks of the mixture:
:math:`e = |X - \sum_j P_j|^2 \sum_j w_j (1 - w_j)` remains when each source has got its share.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise.reference.projections import mixing_projection, mixing_weights

__all__ = ["blend_with_prior", "feasible_magnitudes"]

Array = NDArray[Any]


def ramp(x: Array, zero: float, one: float) -> Array:
    """Rise from 0 below ``zero`` to 1 above ``one``."""
    return np.clip((x - zero) / (one - zero), 0, 1)


def ratio(above: Array, below: Array) -> Array:
    """Divide; what has nothing below counts as 1."""
    return np.where(below > 0, above / np.where(below > 0, below, 1), 1.0)


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
    """Blend ``S`` with the Wiener estimate, or with ``prior`` made to sum to ``X``; also return the trust.

    The trust in all magnitudes of an item is full if the blend finds them met. Otherwise it asks two things:
    whether S is about as far from the Wiener estimate as that is expected to err (not so for blurred
    magnitudes), and whether the magnitudes have the energy of the mixture, as those of independent sources.
    """
    w = mixing_weights(V, 2.0)
    wiener = w * X[..., None, :, :]
    other = wiener if prior is None else mixing_projection(prior, X, w)
    expected = np.sum(V**2 * (1 - w), axis=-3)
    error = expected.sum(axis=(-2, -1))
    mismatch = np.sum((np.abs(S) - V) ** 2, axis=-3)
    distance = np.sum(np.abs(S - wiener) ** 2, axis=(-3, -2, -1))
    energy = ratio(np.sum(V**2, axis=(-3, -2, -1)), np.sum(np.abs(X) ** 2, axis=(-2, -1)))
    sharp = ramp(ratio(distance, error), 0.5, 0.75)
    fitting = ramp(energy, 0.75, 0.9) * (1 - ramp(energy, 1.1, 1.25))
    missed = np.minimum(ratio(mismatch.sum(axis=(-2, -1)), 0.01 * error), 1)
    trust = 1 - missed * (1 - sharp * fitting)
    if prior is not None:
        expected = np.abs(X - prior.sum(axis=-3)) ** 2 * np.sum(w * (1 - w), axis=-3)
    total = 2 * mismatch + expected
    believed = trust[..., None, None] * np.where(expected > 0, expected / np.where(total > 0, total, 1), 0)
    return S + (1 - believed[..., None, :, :]) * (other - S), trust
