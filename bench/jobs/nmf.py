"""Multiplicative-update NMF against its peers, from the same start.

Some jobs time iterations, others the time to the divergence that scikit-learn reaches in 200 of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

import phasewise as pw

from . import BEST_PEER, OURS, Job
from .nmf_peers import PEERS, scikit_learn
from .transforms import HOP, N_FFT, RATE, signal

ITERATIONS = 10
_BATCH, _SMALL_ITERATIONS = 64, 100


def _start(freq: int, frames: int, rank: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    W = rng.uniform(0.1, 1, (freq, rank)).astype(np.float32)
    return W, rng.uniform(0.1, 1, (rank, frames)).astype(np.float32)


def _same_model(name: str, answer: Any, ours: Any) -> None:
    theirs, model = (np.matmul(*factors) for factors in (answer, ours))
    error = np.linalg.norm(theirs - model) / np.linalg.norm(model)
    assert error < 1e-3, f"{name}: relative distance {error:.2g}"


# ---- iterations ------------------------------------------------------------------------------------


def _iterations(beta: float, rank: int, seconds: float, iterations: int, target: dict[str, float]) -> Job:
    V = pw.STFT(N_FFT, HOP).magnitude(signal(seconds)) + np.float32(1e-3)
    W, H = _start(*V.shape, rank)
    rows = np.ascontiguousarray(V)  # as the loops read it fastest; scikit-learn gets V.T contiguous
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.nmf(V, rank, beta=beta, n_iter=iterations, W=W, H=H)
    }
    for name, peer in PEERS.items():
        contenders[name] = partial(peer, V if peer is scikit_learn else rows, W, H, beta, iterations)
    name = f"nmf beta {beta:g}, rank {rank}, {seconds:g} s, {iterations} it"
    return Job(name, contenders, _same_model, target)


def kullback_leibler(threads: int) -> Job:
    """KL, 1025x2584, rank 32."""
    return _iterations(1.0, 32, 30, ITERATIONS, {BEST_PEER: 1.6 if threads == 1 else 2.0})


def itakura_saito(threads: int) -> Job:
    """IS, 1025x2584, rank 32."""
    return _iterations(0.0, 32, 30, ITERATIONS, {BEST_PEER: 1.5 if threads == 1 else 1.7})


def euclidean(threads: int) -> Job:
    """Frobenius, 1025x2584, rank 32."""
    return _iterations(2.0, 32, 30, ITERATIONS, {BEST_PEER: 1.1, "scikit-learn": 1.2})


def kullback_leibler_long(threads: int) -> Job:
    """KL, 1025x25840, rank 64."""
    return _iterations(1.0, 64, 300, 3, {BEST_PEER: 1.6})


def itakura_saito_long(threads: int) -> Job:
    """IS, 1025x25840, rank 64."""
    return _iterations(0.0, 64, 300, 3, {BEST_PEER: 1.4})


def subnormal(threads: int) -> Job:
    """KL, 1025x2584, rank 32: a third of V subnormal, which stalls a processor unless it flushes them."""
    V = pw.STFT(N_FFT, HOP).magnitude(signal(30)) + np.float32(1e-3)
    zeros = np.where(np.random.default_rng(0).random(V.T.shape).T < 1 / 3, np.float32(0), V)
    V = np.where(zeros > 0, V, np.float32(1e-41))
    W, H = _start(*V.shape, 32)
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.nmf(V, 32, n_iter=ITERATIONS, W=W, H=H),
        "zeros instead": lambda: pw.nmf(zeros, 32, n_iter=ITERATIONS, W=W, H=H),
        "scikit-learn": partial(scikit_learn, V, W, H, 1.0, ITERATIONS),
    }
    return Job("nmf beta 1, rank 32, 30 s, subnormal", contenders, _same_model)


# ---- many small matrices ---------------------------------------------------------------------------


def batch_of_small(threads: int) -> Job:
    """KL, 64 matrices of 513x100, rank 8, in one call."""
    stft = pw.STFT(1024, 256)
    V = np.stack([stft.magnitude(signal(0.6, seed=i))[:, :100] for i in range(_BATCH)]) + np.float32(1e-3)
    W, H = _start(*V.shape[1:], 8)

    def loop() -> Any:
        factors = [scikit_learn(v, W, H, 1.0, _SMALL_ITERATIONS) for v in V]
        return np.stack([w for w, _ in factors]), np.stack([h for _, h in factors])

    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.nmf(V, 8, n_iter=_SMALL_ITERATIONS, W=W, H=H),
        "scikit-learn": loop,
    }
    target = {"scikit-learn": 2.5 if threads == 1 else 5.0}
    return Job(f"nmf beta 1, {_BATCH} of 513x100, rank 8, 100 it", contenders, _same_model, target)


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


def _race(beta: float, rank: int, n_fft: int, frames: int) -> Job:
    """From one start to the divergence that scikit-learn has after 200 iterations."""
    V = pw.STFT(n_fft, n_fft // 4).magnitude(_notes(frames * n_fft / 4 / RATE))[:, :frames] + np.float32(1e-3)
    rng = np.random.default_rng(0)
    scale = np.sqrt(V.mean() / rank)
    W = (scale * rng.uniform(0.1, 1, (V.shape[0], rank))).astype(np.float32)
    H = (scale * rng.uniform(0.1, 1, (rank, V.shape[1]))).astype(np.float32)

    def ours(n_iter: int, accelerate: bool) -> Any:
        return pw.nmf(V, rank, beta=beta, n_iter=n_iter, W=W, H=H, accelerate=accelerate)

    def sklearn() -> Any:
        return scikit_learn(V, W, H, beta, 200)

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
    name = f"nmf beta {beta:g}, {size} rank {rank}, {needed} it"
    return Job(name, contenders, check, {"scikit-learn, 200 it": 4.0})


def race_kullback_leibler(threads: int) -> Job:
    """KL, 1025x2584, rank 32."""
    return _race(1.0, 32, 2048, 2584)


def race_itakura_saito(threads: int) -> Job:
    """IS, 1025x2584, rank 32."""
    return _race(0.0, 32, 2048, 2584)


def race_kullback_leibler_small(threads: int) -> Job:
    """KL, 513x1000, rank 16."""
    return _race(1.0, 16, 1024, 1000)


def race_itakura_saito_small(threads: int) -> Job:
    """IS, 513x1000, rank 16."""
    return _race(0.0, 16, 1024, 1000)


JOBS: tuple[Callable[[int], Job], ...] = (
    kullback_leibler,
    itakura_saito,
    euclidean,
    kullback_leibler_long,
    itakura_saito_long,
    subnormal,
    batch_of_small,
    race_kullback_leibler,
    race_itakura_saito,
    race_kullback_leibler_small,
    race_itakura_saito_small,
)
