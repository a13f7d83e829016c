"""Fresh arrays whose pages are warm: see ``cpp/include/phasewise/memory.hpp``."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

from phasewise import _core

__all__ = ["empty"]

# Below this, numpy's own allocation is as cheap.
_LARGE = 1 << 20


def empty(shape: tuple[int, ...], dtype: DTypeLike) -> NDArray[Any]:
    """Return an uninitialised C-ordered array, large ones from the core's recycled memory."""
    dtype = np.dtype(dtype)
    size = math.prod(shape) * dtype.itemsize
    if size < _LARGE:
        return np.empty(shape, dtype)
    memory: NDArray[Any] = _core.empty(size).view(dtype).reshape(shape)
    return memory
