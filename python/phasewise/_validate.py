"""Argument checks shared by all public functions.

Each helper returns the checked value, or raises ``ParameterError`` with one sentence that names the
argument, the expectation and what was given, and says what to do.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise.errors import ParameterError

__all__ = [
    "choice",
    "complex_array",
    "finite",
    "floating_array",
    "generator",
    "integer",
    "magnitudes",
    "number",
    "real_array",
]


_REAL = frozenset((np.dtype(np.float32), np.dtype(np.float64)))
_COMPLEX = frozenset((np.dtype(np.complex64), np.dtype(np.complex128)))


def integer(name: str, value: Any, *, minimum: int = 1) -> int:
    """Return ``value`` as an int that is at least ``minimum``."""
    try:
        result = operator.index(value)
    except TypeError:
        raise ParameterError(f"{name} must be an integer >= {minimum}, got {value!r}.") from None
    if result < minimum:
        raise ParameterError(f"{name} must be an integer >= {minimum}, got {result}.")
    return result


def number(name: str, value: Any, *, minimum: float = -np.inf, maximum: float = np.inf) -> float:
    """Return ``value`` as a finite float within ``[minimum, maximum]``."""
    try:
        result = float(value)
    except (TypeError, ValueError):
        raise ParameterError(f"{name} must be a number, got {value!r}.") from None
    if not minimum <= result <= maximum or not math.isfinite(result):
        raise ParameterError(f"{name} must be a finite number in [{minimum}, {maximum}], got {result}.")
    return result


def choice(name: str, value: Any, known: Iterable[str]) -> str:
    """Return ``value`` if it is one of ``known``, else list them all."""
    names = list(known)
    if value not in names:
        raise ParameterError(f"{name} must be one of {', '.join(map(repr, names))}; got {value!r}.")
    return str(value)


def generator(rng: Any) -> np.random.Generator:
    """Return the random generator of an ``rng`` argument: None, a seed or a generator."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise ParameterError(
            f"rng must be None, a nonnegative int or a numpy Generator, got {rng!r}."
        ) from None


def finite(name: str, array: NDArray[Any]) -> None:
    """Reject NaN and infinity, naming the first offender."""
    # A sum is finite when every term is, up to overflow: one cheap pass decides the common case.
    with np.errstate(all="ignore"):
        if np.isfinite(array.sum()):
            return
    bad = ~np.isfinite(array)
    if bad.any():
        where = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ParameterError(
            f"{name} must be finite, but has {int(bad.sum())} NaN or infinite value(s), the first at index "
            f"{where}; clean it first, for example with numpy.nan_to_num."
        )


def real_array(name: str, value: Any, *, min_ndim: int = 1, check_finite: bool = True) -> NDArray[Any]:
    """Return ``value`` as a float32 or float64 array (integers and float16 become float32/float64)."""
    array = np.asarray(value)
    if array.dtype not in _REAL:
        if array.dtype.kind in "iub" or array.dtype == np.float16:
            array = array.astype(np.float32 if array.dtype.itemsize <= 2 else np.float64)
        elif array.dtype.newbyteorder("=") in _REAL:
            array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype not in _REAL:
        raise ParameterError(f"{name} must be a real float32 or float64 array, got dtype {array.dtype}.")
    return _shaped(name, array, min_ndim, check_finite)


def floating_array(name: str, value: Any, *, check_finite: bool = True) -> NDArray[Any]:
    """Return ``value`` as a float32 or float64 array; integers are refused: their scale is the caller's."""
    array = np.asarray(value)
    if array.dtype.kind in "iub":
        raise ParameterError(
            f"{name} must be floating-point, got dtype {array.dtype}; convert and scale it, for int16 with "
            f"{name}.astype(numpy.float32) / 32768."
        )
    return real_array(name, array, check_finite=check_finite)


def complex_array(name: str, value: Any, *, min_ndim: int = 2, check_finite: bool = True) -> NDArray[Any]:
    """Return ``value`` as a complex64 or complex128 array (real input gets a zero imaginary part)."""
    array = np.asarray(value)
    if array.dtype not in _COMPLEX:
        if array.dtype in _REAL:
            array = array.astype(np.result_type(array.dtype, np.complex64))
        elif array.dtype.newbyteorder("=") in _COMPLEX:
            array = array.astype(array.dtype.newbyteorder("="))
    if array.dtype not in _COMPLEX:
        raise ParameterError(f"{name} must be a complex64 or complex128 array, got dtype {array.dtype}.")
    return _shaped(name, array, min_ndim, check_finite)


def magnitudes(name: str, value: Any, *, min_ndim: int = 2) -> NDArray[Any]:
    """Return ``value`` as a finite, nonnegative float array."""
    array = real_array(name, value, min_ndim=min_ndim)
    if array.size and array.min() < 0:
        raise ParameterError(
            f"{name} must be nonnegative, but its minimum is {array.min():g}; pass magnitudes, e.g. abs(S)."
        )
    return array


def _shaped(name: str, array: NDArray[Any], min_ndim: int, check_finite: bool) -> NDArray[Any]:
    if array.ndim < min_ndim:
        raise ParameterError(f"{name} must have at least {min_ndim} axes, got shape {array.shape}.")
    if check_finite:
        finite(name, array)
    return array
