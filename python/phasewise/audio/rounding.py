"""Rounding of stems so that what is written sums to the written mixture.

Rounding every stem on its own leaves a residue of a few units in the last place against the rounded mixture.
Here that residue goes, unit by unit, to the stems whose own rounding erred most in its direction: every stem
stays within one unit of its value, and the sum is the mixture, sample for sample.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise._validate import integer, real_array
from phasewise.errors import ParameterError

__all__ = ["ordered_sum", "quantize", "settle_float_stems", "settle_integer_stems"]

_SLICE = 16384  # samples worked on at once: what they need stays in the cache


def quantize(audio: NDArray[Any], bits: int) -> tuple[NDArray[np.int32], int]:
    """Round audio to integers.

    Parameters
    ----------
    audio : ndarray
        Any shape, full scale 1.0.
    bits : int
        Width of the integers, 2 to 32.

    Returns
    -------
    integers : ndarray of int32
        ``audio * 2**(bits - 1)`` rounded to the nearest, ties to even, and limited to the range of ``bits``
        bits. Audio that was read from integers of this width, or of a smaller one, is unchanged.
    clipped : int
        How many samples were out of range.
    """
    low, high = _range(bits)
    scaled = np.rint(real_array("audio", audio).astype(np.float64) * (high + 1))
    clipped = int(np.count_nonzero((scaled < low) | (scaled > high)))
    return np.clip(scaled, low, high).astype(np.int32), clipped


def settle_integer_stems(
    mixture: NDArray[np.int32], stems: NDArray[Any], bits: int
) -> tuple[NDArray[np.int32], int]:
    """Round stems to integers whose sum is the integer mixture, sample for sample.

    Parameters
    ----------
    mixture : ndarray of int32, shape (...)
        The mixture as it is written, e.g. from ``quantize``.
    stems : ndarray of shape (stems, ...)
        Floating-point stems, full scale 1.0.
    bits : int
        Width of the integers, 2 to 32.

    Returns
    -------
    integers : ndarray of int32, shape (stems, ...)
        Their sum over the first axis equals ``mixture`` everywhere.
    clipped : int
        How many stem samples were out of range before the residue was spread.

    Notes
    -----
    Every stem is rounded and limited to the range of ``bits`` bits. What is then missing from the mixture is
    shared out: equal whole parts first, then unit by unit to the stem with the largest rounding error in the
    direction of the residue (the first of equals), never beyond the range. Where the stems sum to the mixture
    and none of them is out of range, each ends within one unit of its value. A stem that is out of range
    keeps its limit, and the others take the rest: they change, the sum does not. Deterministic; numpy only;
    temporary memory is independent of the length.
    """
    low, high = _range(bits)
    stems = real_array("stems", stems, min_ndim=1)
    if mixture.shape != stems.shape[1:] or not len(stems):
        raise ParameterError(
            f"stems must have shape (stems, *{mixture.shape}) like the mixture, got {stems.shape}."
        )
    if mixture.size and (mixture.min() < low or mixture.max() > high):
        raise ParameterError(f"mixture must fit {bits} bits, i.e. lie in [{low}, {high}]; quantize it first.")
    out = np.empty(stems.shape, np.int32)
    flat_mixture, flat_stems, flat_out = (
        mixture.reshape(-1),
        stems.reshape(len(stems), -1),
        out.reshape(len(out), -1),
    )
    clipped = 0
    for start in range(0, flat_mixture.size, _SLICE):
        part = slice(start, start + _SLICE)
        scaled = flat_stems[:, part].astype(np.float64) * (high + 1)
        rounded = np.rint(scaled)
        clipped += int(np.count_nonzero((rounded < low) | (rounded > high)))
        values = np.clip(rounded, low, high).astype(np.int64)
        residue = flat_mixture[part] - values.sum(axis=0)
        (where,) = np.nonzero(residue)
        if where.size:
            settled = values[:, where]
            _spread(settled, residue[where], (scaled - rounded)[:, where], low, high)
            values[:, where] = settled
        flat_out[:, part] = values
    return out, clipped


def _spread(
    values: NDArray[np.int64], residue: NDArray[np.int64], error: NDArray[np.float64], low: int, high: int
) -> None:
    """Add ``residue`` to the columns of ``values``, in place, within the range."""
    while (share := np.fix(residue / len(values)).astype(np.int64)).any():
        moved = np.clip(values + share, low, high) - values
        values += moved
        residue = residue - moved.sum(axis=0)
    columns = np.arange(residue.size)
    while columns.size:
        # Fewer units are left than there are stems, and the mixture is in range: some stem has room for one.
        step = np.sign(residue)
        here = values[:, columns]
        room = np.where(step > 0, here < high, here > low)
        best = np.argmax(np.where(room, error * step, -np.inf), axis=0)
        values[best, columns] += step
        error[best, np.arange(columns.size)] -= step
        residue = residue - step
        left = residue != 0
        columns, residue, error = columns[left], residue[left], error[:, left]


def settle_float_stems(mixture: NDArray[Any], stems: NDArray[Any]) -> NDArray[Any]:
    """Round stems to the mixture's floating-point type so that their sum is the mixture.

    Parameters
    ----------
    mixture : ndarray of float32 or float64, shape (...)
    stems : ndarray of float32 or float64, shape (stems, ...)
        Stems that sum to the mixture up to rounding.

    Returns
    -------
    ndarray of the mixture's dtype, shape (stems, ...)
        At every sample the smallest stem, whose last place is the finest, takes the whole residue. The exact
        sum of the result rounds to the mixture wherever the smallest stem is not larger than the mixture, or
        the mixture came from integers of up to 24 bits; elsewhere (loud stems that cancel) no
        floating-point stems near the given ones can do it, and the sum is off by at most half a unit in the
        last place of the smallest stem.
    """
    if mixture.shape != stems.shape[1:] or not len(stems):
        raise ParameterError(
            f"stems must have shape (stems, *{mixture.shape}) like the mixture, got {stems.shape}."
        )
    out = np.array(stems, mixture.dtype, order="C")  # so that reshape gives a view
    flat_mixture, flat = mixture.reshape(-1), out.reshape(len(out), -1)
    for start in range(0, flat_mixture.size, _SLICE):
        part = slice(start, start + _SLICE)
        values = flat[:, part]
        smallest = np.argmin(np.abs(values), axis=0)
        columns = np.arange(smallest.size)
        # Without the smallest, not "sum minus smallest": the others alone are exact in float64.
        wide = values.astype(np.float64)
        wide[smallest, columns] = 0.0
        values[smallest, columns] = flat_mixture[part] - ordered_sum(wide)
    return out


def ordered_sum(stems: NDArray[Any]) -> NDArray[Any]:
    """Return the sum over the first axis, first to last: the same bits for one sample as for many.

    numpy takes another order where that axis is the last in memory or the others have one item.
    """
    total: NDArray[Any] = stems[0]
    for stem in stems[1:]:
        total = total + stem
    return total


def _range(bits: int) -> tuple[int, int]:
    if not 2 <= integer("bits", bits) <= 32:
        raise ParameterError(f"bits must be between 2 and 32, got {bits}.")
    return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
