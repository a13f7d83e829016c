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

Two more penalties give each component a weight :math:`\lambda` of its own. Logarithms of the sums of groups
of activations, :math:`\kappa \sum_t \sum_g \log(1 + \sum_{k \in g} h_{kt} / a)`, are majorised by their
tangents: they add :math:`\kappa / (a + \sum_{k \in g} \tilde h_{kt})`. Where the columns of W count as if
they summed to one, :math:`\lambda \sum_k \sum_f w_{fk} \sum_t h_{kt}`, each factor adds :math:`\lambda` times
the sums of the other.

Each iteration updates H, then W. Fitted on the transposed matrix, scikit-learn's "mu" solver takes the same
steps.

Accelerated, an iteration reads factors z, leaves x = U(z), and the next one reads

.. math::
    z_{+} = x \left(\frac{x}{x_{-}}\right)^m \left(\frac{x}{z}\right)^s

entry by entry, :math:`x_{-}` being what the iteration before left: in the logarithms of the factors a step of
the optimised gradient method, with the update in the place of the gradient step. U never raises the cost, so
the cost of x is at most that of z. Where z costs more than the z before it, the iteration is undone, the next
one reads x itself, and m and s grow anew: neither the costs of the z read nor that of the result rise.

Papers: Fevotte & Idier, "Algorithms for nonnegative matrix factorization with the beta-divergence", 2011;
Kim & Fessler, "Optimized first-order methods for smooth convex minimization", 2016; O'Donoghue & Candes,
"Adaptive restart for accelerated gradient schemes", 2015; Lefevre, Bach & Fevotte, "Itakura-Saito nonnegative
matrix factorization with group sparsity", 2011.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["accelerated", "divergence", "exponent", "nmf", "step"]

Array = NDArray[Any]

# The model is kept above this share of max(V), so that no power or ratio of it is infinite.
MODEL_FLOOR = 1e-12
# For beta <= 0 the divergence of an exact zero is infinite: zeros of V count as this share of its mean.
DATA_FLOOR = 1e-10
# Extrapolation takes no entry below it.
TINY = 1e-200


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
    group_H: float = 0.0,
    groups: Any = 0,
    group_scale: float = 1.0,
    normalize_W: bool = False,
    weights: Any = 1.0,
    accelerate: bool = False,
) -> tuple[Array, Array, Array]:
    """Factorise ``V`` (..., freq, frames) as ``W`` (..., freq, K) times ``H`` (..., K, frames).

    ``update_W`` may be an array of K bools, one per column, ``groups`` an array of K labels. ``weights``
    broadcast to V; V is not looked at where they are 0. Missing factors start from uniform values whose
    product has the mean of ``V``. Returns W, H and the penalised cost after each iteration, ``(...,
    n_iter)``; accelerated, that of the factors which the next one reads, and of the result.
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
    labels = np.broadcast_to(groups, n_components)
    same = (labels[:, None] == labels).astype(
        float
    )  # its product with H: for each component the sum of its group
    first_of_group = np.unique(labels, return_index=True)[1]
    products = l1_H if normalize_W else 0.0
    l1_H = 0.0 if normalize_W else l1_H

    def update(W: Array, H: Array) -> tuple[Array, Array]:
        if update_H:
            model, Wt = np.maximum(W @ H, floor), W.swapaxes(-1, -2)
            both = neighbours * H
            both[..., 1:] += H[..., :-1]
            both[..., :-1] += H[..., 1:]
            p, q = Wt @ (M * V * model ** (beta - 2)), Wt @ (M * model ** (beta - 1)) + l1_H
            q = q + group_H / (group_scale + same @ H) + products * W.sum(axis=-2)[..., :, None]
            H = step(H, p, q, beta, l2_H + 4 * smooth_H * neighbours, 2 * smooth_H * both)
        if np.any(update_W):
            model, Ht = np.maximum(W @ H, floor), H.swapaxes(-1, -2)
            p, q = (M * V * model ** (beta - 2)) @ Ht, (M * model ** (beta - 1)) @ Ht + l1_W
            q = q + products * H.sum(axis=-1)[..., None, :]
            W = np.where(update_W, step(W, p, q, beta, l2_W, 0.0), W)
        return W, H

    def total(W: Array, H: Array) -> Array:
        terms = [l1_W * W + l2_W / 2 * W**2, l1_H * H + l2_H / 2 * H**2, smooth_H * np.diff(H, axis=-1) ** 2]
        terms.append(group_H * np.log1p((same @ H)[..., first_of_group, :] / group_scale))
        terms.append(products * W.sum(axis=-2)[..., :, None] * H)
        penalty = sum(term.sum(axis=(-2, -1)) for term in terms)
        return np.asarray(divergence(V, np.maximum(W @ H, floor), beta, M) + penalty)

    if accelerate:
        W, H, costs = accelerated(update, total, W, H, n_iter)
    else:
        for i in range(n_iter):
            W, H = update(W, H)
            costs[..., i] = total(W, H)
    if normalize_W:
        sums = W.sum(axis=-2, keepdims=True)
        sums = np.where((sums > 0) & np.asarray(update_W), sums, 1.0)
        W, H = W / sums, H * sums.swapaxes(-1, -2)
    return W, H, costs


def accelerated(
    update: Callable[[Array, Array], tuple[Array, Array]],
    total: Callable[[Array, Array], Array],
    W: Array,
    H: Array,
    n_iter: int,
) -> tuple[Array, Array, Array]:
    """Make ``n_iter`` updates that read extrapolated factors, each matrix of a batch for itself.

    ``update(W, H)`` must not raise ``total(W, H)``. Returns W, H and the costs, as `nmf`.
    """
    now = left = read = (W, H)
    batch = total(W, H).shape
    steps, bound, moved = np.zeros(batch, int), np.full(batch, np.inf), np.zeros(batch, bool)
    costs = np.full((*batch, n_iter + 1), np.nan)  # of the start, and after each iteration
    for i in range(n_iter):
        m = np.where(steps > 0, np.minimum(0.3 + 0.05 * steps, 0.8), 0.0)
        s = np.where(moved, np.minimum(1 + 0.05 * steps, 1.5), 0.0)
        new = [_extrapolate(*factors, m, s) for factors in zip(now, left, read, strict=True)]
        left, read = now, (new[0], new[1])
        cost = total(*read)
        stands = ~moved | (cost <= bound)
        costs[..., i] = np.where(stands, cost, np.nan)
        kept = stands[..., None, None]
        W, H = (np.where(kept, x, old) for x, old in zip(update(*read), left, strict=True))
        now = W, H
        bound, steps = np.where(stands, cost, bound), np.where(stands & moved, steps + 1, 0)
        moved = stands
    costs[..., n_iter] = total(*now)
    for i in reversed(range(n_iter)):  # an iteration that was undone changed nothing
        costs[..., i] = np.where(np.isnan(costs[..., i]), costs[..., i + 1], costs[..., i])
    return *now, costs[..., 1:]


def _extrapolate(x: Array, left: Array, read: Array, momentum: Array, stride: Array) -> Array:
    """Return ``x (x / left)^momentum (x / read)^stride`` with ratios of at most 10; zeros stay zero."""

    def power(start: Array, exponent: Array) -> Array:
        ratio = np.where(start > TINY, x / np.maximum(start, TINY), 1.0)
        return np.asarray(np.clip(ratio, 0.1, 10.0) ** exponent[..., None, None])

    # Not below TINY, where an entry would die for good.
    return np.asarray(np.maximum(x * power(left, momentum) * power(read, stride), np.minimum(x, TINY)))
