"""Decibels, with librosa's names and rules."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise.errors import ParameterError

__all__ = ["amplitude_to_db", "db_to_amplitude", "db_to_power", "power_to_db"]


def power_to_db(
    S: ArrayLike,
    *,
    ref: float | ArrayLike | Callable[[NDArray[Any]], Any] = 1.0,
    amin: float = 1e-10,
    top_db: float | None = 80.0,
) -> Any:
    """Return powers in decibels, ``10 log10(S / ref)``.

    Parameters
    ----------
    S : array of any shape, nonnegative
        Powers, for example squared magnitudes.
    ref : float, array or callable
        What 0 dB means: a power, or a function of `S` such as ``numpy.max``.
    amin : float > 0
        Powers and references below it count as it.
    top_db : float >= 0 or None
        Values more than this below the largest value of the whole array are raised to that level.

    Returns
    -------
    float or array like `S`, in its precision

    Raises
    ------
    ParameterError
        If `amin` is not positive or `top_db` is negative.

    Warns
    -----
    UserWarning
        If `S` is complex; its magnitude is taken.

    Examples
    --------
    >>> power_to_db(np.array([1.0, 0.1, 1e-12]))
    array([  0., -10., -80.])
    """
    if not amin > 0:
        raise ParameterError(f"amin must be positive, got {amin!r}.")
    if top_db is not None and not top_db >= 0:
        raise ParameterError(f"top_db must be nonnegative or None, got {top_db!r}.")
    power = _real("power_to_db", "abs(S) ** 2", S)
    reference = ref(power) if callable(ref) else np.abs(ref)
    decibels = 10 * np.log10(np.maximum(power, power.dtype.type(amin)))
    decibels -= (10 * np.log10(np.maximum(amin, reference))).astype(decibels.dtype)
    if top_db is not None and decibels.size:
        decibels = np.maximum(decibels, decibels.max() - decibels.dtype.type(top_db))
    return decibels[()]


def amplitude_to_db(
    S: ArrayLike,
    *,
    ref: float | ArrayLike | Callable[[NDArray[Any]], Any] = 1.0,
    amin: float = 1e-5,
    top_db: float | None = 80.0,
) -> Any:
    """Return amplitudes in decibels, ``20 log10(abs(S) / ref)``; see `power_to_db`.

    Parameters
    ----------
    S : array of any shape
        Amplitudes.
    ref, amin, top_db
        As in `power_to_db`, with amplitudes for `ref` and `amin`.

    Returns
    -------
    float or array like `S`, in its precision

    Examples
    --------
    >>> amplitude_to_db(np.array([1.0, 0.1]), ref=0.1)
    array([20.,  0.])
    """
    if not amin > 0:
        raise ParameterError(f"amin must be positive, got {amin!r}.")
    amplitude = np.abs(_real("amplitude_to_db", "abs(S)", S))
    reference = ref(amplitude) if callable(ref) else np.abs(ref)
    return power_to_db(np.square(amplitude), ref=np.square(reference), amin=amin**2, top_db=top_db)


def db_to_power(S_db: ArrayLike, *, ref: float = 1.0) -> Any:
    """Return decibels as powers, ``ref * 10 ** (S_db / 10)``: the inverse of `power_to_db`.

    Parameters
    ----------
    S_db : array of any shape, in dB
    ref : float
        The power that 0 dB means.

    Returns
    -------
    float or array like `S_db`, in its precision
    """
    return ref * np.power(10.0, np.asarray(S_db) * 0.1)


def db_to_amplitude(S_db: ArrayLike, *, ref: float = 1.0) -> Any:
    """Return decibels as amplitudes, ``ref * 10 ** (S_db / 20)``: the inverse of `amplitude_to_db`.

    Parameters
    ----------
    S_db : array of any shape, in dB
    ref : float
        The amplitude that 0 dB means.

    Returns
    -------
    float or array like `S_db`, in its precision
    """
    return np.sqrt(db_to_power(S_db, ref=ref**2))


def _real(function: str, instead: str, S: ArrayLike) -> NDArray[Any]:
    """Return floating-point values, of complex ones the magnitude with a warning."""
    values = np.asarray(S)
    if values.dtype.kind == "c":
        warnings.warn(
            f"{function} got complex values and drops their phase; pass {instead} to say so.", stacklevel=3
        )
        values = np.abs(values)
    return values if values.dtype.kind == "f" else values.astype(np.float64)
