r"""Anisotropic Wiener filter: Gaussian sources with the moments of given magnitudes and von Mises phases.

.. math:: m = \lambda V e^{i \mu}, \qquad \gamma = (1 - \lambda^2) V^2, \qquad c = \rho V^2 e^{2 i \mu}

with :math:`\lambda = E \cos x` and :math:`\rho = E \cos 2x - \lambda^2` for x of density proportional to
:math:`e^{\kappa \cos x}`. The filter gives the posterior moments under :math:`\sum_j S_j = X`.

Paper: Magron, Badeau & David, "Phase-dependent anisotropic Gaussian model for audio source separation",
ICASSP 2017.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise.reference.filters import wiener
from phasewise.reference.sinusoidal import frequencies, phase_values

__all__ = ["anisotropic_wiener", "moments", "posterior", "prior_moments"]

Array = NDArray[Any]


def moments(kappa: float) -> tuple[float, float, float]:
    """Return E cos x, var cos x and var sin x; the trapezoidal rule is exact to rounding for this density."""
    x = 2 * np.pi * np.arange(4096) / 4096
    density = np.exp(kappa * (np.cos(x) - 1))
    density /= density.sum()
    mean = float(np.sum(density * np.cos(x)))
    return mean, float(np.sum(density * (np.cos(x) - mean) ** 2)), float(np.sum(density * np.sin(x) ** 2))


def prior_moments(V: Array, kappa: ArrayLike, mu: Array) -> tuple[Array, Array, Array]:
    """Mean, variance and relation of sources (source, freq) with phases near ``mu``; ``kappa`` per source."""
    mean, radial, tangential = np.array([moments(k) for k in np.broadcast_to(kappa, len(V))]).T[..., None]
    return (
        mean * V * np.exp(1j * mu),
        (radial + tangential) * V**2,
        (radial - tangential) * V**2 * np.exp(2j * mu),
    )


def posterior(X: Array, m: Array, g: Array, c: Array) -> tuple[Array, Array, Array]:
    """Moments of sources (source, freq) of prior moments m, g, c, given their sum ``X`` (freq,)."""
    g_sum, c_sum = g.sum(axis=0), c.sum(axis=0)
    e = X - m.sum(axis=0)
    determinant = g_sum**2 - np.abs(c_sum) ** 2
    D = np.where(determinant > 0, determinant, 1)
    mean = m + ((g * g_sum - c * c_sum.conj()) * e + (c * g_sum - g * c_sum) * e.conj()) / D
    variance = g - (g_sum * (g**2 + np.abs(c) ** 2) - 2 * g * (c * c_sum.conj()).real) / D
    relation = c - (2 * g * g_sum * c - g**2 * c_sum - c**2 * c_sum.conj()) / D
    return mean, variance, relation


def anisotropic_wiener(
    X: ArrayLike,
    V: ArrayLike,
    hop_length: int,
    kappa: ArrayLike = 1.0,
    phase: ArrayLike | None = None,
    onsets: ArrayLike | None = None,
    onset_phase: ArrayLike | None = None,
    n_fft: int | None = None,
) -> tuple[Array, Array, Array, Array]:
    """Posterior mean, variance, relation and prior phases of sources ``V`` (..., source, freq, frames).

    The prior phases are ``phase`` (radians or complex), or else those of the sinusoidal model, advanced from
    the posterior means of the frame before; frame 0 and the frames marked in ``onsets`` (..., source,
    frames) have ``onset_phase``, or the phase of the mixture. Silence carries the phase on; bins without any
    magnitude are shared equally. Phases are taken relative to the mixture's: what is in phase stays so.
    """
    X = np.asarray(X, dtype=np.complex128)
    V = np.asarray(V, dtype=np.float64)
    n_fft = n_fft or 2 * (V.shape[-2] - 1)
    turn = np.angle(X)[..., None, :, :]
    given = turn if onset_phase is None else phase_values(onset_phase)
    given = np.broadcast_to(given if phase is None else phase_values(phase), V.shape)
    restart = np.ones((*V.shape[:-2], V.shape[-1]), dtype=bool)
    if phase is None:
        restart[...] = False if onsets is None else onsets
        restart[..., 0] = True

    mean = np.zeros(V.shape, dtype=np.complex128)
    variance, relation, prior = np.zeros(V.shape), np.zeros(V.shape, dtype=np.complex128), np.zeros(V.shape)
    for item in np.ndindex(X.shape[:-2]):
        finished = np.zeros(V.shape[-3:-1])
        for t in range(V.shape[-1]):
            v, x, here = V[item][..., t], X[item][:, t], turn[item][0, :, t]
            nu = np.apply_along_axis(frequencies, -1, v) / n_fft
            mu = finished + 2 * np.pi * hop_length * nu
            mu = np.where(restart[item][:, t, None], given[item][..., t], mu)
            m, g, c = posterior(np.abs(x), *prior_moments(v, kappa, mu - here))
            empty = v.sum(axis=0) == 0
            m[:, empty] = np.abs(x[empty]) / len(v)
            mean[item][..., t] = m * np.exp(1j * here)
            variance[item][..., t] = g
            relation[item][..., t] = c * np.exp(2j * here)
            prior[item][..., t] = mu
            finished = np.where(v > 0, np.angle(m) + here, mu)
    if np.all(np.asarray(kappa) == 0):
        mean = wiener(X, V)
    return mean, variance, relation, prior
