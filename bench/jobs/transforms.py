"""STFT and inverse against torch, librosa, scipy and loops around FFT libraries."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import scipy.fft
import torch

import phasewise as pw

from . import OURS, Job, agree

RATE = 44100
N_FFT, HOP = 2048, 512


def signal(seconds: float, channels: int = 1) -> np.ndarray:
    """Return float32 noise with a falling spectrum, (channels, samples) or (samples,)."""
    rng = np.random.default_rng(0)
    y = rng.standard_normal((channels, int(seconds * RATE))).astype(np.float32)
    y = 0.1 * (y + np.roll(y, 1, axis=-1))
    return y[0] if channels == 1 else y


def _torch_stft(y: torch.Tensor, window: torch.Tensor) -> torch.Tensor:
    return torch.stft(y, N_FFT, HOP, window=window, pad_mode="constant", return_complex=True)


def _scipy_stft(y: np.ndarray, threads: int) -> Callable[[], np.ndarray]:
    window = np.hanning(N_FFT + 1)[:-1].astype(np.float32)

    def run() -> np.ndarray:
        padded = np.pad(y, N_FFT // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP]
        return scipy.fft.rfft(frames * window, workers=threads).T

    return run


def stft(threads: int) -> Job:
    """STFT of 30 s, float32."""
    y = signal(30)
    tensor, window = torch.from_numpy(y), torch.hann_window(N_FFT)
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.stft(y, n_fft=N_FFT, hop_length=HOP),
        "torch.stft": lambda: _torch_stft(tensor, window),
        "librosa": lambda: librosa.stft(y, n_fft=N_FFT, hop_length=HOP),
        "scipy.fft": _scipy_stft(y, threads),
    }
    return Job("stft 30 s", contenders, agree(2e-6), {"torch.stft": 1.0, "librosa": 1.0})


def stft_out(threads: int) -> Job:
    """STFT of 30 s into memory that exists."""
    y = signal(30)
    out = pw.stft(y, n_fft=N_FFT, hop_length=HOP)
    theirs = np.empty_like(out)
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.stft(y, n_fft=N_FFT, hop_length=HOP, out=out),
        "librosa": lambda: librosa.stft(y, n_fft=N_FFT, hop_length=HOP, out=theirs),
    }
    return Job("stft 30 s, out=", contenders, agree(2e-6), {"librosa": 1.0})


def stft_read(threads: int) -> Job:
    """STFT of 30 s whose result is read afterwards: what a pipeline pays."""
    y = signal(30)
    tensor, window = torch.from_numpy(y), torch.hann_window(N_FFT)
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.stft(y, n_fft=N_FFT, hop_length=HOP).sum(axis=-1),
        "torch.stft": lambda: _torch_stft(tensor, window).numpy().sum(axis=-1),
        "librosa": lambda: librosa.stft(y, n_fft=N_FFT, hop_length=HOP).sum(axis=-1),
    }
    return Job("stft 30 s, then read", contenders, agree(2e-5), {"torch.stft": 1.0, "librosa": 1.0})


def magnitude(threads: int) -> Job:
    """Magnitudes of the STFT of 30 s."""
    y = signal(30)
    tensor, window = torch.from_numpy(y), torch.hann_window(N_FFT)
    transform = pw.STFT(N_FFT, HOP)
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: transform.magnitude(y),
        "torch.stft().abs()": lambda: _torch_stft(tensor, window).abs(),
        "librosa": lambda: np.abs(librosa.stft(y, n_fft=N_FFT, hop_length=HOP)),
    }
    return Job("magnitude 30 s", contenders, agree(2e-6), {"torch.stft().abs()": 1.0})


def istft(threads: int) -> Job:
    """Inverse STFT of 30 s, float32."""
    y = signal(30)
    S = pw.stft(y, n_fft=N_FFT, hop_length=HOP)
    tensor, window = torch.from_numpy(S), torch.hann_window(N_FFT)
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.istft(S, hop_length=HOP, length=y.size),
        "torch.istft": lambda: torch.istft(tensor, N_FFT, HOP, window=window, length=y.size),
        "librosa": lambda: librosa.istft(S, hop_length=HOP, length=y.size),
    }
    return Job("istft 30 s", contenders, agree(5e-6), {"torch.istft": 1.0, "librosa": 1.0})


JOBS: tuple[Callable[[int], Job], ...] = (stft, stft_out, stft_read, magnitude, istft)
