"""A queue of samples or frames: what waits until a stream has gone on by its latency."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

__all__ = ["Queue"]


class Queue:
    """First in, first out along one axis, in memory that grows with the largest block only.

    Parameters
    ----------
    shape : tuple of int
        Of an item: a sample or a frame, with the axis of the items left out.
    dtype : dtype
    axis : int
        Where the axis of the items is, counted from the end: -1 is the last.
    zeros : int
        Items of zeros that it holds from the start.
    """

    def __init__(self, shape: tuple[int, ...], dtype: DTypeLike, *, axis: int = -1, zeros: int = 0) -> None:
        self._axis, self._zeros = axis, zeros
        whole = list(shape)
        whole.insert(len(shape) + 1 + axis, 2 * zeros + 64)
        self._memory = np.zeros(whole, dtype)
        self._begin, self._end = 0, zeros

    def __len__(self) -> int:
        return self._end - self._begin

    def put(self, block: NDArray[Any]) -> None:
        """Append the items of ``block``."""
        count, held = block.shape[self._axis], len(self)
        if self._end + count > self._memory.shape[self._axis]:
            source = self._part(self._begin, self._end)
            if held + count > self._memory.shape[self._axis]:
                whole = list(self._memory.shape)
                whole[self._axis] = 2 * (held + count)
                self._memory = np.empty(whole, self._memory.dtype)
            self._begin, self._end = 0, held
            self._part(0, held)[...] = source  # numpy sees where both overlap
        self._part(self._end, self._end + count)[...] = block
        self._end += count

    def take(self, count: int) -> NDArray[Any]:
        """Return the first ``count`` items, which the queue must hold, and drop them."""
        first = self._begin
        self._begin += count
        return np.array(self._part(first, self._begin))

    def reset(self) -> None:
        """Hold nothing but the zeros of the start."""
        self._begin, self._end = 0, self._zeros
        self._part(0, self._zeros)[...] = 0

    def _part(self, begin: int, end: int) -> NDArray[Any]:
        part: NDArray[Any] = np.moveaxis(self._memory, self._axis, 0)[begin:end]
        return np.moveaxis(part, 0, self._axis)
