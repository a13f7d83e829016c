r"""How far the magnitudes of sources agree with their mixture.

Before an inversion: magnitudes that no phases can make sum to the mixture cannot be right. In every bin the
phasors of the sources and that of the mixture have to close a polygon, so no side may be longer than the
others together,

.. math:: \sum_j V_j \ge |X|, \qquad V_j \le |X| + \sum_{k \ne j} V_k.

After it: how much of the result to believe. If a bin's magnitudes are right and its phases found, they agree
with V; the mismatch that is left is one half of the error, the half along the phasors. The Wiener filter W,
on the other hand, errs by :math:`\sum_j V_j^2 (1 - V_j^2 / \sum_k V_k^2)` on average, for Gaussian sources of
these magnitudes. A blend of two estimates whose errors are independent weighs each by the error of the other.
This finds bins in which magnitudes are wrong, not magnitudes that are blurred everywhere, as those of a
dictionary that knows neither the song nor its instruments. These show in two other ways: constraints move the
estimate away from W much less than W's expected error, and their energy is not that of the mixture, as it is
for the magnitudes of independent sources.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import _core, _memory
from phasewise.phase._bins import Mixture
from phasewise.phase._problem import frame_major

__all__ = ["blend_with_prior", "feasible_magnitudes"]


def feasible_magnitudes(mixture: ArrayLike, magnitudes: ArrayLike) -> NDArray[Any]:
    r"""Magnitudes that can sum to the mixture, next to the given ones.

    Parameters
    ----------
    mixture : array of shape (..., freq, frames), complex
        Spectrogram X of the mixture.
    magnitudes : array of shape (..., source, freq, frames), nonnegative
        Magnitudes V of the sources; channels and batches come before the source axis.

    Returns
    -------
    array of shape (..., source, freq, frames), real
        Magnitudes for which phases exist that sum to the mixture. The change :math:`\delta` has the smallest
        :math:`\sum_j \delta_j^2 / V_j^2`, so loud sources take most of it. True magnitudes do not change,
        except by rounding.

    Raises
    ------
    ParameterError
        If shapes do not match, or values are negative or not finite.

    Notes
    -----
    One pass over the data. A bin without any magnitude shares the mixture equally.
    """
    problem = Mixture.check(mixture, magnitudes, ("mixture", "magnitudes"))
    V = frame_major(problem.V, 3, problem.V.dtype)
    feasible = _memory.empty(V.shape, V.dtype)
    _core.feasible_magnitudes(
        mixture=frame_major(problem.X, 2, problem.X.dtype), magnitudes=V, feasible=feasible
    )
    return problem.public(feasible)


def blend_with_prior(
    mixture: NDArray[Any], magnitudes: NDArray[Any], estimate: NDArray[Any], prior: NDArray[Any] | None = None
) -> NDArray[np.float64]:
    """Blend ``estimate`` in place with the Wiener estimate, or with ``prior``, where it is not to be trusted.

    Parameters
    ----------
    mixture : ndarray of shape (batch, frames, freq), complex, C-contiguous
    magnitudes : ndarray of shape (batch, source, frames, freq), C-contiguous
        As given, not the feasible ones.
    estimate : ndarray of shape (batch, source, frames, freq), complex, C-contiguous
        Sources that sum to the mixture; they still do after the call.
    prior : ndarray of shape (batch, source, frames, freq), complex, C-contiguous, optional
        Instead of the Wiener estimate; what it lacks of the mixture is added in proportion to the squares of
        the magnitudes.

    Returns
    -------
    ndarray of shape (batch,), float64
        How far each item was believed: 0 for the prior alone, 1 for a blend by the mismatch of each bin.
    """
    trust = np.empty(len(magnitudes))
    _core.blend_with_prior(
        mixture=mixture, magnitudes=magnitudes, prior=prior, estimate=estimate, trust=trust
    )
    return trust
