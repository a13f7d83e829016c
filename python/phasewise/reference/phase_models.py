r"""Models of magnitudes and phases: Bayesian anisotropic Gaussians, complex IS-NMF and complex NMF.

Gaussian: source j has power v, phase :math:`\mu` and the moments

.. math:: m = \lambda \sqrt v e^{i \mu}, \qquad \gamma = (1 - \lambda^2) v, \qquad c = \rho v e^{2 i \mu}

of a Rayleigh magnitude with a von Mises phase. Phases are a Markov chain: von Mises around
:math:`\mu_{t-1} + 2 \pi l \nu_t`, with concentration :math:`\tau`. Least squares: the sources are
:math:`V e^{i \mu}`, and the chain is a quadratic penalty.

Papers: Magron & Virtanen, "Bayesian anisotropic Gaussian model for audio source separation", ICASSP 2018;
Magron & Virtanen, "Complex ISNMF: a phase-aware model for monaural audio source separation", IEEE/ACM TASLP
2019; King & Atlas 2011, Le Roux et al. 2009, Magron et al. 2016 (complex NMF).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise.reference.anisotropic import moments, posterior
from phasewise.reference.sinusoidal import frequencies

__all__ = ["complex_nmf", "gaussian_phase_model", "phase_turns", "rayleigh_moments"]

Array = NDArray[Any]


def rayleigh_moments(kappa: float) -> tuple[float, float, float]:
    """Return lambda, 1 - lambda^2 and rho."""
    mean, radial, tangential = moments(kappa)
    lam = np.sqrt(np.pi) / 2 * mean
    return lam, 1 - lam**2, mean**2 + radial - tangential - lam**2


def phase_turns(V: Array, hop_length: int, n_fft: int) -> Array:
    """exp(2 i pi l nu) for magnitudes (source, freq, frames): how the phases advance into each frame."""
    nu = np.apply_along_axis(frequencies, -2, V) / n_fft
    turns: Array = np.exp(2j * np.pi * hop_length * nu)
    return turns


def neighbours(u: Array, turns: Array, t: int, here: Any, after: Any) -> Array:
    """What the frames around frame t make of its phasors."""
    total = np.zeros(u.shape[:-1], dtype=np.complex128)
    if t > 0:
        total += here * u[..., t - 1] * turns[..., t]
    if t + 1 < u.shape[-1]:
        total += after * u[..., t + 1] * turns[..., t + 1].conj()
    return total


def unit(z: Array, otherwise: Array) -> Array:
    """z / |z|."""
    r = np.abs(z)
    return np.where(r > 0, z / np.where(r > 0, r, 1), otherwise)


def turned(a: Array) -> Array:
    """Transpose of the last two axes."""
    return np.swapaxes(a, -1, -2)


def gaussian_phase_model(
    X: ArrayLike,
    powers: ArrayLike,
    u: ArrayLike,
    turns: ArrayLike,
    kappa: ArrayLike,
    tau: float,
    n_iter: int,
    update: str = "em",
    free: bool = False,
    W: ArrayLike | None = None,
    H: ArrayLike | None = None,
    update_W: bool = False,
) -> tuple[Array, Array, Array | None, Array | None, Array]:
    """Posterior means, powers, W, H and costs; powers and phasors (source, freq, frames) are the start.

    Each iteration minimises an upper bound of the negative log-posterior, first over the phases, then over
    the powers: that of expectation-maximisation ("em"), or a tighter one ("mm") that linearises the
    logarithm of the determinant. Powers are fixed, free or products of factors W (source, freq, rank)
    and H (source, rank, frames).
    """
    X, turns = np.asarray(X, dtype=np.complex128), np.asarray(turns)
    u = np.array(u, dtype=np.complex128)
    kappas = np.broadcast_to(kappa, len(u))
    lam, alpha, rho = np.array([rayleigh_moments(k) for k in kappas]).T[..., None]
    factors = None if W is None or H is None else [np.array(W, dtype=float), np.array(H, dtype=float)]
    v = np.array(powers, dtype=np.float64) if factors is None else factors[0] @ factors[1]
    costs = []

    def prior(t: int) -> tuple[Array, Array, Array]:
        here = u[..., t]
        return lam * np.sqrt(v[..., t]) * here, alpha * v[..., t], rho * v[..., t] * here**2

    def sweep() -> tuple[Array, Array, Array]:
        P, Q, R = np.empty(v.shape), np.empty(v.shape), np.empty(v.shape)
        for t in range(v.shape[-1]):
            m, g, c = prior(t)
            g_sum, c_sum, level, before = g.sum(axis=0), c.sum(axis=0), v[..., t], u[..., t].copy()
            D = g_sum**2 - np.abs(c_sum) ** 2
            mean, variance, relation = posterior(X[:, t], m, g, c)
            energy, square = np.abs(mean) ** 2, mean**2
            if update == "em":
                energy, square = energy + variance, square + relation
            det = alpha**2 - rho**2
            first = 2 * lam * (alpha - rho) / (det * np.sqrt(level)) * mean + neighbours(
                u, turns, t, tau, tau
            )
            second = rho / (det * level) * square
            if update == "mm":
                second = second + rho * level * c_sum / D
            candidate = unit(first, before)

            def value(w: Array, first: Array = first, second: Array = second) -> Array:
                result: Array = (first * w.conj()).real + (second * w.conj() ** 2).real
                return result

            u[..., t] = now = np.where(value(candidate) > value(before), candidate, before)
            P[..., t] = (alpha * energy - rho * (square * now.conj() ** 2).real) / det
            Q[..., t] = 2 * lam * (rho - alpha) / det * (mean * now.conj()).real
            if update == "em":
                R[..., t] = 1 / level
            else:
                R[..., t] = (alpha * g_sum - rho * (now**2 * c_sum.conj()).real) / D
        return P, Q, R

    def ratios() -> tuple[Array, Array]:
        P, Q, R = sweep()
        return (
            P / v**2 + np.maximum(Q, 0) / (2 * v**1.5),
            R + np.maximum(-Q, 0) / (2 * v**1.5),
        )

    def cost() -> float:
        total = 0.0
        for t in range(v.shape[-1]):
            m, g, c = prior(t)
            g_sum, c_sum, e = g.sum(axis=0), c.sum(axis=0), X[:, t] - m.sum(axis=0)
            D = g_sum**2 - np.abs(c_sum) ** 2
            total += np.sum(np.log(D) / 2 + (g_sum * np.abs(e) ** 2 - (c_sum.conj() * e**2).real) / D)
            if t > 0:
                total -= tau * np.sum((u[..., t] * (u[..., t - 1] * turns[..., t]).conj()).real)
        return float(total)

    for _ in range(n_iter):
        if factors is not None:
            up, down = ratios()
            w, h = factors
            h *= np.sqrt((turned(w) @ up) / (turned(w) @ down))
            v = w @ h
            if update_W:
                up, down = ratios()
                w *= np.sqrt((up @ turned(h)) / (down @ turned(h)))
                v = w @ h
        else:
            P, Q, _ = sweep()
            if free:
                v = (Q + np.sqrt(16 * P + Q**2)) ** 2 / 16
        costs.append(cost())
    S = np.stack([posterior(X[:, t], *prior(t))[0] for t in range(v.shape[-1])], axis=-1)
    learned: list[Any] = [None, None] if factors is None else factors
    return S, v, learned[0], learned[1], np.array(costs)


def complex_nmf(
    X: ArrayLike,
    W: ArrayLike,
    H: ArrayLike,
    u: ArrayLike,
    turns: ArrayLike,
    sigma: float,
    n_iter: int,
    update_W: bool = False,
) -> tuple[Array, Array, Array, Array]:
    """Sources that sum to X (freq, frames), W, H and costs of complex NMF with phase constraints.

    The squared error is bounded by that of every source against its share B of the mixture; the bound is
    minimised over the phases, frame by frame, then over one factor.
    """
    X, turns = np.asarray(X, dtype=np.complex128), np.asarray(turns)
    u, w, h = np.array(u, dtype=np.complex128), np.array(W, dtype=float), np.array(H, dtype=float)
    energy = np.abs(X) ** 2
    costs = []

    def sweep() -> tuple[Array, Array]:
        v = w @ h
        up, down = np.empty(v.shape), np.empty(v.shape)
        for t in range(v.shape[-1]):
            level, error = v[..., t].sum(axis=0), X[:, t] - np.sum(v[..., t] * u[..., t], axis=0)
            wanted = level * u[..., t] + error  # the share B of each source over its gain
            after = energy[:, t + 1] if t + 1 < v.shape[-1] else 0.0
            around = neighbours(u, turns, t, sigma * energy[:, t], sigma * after)
            u[..., t] = unit(v[..., t] * wanted + around, u[..., t])
            up[..., t] = np.maximum((wanted * u[..., t].conj()).real, 0)
            down[..., t] = level
        return up, down

    for _ in range(n_iter):
        up, down = sweep()
        h *= (turned(w) @ up) / (turned(w) @ down)
        if update_W:
            up, down = sweep()
            w *= (up @ turned(h)) / (down @ turned(h))
        gap = u[..., 1:] - u[..., :-1] * turns[..., 1:]
        costs.append(
            np.sum(np.abs(X - np.sum((w @ h) * u, axis=0)) ** 2)
            + sigma * np.sum(energy[:, 1:] * np.abs(gap) ** 2)
        )
    v = w @ h
    S = v * u
    return S + v / v.sum(axis=0) * (X - S.sum(axis=0)), w, h, np.array(costs)
