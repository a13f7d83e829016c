"""Tensors of the host in, tensors of the host out: the one place where torch meets the compiled core.

Memory is shared both ways and nothing is copied on the way in, unless the layout of a gradient demands it.
Results lie in the core's recycled memory, whose pages are warm. Calls keep to torch's number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from phasewise import _core
from phasewise._arrays import COMPLEX_OF, REAL_OF, flat
from phasewise._framing import Framing, framing
from phasewise._memory import empty

__all__ = ["istft", "istft_adjoint", "project_consistent", "stft", "stft_adjoint"]

# torch's names of the paddings that the core makes
_PADDINGS = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}


def host(tensor: Tensor) -> NDArray[Any]:
    """Return the array that shares the memory of a tensor.

    Not by DLPack: it drops the negation of views such as ``z.conj().imag``.
    """
    array: NDArray[Any] = tensor.detach().resolve_conj().resolve_neg().numpy()
    return array


def run(function: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Call the core with as many threads as torch may use, and leave other callers' numbers alone."""
    _core.limit_threads(torch.get_num_threads())
    try:
        function(*arguments, **options)
    finally:
        _core.limit_threads(0)


def frames_of(window: Tensor, n_fft: int, hop: int, center: bool, pad_mode: str = "constant") -> Framing:
    """Return the framing of a window of ``n_fft`` values; equal windows share their plans."""
    values = host(window)
    return _framing(values.tobytes(), values.dtype.char, n_fft, hop, center, _PADDINGS[pad_mode])


@lru_cache(maxsize=64)
def _framing(values: bytes, kind: str, n_fft: int, hop: int, center: bool, pad_mode: str) -> Framing:
    window = np.frombuffer(values, kind).astype(np.float64)
    return framing(n_fft, hop, None, window, center, pad_mode)


def stft(signal: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, pad_mode: str) -> Tensor:
    """Transform (..., samples) to (..., freq, frames)."""
    y = host(signal)
    f = frames_of(window, n_fft, hop, center, pad_mode)
    memory = empty((*y.shape[:-1], f.frames(y.shape[-1]), f.bins), COMPLEX_OF[y.dtype])
    run(f.plan(y.dtype).analyze, y, memory)
    return torch.from_numpy(memory).transpose(-1, -2)


def stft_adjoint(
    spectrum: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, pad_mode: str, samples: int
) -> Tensor:
    """Apply the adjoint of `stft` to (..., freq, frames)."""
    S = host(spectrum)
    f = frames_of(window, n_fft, hop, center, pad_mode)
    memory = empty((*S.shape[:-2], samples), REAL_OF[S.dtype])
    run(f.plan(memory.dtype).analyze_adjoint, flat(np.swapaxes(S, -1, -2), 2), flat(memory, 1))
    return torch.from_numpy(memory)


def istft(spectrum: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, length: int) -> Tensor:
    """Synthesise (..., length) from (..., freq, frames)."""
    S = host(spectrum)
    memory = empty((*S.shape[:-2], length), REAL_OF[S.dtype])
    run(frames_of(window, n_fft, hop, center).plan(memory.dtype).synthesize, S, memory)
    return torch.from_numpy(memory)


def istft_adjoint(signal: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, frames: int) -> Tensor:
    """Apply the adjoint of `istft` to (..., length)."""
    y = host(signal)
    f = frames_of(window, n_fft, hop, center)
    memory = empty((*y.shape[:-1], frames, f.bins), COMPLEX_OF[y.dtype])
    run(f.plan(y.dtype).synthesize_adjoint, flat(y, 1), flat(memory, 2))
    return torch.from_numpy(memory).transpose(-1, -2)


def project_consistent(
    spectrum: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, length: int
) -> Tensor:
    """Return the transform of the signal of (..., freq, frames), zeros beyond its ends."""
    S = host(spectrum)
    memory = empty((*S.shape[:-2], S.shape[-1], S.shape[-2]), S.dtype)
    run(frames_of(window, n_fft, hop, center).plan(REAL_OF[S.dtype]).project, S, length, memory)
    return torch.from_numpy(memory).transpose(-1, -2)


def mixing_iterations(
    mixture: Tensor, magnitudes: Tensor, start: Tensor, weights: Tensor, n_iter: int
) -> Tensor:
    """Iterate mixing and magnitudes in the bins of (..., source, freq, frames), from a given phase."""
    shape = magnitudes.shape
    X, V, Z, L = (np.swapaxes(host(t), -1, -2) for t in (mixture, magnitudes, start, weights))
    estimate = empty(V.shape, Z.dtype)
    Z = flat(Z, 3)
    run(
        _core.mixing_iterations,
        mixture=flat(X, 2),
        magnitudes=flat(V, 3),
        weights=flat(L, 3),
        weighting=_core.Weighting.given,
        refresh=False,
        n_iter=n_iter,
        n_fft=2 * (shape[-2] - 1),
        estimate=flat(estimate, 3),
        hop=0,
        anchor=0.0,
        start_values=Z,
        onset_values=Z,
    )
    return torch.from_numpy(estimate).transpose(-1, -2)
