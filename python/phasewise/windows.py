"""Window functions by name, periodic (for spectral analysis) or symmetric.

References
----------
.. [1] F. J. Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform",
       Proc. IEEE 66(1), 1978.
"""

from __future__ import annotations

from collections.abc import Callable
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._validate import finite, integer
from phasewise.errors import ParameterError

__all__ = ["WINDOWS", "WindowSpec", "get_window", "padded_window"]

WindowSpec: TypeAlias = "str | float | tuple[Any, ...] | Callable[[int], ArrayLike] | ArrayLike"

# sum_k (-1)^k a_k cos(2 pi k n / N)
_COSINE_SUMS: dict[str, tuple[float, ...]] = {
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.50, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}
_ALIASES = {
    "hanning": "hann",
    "ones": "boxcar",
    "rect": "boxcar",
    "rectangular": "boxcar",
    "blackharr": "blackmanharris",
    "sine": "cosine",
}


def _cosine_sum(name: str) -> Callable[[int], NDArray[np.float64]]:
    def window(period: int) -> NDArray[np.float64]:
        phase = 2 * np.pi * np.arange(period) / period
        total = np.zeros(period)
        for k, a in enumerate(_COSINE_SUMS[name]):
            total += (-1) ** k * a * np.cos(k * phase)
        return total

    return window


def _boxcar(period: int) -> NDArray[np.float64]:
    return np.ones(period)


def _bartlett(period: int) -> NDArray[np.float64]:
    return 1 - np.abs(2 * np.arange(period) / period - 1)


def _cosine(period: int) -> NDArray[np.float64]:
    return np.sin(np.pi * (np.arange(period) + 0.5) / (period + 1))


def _triang(period: int) -> NDArray[np.float64]:
    length = period + 1
    if length % 2:
        return 1 - np.abs(2 * (np.arange(period) + 1) / (length + 1) - 1)
    return 1 - np.abs(2 * (np.arange(period) + 0.5) / length - 1)


def _kaiser(period: int, beta: float) -> NDArray[np.float64]:
    x = 2 * np.arange(period) / period - 1
    return np.asarray(np.i0(beta * np.sqrt(np.maximum(0, 1 - x**2))) / np.i0(beta))


def _gaussian(period: int, std: float) -> NDArray[np.float64]:
    return np.asarray(np.exp(-0.5 * ((np.arange(period) - period / 2) / std) ** 2))


def _tukey(period: int, alpha: float = 0.5) -> NDArray[np.float64]:
    if alpha <= 0:
        return np.ones(period)
    x = np.arange(period) / period
    edge = np.minimum(x, 1 - x)
    rising = 0.5 * (1 - np.cos(2 * np.pi * edge / min(alpha, 1.0)))
    return np.where(edge < min(alpha, 1.0) / 2, rising, 1.0)


# Each function gives the first `period` values of the symmetric window of period + 1 values.
WINDOWS: dict[str, Callable[..., NDArray[np.float64]]] = {
    **{name: _cosine_sum(name) for name in _COSINE_SUMS},
    "boxcar": _boxcar,
    "bartlett": _bartlett,
    "triang": _triang,
    "cosine": _cosine,
    "kaiser": _kaiser,
    "gaussian": _gaussian,
    "tukey": _tukey,
}


def get_window(window: WindowSpec, win_length: int, *, fftbins: bool = True) -> NDArray[np.float64]:
    """Return the values of a window.

    Parameters
    ----------
    window : str, tuple, float, callable or array of shape (win_length,)
        Name (see ``phasewise.windows.WINDOWS``), ``(name, parameter)`` such as ``("kaiser", 8.6)``,
        the beta of a Kaiser window, a function of the length, or the values themselves.
    win_length : int > 0
        Number of samples.
    fftbins : bool
        Periodic window (the default, right for a transform) or symmetric one. Ignored for arrays and
        callables.

    Returns
    -------
    ndarray of float64, shape (win_length,)

    Raises
    ------
    ParameterError
        If the name is unknown, or the values have another length, are not finite or are all zero.
    """
    win_length = integer("win_length", win_length)
    if isinstance(window, Real):
        window = ("kaiser", float(window))
    if isinstance(window, (str, tuple)):
        name, *parameters = (window,) if isinstance(window, str) else window
        function = WINDOWS.get(_ALIASES.get(name, name)) if isinstance(name, str) else None
        if function is None:
            raise ParameterError(
                f"window must be one of {', '.join(sorted(WINDOWS))}, a tuple (name, parameter), a callable "
                f"or an array of {win_length} values; got {window!r}."
            )
        if win_length == 1:
            return np.ones(1)
        try:
            if fftbins:
                return function(win_length, *parameters)
            symmetric = function(win_length - 1, *parameters)
            return np.append(symmetric, symmetric[0])
        except TypeError as error:
            raise ParameterError(f"window {window!r} has wrong parameters: {error}.") from None
    values = np.array(window(win_length) if callable(window) else window, dtype=np.float64)
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
    """Return a periodic window of ``win_length`` values, centred in ``n_fft`` values by zeros."""
    values = get_window(window, win_length)
    left = (n_fft - win_length) // 2
    return np.pad(values, (left, n_fft - win_length - left))
