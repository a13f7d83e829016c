"""Windows that solve a design problem: Dolph-Chebyshev, Taylor and Slepian, as symmetric forms.

References
----------
.. [1] C. L. Dolph, "A current distribution for broadside arrays which optimizes the relationship between beam
       width and side-lobe level", Proc. IRE 34(6), 1946.
.. [2] W. G. Carrara, R. S. Goodman and R. M. Majewski, "Spotlight synthetic aperture radar", appendix D.2,
       Artech House, 1995 (Taylor windows).
.. [3] D. Slepian, "Prolate spheroidal wave functions, Fourier analysis, and uncertainty V: the discrete
       case", Bell System Technical Journal 57(5), 1978.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from phasewise._validate import integer, number
from phasewise.errors import ParameterError

__all__ = ["DESIGNS"]

Window = NDArray[np.float64]


def _chebwin(length: int, at: float) -> Window:
    """Return the window with the narrowest main lobe whose side lobes all lie `at` dB below it."""
    attenuation = 10 ** (abs(number("at", at)) / 20)
    order = length - 1
    spread = np.cosh(np.arccosh(attenuation) / order)
    x = spread * np.cos(np.pi * np.arange(length) / length)
    # The Chebyshev polynomial of that order: cosine inside [-1, 1], hyperbolic cosine outside.
    inside = np.cos(order * np.arccos(np.clip(x, -1, 1)))
    outside = np.cosh(order * np.arccosh(np.maximum(np.abs(x), 1)))
    spectrum = np.where(np.abs(x) <= 1, inside, np.where((x < 0) & (order % 2 == 1), -outside, outside))
    # Back to samples around the centre, which lies between two samples for even lengths.
    shift = np.exp(1j * np.pi * np.arange(length) / length) if length % 2 == 0 else 1.0
    samples = np.fft.fft(spectrum * shift).real
    half = samples[1 : length // 2 + 1] if length % 2 == 0 else samples[: (length + 1) // 2]
    values = np.concatenate((half[::-1], half[length % 2 :]))
    return np.asarray(values / values.max())


def _taylor(length: int, nbar: int = 4, sll: float = 30.0, norm: bool = True) -> Window:
    """Return the Taylor window: `nbar` near side lobes `sll` dB down, those beyond falling."""
    nbar = integer("nbar", nbar)
    height = np.arccosh(10 ** (number("sll", sll, minimum=0) / 20)) / np.pi
    dilation = nbar**2 / (height**2 + (nbar - 0.5) ** 2)
    orders = np.arange(1, nbar)
    zeros = dilation * (height**2 + (orders - 0.5) ** 2)

    def at(n: Window) -> Window:
        total = np.ones_like(n)
        for m in orders:
            numerator = (-1.0) ** (m + 1) * np.prod(1 - m**2 / zeros)
            denominator = np.prod(1 - m**2 / orders[orders != m] ** 2)
            total += numerator / denominator * np.cos(2 * np.pi * m * (n - length / 2 + 0.5) / length)
        return total

    values = at(np.arange(float(length)))
    return np.asarray(values / at(np.array([(length - 1) / 2]))) if norm else values


def _dpss(length: int, NW: float) -> Window:
    """Return the sequence with the largest share of its energy within ``NW / length`` cycles per sample.

    It belongs to the smallest eigenvalue of a tridiagonal matrix that commutes with the problem (Slepian
    1978, section 2.2). Less a constant, that matrix is a chain of samples with links ``n (length - n) / 2``,
    each tied to zero by ``2 u**2 sin(pi NW / length)**2`` at its distance u from the centre. Eliminating in
    these terms adds positive numbers only, so inverse iteration keeps every digit; the entries of the
    matrix itself would lose some for long windows.
    """
    NW = number("NW", NW, minimum=0)
    if not 0 < NW < length / 2:
        raise ParameterError(f"NW must lie between 0 and half of {length} samples, got {NW}.")
    size = (length + 1) // 2  # the sequence is even
    n = np.arange(size)
    links = (n * (length - n) / 2).tolist()
    ties = 2 * ((length - 1 - 2 * n) / 2 * np.sin(np.pi * NW / length)) ** 2
    share = np.ones(size)
    if length % 2:
        share[-1] = 0.5  # both halves own the middle sample
    drains = (ties * share).tolist()
    for i in range(1, size):
        drains[i] += links[i] * drains[i - 1] / (links[i] + drains[i - 1])
    pivots = [drain + link for drain, link in zip(drains, [*links[1:], 0.0], strict=True)]

    def solve(right: list[float]) -> list[float]:
        for i in range(1, size):
            right[i] += links[i] / pivots[i - 1] * right[i - 1]
        right[-1] /= pivots[-1]
        for i in range(size - 2, -1, -1):
            right[i] = (right[i] + links[i + 1] * right[i + 1]) / pivots[i]
        return right

    vector, change = np.ones(size), 1.0
    for _ in range(200):  # the error falls at least fivefold each time
        if change < 1e-16:
            break
        before = vector
        vector = np.array(solve((share * before).tolist()))
        vector /= vector[-1]
        change = float(np.max(np.abs(vector - before)))
    values = np.concatenate((vector, vector[::-1][length % 2 :]))
    # Between the two middle samples of an even length the maximum is a little higher.
    return np.asarray(values if length % 2 else values * length**2 / (length**2 + NW))


DESIGNS: dict[str, Callable[..., Window]] = {"chebwin": _chebwin, "dpss": _dpss, "taylor": _taylor}
