r"""Nonnegative matrix factorisation with the beta-divergence, by multiplicative updates.

.. math::
    d_\beta(x|y) = \frac{x^\beta + (\beta-1) y^\beta - \beta x y^{\beta-1}}{\beta (\beta-1)}, \qquad
    d_1 = x \log\frac{x}{y} - x + y, \qquad d_0 = \frac{x}{y} - \log\frac{x}{y} - 1

With :math:`\hat V = W H`, weights :math:`M` of the entries (1 by default) and the cost
:math:`\sum M d_\beta(V|\hat V) + \lambda \sum H`, the updates

.. math::
    H \leftarrow H \left[\frac{W^T (M V \hat V^{\beta-2})}{W^T (M \hat V^{\beta-1}) +
    \lambda}\right]^{\gamma}, \quad \gamma = \begin{cases} 1/(2-\beta) & \beta < 1 \\ 1 & 1 \le \beta \le
    2 \\ 1/(\beta-1) & \beta > 2 \end{cases}

never increase it; W is updated alike. Two more penalties are quadratic in the factor: the squares
:math:`\frac{\mu}{2} \sum H^2`, and the changes between neighbouring frames :math:`\alpha \sum_t (h_t -
h_{t-1})^2`. The latter is majorised by a quadratic in every :math:`h_t`, since :math:`(h_t - h_{t-1})^2 \le
2 (h_t - m)^2 + 2 (h_{t-1} - m)^2` with the mid point :math:`m` of the previous iterate. Both together add
:math:`\frac{c}{2} h^2 - s h` to the surrogate of an entry, with :math:`c = \mu + 4 \alpha n` and :math:`s =
2 \alpha \sum (\tilde h + \tilde h')` over its n neighbours: two, or one at the ends. With the numerator p
and the denominator q of the plain step, the minimum for beta 1 is the positive root of :math:`c h^2 + (q +
\lambda - s) h - p \tilde h`. For other beta, the increasing terms of the surrogate's derivative are raised
to the highest power of h among them, and the decreasing ones to the lowest: another surrogate, with its
minimum at :math:`\tilde h [(p + s)/(q + \lambda + c \tilde h)]^{\gamma'}`, :math:`\gamma' = 1/(3 - \beta)`
for :math:`\beta \le 2`, else :math:`\gamma`.

Each iteration updates H, then W. Fitted on the transposed matrix, scikit-learn's "mu" solver takes the same
steps.

Paper: Fevotte & Idier, "Algorithms for nonnegative matrix factorization with the beta-divergence", 2011.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["divergence", "exponent", "nmf", "step"]

Array = NDArray[Any]

# The model is kept above this share of max(V), so that no power or ratio of it is infinite.
MODEL_FLOOR = 1e-12
# For beta <= 0 the divergence of an exact zero is infinite: zeros of V count as this share of its mean.
DATA_FLOOR = 1e-10


def exponent(beta: float, quadratic: bool = False) -> float:
    """Return the exponent that makes the updates monotone, without or with a quadratic penalty."""
    if beta <= 2 and quadratic:
        return 1 / (3 - beta)
    if beta < 1:
        return 1 / (2 - beta)
    return 1.0 if beta <= 2 else 1 / (beta - 1)


def divergence(V: Array, WH: Array, beta: float, weights: Any = 1.0) -> Array:
    """Weighted sum of the beta-divergences over the last two axes; ``WH`` must be positive."""
    if beta == 1:
        ratio = np.where(V > 0, V, WH) / WH
        terms = V * np.log(ratio) - V + WH
    elif beta == 0:
        terms = V / WH - np.log(V / WH) - 1
    else:
        terms = (V**beta + (beta - 1) * WH**beta - beta * V * WH ** (beta - 1)) / (beta * (beta - 1))
    return np.asarray((weights * terms).sum(axis=(-2, -1)))


def step(
    factor: Array, numerator: Array, denominator: Array, beta: float, curvature: Any, pull: Any
) -> Array:
    """Return the updated factor; ``curvature`` and ``pull`` are c and s of a quadratic penalty."""
    if not np.any(curvature):
        ratio = numerator / np.where(denominator > 0, denominator, 1.0)
        return np.asarray(factor * ratio ** exponent(beta))
    if beta == 1:
        linear = denominator - pull
        root = np.sqrt(linear**2 + 4 * curvature * numerator * factor)
        small = 2 * numerator * factor / np.where(linear + root > 0, linear + root, 1.0)
        return np.asarray(np.where(linear > 0, small, (root - linear) / (2 * curvature)))
    total = denominator + curvature * factor
    ratio = (numerator + pull) / np.where(total > 0, total, 1.0)
    return np.asarray(factor * ratio ** exponent(beta, quadratic=True))


def nmf(
    V: Array,
    n_components: int,
    beta: float = 1.0,
    n_iter: int = 200,
    W: Array | None = None,
    H: Array | None = None,
    update_W: Any = True,
    update_H: bool = True,
    l1_W: float = 0.0,
    l1_H: float = 0.0,
    rng: Any = None,
    *,
    l2_W: float = 0.0,
    l2_H: float = 0.0,
    smooth_H: float = 0.0,
    weights: Any = 1.0,
) -> tuple[Array, Array, Array]:
    """Factorise ``V`` (..., freq, frames) as ``W`` (..., freq, K) times ``H`` (..., K, frames).

    ``update_W`` may be an array of K bools, one per column. ``weights`` broadcast to V; V is not looked at
    where they are 0. Missing factors start from uniform values whose product has the mean of ``V``. Returns
    W, H and the penalised cost after each iteration, ``(..., n_iter)``.
    """
    V = np.asarray(V, dtype=np.float64)
    M = np.broadcast_to(np.asarray(weights, dtype=np.float64), V.shape)
    V = np.where(M > 0, V, 0.0)
    mean = V.sum(axis=(-2, -1), keepdims=True) / np.maximum((M > 0).sum(axis=(-2, -1), keepdims=True), 1)
    generator = np.random.default_rng(rng)
    scale = np.sqrt(4 * mean / n_components)
    if W is None:
        W = scale * generator.random((*V.shape[:-1], n_components))
    if H is None:
        H = scale * generator.random((*V.shape[:-2], n_components, V.shape[-1]))
    W, H = np.array(W, dtype=np.float64), np.array(H, dtype=np.float64)

    peak = V.max(axis=(-2, -1), keepdims=True)
    floor = MODEL_FLOOR * np.where(peak > 0, peak, 1.0)
    if beta <= 0:
        V = np.maximum(V, DATA_FLOOR * np.where(mean > 0, mean, 1.0))
    costs = np.zeros((*V.shape[:-2], n_iter))
    neighbours = np.full(V.shape[-1], 2.0)
    neighbours[0] -= 1
    neighbours[-1] -= 1

    for i in range(n_iter):
        if update_H:
            model, Wt = np.maximum(W @ H, floor), W.swapaxes(-1, -2)
            both = neighbours * H
            both[..., 1:] += H[..., :-1]
            both[..., :-1] += H[..., 1:]
            p, q = Wt @ (M * V * model ** (beta - 2)), Wt @ (M * model ** (beta - 1)) + l1_H
            H = step(H, p, q, beta, l2_H + 4 * smooth_H * neighbours, 2 * smooth_H * both)
        if np.any(update_W):
            model, Ht = np.maximum(W @ H, floor), H.swapaxes(-1, -2)
            p, q = (M * V * model ** (beta - 2)) @ Ht, (M * model ** (beta - 1)) @ Ht + l1_W
            W = np.where(update_W, step(W, p, q, beta, l2_W, 0.0), W)
        terms = l1_W * W + l2_W / 2 * W**2, l1_H * H + l2_H / 2 * H**2, smooth_H * np.diff(H, axis=-1) ** 2
        penalty = sum(term.sum(axis=(-2, -1)) for term in terms)
        costs[..., i] = divergence(V, np.maximum(W @ H, floor), beta, M) + penalty
    return W, H, costs
