r"""Nonnegative matrix factorisation with the beta-divergence, by multiplicative updates.

.. math::
    d_\beta(x|y) = \frac{x^\beta + (\beta-1) y^\beta - \beta x y^{\beta-1}}{\beta (\beta-1)}, \qquad
    d_1 = x \log\frac{x}{y} - x + y, \qquad d_0 = \frac{x}{y} - \log\frac{x}{y} - 1

With :math:`\hat V = W H`, the penalised cost :math:`D(V|\hat V) + \lambda_W \sum W + \lambda_H \sum H` never
increases under

.. math::
    H \leftarrow H \left[\frac{W^T (V \hat V^{\beta-2})}{W^T \hat V^{\beta-1} + \lambda_H}\right]^{\gamma},
    \quad W \leftarrow W \left[\frac{(V \hat V^{\beta-2}) H^T}{\hat V^{\beta-1} H^T +
    \lambda_W}\right]^{\gamma}, \quad \gamma = \begin{cases} 1/(2-\beta) & \beta < 1 \\ 1 & 1 \le \beta \le
    2 \\ 1/(\beta-1) & \beta > 2 \end{cases}

Each iteration updates H, then W. Fitted on the transposed matrix, scikit-learn's "mu" solver takes the same
steps.

Paper: Fevotte & Idier, "Algorithms for nonnegative matrix factorization with the beta-divergence", 2011.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["divergence", "exponent", "nmf"]

Array = NDArray[Any]

# The model is kept above this share of max(V), so that no power or ratio of it is infinite.
MODEL_FLOOR = 1e-12
# For beta <= 0 the divergence of an exact zero is infinite: zeros of V count as this share of its mean.
DATA_FLOOR = 1e-10


def exponent(beta: float) -> float:
    """Return gamma(beta), the exponent that makes the updates monotone."""
    if beta < 1:
        return 1 / (2 - beta)
    return 1.0 if beta <= 2 else 1 / (beta - 1)


def divergence(V: Array, WH: Array, beta: float) -> Array:
    """Sum of the beta-divergences over the last two axes; ``WH`` must be positive."""
    if beta == 1:
        ratio = np.where(V > 0, V, WH) / WH
        terms = V * np.log(ratio) - V + WH
    elif beta == 0:
        terms = V / WH - np.log(V / WH) - 1
    else:
        terms = (V**beta + (beta - 1) * WH**beta - beta * V * WH ** (beta - 1)) / (beta * (beta - 1))
    return np.asarray(terms.sum(axis=(-2, -1)))


def nmf(
    V: Array,
    n_components: int,
    beta: float = 1.0,
    n_iter: int = 200,
    W: Array | None = None,
    H: Array | None = None,
    update_W: bool = True,
    update_H: bool = True,
    l1_W: float = 0.0,
    l1_H: float = 0.0,
    rng: Any = None,
) -> tuple[Array, Array, Array]:
    """Factorise ``V`` (..., freq, frames) as ``W`` (..., freq, K) times ``H`` (..., K, frames).

    Missing factors start from uniform values whose product has the mean of ``V``. Returns W, H and the
    penalised cost after each iteration, ``(..., n_iter)``.
    """
    V = np.asarray(V, dtype=np.float64)
    generator = np.random.default_rng(rng)
    scale = np.sqrt(4 * V.mean(axis=(-2, -1), keepdims=True) / n_components)
    if W is None:
        W = scale * generator.random((*V.shape[:-1], n_components))
    if H is None:
        H = scale * generator.random((*V.shape[:-2], n_components, V.shape[-1]))
    W, H = np.array(W, dtype=np.float64), np.array(H, dtype=np.float64)

    peak = V.max(axis=(-2, -1), keepdims=True)
    floor = MODEL_FLOOR * np.where(peak > 0, peak, 1.0)
    if beta <= 0:
        mean = V.mean(axis=(-2, -1), keepdims=True)
        V = np.maximum(V, DATA_FLOOR * np.where(mean > 0, mean, 1.0))
    gamma = exponent(beta)
    costs = np.zeros((*V.shape[:-2], n_iter))

    def step(numerator: Array, denominator: Array) -> Array:
        ratio: Array = numerator / np.where(denominator > 0, denominator, 1.0)
        return np.asarray(ratio**gamma)

    for i in range(n_iter):
        if update_H:
            model, Wt = np.maximum(W @ H, floor), W.swapaxes(-1, -2)
            H = H * step(Wt @ (V * model ** (beta - 2)), Wt @ model ** (beta - 1) + l1_H)
        if update_W:
            model, Ht = np.maximum(W @ H, floor), H.swapaxes(-1, -2)
            W = W * step((V * model ** (beta - 2)) @ Ht, model ** (beta - 1) @ Ht + l1_W)
        penalty = l1_W * W.sum(axis=(-2, -1)) + l1_H * H.sum(axis=(-2, -1))
        costs[..., i] = divergence(V, np.maximum(W @ H, floor), beta) + penalty
    return W, H, costs
