"""Operators of torch with their gradients, against the same computations composed of torch's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

import phasewise.torch as pwt

from . import OURS, Job

N_FFT, HOP, RATE = 2048, 512, 44100
PEER = "torch composition"


def composed_misi(
    X: Tensor, V: Tensor, n_iter: int, window: Tensor, length: int, epsilon: float = 1e-8
) -> Tensor:
    """Return MISI as users write it: differentiable operations of torch and a safe division."""
    hop = window.shape[0] // 4

    def projected(S: Tensor) -> Tensor:
        y = torch.istft(S, window.shape[0], hop, window=window, length=length)
        return torch.stft(y, window.shape[0], hop, window=window, pad_mode="constant", return_complex=True)

    S = V * (X / (X.abs() + epsilon))
    for _ in range(n_iter):
        G = projected(S)
        Y = V * (G / (G.abs() + epsilon))
        S = Y + (X - Y.sum(0)) / len(V)
    return S


def sources(count: int, seconds: float) -> Tensor:
    """Return signals of noise, float32."""
    generator = torch.Generator().manual_seed(0)
    return 0.1 * torch.randn(count, HOP * int(seconds * RATE / HOP), generator=generator)


def _close(tolerance: float) -> Callable[[str, Any, Any], None]:
    def check(name: str, answer: Any, ours: Any) -> None:
        for theirs, mine in zip(answer, ours, strict=True):
            error = ((theirs - mine).abs().max() / mine.abs().max()).item()
            assert error <= tolerance, f"{name}: relative error {error:.2g} above {tolerance:g}"

    return check


def stft(threads: int) -> Job:
    """Transform forth and back, batch of 4 x 10 s."""
    y, window = sources(4, 10.0).requires_grad_(), torch.hann_window(N_FFT)
    weight = torch.stft(y.detach(), N_FFT, HOP, window=window, return_complex=True).conj()

    def run(function: Callable[..., Tensor]) -> tuple[Tensor, Tensor]:
        S = function(y, N_FFT, HOP, window=window, return_complex=True)
        return S.detach(), torch.autograd.grad(S, y, weight)[0]

    contenders = {OURS: lambda: run(pwt.stft), PEER: lambda: run(torch.stft)}
    return Job("torch stft, forward and backward, 4 x 10 s", contenders, _close(1e-4), {PEER: 5.0})


def istft(threads: int) -> Job:
    """Inverse forth and back, batch of 4 x 10 s."""
    signals, window = sources(4, 10.0), torch.hann_window(N_FFT)
    S = torch.stft(signals, N_FFT, HOP, window=window, return_complex=True).requires_grad_()

    def run(function: Callable[..., Tensor]) -> tuple[Tensor, Tensor]:
        y = function(S, N_FFT, HOP, window=window, length=signals.shape[-1])
        return y.detach(), torch.autograd.grad(y, S, signals)[0]

    contenders = {OURS: lambda: run(pwt.istft), PEER: lambda: run(torch.istft)}
    return Job("torch istft, forward and backward, 4 x 10 s", contenders, _close(1e-4), {PEER: 3.0})


def misi(threads: int) -> Job:
    """MISI, 5 iterations, 4 sources, 4 s, forth and back."""
    y, window = sources(4, 4.0), torch.hann_window(N_FFT)
    length = y.shape[-1]
    S = torch.stft(y, N_FFT, HOP, window=window, pad_mode="constant", return_complex=True)
    X, V = S.sum(0), S.abs().requires_grad_()

    def run(function: Callable[..., Tensor]) -> tuple[Tensor, Tensor]:
        estimate = function()
        return estimate.detach(), torch.autograd.grad(estimate, V, S)[0]

    def ours() -> Tensor:
        return pwt.misi(X, V, n_iter=5, n_fft=N_FFT, hop_length=HOP, length=length)

    contenders = {OURS: lambda: run(ours), PEER: lambda: run(lambda: composed_misi(X, V, 5, window, length))}

    # The phases of weak bins amplify the rounding, and the gradients near silence differ by design.
    def check(name: str, answer: Any, ours: Any) -> None:
        for theirs, mine in zip(answer, ours, strict=True):
            error = ((theirs - mine).norm() / mine.norm()).item()
            assert error <= 0.05, f"{name}: relative error {error:.2g}"

    return Job("torch MISI 5 it, forward and backward, 4 s", contenders, check, {PEER: 5.0})


def overhead(threads: int) -> Job:
    """The transform of a tiny tensor: the cost of a call."""
    y, window = sources(1, 0.03)[:, :256], torch.hann_window(64)
    contenders = {
        OURS: lambda: (pwt.stft(y, 64, 16, window=window),),
        PEER: lambda: (torch.stft(y, 64, 16, window=window, return_complex=True),),
    }
    return Job("torch stft of 256 samples (one call)", contenders, _close(1e-4))


JOBS = (stft, istft, misi, overhead)
