"""Multiplicative-update NMF against scikit-learn and a careful numpy loop, from the same start.

Some jobs time iterations, the others the time to the divergence that scikit-learn reaches in 200 of them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning

import phasewise as pw

from . import OURS, Job
from .transforms import HOP, N_FFT, RATE, signal

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


# ---- time to a divergence --------------------------------------------------------------------------


def _notes(seconds: float) -> np.ndarray:
    """Decaying notes with harmonics, and noise, float32."""
    rng = np.random.default_rng(0)
    t = np.arange(int(seconds * RATE)) / RATE
    y = 0.01 * rng.standard_normal(len(t))
    for _ in range(int(4 * seconds)):
        pitch, start = 55 * 2 ** (rng.integers(0, 48) / 12), rng.uniform(0, seconds)
        here = slice(int(start * RATE), int((start + 1) * RATE))
        s = t[here] - start
        y[here] += sum(np.sin(2 * np.pi * h * pitch * s) / h for h in range(1, 12)) * np.exp(-4 * s)
    return y.astype(np.float32)


def _divergence(V: np.ndarray, factors: Any, beta: float) -> float:
    W, H = (np.asarray(factor, np.float64) for factor in factors)
    model, V = np.maximum(W @ H, np.finfo(np.float32).eps), V.astype(np.float64)
    terms = V * np.log(V / model) - V + model if beta == 1 else V / model - np.log(V / model) - 1
    return float(terms.sum())


def _race(beta: float, rank: int, n_fft: int, frames: int, target: dict[str, float]) -> Job:
    """From one start to the divergence that scikit-learn has after 200 iterations."""
    V = pw.STFT(n_fft, n_fft // 4).magnitude(_notes(frames * n_fft / 4 / RATE))[:, :frames] + np.float32(1e-3)
    rng = np.random.default_rng(0)
    scale = np.sqrt(V.mean() / rank)
    W = (scale * rng.uniform(0.1, 1, (V.shape[0], rank))).astype(np.float32)
    H = (scale * rng.uniform(0.1, 1, (rank, V.shape[1]))).astype(np.float32)
    Vt = np.ascontiguousarray(V.T)

    def sklearn() -> Any:
        model = NMF(rank, init="custom", solver="mu", beta_loss=_SKLEARN[beta], tol=0, max_iter=200)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            T = model.fit_transform(Vt, W=H.T.copy(), H=W.T.copy())
        return model.components_.T, T.T

    def ours(n_iter: int, accelerate: bool) -> Any:
        return pw.nmf(V, rank, beta=beta, n_iter=n_iter, W=W, H=H, accelerate=accelerate)

    goal = (1 + 1e-4) * _divergence(V, sklearn(), beta)  # the agreement of 200 plain iterations in float32
    costs = pw.nmf(V, rank, beta=beta, n_iter=200, W=W, H=H, accelerate=True, return_cost=True)[2]
    needed = int(np.argmax(costs <= goal)) + 1
    while _divergence(V, ours(needed, True), beta) > goal:  # costs are those of extrapolated factors
        needed += 1

    def check(name: str, answer: Any, ours: Any) -> None:
        reached = _divergence(V, answer, beta)
        assert reached <= goal, f"{name}: divergence {reached:.6g} above {goal:.6g}"

    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: ours(needed, True),
        "200 plain iterations": lambda: ours(200, False),
        "scikit-learn, 200 it": sklearn,
    }
    size = f"{V.shape[0]}x{V.shape[1]}"
    return Job(f"nmf beta {beta:g}, {size} rank {rank}, {needed} it", contenders, check, target)


def race_kullback_leibler(threads: int) -> Job:
    """KL, 1025x2584, rank 32."""
    return _race(1.0, 32, 2048, 2584, {"scikit-learn, 200 it": 4.0})


def race_itakura_saito(threads: int) -> Job:
    """IS, 1025x2584, rank 32."""
    return _race(0.0, 32, 2048, 2584, {"scikit-learn, 200 it": 4.0})


def race_kullback_leibler_small(threads: int) -> Job:
    """KL, 513x1000, rank 16."""
    return _race(1.0, 16, 1024, 1000, {"scikit-learn, 200 it": 4.0})


def race_itakura_saito_small(threads: int) -> Job:
    """IS, 513x1000, rank 16."""
    return _race(0.0, 16, 1024, 1000, {"scikit-learn, 200 it": 4.0})


JOBS: tuple[Callable[[int], Job], ...] = (
    kullback_leibler,
    itakura_saito,
    euclidean,
    race_kullback_leibler,
    race_itakura_saito,
    race_kullback_leibler_small,
    race_itakura_saito_small,
)
