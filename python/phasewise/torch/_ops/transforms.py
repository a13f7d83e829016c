"""The transform, its inverse, and the adjoints of both.

All four are linear in their first argument, and the gradient of each is another of them: derivatives of any
order exist. Windows have ``n_fft`` values and no gradient here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from phasewise.torch import _bridge, _native
from phasewise.torch._ops.registration import gradient, operator

__all__ = ["complex_of", "istft", "istft_adjoint", "project_consistent", "real_of", "stft", "stft_adjoint"]


def complex_of(dtype: torch.dtype) -> torch.dtype:
    """Return the complex type of a real one."""
    return torch.complex128 if dtype == torch.float64 else torch.complex64


def real_of(dtype: torch.dtype) -> torch.dtype:
    """Return the real type of a complex one."""
    return torch.float64 if dtype == torch.complex128 else torch.float32


def _empty_spectrum(like: Tensor, dtype: torch.dtype, batch: Any, bins: int, frames: Any) -> Tensor:
    """Return an empty spectrogram in the memory order of the core."""
    return like.new_empty((*batch, frames, bins), dtype=dtype).transpose(-1, -2)


def _fake_stft(signal: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, pad_mode: str) -> Tensor:
    covered = signal.shape[-1] + 2 * (n_fft // 2) * int(center)
    frames = 1 + (covered - n_fft) // hop
    return _empty_spectrum(signal, complex_of(signal.dtype), signal.shape[:-1], n_fft // 2 + 1, frames)


def _fake_stft_adjoint(
    spectrum: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, pad_mode: str, samples: int
) -> Tensor:
    return spectrum.new_empty((*spectrum.shape[:-2], samples), dtype=real_of(spectrum.dtype))


def _fake_istft(spectrum: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, length: int) -> Tensor:
    return spectrum.new_empty((*spectrum.shape[:-2], length), dtype=real_of(spectrum.dtype))


def _fake_istft_adjoint(
    signal: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, frames: int
) -> Tensor:
    return _empty_spectrum(signal, complex_of(signal.dtype), signal.shape[:-1], n_fft // 2 + 1, frames)


def _fake_project(
    spectrum: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, length: int
) -> Tensor:
    *batch, bins, frames = spectrum.shape
    return _empty_spectrum(spectrum, spectrum.dtype, batch, bins, frames)


stft = operator(
    "stft",
    "(Tensor signal, Tensor window, int n_fft, int hop, bool center, str pad_mode) -> Tensor",
    core=_bridge.stft,
    native=_native.stft,
    fake=_fake_stft,
)
stft_adjoint = operator(
    "stft_adjoint",
    "(Tensor spectrum, Tensor window, int n_fft, int hop, bool center, str pad_mode, SymInt samples) "
    "-> Tensor",
    core=_bridge.stft_adjoint,
    native=_native.stft_adjoint,
    fake=_fake_stft_adjoint,
)
istft = operator(
    "istft",
    "(Tensor spectrum, Tensor window, int n_fft, int hop, bool center, SymInt length) -> Tensor",
    core=_bridge.istft,
    native=_native.istft,
    fake=_fake_istft,
)
istft_adjoint = operator(
    "istft_adjoint",
    "(Tensor signal, Tensor window, int n_fft, int hop, bool center, SymInt frames) -> Tensor",
    core=_bridge.istft_adjoint,
    native=_native.istft_adjoint,
    fake=_fake_istft_adjoint,
)
project_consistent = operator(
    "project_consistent",
    "(Tensor spectrum, Tensor window, int n_fft, int hop, bool center, SymInt length) -> Tensor",
    core=_bridge.project_consistent,
    native=_native.project_consistent,
    fake=_fake_project,
)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    """Keep the window, the options, and the extent of the input's last axis."""
    ctx.save_for_backward(inputs[1])
    ctx.options = inputs[2:]
    ctx.extent = inputs[0].shape[-1]


def _stft_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    return stft_adjoint(grad, *ctx.saved_tensors, *ctx.options, ctx.extent), *[None] * 5


def _stft_adjoint_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    return stft(grad, *ctx.saved_tensors, *ctx.options[:-1]), *[None] * 6


def _istft_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    return istft_adjoint(grad, *ctx.saved_tensors, *ctx.options[:-1], ctx.extent), *[None] * 5


def _istft_adjoint_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    return istft(grad, *ctx.saved_tensors, *ctx.options[:-1], ctx.extent), *[None] * 5


def _project_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    # The projector is self-adjoint once the bins between 0 Hz and Nyquist, which stand for two, count twice.
    n_fft = ctx.options[0]
    edges = torch.ones(n_fft // 2 + 1, 1, dtype=real_of(grad.dtype), device=grad.device)
    edges[0] = 2
    if n_fft % 2 == 0:
        edges[-1] = 2
    return project_consistent(grad * edges, *ctx.saved_tensors, *ctx.options) / edges, *[None] * 5


gradient(stft, _stft_backward, _keep)
gradient(stft_adjoint, _stft_adjoint_backward, _keep)
gradient(istft, _istft_backward, _keep)
gradient(istft_adjoint, _istft_adjoint_backward, _keep)
gradient(project_consistent, _project_backward, _keep)
