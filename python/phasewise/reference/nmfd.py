r"""Convolutive nonnegative matrix factorisation with the beta-divergence.

.. math::
    \hat V_{ft} = \sum_{k,\tau} W_{kf\tau} H_{k,t-\tau}, \qquad
    H_{ks} \leftarrow H_{ks} \left[\frac{\sum_{f,\tau} W_{kf\tau} (V \hat V^{\beta-2})_{f,s+\tau}}
    {\sum_{f,\tau} W_{kf\tau} (\hat V^{\beta-1})_{f,s+\tau} + \lambda}\right]^\gamma, \qquad
    W_{kf\tau} \leftarrow W_{kf\tau} \left[\frac{\sum_t (V \hat V^{\beta-2})_{ft} H_{k,t-\tau}}
    {\sum_t (\hat V^{\beta-1})_{ft} H_{k,t-\tau}}\right]^\gamma

The model is linear in H and in W, so that these are the updates of `phasewise.reference.nmf`, with its
exponent, and never increase the divergence plus :math:`\lambda \sum H`.

Papers: Smaragdis, "Non-negative matrix factor deconvolution", ICA 2004; Fevotte & Idier, 2011.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise.reference.nmf import DATA_FLOOR, MODEL_FLOOR, divergence, exponent

__all__ = ["model", "nmfd"]

Array = NDArray[Any]


def model(W: Array, H: Array) -> Array:
    """Return the sum of what all components (component, freq, tap), (component, frames) play."""
    total = np.zeros((W.shape[1], H.shape[1]))
    for tap in range(min(W.shape[2], H.shape[1])):
        total[:, tap:] += W[:, :, tap].T @ H[:, : H.shape[1] - tap]
    return total


def nmfd(
    V: Array, W: Array, H: Array, beta: float = 1.0, n_iter: int = 100, l1_H: float = 0.0
) -> tuple[Array, Array, Array]:
    """Return the templates, the activations and the cost after each iteration of H, then W."""
    V, W, H = (np.array(a, dtype=np.float64) for a in (V, W, H))
    floor = MODEL_FLOOR * V.max()
    if beta <= 0:
        V = np.maximum(V, DATA_FLOOR * V.mean())
    frames = V.shape[1]
    costs = np.zeros(n_iter)
    for i in range(n_iter):
        approximation = np.maximum(model(W, H), floor)
        left, right = V * approximation ** (beta - 2), approximation ** (beta - 1)
        p, q = np.zeros_like(H), np.full_like(H, l1_H)
        for tap in range(min(W.shape[2], frames)):
            p[:, : frames - tap] += W[:, :, tap] @ left[:, tap:]
            q[:, : frames - tap] += W[:, :, tap] @ right[:, tap:]
        H = H * (p / np.where(q > 0, q, 1)) ** exponent(beta)
        approximation = np.maximum(model(W, H), floor)
        left, right = V * approximation ** (beta - 2), approximation ** (beta - 1)
        for tap in range(min(W.shape[2], frames)):
            early = H[:, : frames - tap]
            p, q = early @ left[:, tap:].T, early @ right[:, tap:].T
            W[:, :, tap] *= (p / np.where(q > 0, q, 1)) ** exponent(beta)
        costs[i] = divergence(V, np.maximum(model(W, H), floor), beta) + l1_H * H.sum()
    return W, H, costs
