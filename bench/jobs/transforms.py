"""The transform and its inverse against torch, librosa and loops around FFT libraries."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import librosa
import numpy as np
import torch

import phasewise as pw

from . import BEST_PEER, OURS, Job, agree
from .fft_loops import fft_libraries, istft_loop, stft_loop

RATE = 44100
N_FFT, HOP = 2048, 512


def signal(seconds: float, channels: int = 1, seed: int = 0) -> np.ndarray:
    """Return float32 noise with a falling spectrum, (channels, samples) or (samples,)."""
    rng = np.random.default_rng(seed)
    y = rng.standard_normal((channels, int(seconds * RATE)), dtype=np.float32)
    y = np.float32(0.1) * (y + np.roll(y, 1, axis=-1))
    return y[0] if channels == 1 else y


def _torch_stft(y: torch.Tensor, n: int, hop: int) -> Callable[[], torch.Tensor]:
    window = torch.hann_window(n, dtype=y.dtype)

    def run() -> torch.Tensor:
        return torch.stft(y, n, hop, window=window, pad_mode="constant", return_complex=True)

    return run


def _stft(
    name: str,
    target: dict[str, float],
    threads: int,
    *,
    seconds: float = 30,
    channels: int = 1,
    n: int = N_FFT,
    hop: int = HOP,
    dtype: type = np.float32,
) -> Job:
    y = signal(seconds, channels).astype(dtype)
    batch = np.atleast_2d(y)
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.stft(y, n_fft=n, hop_length=hop),
        "torch.stft": _torch_stft(torch.from_numpy(y), n, hop),
        "librosa": lambda: librosa.stft(y, n_fft=n, hop_length=hop),
    }
    for library, make in fft_libraries().items():
        loop = stft_loop(make, batch, n, hop, threads)
        contenders[library] = lambda loop=loop: loop().swapaxes(-1, -2)
    return Job(name, contenders, agree(2e-6 if dtype is np.float32 else 1e-14), target)


def stft_out(threads: int) -> Job:
    """STFT of 30 s into memory that exists."""
    y = signal(30)
    out = pw.stft(y, n_fft=N_FFT, hop_length=HOP)
    theirs = np.empty_like(out)
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.stft(y, n_fft=N_FFT, hop_length=HOP, out=out),
        "librosa": lambda: librosa.stft(y, n_fft=N_FFT, hop_length=HOP, out=theirs),
    }
    return Job("stft 30 s, out=", contenders, agree(2e-6), {"librosa": 3.6})


def stft_read(threads: int) -> Job:
    """STFT of 30 s whose result is read afterwards: what a pipeline pays."""
    y = signal(30)
    theirs = _torch_stft(torch.from_numpy(y), N_FFT, HOP)
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.stft(y, n_fft=N_FFT, hop_length=HOP).sum(axis=-1),
        "torch.stft": lambda: theirs().numpy().sum(axis=-1),
        "librosa": lambda: librosa.stft(y, n_fft=N_FFT, hop_length=HOP).sum(axis=-1),
    }
    return Job("stft 30 s, then read", contenders, agree(2e-5), {})


def magnitude(threads: int) -> Job:
    """Magnitudes of the STFT of 30 s."""
    y = signal(30)
    theirs = _torch_stft(torch.from_numpy(y), N_FFT, HOP)
    transform = pw.STFT(N_FFT, HOP)
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: transform.magnitude(y),
        "torch.stft().abs()": lambda: theirs().abs(),
        "librosa": lambda: np.abs(librosa.stft(y, n_fft=N_FFT, hop_length=HOP)),
    }
    for library, make in fft_libraries().items():
        loop = stft_loop(make, y[None], N_FFT, HOP, threads)
        contenders[library] = lambda loop=loop: np.abs(loop()).swapaxes(-1, -2)
    return Job("magnitude 30 s", contenders, agree(2e-6), {"torch.stft().abs()": 5, BEST_PEER: 3.5})


def log_mel(threads: int) -> Job:
    """Logarithmic mel spectrogram of 30 s, 128 bands."""
    y = signal(30)
    filters = pw.mel_filters(RATE, N_FFT)
    transform = pw.STFT(N_FFT, HOP)

    def theirs() -> np.ndarray:
        mel = librosa.feature.melspectrogram(y=y, sr=RATE, n_fft=N_FFT, hop_length=HOP, pad_mode="constant")
        return np.log(np.maximum(mel, 1e-10))

    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: transform.magnitude(y, 2, filters=filters, log_floor=1e-10),
        "librosa": theirs,
    }
    return Job("log mel 30 s", contenders, agree(5e-6), {})


def istft(threads: int) -> Job:
    """Inverse STFT of 30 s, float32."""
    y = signal(30)
    S = pw.stft(y, n_fft=N_FFT, hop_length=HOP)
    tensor, window = torch.from_numpy(S), torch.hann_window(N_FFT)
    rows = np.ascontiguousarray(S.T)
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.istft(S, hop_length=HOP, length=y.size),
        "torch.istft": lambda: torch.istft(tensor, N_FFT, HOP, window=window, length=y.size),
        "librosa": lambda: librosa.istft(S, hop_length=HOP, length=y.size),
    }
    if threads == 1:
        for library, make in fft_libraries().items():
            contenders[library] = istft_loop(make, rows, N_FFT, HOP, y.size)
    return Job("istft 30 s", contenders, agree(5e-6), {"torch.istft": 5, "librosa": 6, BEST_PEER: 2})


def projector(threads: int) -> Job:
    """The projector onto consistent spectrograms, 30 s."""
    rng = np.random.default_rng(1)
    y = signal(30)
    S = pw.stft(y, n_fft=N_FFT, hop_length=HOP)
    S *= np.exp(1j * rng.uniform(-1, 1, S.shape)).astype(np.complex64)
    tensor, window = torch.from_numpy(S), torch.hann_window(N_FFT)
    transform = pw.STFT(N_FFT, HOP)

    def theirs() -> torch.Tensor:
        x = torch.istft(tensor, N_FFT, HOP, window=window, length=y.size)
        return torch.stft(x, N_FFT, HOP, window=window, pad_mode="constant", return_complex=True)

    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: transform.project_consistent(S, length=y.size),
        "torch.istft, stft": theirs,
    }
    return Job("projector 30 s", contenders, agree(5e-6), {"torch.istft, stft": 5})


def one_frame(threads: int) -> Job:
    """One frame, again and again: what a call costs."""
    y = signal(1)[:N_FFT]
    window = torch.hann_window(N_FFT)
    tensor = torch.from_numpy(y)

    def repeat(function: Callable[[], Any]) -> Callable[[], Any]:
        def run() -> Any:
            for _ in range(199):
                function()
            return function()

        return run

    contenders: dict[str, Callable[[], Any]] = {
        OURS: repeat(lambda: pw.stft(y, n_fft=N_FFT, hop_length=HOP, center=False)),
        "torch.stft": repeat(
            lambda: torch.stft(tensor, N_FFT, HOP, window=window, center=False, return_complex=True)
        ),
    }
    return Job("stft one frame, 200 calls", contenders, agree(2e-6), {"torch.stft": 2})


def _case(name: str, target: dict[str, float], **how: Any) -> Callable[[int], Job]:
    return partial(_stft, name, target, **how)


JOBS: tuple[Callable[[int], Job], ...] = (
    _case("stft 30 s", {BEST_PEER: 3}),
    stft_out,
    stft_read,
    _case("stft 30 s, 4096/1024", {BEST_PEER: 2.5}, n=4096, hop=1024),
    _case("stft 30 s, 1024/256", {BEST_PEER: 2.5}, n=1024, hop=256),
    _case("stft 16 x 30 s", {BEST_PEER: 2.5}, channels=16),
    _case("stft 2 x 5 min", {BEST_PEER: 2.5}, seconds=300, channels=2),
    _case("stft 30 s, float64", {BEST_PEER: 2}, dtype=np.float64),
    _case("stft 1 s", {"torch.stft": 2}, seconds=1),
    one_frame,
    _case("stft 30 s, 1000/250", {BEST_PEER: 1.5}, n=1000, hop=250),
    _case("stft 30 s, 1536/384", {BEST_PEER: 1.5}, n=1536, hop=384),
    _case("stft 30 s, 2000/500", {BEST_PEER: 1.5}, n=2000, hop=500),
    _case("stft 30 s, 3000/750", {BEST_PEER: 1.5}, n=3000, hop=750),
    magnitude,
    log_mel,
    istft,
    projector,
)
