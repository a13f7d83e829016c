"""Starting factors: random, nonnegative parts of a singular value decomposition, or clusters of frames.

Random numbers come from a numpy Generator, or from a RandomState, with which the draws are scikit-learn's.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise.errors import ParameterError

__all__ = ["FILLS", "STARTS", "Random", "kmeans", "nndsvd", "random_start", "starts"]

Array = NDArray[Any]
Random = np.random.Generator | np.random.RandomState

FILLS = {"nndsvd": "zero", "nndsvda": "mean", "nndsvdar": "random"}
STARTS = ("random", *FILLS, "kmeans")
_ROUNDS = 20  # of k-means, which settles in about ten


def starts(V: Array, rank: int, init: str, rng: Random) -> tuple[Array, Array]:
    """Starting factors of every matrix of V (..., freq, frames), by a method other than "random"."""
    *batch, freq, frames = V.shape
    if init in FILLS and rank > min(freq, frames):
        raise ParameterError(
            f"init={init!r} needs n_components <= min(freq, frames) = {min(freq, frames)}, got {rank}; use "
            "init='random' or 'kmeans'."
        )
    W, H = np.empty((*batch, freq, rank), V.dtype), np.empty((*batch, rank, frames), V.dtype)
    for i in np.ndindex(*batch):
        W[i], H[i] = kmeans(V[i], rank, rng) if init == "kmeans" else nndsvd(V[i], rank, FILLS[init], rng)
    return W, H


def random_start(X: Array, rank: int, rng: Random) -> tuple[Array, Array]:
    """Absolute normal values, scaled so that the product has about the mean of X."""
    scale = np.sqrt(X.mean() / rank)
    right, left = (
        np.abs(rng.standard_normal(shape)) * scale for shape in ((rank, X.shape[1]), (len(X), rank))
    )
    return left.astype(X.dtype, copy=False), right.astype(X.dtype, copy=False)


def nndsvd(X: Array, rank: int, fill: str, rng: Random) -> tuple[Array, Array]:
    """Nonnegative double singular value decomposition.

    Every pair of singular vectors is replaced by the larger of the products of its positive and its negative
    parts. `fill` says what replaces the zeros, which multiplicative updates could never leave: "zero",
    "mean" (of X) or "random" (small values).

    Paper: Boutsidis & Gallopoulos, "SVD based initialization: a head start for nonnegative matrix
    factorization", 2008.
    """
    U, s, Vt = _truncated_svd(X, rank)
    left, right = np.zeros((len(X), rank), X.dtype), np.zeros((rank, X.shape[1]), X.dtype)
    left[:, 0], right[0] = np.sqrt(s[0]) * np.abs(U[:, 0]), np.sqrt(s[0]) * np.abs(Vt[0])
    for k in range(1, rank):
        parts = [(np.maximum(sign * U[:, k], 0), np.maximum(sign * Vt[k], 0)) for sign in (1, -1)]
        norms = [(np.linalg.norm(u), np.linalg.norm(v)) for u, v in parts]
        (u, v), (a, b) = max(zip(parts, norms, strict=True), key=lambda pair: pair[1][0] * pair[1][1])
        if a * b > 0:
            left[:, k], right[k] = np.sqrt(s[k] * a * b) * u / a, np.sqrt(s[k] * a * b) * v / b
    tiny = 1e-6
    for factor in (left, right):
        zeros = factor < tiny
        if fill == "zero":
            factor[zeros] = 0
        elif fill == "mean":
            factor[zeros] = X.mean()
        else:
            factor[zeros] = np.abs(X.mean() / 100 * rng.standard_normal(int(zeros.sum())))
    return left, right


def _truncated_svd(X: Array, rank: int) -> tuple[Array, Array, Array]:
    """Leading singular triplets: exact for small matrices, else by a randomised range finder.

    Paper: Halko, Martinsson & Tropp, "Finding structure with randomness", SIAM Review 53(2), 2011.
    """
    if min(X.shape) <= max(200, 4 * rank):
        U, s, Vt = np.linalg.svd(X, full_matrices=False)
        return U[:, :rank], s[:rank], Vt[:rank]
    rng = np.random.default_rng(0)  # any: the result hardly depends on it
    basis = np.linalg.qr(X @ rng.standard_normal((X.shape[1], rank + 10)).astype(X.dtype))[0]
    for _ in range(7):
        basis = np.linalg.qr(X @ np.linalg.qr(X.T @ basis)[0])[0]
    U, s, Vt = np.linalg.svd(basis.T @ X, full_matrices=False)
    return (basis @ U)[:, :rank], s[:rank], Vt[:rank]


def kmeans(V: Array, rank: int, rng: Random) -> tuple[Array, Array]:
    """Centres of the columns of V by spherical k-means, and the projections of the columns on them.

    Columns count by their norm: with unit centres c the greatest ``sum(max(c @ V))`` is sought, so that a
    centre is just the direction of the sum of its columns and silence does not matter. The first centres are
    columns drawn with the odds of k-means++, a centre that loses all columns goes to the one that fits worst.
    No value is 0 where the row of V is not, since multiplicative updates could never leave it.

    Papers: Dhillon & Modha, "Concept decompositions for large sparse text data using clustering", 2001;
    Arthur & Vassilvitskii, "k-means++: the advantages of careful seeding", 2007.
    """
    norms = np.linalg.norm(V, axis=0)
    if not norms.any():
        return np.ones((len(V), rank), V.dtype), np.zeros((rank, V.shape[1]), V.dtype)
    centres = np.empty((len(V), rank), V.dtype)
    fit = np.zeros_like(norms)
    for k in range(rank):
        odds = np.cumsum(np.maximum(norms - fit, 0), dtype=np.float64)
        column = min(int(np.searchsorted(odds, rng.random() * odds[-1], side="right")), V.shape[1] - 1)
        if norms[column] == 0:  # all columns are centres already
            column = int(norms.argmax())
        centres[:, k] = V[:, column] / norms[column]
        np.maximum(fit, centres[:, k] @ V, out=fit)
    labels = np.full(V.shape[1], -1)
    for _ in range(_ROUNDS):
        products = centres.T @ V
        previous, labels = labels, products.argmax(axis=0)
        if np.array_equal(previous, labels):
            break
        lost = norms - products.max(axis=0)
        for k in range(rank):
            members = labels == k
            total = V[:, members].sum(axis=1)
            size = np.linalg.norm(total)
            if size == 0:
                worst = int(lost.argmax())
                total, size, lost[worst] = V[:, worst], norms[worst], -1
            if size > 0:
                centres[:, k] = total / size
    W = centres + 1e-3 * (V.mean(axis=1, keepdims=True) / norms.mean())
    H = W.T @ V
    sums = W.sum(axis=0) @ H
    H *= V.sum(axis=0) / np.where(sums > 0, sums, 1)
    return W, H
