"""How the sources share the mixing error: the weights of the mixing projection."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._validate import choice, number
from phasewise.errors import ParameterError
from phasewise.phase._problem import broadcasts, frame_major

__all__ = ["core_weights", "mixing_shares"]

_EXPONENTS = {"equal": 0.0, "magnitude": 1.0, "wiener": 2.0, "refreshed": 1.0}


def core_weights(V: NDArray[Any], kind: str | float | ArrayLike) -> dict[str, Any]:
    """Return the arguments ``weights`` and ``exponent`` of the core's `invert`.

    Powers of the magnitudes are computed where they are used; the others, and weights that are to be
    refreshed, are shares like ``V``.
    """
    refreshed = isinstance(kind, str) and kind == "refreshed"
    if not refreshed and (isinstance(kind, str) or np.ndim(kind) == 0):
        exponent = _exponent(kind)
        return {"weights": None, "exponent": exponent or None}
    shares = mixing_shares(V, kind)
    return {"weights": None if shares is None else frame_major(shares, 3, V.dtype), "exponent": None}


def _exponent(kind: Any) -> float:
    if isinstance(kind, str):
        return _EXPONENTS[choice("mixing_weights", kind, _EXPONENTS)]
    return number("mixing_weights", kind, minimum=0.0)


def mixing_shares(V: NDArray[Any], kind: str | float | ArrayLike) -> NDArray[Any] | None:
    """Return shares of the mixing error like ``V`` (..., source, freq, frames), or None for equal ones.

    ``kind`` is a name, an exponent of ``V``, one nonnegative weight per source, or an array that broadcasts
    to ``V``. Bins in which all weights are zero get equal shares.
    """
    if isinstance(kind, str) or np.ndim(kind) == 0:
        exponent = _exponent(kind)
        if exponent == 0:
            return None
        # Relative to the loudest source, so that powers neither overflow nor vanish.
        largest = V.max(axis=-3, keepdims=True)
        raw = V / np.where(largest > 0, largest, 1)
        if exponent == 0.5:
            np.sqrt(raw, out=raw)
        elif exponent != 1:
            np.power(raw, exponent, out=raw)
    else:
        given = np.asarray(kind, dtype=np.float64)
        if given.ndim == 1:
            given = given[:, None, None]
        if given.shape[-3] != V.shape[-3] or not broadcasts(given.shape, V.shape):
            raise ParameterError(
                f"mixing_weights must broadcast to the magnitudes' shape {V.shape}, got {given.shape}."
            )
        if not np.isfinite(given).all() or given.min() < 0:
            raise ParameterError("mixing_weights must be finite and nonnegative.")
        raw = np.empty_like(V)
        raw[...] = given
    total = raw.sum(axis=-3, keepdims=True)
    empty = total == 0
    if empty.any():
        raw += empty
        total = total + V.shape[-3] * empty
    raw /= total
    return raw
