r"""Multichannel Wiener filter with expectation-maximisation, for local Gaussian models.

Source j is a circular Gaussian vector over the channels, of covariance :math:`v_j(f, t) R_j(f)`; there is
noise of power :math:`\sigma(f)` in every channel. The filter alternates

.. math:: y_j = v_j R_j \Big( \sum_k v_k R_k + \sigma I \Big)^{-1} x

with new powers v and spatial covariances R: those of the estimates y, or of the posterior.

Paper: Duong, Vincent & Gribonval, "Under-determined reverberant audio source separation using a full-rank
spatial covariance model", IEEE TASLP 2010.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["multichannel_wiener"]

Array = NDArray[Any]


def multichannel_wiener(
    X: ArrayLike, start: ArrayLike, n_iter: int = 1, update: str = "estimates", noise: float = 1e-6
) -> tuple[Array, Array]:
    """Estimates (channels, source, freq, frames) of the mixture ``X`` (channels, freq, frames); costs.

    The cost is the negative log-likelihood of the model of each iteration, less a constant.
    """
    x = np.moveaxis(np.asarray(X, dtype=np.complex128), 0, -1)[..., None]  # (freq, frames, channels, 1)
    y = np.moveaxis(np.asarray(start, dtype=np.complex128), (0, 1), (-1, 0))[..., None]
    channels = x.shape[-2]
    sigma = noise * np.mean(np.abs(x) ** 2, axis=(1, 2, 3))[:, None, None, None] * np.eye(channels)
    v = np.mean(np.abs(y) ** 2, axis=(-2, -1))  # (source, freq, frames)
    R = ratio(np.sum(y * adjoint(y), axis=2), np.sum(v, axis=2))
    costs: list[float] = []
    for i in range(n_iter):
        C = v[..., None, None] * R[:, :, None]
        total = C.sum(axis=0) + sigma
        silent = np.trace(total, axis1=-2, axis2=-1).real == 0
        gain = np.linalg.inv(np.where(silent[..., None, None], np.eye(channels), total))
        y = C @ gain @ x
        fit = (adjoint(x) @ gain @ x)[..., 0, 0].real
        costs.append(
            float(
                np.sum(np.where(silent, 0, fit + np.linalg.slogdet(total + silent_unit(silent, channels))[1]))
            )
        )
        if i + 1 == n_iter:
            share = np.divide(v, v.sum(axis=0), out=np.full_like(v, 1 / len(v)), where=v.sum(axis=0) > 0)
            y = y + share[..., None, None] * (x - y.sum(axis=0))
        elif update == "estimates":
            v = np.mean(np.abs(y) ** 2, axis=(-2, -1))
            R = ratio(np.sum(y * adjoint(y), axis=2), np.sum(v, axis=2))
        else:
            moment = y * adjoint(y) + C - C @ gain @ C
            matched = (adjoint(gain @ x) @ y)[..., 0, 0].real - np.trace(gain @ C, axis1=-2, axis2=-1).real
            v = v * (1 + matched / channels)
            weight = np.divide(1, v, out=np.zeros_like(v), where=v > 0)
            R = ratio(np.sum(weight[..., None, None] * moment, axis=2), np.sum(v > 0, axis=2))
    return np.moveaxis(y[..., 0], (0, -1), (1, 0)), np.array(costs)


def adjoint(a: Array) -> Array:
    """Conjugate transpose of the last two axes."""
    result: Array = np.swapaxes(a, -1, -2).conj()
    return result


def silent_unit(silent: Array, channels: int) -> Array:
    """Unit matrices where there is nothing, zero elsewhere."""
    return silent[..., None, None] * np.eye(channels)


def ratio(sums: Array, weights: Array) -> Array:
    """Matrices ``sums`` over ``weights``; the unit matrix where the weight is zero."""
    w = weights[..., None, None]
    return np.where(w > 0, sums / np.where(w > 0, w, 1), np.eye(sums.shape[-1]))
