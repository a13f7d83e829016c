"""What the two directions of a streaming transform share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from phasewise._framing import PadMode, framing
from phasewise._validate import integer
from phasewise.errors import ParameterError
from phasewise.windows import WindowSpec

__all__ = ["Result", "Stream", "readable"]


class Stream(ABC):
    """What both directions share: parameters, precision, and the axis of channels."""

    _state: Any

    def __init__(
        self,
        n_fft: int,
        hop_length: int | None,
        win_length: int | None,
        window: WindowSpec,
        center: bool,
        pad_mode: PadMode,
        channels: int,
        dtype: DTypeLike | None,
    ) -> None:
        self._framing = framing(n_fft, hop_length, win_length, window, center, pad_mode)
        self._channels = integer("channels", channels)
        self._given_dtype = dtype is not None
        self._squeeze = False
        real = np.dtype(np.float32 if dtype is None else dtype)
        if real not in (np.float32, np.float64):
            raise ParameterError(f"dtype must be float32 or float64, got {real}.")
        self._set_precision(real)

    def _set_precision(self, real: np.dtype[Any]) -> None:
        self._real = real
        self._complex = np.result_type(real, np.complex64)
        self._state = self._make_state(self._framing.plan(real), real == np.float64)

    @abstractmethod
    def _make_state(self, plan: Any, double: bool) -> Any: ...

    @property
    def channels(self) -> int:
        """Number of channels."""
        return self._channels

    def reset(self) -> None:
        """Forget the stream; the next push starts a new one."""
        self._state.reset()

    def __repr__(self) -> str:
        f = self._framing
        return (
            f"{type(self).__name__}(n_fft={f.n_fft}, hop_length={f.hop_length}, win_length={f.win_length}, "
            f"center={f.center}, pad_mode={f.pad_mode!r}, channels={self._channels}, dtype={self._real})"
        )

    def _with_channels(self, name: str, array: NDArray[Any], ndim: int, axes: str) -> NDArray[Any]:
        """Return ``array`` with its axis of channels, which a stream of one channel may leave out."""
        squeeze = self._channels == 1 and array.ndim == ndim
        if squeeze:
            array = array[np.newaxis]
        if array.ndim != ndim + 1 or array.shape[0] != self._channels:
            bare = f" or ({axes})" if self._channels == 1 else ""
            raise ParameterError(
                f"{name} must have shape ({self._channels}, {axes}){bare} for channels={self._channels}, "
                f"got {array.shape}."
            )
        self._squeeze = squeeze
        return array

    def _follow(self, name: str, real: np.dtype[Any]) -> None:
        """Take the precision of the first block, or check that of a later one."""
        if real == self._real:
            return
        if not self._given_dtype and self._state.received == 0:
            self._set_precision(real)
        elif real.itemsize > self._real.itemsize:
            raise ParameterError(
                f"{name} has more precision than the stream, which is {self._real}: convert it, or make the "
                f"stream with dtype={real}."
            )


class Result:
    """Memory for the core, channels first: inside ``out`` if the core can write there.

    ``shape`` is that of the result with all its axes; ``turned`` tells that the core swaps the last two.
    """

    def __init__(
        self,
        out: NDArray[Any] | None,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        *,
        squeeze: bool,
        turned: bool,
    ) -> None:
        self._squeeze, self._turned = squeeze, turned
        self._target: NDArray[Any] | None = None
        self._direct = False
        if out is not None:
            wanted = shape[1:] if squeeze else shape
            fits = out.ndim == len(wanted) and out.shape[:-1] == wanted[:-1] and out.shape[-1] >= wanted[-1]
            if not fits or out.dtype != dtype:
                raise ParameterError(
                    f"out must have shape {wanted} (or more on the last axis) and dtype {dtype}, "
                    f"got {out.shape} and {out.dtype}."
                )
            self._target = out[..., : shape[-1]]
            self.memory = self._turn(self._target[np.newaxis] if squeeze else self._target)
            self._direct = self.memory[0].flags.c_contiguous and out.flags.aligned and out.flags.writeable
        if not self._direct:
            self.memory = np.empty((shape[0], shape[2], shape[1]) if turned else shape, dtype)

    def _turn(self, array: NDArray[Any]) -> NDArray[Any]:
        return np.swapaxes(array, -1, -2) if self._turned else array

    def public(self) -> NDArray[Any]:
        """Return the result, in ``out`` if there is one."""
        if self._target is not None and self._direct:
            return self._target
        made = self._turn(self.memory)
        made = made[0] if self._squeeze else made
        if self._target is None:
            return made
        self._target[...] = made
        return self._target


def readable(planar: NDArray[Any]) -> NDArray[Any]:
    """Return an array whose channels the core can read: a copy unless each of them is contiguous."""
    return planar if planar[0].flags.c_contiguous and planar.flags.aligned else np.ascontiguousarray(planar)
