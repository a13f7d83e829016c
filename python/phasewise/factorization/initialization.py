"""Starting factors: random ones, and nonnegative parts of a truncated singular value decomposition."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["nndsvd", "random_start"]

Array = NDArray[Any]


def random_start(X: Array, rank: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """Absolute normal values, scaled so that the product has about the mean of X."""
    scale = np.sqrt(X.mean() / rank)
    left, right = (
        np.abs(rng.standard_normal(shape)) * scale for shape in ((len(X), rank), (rank, X.shape[1]))
    )
    return left.astype(X.dtype, copy=False), right.astype(X.dtype, copy=False)


def nndsvd(X: Array, rank: int, fill: str, rng: np.random.Generator) -> tuple[Array, Array]:
    """Nonnegative double singular value decomposition.

    Every pair of singular vectors is replaced by the larger of the products of its positive and its negative
    parts. `fill` says what replaces the zeros, which multiplicative updates could never leave: "zero",
    "mean" (of X) or "random" (small values).

    Paper: Boutsidis & Gallopoulos, "SVD based initialization: a head start for nonnegative matrix
    factorization", 2008.
    """
    U, s, Vt = _truncated_svd(X, rank, rng)
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


def _truncated_svd(X: Array, rank: int, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Leading singular triplets: exact for small matrices, else by a randomised range finder.

    Paper: Halko, Martinsson & Tropp, "Finding structure with randomness", SIAM Review 53(2), 2011.
    """
    if min(X.shape) <= max(200, 4 * rank):
        U, s, Vt = np.linalg.svd(X, full_matrices=False)
        return U[:, :rank], s[:rank], Vt[:rank]
    basis = np.linalg.qr(X @ rng.standard_normal((X.shape[1], rank + 10)).astype(X.dtype))[0]
    for _ in range(4):
        basis = np.linalg.qr(X @ np.linalg.qr(X.T @ basis)[0])[0]
    U, s, Vt = np.linalg.svd(basis.T @ X, full_matrices=False)
    return (basis @ U)[:, :rank], s[:rank], Vt[:rank]
