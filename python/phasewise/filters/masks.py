r"""Filters that give every source its share of the mixture.

.. math:: S_j = \frac{V_j^p}{\sum_k V_k^p} X
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, NDArray

from phasewise import _core
from phasewise._validate import number
from phasewise.phase._bins import Mixture

__all__ = ["wiener"]


def wiener(X: ArrayLike, V: ArrayLike, *, power: float = 2.0) -> NDArray[Any]:
    """Wiener filter: sources in proportion to a power of their magnitudes, with the phase of the mixture.

    Parameters
    ----------
    X : array of shape (..., freq, frames), complex
        Spectrogram of the mixture.
    V : array of shape (..., source, freq, frames), nonnegative
        Magnitudes of the sources; channels and batches come before the source axis.
    power : float >= 0
        Exponent p of the magnitudes. 2 is the least mean-square error estimate of independent Gaussian
        sources with variances V\\ :sup:`2`, 1 the ratio mask.

    Returns
    -------
    array of shape (..., source, freq, frames), complex
        Estimates that sum to `X` (to rounding). Bins in which all magnitudes are zero are shared equally.

    Raises
    ------
    ParameterError
        If shapes do not match, or values are negative or not finite.

    Notes
    -----
    One pass over the data. Thread-safe; the result does not depend on the number of threads.

    References
    ----------
    .. [1] L. Benaroya, F. Bimbot and R. Gribonval, "Audio source separation with a single sensor", IEEE
           TASLP 14(1), 2006.
    """
    problem = Mixture.check(X, V, ("X", "V"))
    power = number("power", power, minimum=0.0)
    estimate = problem.estimate()
    _core.wiener(**problem.arrays(power), estimate=estimate)
    return problem.public(estimate)
