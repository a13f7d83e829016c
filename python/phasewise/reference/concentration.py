r"""How closely phases follow a model: concentrations of von Mises distributions, by maximum likelihood.

The likelihood of errors x of density proportional to :math:`e^{\kappa \cos x}` is largest where
:math:`I_1(\kappa) / I_0(\kappa)` equals the weighted mean of their cosines.

Paper: Magron, Badeau & David, "Phase-dependent anisotropic Gaussian model for audio source separation",
ICASSP 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise.reference.anisotropic import moments
from phasewise.reference.sinusoidal import frequencies, peaks

__all__ = ["fit_concentrations", "von_mises_concentration"]

Array = NDArray[Any]


def von_mises_concentration(mean: float, largest: float = 500.0) -> float:
    """Return the kappa in [0, largest] with E cos x nearest ``mean``, by bisection."""
    low, high = 0.0, largest
    if mean >= moments(largest)[0]:
        return largest
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if moments(middle)[0] < mean else (low, middle)
    return (low + high) / 2


def fit_concentrations(S: ArrayLike, hop_length: int, n_fft: int, where: str = "peaks") -> Array:
    """Concentrations of the sources (source, freq, frames) around the sinusoidal model."""
    S = np.asarray(S, dtype=np.complex128)
    result = []
    for source in S:
        weighted, total = 0.0, 0.0
        for t in range(1, S.shape[-1]):
            v = np.abs(source[:, t])
            advance = 2 * np.pi * hop_length * frequencies(v) / n_fft
            weight = v**2
            if where == "peaks":
                near = np.zeros(len(v), dtype=bool)
                for k in peaks(v):
                    near[k - 1 : k + 2] = True
                weight = near.astype(float)
            weight = weight * (np.abs(source[:, t - 1]) > 0) * (v > 0)
            error = np.angle(source[:, t]) - np.angle(source[:, t - 1]) - advance
            weighted += float(np.sum(weight * np.cos(error)))
            total += float(np.sum(weight))
        result.append(von_mises_concentration(weighted / total) if total > 0 else 0.0)
    return np.array(result)
