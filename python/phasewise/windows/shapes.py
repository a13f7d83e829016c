"""Windows that are written down sample by sample, each as its symmetric form of `length` >= 2 values.

References
----------
.. [1] F. J. Harris, "On the use of windows for harmonic analysis with the discrete Fourier transform",
       Proc. IEEE 66(1), 1978.
.. [2] A. H. Nuttall, "Some windows with very good sidelobe behavior", IEEE TASSP 29(1), 1981.
.. [3] J. P. Princen, A. W. Johnson and A. B. Bradley, "Subband/transform coding using filter bank designs
       based on time domain aliasing cancellation", Proc. ICASSP, 1987.
.. [4] Xiph.Org Foundation, "Vorbis I specification", section 1.3.2.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from phasewise._validate import number
from phasewise.errors import ParameterError

__all__ = ["COSINE_SUMS", "SHAPES"]

Window = NDArray[np.float64]
_TINY = 1e-300

# sum_k (-1)^k a_k cos(2 pi k n / (length - 1))
COSINE_SUMS: dict[str, tuple[float, ...]] = {
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.50, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": (0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
}


def _positions(length: int) -> Window:
    """Return 0 at the first and 1 at the last sample."""
    return np.arange(length) / (length - 1)


def _distances(length: int) -> Window:
    """Return the distance from the centre in samples."""
    return np.asarray(np.abs(np.arange(length) - (length - 1) / 2))


def _cosine_sum(length: int, coefficients: Sequence[float]) -> Window:
    phase = 2 * np.pi * _positions(length)
    total = np.zeros(length)
    for k, a in enumerate(coefficients):
        total += (-1) ** k * a * np.cos(k * phase)
    return total


def _named_cosine_sum(name: str) -> Callable[[int], Window]:
    return lambda length: _cosine_sum(length, COSINE_SUMS[name])


def _general_cosine(length: int, coefficients: Sequence[float]) -> Window:
    return _cosine_sum(length, [number("coefficient", a) for a in coefficients])


def _general_hamming(length: int, alpha: float) -> Window:
    alpha = number("alpha", alpha)
    return _cosine_sum(length, (alpha, 1 - alpha))


def _boxcar(length: int) -> Window:
    return np.ones(length)


def _triang(length: int) -> Window:
    return np.asarray(1 - 2 * _distances(length) / (length + length % 2))


def _bartlett(length: int) -> Window:
    return 1 - np.abs(2 * _positions(length) - 1)


def _barthann(length: int) -> Window:
    x = np.abs(_positions(length) - 0.5)
    return np.asarray(0.62 - 0.48 * x + 0.38 * np.cos(2 * np.pi * x))


def _parzen(length: int) -> Window:
    n = _distances(length)
    x = n / (length / 2)
    return np.where(n <= (length - 1) / 4, 1 - 6 * x**2 + 6 * x**3, 2 * (1 - x) ** 3)


def _bohman(length: int) -> Window:
    x = np.abs(2 * _positions(length) - 1)
    values = (1 - x) * np.cos(np.pi * x) + np.sin(np.pi * x) / np.pi
    values[[0, -1]] = 0
    return values


def _cosine(length: int) -> Window:
    return np.sin(np.pi * (np.arange(length) + 0.5) / length)


def _lanczos(length: int) -> Window:
    return np.sinc(2 * _positions(length) - 1)


def _tukey(length: int, alpha: float = 0.5) -> Window:
    alpha = min(number("alpha", alpha), 1.0)
    if alpha <= 0:
        return np.ones(length)
    x = _positions(length)
    edge = np.minimum(x, 1 - x)
    return np.where(edge < alpha / 2, 0.5 * (1 - np.cos(2 * np.pi * edge / alpha)), 1.0)


def _gaussian(length: int, std: float) -> Window:
    return np.asarray(np.exp(-0.5 * (_distances(length) / number("std", std, minimum=_TINY)) ** 2))


def _general_gaussian(length: int, p: float, sig: float) -> Window:
    x = _distances(length) / number("sig", sig, minimum=_TINY)
    return np.asarray(np.exp(-0.5 * x ** (2 * number("p", p, minimum=0))))


def _exponential(length: int, center: float | None = None, tau: float = 1.0) -> Window:
    middle = (length - 1) / 2 if center is None else number("center", center)
    return np.asarray(np.exp(-np.abs(np.arange(length) - middle) / number("tau", tau, minimum=_TINY)))


def _kaiser(length: int, beta: float) -> Window:
    beta = number("beta", beta)
    x = 2 * _positions(length) - 1
    return np.asarray(np.i0(beta * np.sqrt(np.maximum(0, 1 - x**2))) / np.i0(beta))


# ---- power-complementary: w[n]^2 + w[n + N/2]^2 = 1 -----------------------------------------------


def _sqrt_hann(length: int) -> Window:
    return np.sin(np.pi * _positions(length))


def _vorbis(length: int) -> Window:
    return np.sin(np.pi / 2 * _cosine(length) ** 2)


def _kaiser_bessel_derived(length: int, beta: float) -> Window:
    if length % 2:
        raise ParameterError(
            f"the window 'kaiser_bessel_derived' needs an even length, got {length}; use {length + 1}."
        )
    sums = np.cumsum(_kaiser(length // 2 + 1, beta))
    half = np.sqrt(sums[:-1] / sums[-1])
    return np.concatenate((half, half[::-1]))


SHAPES: dict[str, Callable[..., Window]] = {
    **{name: _named_cosine_sum(name) for name in COSINE_SUMS},
    "barthann": _barthann,
    "bartlett": _bartlett,
    "bohman": _bohman,
    "boxcar": _boxcar,
    "cosine": _cosine,
    "exponential": _exponential,
    "gaussian": _gaussian,
    "general_cosine": _general_cosine,
    "general_gaussian": _general_gaussian,
    "general_hamming": _general_hamming,
    "kaiser": _kaiser,
    "kaiser_bessel_derived": _kaiser_bessel_derived,
    "lanczos": _lanczos,
    "parzen": _parzen,
    "sine": _cosine,
    "sqrt_hann": _sqrt_hann,
    "triang": _triang,
    "tukey": _tukey,
    "vorbis": _vorbis,
}
