"""Processing of a stream of any length in overlapping chunks, joined by cross-fades."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise._validate import integer
from phasewise.errors import ParameterError

__all__ = ["ChunkPlan", "chunk_plan", "process_in_chunks", "rechunk"]

_OVERLAP_SECONDS = 1.0


@dataclass(frozen=True)
class ChunkPlan:
    """How a stream is cut.

    Attributes
    ----------
    length : int
        Samples of a chunk. Chunks start every ``length - overlap`` samples; the last ends with the stream.
    overlap : int
        Samples that neighbours share, at most half a chunk.
    guard : int
        Samples at both ends of the overlap that come from one chunk alone, because the other one, whose edge
        is there, knows them badly. Between the guards the fade is linear, and the weights sum to one.
    """

    length: int
    overlap: int
    guard: int = 0

    def __post_init__(self) -> None:
        integer("length", self.length)
        integer("overlap", self.overlap, minimum=0)
        integer("guard", self.guard, minimum=0)
        if 2 * self.overlap > self.length:
            raise ParameterError(
                f"overlap must be at most half of length, got {self.overlap} of {self.length} samples."
            )
        if 2 * self.guard > self.overlap:
            raise ParameterError(
                f"guard must be at most half of overlap, got {self.guard} of {self.overlap} samples."
            )

    @property
    def hop(self) -> int:
        """Samples from the start of a chunk to the start of the next."""
        return self.length - self.overlap

    def fade(self) -> NDArray[np.float64]:
        """Weights of a chunk over its first ``overlap`` samples; its predecessor has the rest, up to one."""
        ramp = (np.arange(self.overlap - 2 * self.guard) + 0.5) / max(1, self.overlap - 2 * self.guard)
        return np.concatenate([np.zeros(self.guard), ramp, np.ones(self.guard)])


def chunk_plan(seconds: float, sample_rate: float, window: float, grid: int = 1) -> ChunkPlan:
    """Return the plan for chunks of about ``seconds``, for frames of ``window`` samples.

    Neighbours share one second, a quarter of the chunk at most, and keep clear of each other's edges by two
    windows where that leaves room for the fade. Chunks start at multiples of ``grid`` samples.
    """
    overlap = grid * max(1, round(min(_OVERLAP_SECONDS, seconds / 4) * sample_rate / grid))
    hop = grid * max(1, round(seconds * sample_rate / grid - overlap / grid))
    return ChunkPlan(max(hop, overlap) + overlap, overlap, min(round(2 * window), overlap // 4))


def process_in_chunks(
    blocks: Iterable[NDArray[Any]], plan: ChunkPlan, process: Callable[[NDArray[Any]], NDArray[Any]]
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Apply ``process`` to overlapping chunks of a stream and join the results.

    Parameters
    ----------
    blocks : iterable of ndarray (..., n)
        The stream, in blocks of any length; how it is cut changes nothing.
    plan : ChunkPlan
    process : callable
        Takes a chunk ``(..., n)`` and returns a new array ``(..., n)``, with other leading axes if it likes.

    Yields
    ------
    given, result : ndarray (..., m)
        Consecutive pieces of the stream and of the joined results. At most two chunks are held at a time.
    """
    stream = rechunk(blocks, plan)
    fade = plan.fade()
    tail: NDArray[Any] | None = None
    for chunk, last in stream:
        result = process(chunk)
        if tail is not None:
            weight = fade.astype(result.dtype)
            result[..., : plan.overlap] = weight * result[..., : plan.overlap] + (1 - weight) * tail
        ready = chunk.shape[-1] if last else plan.hop
        tail = result[..., ready:].copy()
        yield chunk[..., :ready], result[..., :ready]


def rechunk(blocks: Iterable[NDArray[Any]], plan: ChunkPlan) -> Iterator[tuple[NDArray[Any], bool]]:
    """Yield the overlapping chunks of a stream, and whether each is the last."""
    pending: list[NDArray[Any]] = []
    held = 0
    for block in blocks:
        pending.append(block)
        held += block.shape[-1]
        # One sample more than a chunk says that it is not the last.
        while held > plan.length:
            whole = np.concatenate(pending, axis=-1)
            yield whole[..., : plan.length], False
            pending = [whole[..., plan.hop :]]
            held -= plan.hop
    if held:
        yield np.concatenate(pending, axis=-1), True
