r"""Consistent Wiener filters: posterior means that are nearly transforms of signals.

Over sources that sum to the mixture, they minimise

.. math:: \sum_j \Big[ Q_j(S_j - W_j) + \frac{\delta}{2 N} \| S_j - G S_j \|^2 \Big], \; G = STFT(iSTFT(.)),

from the posterior means W of the anisotropic Wiener filter and the quadratic forms
:math:`Q(z) = (\gamma |z|^2 - Re(\bar c z^2)) / (\gamma^2 - |c|^2)` of its prior variances :math:`\gamma` and
relations c. The published criterion for two sources is the same.

Papers: Le Roux & Vincent, IEEE SPL 2013; Magron, Le Roux & Virtanen, WASPAA 2017.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise.reference.anisotropic import anisotropic_wiener, moments
from phasewise.reference.transform import bin_weights, project_consistent

__all__ = ["consistent_anisotropic_wiener", "solve_within_mixture"]

Array = NDArray[Any]


def inverse(g: Array, c: Array, z: Array) -> Array:
    """Apply the inverse covariance: (g z - c conj(z)) / (g^2 - |c|^2), 0 where there is no variance."""
    d = g**2 - np.abs(c) ** 2
    result: Array = np.where(d > 0, g * z - c * z.conj(), 0) / np.where(d > 0, d, 1)
    return result


def regularise(g: Array, c: Array, pull: float) -> tuple[Array, Array]:
    """Variance and relation of the inverse of (inverse covariance + pull)."""
    d = g**2 - np.abs(c) ** 2
    q = 1 + 2 * pull * g + pull**2 * d
    return (g + pull * d) / q, c / q


def solve_within_mixture(r: Array, g: Array, c: Array, pull: float) -> Array:
    """Return (inverse covariance + pull)^-1 (r - y), with the y (freq, frames) that makes it sum to zero."""
    g, c = regularise(g, c, pull)
    g_sum, c_sum = g.sum(axis=0), c.sum(axis=0)
    total = (g * r + c * r.conj()).sum(axis=0)
    y = inverse(g_sum, c_sum, total)
    z: Array = g * (r - y) + c * (r - y).conj()
    return z


def consistent_anisotropic_wiener(
    X: ArrayLike,
    V: ArrayLike,
    kappa: ArrayLike = 1.0,
    delta: float = 1.0,
    n_iter: int = 60,
    tol: float = 1e-6,
    solver: str = "cg",
    onsets: ArrayLike | None = None,
    phase: ArrayLike | None = None,
    hop_length: int | None = None,
    n_fft: int | None = None,
    length: int | None = None,
    **transform: Any,
) -> tuple[Array, Array]:
    """Sources of magnitudes ``V`` (source, freq, frames) and the cost after each iteration made."""
    X, V = np.asarray(X, dtype=np.complex128), np.asarray(V, dtype=np.float64)
    n_fft = n_fft or 2 * (V.shape[-2] - 1)
    hop_length = hop_length or n_fft // 4
    W, _, _, mu = anisotropic_wiener(X, V, hop_length, kappa, phase, onsets, n_fft=n_fft)
    spread = np.array([moments(k) for k in np.broadcast_to(kappa, len(V))])[:, 1:, None, None]
    g, c = spread.sum(axis=1) * V**2, (spread[:, 0] - spread[:, 1]) * V**2 * np.exp(2j * mu)
    a, weight = bin_weights(n_fft), delta / (2 * n_fft)

    def project(S: Array) -> Array:
        return project_consistent(S, hop_length, n_fft=n_fft, length=length, **transform)

    def inner(p: Array, q: Array) -> float:
        return float(np.sum(a * (p.conj() * q).real))

    def cost_of(S: Array) -> float:
        gap = S - project(S)
        return inner(S - W, inverse(g, c, S - W)) + weight * inner(gap, gap)

    run = conjugate_gradients if solver == "cg" else majorise
    overlap = max(0.0, 1 - hop_length / n_fft)
    costs = []
    S = W
    for moved, S in run(W, g, c, weight, overlap, n_iter, project, inner):
        costs.append(cost_of(S))
        if inner(moved, moved) < tol * inner(S, S):
            break
    return S, np.array(costs)


def conjugate_gradients(
    W: Array,
    g: Array,
    c: Array,
    weight: float,
    overlap: float,
    n_iter: int,
    project: Callable[[Array], Array],
    inner: Callable[[Array, Array], float],
) -> Any:
    """Yield the change and the estimate of each iteration; the preconditioner takes G for hop / n_fft."""
    S, r = W, -weight * (W - project(W))
    z = p = solve_within_mixture(r, g, c, weight * overlap)
    for _ in range(n_iter):
        image = inverse(g, c, p) + weight * (p - project(p))
        if not inner(p, image) > 0:
            return
        descent = inner(r, z)
        step = descent / inner(p, image)
        S = S + step * p
        r = r - step * image
        yield step * p, S
        z = solve_within_mixture(r, g, c, weight * overlap)
        p = z + inner(r, z) / descent * p


def majorise(
    W: Array,
    g: Array,
    c: Array,
    weight: float,
    overlap: float,
    n_iter: int,
    project: Callable[[Array], Array],
    inner: Callable[[Array, Array], float],
) -> Any:
    """Yield the same for S <- argmin of the criterion with G S held at its last value."""
    S = W
    for _ in range(n_iter):
        before, S = S, W + solve_within_mixture(weight * (project(S) - W), g, c, weight)
        yield S - before, S
