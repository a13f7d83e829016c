"""Griffin-Lim and MISI against the same loops written with torch, and against librosa."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import torch

import phasewise as pw

from . import OURS, Job
from .transforms import HOP, N_FFT, RATE, signal

SECONDS = 10.0
LENGTH = HOP * int(SECONDS * RATE / HOP)


def _transforms() -> tuple[Callable[[torch.Tensor], torch.Tensor], Callable[[torch.Tensor], torch.Tensor]]:
    window = torch.hann_window(N_FFT)

    def forward(y: torch.Tensor) -> torch.Tensor:
        return torch.stft(y, N_FFT, HOP, window=window, pad_mode="constant", return_complex=True)

    def back(S: torch.Tensor) -> torch.Tensor:
        return torch.istft(S, N_FFT, HOP, window=window, length=LENGTH)

    return forward, back


def torch_griffinlim(V: torch.Tensor, start: torch.Tensor, n_iter: int, momentum: float) -> torch.Tensor:
    """Fast Griffin-Lim as torch users write it (torchaudio's loop)."""
    forward, back = _transforms()
    angles, previous = start, torch.zeros_like(start)
    for _ in range(n_iter):
        rebuilt = forward(back(V * angles))
        angles = rebuilt
        if momentum:
            angles = angles - previous.mul(momentum / (1 + momentum))
        angles = angles.div(angles.abs().add(1e-16))
        previous = rebuilt
    return back(V * angles)


def torch_misi(X: torch.Tensor, V: torch.Tensor, n_iter: int) -> torch.Tensor:
    """MISI as torch users write it: consistency, magnitude, mixing."""
    forward, back = _transforms()
    S = V * torch.sgn(X)
    for _ in range(n_iter):
        G = forward(back(S))
        S = V * G / G.abs().clamp_min(1e-16)
        S = S + (X - S.sum(0)) / len(S)
    return S


def _sources(count: int) -> np.ndarray:
    """Return ``count`` overlapping sources of gliding partials and noise, (count, LENGTH) float32."""
    rng = np.random.default_rng(1)
    t = np.arange(LENGTH) / RATE
    noise = signal(SECONDS + 1, count)[:, :LENGTH] if count > 1 else signal(SECONDS + 1)[None, :LENGTH]
    tones = sum(
        np.sin(2 * np.pi * f * k * t + rng.uniform(0, 6)) / k
        for k in range(1, 9)
        for f in [rng.uniform(80, 400, (count, 1))]
    )
    return (0.05 * tones + 0.2 * noise).astype(np.float32)


def griffinlim(threads: int) -> Job:
    """Fast Griffin-Lim, 32 iterations, momentum 0.99, 10 s."""
    return _griffinlim(0.99, {"torch loop": 4.0, "librosa": 4.0})


def griffinlim_plain(threads: int) -> Job:
    """Plain Griffin-Lim, 32 iterations, 10 s."""
    return _griffinlim(0.0, {"torch loop": 4.0, "librosa": 4.0})


def _griffinlim(momentum: float, target: dict[str, float]) -> Job:
    V = pw.STFT(N_FFT, HOP).magnitude(_sources(1)[0])
    phase = 2 * np.pi * np.random.RandomState(seed=0).random(size=V.shape)
    start = torch.from_numpy(np.exp(1j * phase).astype(np.complex64))
    tensor = torch.from_numpy(V)
    options: dict[str, Any] = {"n_iter": 32, "hop_length": HOP, "length": LENGTH, "random_state": 0}
    ours = {"algorithm": "fgla", "momentum": momentum} if momentum else {"algorithm": "gla"}
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.griffinlim(V, **options, **ours),
        "torch loop": lambda: torch_griffinlim(tensor, start, 32, momentum),
        "librosa": lambda: librosa.griffinlim(V, momentum=momentum, **options),
    }

    def check(name: str, answer: Any, ours: Any) -> None:
        # Thirty-two float32 iterations part ways sample by sample; the quality reached must be the same.
        def error(y: Any) -> float:
            return float(np.linalg.norm(pw.STFT(N_FFT, HOP).magnitude(np.asarray(y)) - V) / np.linalg.norm(V))

        assert abs(error(answer) / error(ours) - 1) < 0.02, (
            f"{name}: {error(answer):.4f} against {error(ours):.4f}"
        )

    return Job(f"griffinlim 32 it, momentum {momentum:g}, 10 s", contenders, check, target)


def misi(threads: int) -> Job:
    """MISI, 4 sources, 15 iterations, 10 s."""
    sources = _sources(4)
    S, X = (
        pw.stft(sources, n_fft=N_FFT, hop_length=HOP),
        pw.stft(sources.sum(axis=0), n_fft=N_FFT, hop_length=HOP),
    )
    V = np.abs(S)
    mixture, magnitudes = torch.from_numpy(X), torch.from_numpy(V)
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.misi(X, V, n_iter=15, hop_length=HOP, length=LENGTH),
        "torch loop": lambda: torch_misi(mixture, magnitudes, 15),
    }

    # The start is the same and the steps contract: float32 rounding stays small, except near zeros of a
    # spectrum.
    def check(name: str, answer: Any, ours: Any) -> None:
        error = np.linalg.norm(np.asarray(answer) - ours) / np.linalg.norm(ours)
        assert error < 1e-2, f"{name}: relative distance {error:.2g}"

    return Job("misi 4 sources, 15 it, 10 s", contenders, check, {"torch loop": 4.0})


JOBS: tuple[Callable[[int], Job], ...] = (griffinlim, griffinlim_plain, misi)
