"""Multiplicative-update NMF against scikit-learn and a careful numpy loop, from the same start."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

import phasewise as pw

from . import OURS, Job
from .transforms import HOP, N_FFT, signal

ITERATIONS = 10
_SKLEARN = {0.0: "itakura-saito", 1.0: "kullback-leibler", 2.0: "frobenius"}


def _numpy(V: np.ndarray, W: np.ndarray, H: np.ndarray, beta: float) -> np.ndarray:
    """H, then W, as a careful user writes it."""
    gamma = 1 / (2 - beta) if beta < 1 else 1.0
    W, H = W.copy(), H.copy()
    for _ in range(ITERATIONS):
        if beta == 2:
            H *= (W.T @ V) / ((W.T @ W) @ H)
            W *= (V @ H.T) / (W @ (H @ H.T))
            continue
        P = W @ H
        if beta == 1:
            H *= (W.T @ (V / P)) / W.sum(axis=0)[:, None]
            W *= ((V / (W @ H)) @ H.T) / H.sum(axis=1)
        else:
            H *= ((W.T @ (V / P**2)) / (W.T @ (1 / P))) ** gamma
            P = W @ H
            W *= (((V / P**2) @ H.T) / ((1 / P) @ H.T)) ** gamma
    return W @ H


def _job(beta: float, rank: int, seconds: float, target: dict[str, float]) -> Job:
    V = pw.STFT(N_FFT, HOP).magnitude(signal(seconds)) + np.float32(1e-3)
    rng = np.random.default_rng(0)
    W = rng.uniform(0.1, 1, (V.shape[0], rank)).astype(np.float32)
    H = rng.uniform(0.1, 1, (rank, V.shape[1])).astype(np.float32)
    Vt = np.ascontiguousarray(V.T)

    def sklearn() -> Any:
        model = NMF(rank, init="custom", solver="mu", beta_loss=_SKLEARN[beta], tol=0, max_iter=ITERATIONS)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            T = model.fit_transform(Vt, W=H.T.copy(), H=W.T.copy())
        return (T @ model.components_).T

    def ours() -> Any:
        w, h = pw.nmf(V, rank, beta=beta, n_iter=ITERATIONS, W=W, H=H)
        return w @ h

    def check(name: str, answer: Any, ours: Any) -> None:
        error = np.linalg.norm(answer - ours) / np.linalg.norm(ours)
        assert error < 1e-3, f"{name}: relative distance {error:.2g}"

    contenders: dict[str, Callable[[], Any]] = {
        OURS: ours,
        "scikit-learn": sklearn,
        "numpy loop": lambda: _numpy(V, W, H, beta),
    }
    return Job(f"nmf beta {beta:g}, rank {rank}, {seconds:g} s, 10 it", contenders, check, target)


def kullback_leibler(threads: int) -> Job:
    """KL, rank 32, 30 s."""
    return _job(1.0, 32, 30, {"scikit-learn": 1.0})


def itakura_saito(threads: int) -> Job:
    """IS, rank 32, 30 s."""
    return _job(0.0, 32, 30, {"scikit-learn": 1.0})


def euclidean(threads: int) -> Job:
    """Frobenius, rank 32, 30 s."""
    return _job(2.0, 32, 30, {"scikit-learn": 1.0})


JOBS: tuple[Callable[[int], Job], ...] = (kullback_leibler, itakura_saito, euclidean)
