"""Bands of neighbouring bins: narrow where harmonics lie close together, wider with frequency above."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise._validate import integer, number

__all__ = ["band_edges", "expand", "pool"]


def band_edges(
    n_fft: int, sample_rate: float, *, full_below: float = 1500.0, relative_width: float = 0.02
) -> NDArray[np.int64]:
    """Return the first bin of every band, and the number of bins at the end.

    Parameters
    ----------
    n_fft : int
    sample_rate : float
        In Hz.
    full_below : float
        Bands of a single bin up to this frequency in Hz.
    relative_width : float
        Width of a band above it, as a share of its lowest frequency.

    Returns
    -------
    ndarray of int64, shape (bands + 1,)
    """
    spacing = number("sample_rate", sample_rate, minimum=1.0) / integer("n_fft", n_fft)
    bins = n_fft // 2 + 1
    edges = [0]
    while edges[-1] < bins:
        frequency = edges[-1] * spacing
        width = round(relative_width * frequency / spacing) if frequency > full_below else 1
        edges.append(min(bins, edges[-1] + max(1, width)))
    return np.asarray(edges, np.int64)


def pool(V: NDArray[Any], edges: NDArray[np.int64]) -> NDArray[Any]:
    """Return the sums over bands, (..., bands, frames), of ``V`` (..., freq, frames); frame-major."""
    turned = np.swapaxes(V, -1, -2)
    if len(edges) - 1 == turned.shape[-1]:
        return V
    return np.swapaxes(np.add.reduceat(turned, edges[:-1], axis=-1), -1, -2)


def expand(values: NDArray[Any], edges: NDArray[np.int64], axis: int = -2) -> NDArray[Any]:
    """Return the values of bands as values of bins: each is repeated over its band."""
    return np.repeat(values, np.diff(edges), axis=axis)
