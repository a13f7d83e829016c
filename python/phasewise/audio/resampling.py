"""Conversion of the sample rate (soxr, high quality), at once or block by block."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise._validate import integer, number, real_array
from phasewise.audio._libraries import soxr

__all__ = ["Resampler", "resample"]

_QUALITY = "HQ"


def resample(
    audio: NDArray[Any], from_rate: float, to_rate: float, *, length: int | None = None
) -> NDArray[Any]:
    """Convert the sample rate of audio.

    Parameters
    ----------
    audio : ndarray of float32 or float64, shape (..., samples)
    from_rate, to_rate : float
        Sample rates in Hz.
    length : int, optional
        Samples of the result; cut, or continued with zeros. None for what the rates give, ``samples * to_rate
        / from_rate`` rounded.

    Returns
    -------
    ndarray of shape (..., length) and the dtype of ``audio``
        ``audio`` itself if nothing changes.
    """
    audio = real_array("audio", audio)
    from_rate = number("from_rate", from_rate, minimum=1e-3)
    to_rate = number("to_rate", to_rate, minimum=1e-3)
    if from_rate == to_rate and length in (None, audio.shape[-1]):
        return audio
    columns = np.ascontiguousarray(audio.reshape(-1, audio.shape[-1]).T)
    if from_rate != to_rate:
        columns = soxr().resample(columns, from_rate, to_rate, quality=_QUALITY)
    wanted = len(columns) if length is None else integer("length", length, minimum=0)
    out = np.zeros((*audio.shape[:-1], wanted), audio.dtype)
    kept = min(wanted, len(columns))
    out.reshape(-1, wanted)[:, :kept] = columns[:kept].T
    return out


class Resampler:
    """Conversion of the sample rate of a stream of blocks ``(channels, samples)``.

    The blocks' samples, put together, are those of ``resample`` on the whole, however the stream is cut.

    Parameters
    ----------
    from_rate, to_rate : float
        Sample rates in Hz.
    channels : int
    dtype : {"float32", "float64"}
    """

    def __init__(self, from_rate: float, to_rate: float, channels: int, dtype: Any = np.float32) -> None:
        self._dtype = np.dtype(dtype)
        self._channels = integer("channels", channels)
        self._stream = soxr().ResampleStream(
            number("from_rate", from_rate, minimum=1e-3),
            number("to_rate", to_rate, minimum=1e-3),
            self._channels,
            dtype=self._dtype.name,
            quality=_QUALITY,
        )

    def push(self, block: NDArray[Any]) -> NDArray[Any]:
        """Take samples ``(channels, n)`` and return those that are ready, ``(channels, m)``."""
        return self._convert(block, last=False)

    def flush(self) -> NDArray[Any]:
        """End the stream and return the samples that were held back."""
        return self._convert(np.empty((self._channels, 0), self._dtype), last=True)

    def stream(self, blocks: Iterable[NDArray[Any]]) -> Iterator[NDArray[Any]]:
        """Convert all ``blocks``, the end included."""
        for block in blocks:
            yield self.push(block)
        yield self.flush()

    def _convert(self, block: NDArray[Any], *, last: bool) -> NDArray[Any]:
        columns = np.ascontiguousarray(block.T, self._dtype)
        out: NDArray[Any] = np.ascontiguousarray(self._stream.resample_chunk(columns, last=last).T)
        return out
