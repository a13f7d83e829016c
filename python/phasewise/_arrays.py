"""Precisions, and the memory of signals and spectrograms.

The core writes spectrograms frame by frame: (..., frames, freq) in C order. The public arrays are transposed
views of that memory, (..., freq, frames).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from phasewise._memory import empty
from phasewise.errors import ParameterError

__all__ = ["COMPLEX_OF", "REAL_OF", "FrameMajor", "aligned", "flat", "real_dtype", "signal_memory"]

REAL_OF: dict[np.dtype[Any], np.dtype[Any]] = {
    np.dtype(np.complex64): np.dtype(np.float32),
    np.dtype(np.complex128): np.dtype(np.float64),
}
COMPLEX_OF: dict[np.dtype[Any], np.dtype[Any]] = {real: cplx for cplx, real in REAL_OF.items()}


def real_dtype(dtype: DTypeLike, text: str) -> np.dtype[Any]:
    """Return the real type of the precision that a real or complex type names."""
    given = np.dtype(dtype)
    if given not in REAL_OF and given not in COMPLEX_OF:
        raise ParameterError(f"dtype must be {text}, got {given}.")
    return REAL_OF.get(given, given)


def aligned(array: NDArray[Any]) -> NDArray[Any]:
    """Return the array, or a copy if its elements do not lie as the machine likes them."""
    return array if array.flags.aligned else array.copy()


def flat(array: NDArray[Any], ndim: int) -> NDArray[Any]:
    """Fold all but the last `ndim` axes into one, in C order; a copy only if the memory demands it."""
    batch, kept = array.shape[: array.ndim - ndim], array.shape[array.ndim - ndim :]
    return np.ascontiguousarray(array).reshape(math.prod(batch), *kept)


class FrameMajor:
    """Memory for the spectrograms of a result, inside `out` when its memory allows.

    Parameters
    ----------
    out : array of shape (..., freq, frames or more) or None
        What the caller has given.
    dtype : numpy dtype
    shape : (..., frames, freq)

    Attributes
    ----------
    memory : C-ordered array of `shape`
    """

    def __init__(self, out: NDArray[Any] | None, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self._view: NDArray[Any] | None = None
        if out is None:
            self.memory = empty(shape, dtype)
            return
        frames = shape[-2]
        wanted = (*shape[:-2], shape[-1], frames)
        if (
            out.ndim != len(shape)
            or out.shape[:-1] != wanted[:-1]
            or out.shape[-1] < frames
            or out.dtype.kind != dtype.kind
        ):
            raise ParameterError(
                f"out must have shape {wanted} (or more frames) and dtype {dtype}, "
                f"got {out.shape} and {out.dtype}."
            )
        self._view = out if out.shape == wanted else out[..., :frames]
        turned = self._view.swapaxes(-1, -2)
        usable = turned.flags.c_contiguous and turned.flags.writeable and turned.dtype == dtype
        self.memory = turned if usable else empty(shape, dtype)

    def overlaps(self, array: NDArray[Any]) -> bool:
        """Whether writing the memory would change `array`."""
        return self._view is not None and np.may_share_memory(self.memory, array)

    def public(self) -> NDArray[Any]:
        """Return the result as the caller wants it."""
        turned: NDArray[Any] = self.memory.swapaxes(-1, -2)
        if self._view is None:
            return turned
        if not np.shares_memory(turned, self._view):
            self._view[...] = turned
        return self._view


def signal_memory(
    out: NDArray[Any] | None, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return C-ordered memory for signals and the array to return: `out` if given, else the memory."""
    if out is None:
        memory = empty(shape, dtype)
        return memory, memory
    kinds = "c" if dtype.kind == "c" else "f"
    if out.shape != shape or out.dtype.kind not in kinds:
        raise ParameterError(
            f"out must have shape {shape} and dtype {dtype}, got {out.shape} and {out.dtype}."
        )
    usable = out.flags.c_contiguous and out.flags.writeable and out.dtype == dtype
    return out if usable else empty(shape, dtype), out
