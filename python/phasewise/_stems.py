"""What separation and refinement share: arrays in and out, the exact sum, progress and cancellation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._chunks import ChunkPlan, process_in_chunks
from phasewise._validate import number, real_array
from phasewise.audio.rounding import settle_float_stems, settle_integer_stems
from phasewise.errors import Cancelled, ParameterError

__all__ = ["Callback", "Given", "as_audio", "rate", "restore_sum", "stream_chunks"]

Callback = Callable[[float], Any]

_PCM_BITS = {np.dtype(np.int16): 16, np.dtype(np.int32): 32}


@dataclass(frozen=True)
class Given:
    """Audio as the user gave it, and how to give stems back in the same form.

    Attributes
    ----------
    values : ndarray of float32 or float64, shape (channels, samples)
        Full scale is 1.0.
    original : ndarray
        What was given.
    """

    values: NDArray[Any]
    original: NDArray[Any]

    def settle(self, stems: NDArray[Any]) -> NDArray[Any]:
        """Return ``stems`` (stems, channels, samples) in the form of the original, summing to it.

        Integers sum exactly, floating-point numbers as ``settle_float_stems`` says.
        """
        bits = _PCM_BITS.get(self.original.dtype)
        original = self.original.reshape(self.values.shape)
        if bits is None:
            settled = settle_float_stems(self.values, stems)
        else:
            settled = settle_integer_stems(original.astype(np.int32), stems, bits)[0].astype(original.dtype)
        return settled.reshape(len(stems), *self.original.shape)


def as_audio(name: str, audio: ArrayLike) -> Given:
    """Check audio ``(channels, samples)`` or ``(samples,)``: floating point, or int16 or int32 samples."""
    array = np.asarray(audio)
    bits = _PCM_BITS.get(array.dtype)
    if bits is None and array.dtype.kind not in "f":
        raise ParameterError(
            f"{name} must be float32, float64, int16 or int32, got dtype {array.dtype}; convert it first."
        )
    if array.ndim not in (1, 2):
        raise ParameterError(f"{name} must have shape (channels, samples) or (samples,), got {array.shape}.")
    if array.shape[-1] == 0 or array.shape[0] == 0:
        raise ParameterError(f"{name} is empty: its shape is {array.shape}; give at least one sample.")
    if array.ndim == 2 and array.shape[0] > 64 and array.shape[0] > array.shape[1]:
        raise ParameterError(
            f"{name} must have shape (channels, samples), got {array.shape}; it looks transposed, pass "
            f"{name}.T."
        )
    if bits is not None:
        values = array.astype(np.float32 if bits == 16 else np.float64) / 2.0 ** (bits - 1)
    else:
        values = real_array(name, array)
    return Given(np.atleast_2d(values), array)


def rate(sample_rate: float) -> float:
    """Check a sample rate in Hz."""
    return number("sample_rate", sample_rate, minimum=100.0, maximum=1e7)


def restore_sum(mixture: NDArray[Any], stems: NDArray[Any]) -> NDArray[Any]:
    """Share what ``stems`` (stems, channels, n) lack of ``mixture`` (channels, n), in the mixture's dtype.

    Without resampling the residue is rounding noise. With it, it is what the model does not hear: frequencies
    beyond its own sample rate. So the shares are the stems' energies at the high end, those of their second
    differences.
    """
    stems = stems.astype(mixture.dtype, copy=False)
    residue = mixture - stems.sum(axis=0)
    high = np.diff(stems, n=2, axis=-1)
    energy = np.einsum("jcn,jcn->jc", high, high, dtype=np.float64)[..., None]
    total = energy.sum(axis=0)
    shares = np.where(total > 0, energy / np.where(total > 0, total, 1.0), 1.0 / len(stems))
    restored: NDArray[Any] = stems + shares.astype(mixture.dtype) * residue
    return restored


def stream_chunks(
    blocks: Iterable[NDArray[Any]],
    plan: ChunkPlan,
    process: Callable[[NDArray[Any], Callback], NDArray[Any]],
    total: int | None,
    callback: Callback | None,
) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
    """Yield pieces of the stream with their results, reporting progress on the way.

    ``process`` takes a chunk and a function to be called with the fraction of the chunk that is done. The
    fraction of the whole (of ``total`` samples; without it nothing but the end is reported) goes to
    ``callback``, never decreasing, and 1.0 at the end.
    """
    done = 0

    def work(chunk: NDArray[Any]) -> NDArray[Any]:
        new = min(plan.hop, chunk.shape[-1])

        def tick(fraction: float) -> None:
            if total:
                _report(callback, min(1.0, (done + fraction * new) / total))

        tick(0.0)
        return process(chunk, tick)

    for given, result in process_in_chunks(blocks, plan, work):
        done += given.shape[-1]
        yield given, result
    _report(callback, 1.0)


def _report(callback: Callback | None, fraction: float) -> None:
    if callback is None:
        return
    try:
        go_on = callback(fraction)
    except KeyboardInterrupt as interrupt:
        raise Cancelled("cancelled by the callback") from interrupt
    if go_on is False:
        raise Cancelled("cancelled: the callback returned False")
