"""What surrounds a frame: means of its neighbours, in bands, as further rows of what is factorised.

A frame alone does not tell a drum from a note that begins, nor a held note from a sung one. The rows are sums
of magnitudes like those of the frame itself, so sources add in them just as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._bands import pool
from phasewise._validate import integer, number
from phasewise.errors import ParameterError

__all__ = ["Neighbours", "checked_edges"]


@dataclass(frozen=True, eq=False)
class Neighbours:
    """A group of frames at fixed distances from every frame.

    Parameters
    ----------
    first, last : int
        The first and the last frame of the group, counted from the frame: -2, -1 are the two before it.
    edges : array of int, shape (bands + 1,)
        First bin of every band, then the number of bins.
    weight : float > 0
        How much a deviation of the group counts in the divergence, as a multiple of one of the frame itself.
    """

    first: int
    last: int
    edges: NDArray[np.int64]
    weight: float = 1.0

    def __post_init__(self) -> None:
        for name in ("first", "last"):
            object.__setattr__(self, name, integer(name, getattr(self, name), minimum=-10_000))
        if self.last < self.first:
            raise ParameterError(f"last must not come before first, got {self.first} and {self.last}.")
        edges = np.asarray(self.edges)
        object.__setattr__(self, "edges", checked_edges(edges, int(edges[-1]) if edges.size else 1))
        object.__setattr__(self, "weight", number("weight", self.weight, minimum=1e-6))

    @property
    def bands(self) -> int:
        """Rows of the group."""
        return len(self.edges) - 1

    @property
    def reach(self) -> int:
        """Frames that it looks ahead or back."""
        return max(abs(self.first), abs(self.last))

    def limited(self, bins: int) -> NDArray[np.int64]:
        """Return the edges of the bands below ``bins``."""
        return np.append(self.edges[self.edges < bins], bins)

    def rows(self, V: NDArray[Any], bins: int) -> NDArray[Any]:
        """Return the weighted means (..., frames, bands) of ``V`` (..., frames, freq); none beyond the ends.

        Only the lowest ``bins`` bins count.
        """
        sums = np.swapaxes(pool(np.swapaxes(V[..., :bins], -1, -2), self.limited(bins)), -1, -2)
        frames = sums.shape[-2]
        total = np.zeros_like(sums)
        for shift in range(self.first, self.last + 1):
            start, stop = max(0, -shift), min(frames, frames - shift)
            if start < stop:
                total[..., start:stop, :] += sums[..., start + shift : stop + shift, :]
        total *= total.dtype.type(self.weight / (self.last - self.first + 1))
        return total


def checked_edges(edges: ArrayLike, bins: int) -> NDArray[np.int64]:
    """Return edges of bands over ``bins`` bins, read-only."""
    result = np.array(edges, np.int64)
    if (
        result.ndim != 1
        or len(result) < 2
        or result[0] != 0
        or result[-1] != bins
        or (np.diff(result) < 1).any()
    ):
        raise ParameterError(
            f"edges must rise from 0 to the {bins} bins of the transform, got {result[:3].tolist()}...; "
            f"give the first bin of every band, then the number of bins."
        )
    result.setflags(write=False)
    return result
