"""Windows by name, number, function or value."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import lru_cache
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._validate import finite, integer
from phasewise.errors import ParameterError
from phasewise.windows.designs import DESIGNS
from phasewise.windows.shapes import SHAPES

__all__ = ["WINDOWS", "WindowSpec", "get_window", "padded_window"]

WindowSpec: TypeAlias = "str | float | tuple[Any, ...] | Callable[[int], ArrayLike] | ArrayLike"

# Each function gives the symmetric window of at least two values.
WINDOWS: dict[str, Callable[..., NDArray[np.float64]]] = {**SHAPES, **DESIGNS}

# Power-complementary as they are; the periodic rule would spoil that.
_ONE_FORM = ("sine", "vorbis", "kaiser_bessel_derived")

_LONGEST_KEPT = 1 << 16  # longer windows are computed anew each time, so that the cache stays small

_ALIASES = {
    alias: name
    for name, aliases in {
        "barthann": "brthan bth",
        "bartlett": "bart brt",
        "blackman": "black blk",
        "blackmanharris": "blackharr bkh",
        "bohman": "bman bmn",
        "boxcar": "box ones rect rectangular",
        "chebwin": "cheb",
        "cosine": "halfcosine",
        "exponential": "poisson",
        "flattop": "flat flt",
        "gaussian": "gauss gss",
        "general_gaussian": "general_gauss ggs",
        "hamming": "hamm ham",
        "hann": "han hanning",
        "kaiser": "ksr",
        "kaiser_bessel_derived": "kbd",
        "lanczos": "sinc",
        "nuttall": "nutl nut",
        "parzen": "parz par",
        "taylor": "taylorwin",
        "triang": "triangle tri",
        "tukey": "tuk",
    }.items()
    for alias in aliases.split()
}


def get_window(window: WindowSpec, win_length: int, *, fftbins: bool = True) -> NDArray[np.float64]:
    """Return the values of a window.

    Parameters
    ----------
    window : str, tuple, float, callable or array of shape (win_length,)
        Name (see ``phasewise.windows.WINDOWS``, or an alias of scipy), ``(name, parameter, ...)`` such as
        ``("kaiser", 8.6)``, the beta of a Kaiser window, a function of the length, or the values
        themselves. A name may end in ``_periodic`` or ``_symmetric``.
    win_length : int > 0
        Number of samples.
    fftbins : bool
        Periodic window (the default, right for a transform) or symmetric one. Ignored for arrays and
        callables, for names with an ending, and for "sine", "vorbis" and "kaiser_bessel_derived", which have
        one form.

    Returns
    -------
    ndarray of float64, shape (win_length,)

    Raises
    ------
    ParameterError
        If the name is unknown, or the values have another length, are not finite or are all zero.

    Examples
    --------
    >>> get_window("hann", 4)
    array([0. , 0.5, 1. , 0.5])
    >>> get_window("sine", 4) ** 2 + np.roll(get_window("sine", 4), 2) ** 2
    array([1., 1., 1., 1.])
    """
    win_length = integer("win_length", win_length)
    if isinstance(window, Real):
        window = ("kaiser", float(window))
    if isinstance(window, (str, tuple)):
        return _by_name(window, win_length, fftbins)
    given = np.asarray(window(win_length) if callable(window) else window)
    if given.dtype.kind not in "fiub":
        raise ParameterError(
            f"window must be real, got values of dtype {given.dtype}; a transform with a complex window is "
            "the sum of one with its real part and 1j times one with its imaginary part."
        )
    values = np.array(given, dtype=np.float64)
    if values.shape != (win_length,):
        raise ParameterError(
            f"window must have shape ({win_length},) to fit win_length={win_length}, got {values.shape}; "
            "pass win_length=len(window)."
        )
    finite("window", values)
    if not values.any():
        raise ParameterError("window must have energy, but all its values are zero.")
    return values


def padded_window(window: WindowSpec, win_length: int, n_fft: int) -> NDArray[np.float64]:
    """Return a periodic window of `win_length` values, centred in `n_fft` values by zeros."""
    values = get_window(window, win_length)
    if win_length == n_fft:
        return values
    left = (n_fft - win_length) // 2
    return np.pad(values, (left, n_fft - win_length - left))


def _by_name(window: str | tuple[Any, ...], win_length: int, periodic: bool) -> NDArray[np.float64]:
    name, *parameters = (window,) if isinstance(window, str) else window or ("",)
    known = name.replace(" ", "_") if isinstance(name, str) else ""
    for ending in ("_periodic", "_symmetric"):
        if known.endswith(ending):
            known, periodic = known.removesuffix(ending), ending == "_periodic"
    known = _ALIASES.get(known, known)
    if known not in WINDOWS:
        raise ParameterError(
            f"window must be one of {', '.join(sorted(WINDOWS))}, a tuple (name, parameter), a callable "
            f"or an array of {win_length} values; got {window!r}."
        )
    hashable = tuple(tuple(p) if isinstance(p, (list, np.ndarray)) else p for p in parameters)
    periodic = periodic and known not in _ONE_FORM
    values = _values if win_length <= _LONGEST_KEPT else _values.__wrapped__
    try:
        return np.array(values(known, hashable, win_length, periodic))
    except TypeError as error:
        names = list(inspect.signature(WINDOWS[known]).parameters)[1:]
        wanted = f"takes ({known!r}, {', '.join(names)})" if names else "takes none"
        raise ParameterError(f"window {window!r} has wrong parameters ({error}); it {wanted}.") from None


@lru_cache(maxsize=32)
def _values(name: str, parameters: tuple[Any, ...], length: int, periodic: bool) -> NDArray[np.float64]:
    if length == 1:
        return np.ones(1)
    values: NDArray[np.float64] = WINDOWS[name](length + periodic, *parameters)[:length]
    finite("window", values)
    return values
