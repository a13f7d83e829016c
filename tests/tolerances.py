"""The one table of tolerances: largest error over largest reference value, per quantity and dtype.

Quote an entry as ``tolerance("stft", y.dtype)``; a complex dtype shares the entry of its real part. A bound
leaves room for another order of summation, and none for a wrong window sample, bin or weight.
"""

from __future__ import annotations

from typing import Any

import numpy as np

# quantity: (float64, float32)
TOLERANCES = {
    # An FFT of N points errs by about eps * log2(N): 1e-15 and 1e-6 for every length that audio needs.
    "stft": (1e-12, 2e-6),
    "istft": (1e-12, 2e-6),
    "reconstruction": (1e-12, 2e-6),
    # One STFT pair and one division by a magnitude per iteration; phases of weak bins amplify the rounding.
    "griffinlim_iteration": (1e-10, 1e-4),
    "inversion": (1e-10, 5e-3),
    # Bin-wise, no transform in the loop.
    "mixing": (1e-10, 1e-3),
    # Angles in radians, added up over a few hundred frames.
    "phase": (1e-10, 1e-6),
    # Stems that must add up to the mixture: one rounding per source and addition.
    "sum": (1e-13, 1e-6),
    # Multiplicative updates: sums of F or T positive terms, relative on the product W @ H.
    "nmf": (1e-8, 1e-4),
    # An increase of a cost that theory calls non-increasing, relative to the first value.
    "monotone": (1e-12, 1e-6),
}


def tolerance(quantity: str, dtype: Any) -> float:
    """Return the bound of ``quantity`` for arrays of ``dtype``."""
    double, single = TOLERANCES[quantity]
    return single if np.dtype(dtype) in (np.float32, np.complex64) else double


def relative_error(actual: Any, expected: Any) -> float:
    """Return max abs(actual - expected) / max abs(expected), after checking that the shapes agree."""
    actual, expected = np.asarray(actual), np.asarray(expected)
    assert actual.shape == expected.shape, f"shape {actual.shape} instead of {expected.shape}"
    scale = float(np.max(np.abs(expected), initial=0.0))
    return float(np.max(np.abs(actual - expected), initial=0.0)) / (scale or 1.0)
