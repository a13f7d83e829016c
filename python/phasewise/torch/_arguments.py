"""Checks of the tensor functions; messages name the argument, what it must be, what it is and the cure."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from phasewise._validate import choice, integer
from phasewise.errors import ParameterError

__all__ = [
    "check_padding",
    "frame_parameters",
    "full_window",
    "magnitude_tensor",
    "real_signal",
    "real_type",
    "same_device",
    "spectrum_tensor",
]

_REAL = (torch.float32, torch.float64)
_COMPLEX = (torch.complex64, torch.complex128)
_HALF = (torch.float16, torch.bfloat16)


def _half_in_autocast(tensor: Tensor) -> bool:
    return tensor.dtype in _HALF and torch.is_autocast_enabled(tensor.device.type)


def real_signal(name: str, value: Tensor) -> Tensor:
    """Return signals of float32 or float64; under autocast, half precision becomes float32."""
    _tensor(name, value, 1)
    if _half_in_autocast(value):
        return value.float()
    if value.dtype not in _REAL:
        raise ParameterError(
            f"{name} must be float32 or float64, got {value.dtype}; convert it by .float() or use autocast."
        )
    return value


def spectrum_tensor(name: str, value: Tensor, ndim: int = 2) -> Tensor:
    """Return a complex64 or complex128 tensor of at least ``ndim`` axes."""
    _tensor(name, value, ndim)
    if value.dtype not in _COMPLEX:
        raise ParameterError(
            f"{name} must be complex64 or complex128, got {value.dtype}; "
            "a last axis of real and imaginary parts is turned into it by torch.view_as_complex."
        )
    return value


def magnitude_tensor(name: str, value: Tensor, ndim: int = 2) -> Tensor:
    """Return real values of at least ``ndim`` axes in the precisions of `real_signal`."""
    _tensor(name, value, ndim)
    return real_signal(name, value)


def _tensor(name: str, value: Tensor, ndim: int) -> None:
    if not isinstance(value, Tensor):
        raise ParameterError(
            f"{name} must be a tensor, got {type(value).__name__}; phasewise without .torch takes arrays."
        )
    if value.ndim < ndim:
        raise ParameterError(f"{name} must have at least {ndim} axes, got shape {tuple(value.shape)}.")


def same_device(first: str, one: Tensor, second: str, other: Tensor) -> None:
    """Reject tensors that live on two devices."""
    if one.device != other.device:
        raise ParameterError(
            f"{first} and {second} must be on one device, but are on {one.device} and {other.device}; "
            f"move one of them, for example {second}.to({first}.device)."
        )


def real_type(dtype: torch.dtype) -> torch.dtype:
    """Return the real type of the precision that a real or complex type has."""
    return torch.float64 if dtype in (torch.float64, torch.complex128) else torch.float32


def frame_parameters(n_fft: int, hop_length: int | None, win_length: int | None) -> tuple[int, int, int]:
    """Return n_fft, hop and window length with torch's defaults filled in."""
    if type(n_fft) is not int or n_fft < 1:
        n_fft = integer("n_fft", n_fft)
    hop = max(1, n_fft // 4) if hop_length is None else integer("hop_length", hop_length)
    length = n_fft if win_length is None else integer("win_length", win_length)
    if length > n_fft:
        raise ParameterError(f"win_length must be at most n_fft={n_fft}, got {length}.")
    return n_fft, hop, length


def full_window(window: Tensor | None, win_length: int, n_fft: int, like: Tensor, normalized: bool) -> Tensor:
    """Return the window in ``n_fft`` values of the precision and device of ``like``.

    Normalised transforms have a window that is smaller by the root of ``n_fft``, forth and back.
    """
    dtype = real_type(like.dtype)
    if window is None:
        window = torch.ones(win_length, dtype=dtype, device=like.device)
    same_device("input", like, "window", window)
    if window.ndim != 1 or window.shape[0] != win_length:
        raise ParameterError(
            f"window must have win_length={win_length} values on one axis, got shape {tuple(window.shape)}."
        )
    if window.dtype != dtype:
        window = window.to(dtype)
    if win_length < n_fft:
        left = (n_fft - win_length) // 2
        window = F.pad(window, (left, n_fft - win_length - left))
    return window / n_fft**0.5 if normalized else window


def check_padding(pad_mode: str) -> str:
    """Return a padding of torch."""
    return choice("pad_mode", pad_mode, ("constant", "reflect", "replicate", "circular"))
