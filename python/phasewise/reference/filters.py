r"""Wiener filter: each source gets its share of the mixture.

.. math:: S_j = \frac{V_j^p}{\sum_k V_k^p} X

p = 2 is the minimum mean-square error estimate of independent circular Gaussian sources with variances
:math:`V_j^2`; p = 1 is the ratio mask.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise.reference.projections import mixing_weights

__all__ = ["wiener"]


def wiener(X: ArrayLike, V: ArrayLike, power: float = 2.0) -> NDArray[Any]:
    """Sources ``(..., source, freq, frames)`` that sum to ``X``; empty bins are shared equally."""
    gains = mixing_weights(np.asarray(V, dtype=np.float64), power)
    S: NDArray[Any] = gains * np.asarray(X, dtype=np.complex128)[..., None, :, :]
    return S
