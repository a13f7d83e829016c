"""Stages whose frames are wanted themselves, beside the samples made of them.

The state of the core is one of ``FrameStage32`` and ``FrameStage64``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise.errors import ParameterError
from phasewise.phase.online._stage import _NAMES, FrameStage, MixtureStage

__all__ = ["SettledMixtureStage", "SettledStage"]


class SettledStage(FrameStage):
    """A stage that gives samples or, to streams that want these, its settled frames."""

    _gives = "samples"

    @property
    def latency(self) -> int:
        """Samples by which the result lags behind the frames.

        Item ``latency + i`` of all that is returned is sample i of the signal; what comes before is zeros. It
        is ``n_fft // 2 + lookahead * hop_length`` for centred frames, ``lookahead * hop_length`` for others,
        and more by what a hop is longer than the samples behind the centre of a frame. The way from samples
        to samples adds the latency of `phasewise.StreamingSTFT`.
        """
        return int(self._state.latency)

    def flush(self, length: int | None = None, out: NDArray[Any] | None = None) -> NDArray[Any]:
        self._check_use("samples")
        return super().flush(length, out)

    flush.__doc__ = FrameStage.flush.__doc__

    def flush_frames(self) -> NDArray[Any]:
        """End a stream of `push_frames`: return the frames that waited for another one.

        The next push starts a new stream.

        Returns
        -------
        complex array shaped like the result of the last `push_frames`
            `lookahead` frames, or fewer if the stream was shorter.

        Raises
        ------
        ParameterError
            If there were no frames, or the stream has returned samples.
        """
        if self.received == 0:
            raise ParameterError("the stream has no frames; push at least one before its end.")
        self._check_use("frames")
        made = self._spectra(self._state.unsettled)
        self._state.flush_spectra(made)
        return self._public_frames(made)

    def _give(self, X: NDArray[Any] | None, V: NDArray[Any], out: NDArray[Any], **options: Any) -> None:
        self._use("samples")
        super()._give(X, V, out, **options)

    def _take_frames(
        self, X: NDArray[Any] | None, V: NDArray[Any], names: tuple[str, ...], **options: Any
    ) -> NDArray[Any]:
        mixture, values = self._ready(X, V, names)
        self._use("frames")
        made = self._spectra(self._state.settled(V.shape[-1]))
        self._state.push_spectra(mixture, values, made, **options)
        return self._public_frames(made)

    def _spectra(self, frames: int) -> NDArray[Any]:
        return np.empty((self._channels, self._sources, frames, self._framing.bins), self._complex)

    def _public_frames(self, made: NDArray[Any]) -> NDArray[Any]:
        return np.swapaxes(made, -1, -2).squeeze(self._leave_out)

    def _use(self, kind: str) -> None:
        self._check_use(kind)
        self._gives = kind

    def _check_use(self, kind: str) -> None:
        if self.received and self._gives != kind:
            raise ParameterError(
                f"the stream returns {self._gives}, now {kind} are asked for; end or reset() it first, or "
                "use two objects."
            )


class SettledMixtureStage(SettledStage, MixtureStage):
    """A stage of sources that start anew in frames that the caller marks."""

    def push(
        self,
        mixture_frames: ArrayLike,
        magnitude_frames: ArrayLike,
        out: NDArray[Any] | None = None,
        *,
        onsets: ArrayLike | None = None,
    ) -> NDArray[Any]:
        """Take the next frames and return as many hops of samples.

        Parameters
        ----------
        mixture_frames : array of shape (channels, freq, n), or (freq, n) for one channel, complex
            Any number n of frames, also none.
        magnitude_frames : array of shape (channels, sources, freq, n), or (sources, freq, n), nonnegative
        out : real array of shape (channels, sources, n * hop_length), optional
            Where to put the samples, without the first axis if the frames have none; room for more samples
            is left alone.
        onsets : bool array of shape (channels, sources, n), or (sources, n), optional
            Frames in which a source starts anew, from the phase of the mixture. The first frame of a stream
            always is one.

        Returns
        -------
        array of shape (channels, sources, n * hop_length), or (sources, n * hop_length), real
            ``latency`` samples late: the first ones of a stream are zeros.

        Raises
        ------
        ParameterError
            If shapes do not fit, values are not finite or magnitudes negative, frames have more precision
            than the stream, or the stream returns frames.
        """
        X, V = self._checked(mixture_frames, magnitude_frames)
        return self._take(X, V, _NAMES, out, onsets=self._marks(onsets, V))

    def push_frames(
        self, mixture_frames: ArrayLike, magnitude_frames: ArrayLike, *, onsets: ArrayLike | None = None
    ) -> NDArray[Any]:
        """Take the next frames and return the sources in them as frames.

        A stream returns either samples or frames.

        Parameters
        ----------
        mixture_frames, magnitude_frames, onsets
            As in `push`.

        Returns
        -------
        array of shape (channels, sources, freq, n), or (sources, freq, n), complex

        Raises
        ------
        ParameterError
            As `push` does, or if the stream returns samples.
        """
        X, V = self._checked(mixture_frames, magnitude_frames)
        return self._take_frames(X, V, _NAMES, onsets=self._marks(onsets, V))

    def _marks(self, onsets: ArrayLike | None, V: NDArray[Any]) -> NDArray[np.bool_] | None:
        if onsets is None:
            return None
        marks = np.asarray(onsets)
        shape = (*V.shape[:2], V.shape[-1])
        wanted = shape[1:] if self._squeeze else shape
        if marks.dtype != np.bool_ or marks.shape != wanted:
            raise ParameterError(
                f"onsets must be a boolean array of shape {wanted}, one value per source and frame, got "
                f"{marks.dtype} {marks.shape}."
            )
        return np.ascontiguousarray(marks).reshape(shape)
