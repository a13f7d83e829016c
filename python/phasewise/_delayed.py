"""The end of a streaming separation: mixture and stems side by side, late by the same number of samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise._queue import Queue
from phasewise.audio.rounding import ordered_sum, settle_float_stems
from phasewise.phase.online._stage import MixtureStage

__all__ = ["DelayedStems", "magnitude"]


def magnitude(spectrum: NDArray[Any]) -> NDArray[Any]:
    """Return the magnitudes of a spectrum; every value has the same bits in any array.

    Those of ``numpy.abs`` depend on how the array lies in memory: it has several loops for complex numbers.
    """
    return np.asarray(np.sqrt(np.square(spectrum.real) + np.square(spectrum.imag)))


class DelayedStems:
    """Samples in, as many samples of every stem out, and the mixture that they sum to.

    Parameters
    ----------
    stage : MixtureStage
        Makes the stems.
    latency : int
        Of the whole path, in samples: that of the stage, and of what comes before it.
    channels : int
    dtype : dtype
        Of the samples.
    """

    def __init__(self, stage: MixtureStage, latency: int, channels: int, dtype: np.dtype[Any]) -> None:
        self.latency, self.dtype = latency, dtype
        self._stage = stage
        self._mixture = Queue((channels,), dtype, zeros=latency)
        # What the stage returns is late by its own latency already.
        self._stems = Queue((channels, stage.n_sources), dtype, zeros=latency - stage.latency)
        self.received = 0

    def push(
        self, mixture: NDArray[Any], X: NDArray[Any], V: NDArray[Any]
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Take samples (channels, n), and frames for the stage; return n samples of mixture and stems.

        The stems are (stems, channels, n).
        """
        self.received += mixture.shape[-1]
        self._mixture.put(mixture)
        if X.shape[-1]:
            self._stems.put(self._stage.push(X, V))
        return self._take(mixture.shape[-1])

    def flush(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the last ``latency`` samples, after the last frames were pushed."""
        if self.received:
            self._stems.put(self._stage.flush(self.received))
            result = self._take(self.latency)
        else:
            result = self._take(0)
        self.reset()
        return result

    def reset(self) -> None:
        """Forget the stream."""
        self._stage.reset()
        self._mixture.reset()
        self._stems.reset()
        self.received = 0

    def _take(self, count: int) -> tuple[NDArray[Any], NDArray[Any]]:
        mixture = self._mixture.take(count)
        stems = np.moveaxis(self._stems.take(count), 1, 0)
        if count:
            stems = stems + (mixture - ordered_sum(stems)) / mixture.dtype.type(len(stems))
            stems = settle_float_stems(mixture, stems)
        return mixture, stems
