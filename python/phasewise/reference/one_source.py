r"""One spectrogram from its magnitudes by reflections, and by beta divergences.

With :math:`B = STFT(iSTFT(S))`, m = |B|^d, r = V^d, and the divergence D of beta taken as D(r, m) ("right")
or D(m, r) ("left"),

* reflections iterate :math:`S \leftarrow S + b (P(2 B - S) - B)` (RRR; b = 1 is ADMM) or
  :math:`S \leftarrow b S + b P(2 B - S) + (1 - 2 b) B` (RAAR), with P giving the magnitudes V;
* the gradient step is :math:`T = B - \mu\, d\, B |B|^{d-2} \partial_m D`, as far as it does not pass the
  magnitudes V, accelerated to :math:`S \leftarrow T + \gamma (T - T_{previous})`. For beta = 2, d = 1,
  :math:`\mu = 1`, T has the magnitudes V: Griffin-Lim;
* ADMM is the first of the reflections with P giving the magnitudes y that minimise
  :math:`D + \rho/2 (y - |\cdot|)^2`. (The three steps of ADMM, for signal, magnitudes and multiplier,
  collapse into that one.)

Magnitudes enter divergences as :math:`\sqrt{y^2 + \epsilon^2}`.

Papers: Peer, Welker & Gerkmann 2022; Vial, Magron, Oberlin & Fevotte, "Phase retrieval with Bregman
divergences and application to audio signal recovery", IEEE JSTSP 2021.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise.reference.nmf import divergence
from phasewise.reference.projections import magnitude_projection, unit_phasor
from phasewise.reference.transform import bin_weights, project_consistent

__all__ = ["beta_slope", "beta_value", "bregman", "bregman_admm", "bregman_misi", "proximal", "reflections"]

Array = NDArray[Any]


def beta_slope(y: Array, v: Array, beta: float, d: int, direction: str) -> Array:
    """Derivative with respect to y of the divergence between y**d and v**d."""
    m, r = y**d, v**d
    if direction == "right":
        inner = m ** (beta - 2) * (m - r)
    elif beta == 1:
        inner = np.log(m / r)
    else:
        inner = (m ** (beta - 1) - r ** (beta - 1)) / (beta - 1)
    slope: Array = d * y ** (d - 1) * inner
    return slope


def beta_value(y: Array, v: Array, beta: float, d: int, direction: str, a: Array) -> float:
    """The divergence between y**d and v**d, summed with weights ``a``."""
    m, r = y**d, v**d
    data, model = (r, m) if direction == "right" else (m, r)
    return float(divergence(data, model, beta, a))


def proximal(
    h: Array, v: Array, rho: float, beta: float, d: int, direction: str, least: float = 1e-12
) -> Array:
    """The y >= least between h and v that minimises the divergence plus rho/2 (y - h)^2.

    By bisection of the logarithm: where there are several minima, it takes the one that this finds.
    """
    low = np.maximum(np.minimum(h, v), least)
    high = np.maximum(np.maximum(h, v), low)
    for _ in range(100):
        y = np.sqrt(low * high)
        rising = beta_slope(y, v, beta, d, direction) + rho * (y - h) > 0
        low, high = np.where(rising, low, y), np.where(rising, y, high)
    middle: Array = np.sqrt(low * high)
    return middle


def reflections(
    V: ArrayLike, S: ArrayLike, n_iter: int, relaxation: float, kind: str = "rrr", **transform: Any
) -> tuple[Array, Array]:
    """RRR or RAAR from ``S``. Returns the consistent point of the last iterate, and the iterate."""
    V, current = np.asarray(V, dtype=np.float64), np.asarray(S, dtype=np.complex128)
    b = relaxation
    for _ in range(n_iter):
        B = project_consistent(current, **transform)
        reflected = magnitude_projection(2 * B - current, V)
        current = (
            current + b * (reflected - B) if kind == "rrr" else b * (current + reflected) + (1 - 2 * b) * B
        )
    return project_consistent(current, **transform), current


def bregman(
    V: ArrayLike,
    S: ArrayLike,
    n_iter: int,
    beta: float,
    d: int,
    direction: str,
    step: float,
    momentum: float,
    floor: float,
    **transform: Any,
) -> tuple[Array, Array]:
    """Accelerated gradient descent from ``S``. Returns the iterate, and the divergence after each step."""
    V, current = np.asarray(V, dtype=np.float64), np.asarray(S, dtype=np.complex128)
    v = np.sqrt(V**2 + floor**2)
    a = bin_weights(transform.get("n_fft") or 2 * (V.shape[-2] - 1))
    previous, costs = current, []
    for _ in range(n_iter):
        T = _descend(project_consistent(current, **transform), v, beta, d, direction, step, floor)
        current, previous = T + momentum * (T - previous), T
        y = np.sqrt(np.abs(project_consistent(current, **transform)) ** 2 + floor**2)
        costs.append(beta_value(y, v, beta, d, direction, a))
    return current, np.array(costs)


def bregman_admm(
    V: ArrayLike,
    S: ArrayLike,
    n_iter: int,
    beta: float,
    d: int,
    direction: str,
    rho: float,
    floor: float,
    **transform: Any,
) -> tuple[Array, Array]:
    """ADMM from ``S``. Returns the consistent point of the last iterate, and the iterate."""
    V, current = np.asarray(V, dtype=np.float64), np.asarray(S, dtype=np.complex128)
    v = np.sqrt(V**2 + floor**2)
    for _ in range(n_iter):
        B = project_consistent(current, **transform)
        h = 2 * B - current
        current = (
            current
            + proximal(np.abs(h), v, rho, beta, d, direction, max(1e-3 * floor, 1e-12)) * unit_phasor(h)
            - B
        )
    return project_consistent(current, **transform), current


def bregman_misi(
    X: ArrayLike,
    V: ArrayLike,
    n_iter: int,
    beta: float,
    d: int,
    direction: str,
    steps: ArrayLike,
    floors: ArrayLike,
    **transform: Any,
) -> Array:
    """Sources (source, freq, frames) by gradient steps on consistent spectrograms, and mixing.

    From the magnitudes ``V`` with the phase of the mixture; ``steps`` and ``floors`` hold a value per source.
    """
    X, V = np.asarray(X, dtype=np.complex128), np.asarray(V, dtype=np.float64)
    step, floor = (np.reshape(value, (-1, 1, 1)) for value in (steps, floors))
    S: Array = V * unit_phasor(X)
    v = np.sqrt(V**2 + floor**2)
    for _ in range(n_iter):
        T = _descend(project_consistent(S, **transform), v, beta, d, direction, step, floor)
        S = T + (X - T.sum(axis=0)) / len(V)
    return S


def _descend(B: Array, v: Array, beta: float, d: int, direction: str, step: Any, floor: Any) -> Array:
    modulus = np.abs(B)
    y = np.sqrt(modulus**2 + floor**2)
    # d B |B|^(d-2) D' is the slope in the direction of B; where |B| is next to nothing, so is the gradient.
    share = np.where(modulus > 0, modulus / np.where(y > 0, y, 1.0), 1.0 if np.all(floor == 0) else 0.0)
    move = step * share * beta_slope(y, v, beta, d, direction)
    move = np.where(y > v, np.minimum(move, y - v), np.maximum(move, y - v))
    moved: Array = unit_phasor(B) * (modulus - move)
    return moved
