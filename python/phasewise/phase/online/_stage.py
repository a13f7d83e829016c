"""What all objects share that take frames and return samples as a stream goes on.

A stage is a `phasewise._streams.Stream`: parameters, precision and channels are treated as there. The work is
done by a state of the core, made in the constructor, with

- ``received``: frames of the stream so far;
- ``push(mixture, magnitudes, out)``: (channels, frames, bins) and (channels, sources, frames, bins) in C
  order, and (channels, sources, frames * hop_length), of which only the samples of a source are contiguous.
  Stages of one source have no ``mixture``;
- ``flush(length, out)``: out (channels, sources, latency + length - frames * hop_length);
- ``reset()``.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from phasewise._streams import Stream
from phasewise._validate import complex_array, integer, magnitudes
from phasewise.errors import ParameterError
from phasewise.windows import WindowSpec

__all__ = ["FrameStage", "MixtureStage", "SourceStage"]

_NAMES = ("mixture_frames", "magnitude_frames")


class FrameStage(Stream):
    """Frames in, the samples of their sources out, ``latency`` samples late.

    A subclass sets what `_make_state` needs before it calls this constructor.

    Parameters
    ----------
    sources : int > 0
        Sources of every channel.
    lookahead : int >= 0
        Frames that must follow a frame before it is settled.
    n_fft, hop_length, win_length, window, center, channels, dtype
        As in `phasewise.StreamingISTFT`.
    """

    def __init__(
        self,
        sources: int,
        lookahead: int,
        n_fft: int,
        hop_length: int | None,
        win_length: int | None,
        window: WindowSpec,
        center: bool,
        channels: int,
        dtype: DTypeLike | None,
    ) -> None:
        self._sources = sources
        self._lookahead = integer("lookahead", lookahead, minimum=0)
        super().__init__(n_fft, hop_length, win_length, window, center, "constant", channels, dtype)
        f = self._framing
        # As many frames as it takes to have a whole period after the start, without the end.
        frames = 1 + -(-f.n_fft // f.hop_length)
        f.check_overlap(frames, frames * f.hop_length - f.lead)

    @abstractmethod
    def _make_state(self, plan: Any, double: bool) -> Any: ...

    @property
    def lookahead(self) -> int:
        """Frames that must follow a frame before it is settled."""
        return self._lookahead

    @property
    def latency(self) -> int:
        """Samples by which the result lags behind the frames.

        Item ``latency + i`` of all that is returned is sample i of the signal; what comes before is zeros. It
        is ``n_fft // 2 + lookahead * hop_length`` for centred frames, ``lookahead * hop_length`` for others.
        The way from samples to samples adds the latency of `phasewise.StreamingSTFT`.
        """
        return self._framing.lead + self._lookahead * self._framing.hop_length

    @property
    def received(self) -> int:
        """Frames of the stream so far."""
        return int(self._state.received)

    def flush(self, length: int | None = None, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """End the stream: return the samples that waited for more frames.

        The next push starts a new stream.

        Parameters
        ----------
        length : int > 0, optional
            Samples of the whole signal (cut or filled with zeros): all pushes and this call return
            ``latency + length`` samples together. By default what the frames determine.
        out : real array, optional
            As in `push`.

        Returns
        -------
        array shaped like the result of the last `push`, real

        Raises
        ------
        ParameterError
            If there were no frames, `length` is less than what has been returned, or samples at the end have
            no window energy; the stream goes on.
        """
        f, count = self._framing, self.received
        if count == 0:
            raise ParameterError("the stream has no frames; push at least one before its end.")
        returned = max(0, count * f.hop_length - self.latency)
        if length is None:
            length = max(f.samples(count), returned)
        elif (length := integer("length", length)) < returned:
            raise ParameterError(
                f"length must be at least {returned}, the number of samples returned so far, got {length}."
            )
        if length > 0:
            f.check_overlap(count, length)
        made = _Samples(
            out, self._shape(self.latency + length - count * f.hop_length), self._real, self._leave_out
        )
        self._state.flush(length, made.memory)
        return made.public()

    def __repr__(self) -> str:
        f = self._framing
        return (
            f"{type(self).__name__}(n_fft={f.n_fft}, hop_length={f.hop_length}, win_length={f.win_length}, "
            f"lookahead={self._lookahead}, center={f.center}, channels={self._channels}, dtype={self._real})"
        )

    # Axes that the caller's arrays do not have, of (channels, sources, samples).
    @property
    def _leave_out(self) -> tuple[int, ...]:
        return (0,) if self._squeeze else ()

    def _shape(self, samples: int) -> tuple[int, int, int]:
        return (self._channels, self._sources, samples)

    def _take(
        self,
        X: NDArray[Any] | None,
        V: NDArray[Any],
        names: tuple[str, ...],
        out: NDArray[Any] | None,
        **options: Any,
    ) -> NDArray[Any]:
        """Give frames (channels, freq, n) and (channels, sources, freq, n) to the core."""
        mixture, values = self._ready(X, V, names)
        samples = V.shape[-1] * self._framing.hop_length
        made = _Samples(out, self._shape(samples), self._real, self._leave_out)
        self._give(mixture, values, made.memory, **options)
        return made.public()

    def _ready(
        self, X: NDArray[Any] | None, V: NDArray[Any], names: tuple[str, ...]
    ) -> tuple[NDArray[Any] | None, NDArray[Any]]:
        """Return the frames as the core takes them, after a look at their bins and precision."""
        given = [array for array in (X, V) if array is not None]
        for name, array in zip(names, given, strict=True):
            if array.shape[-2] != self._framing.bins:
                raise ParameterError(
                    f"{name} must have 1 + n_fft // 2 = {self._framing.bins} bins on axis -2 for "
                    f"n_fft={self._framing.n_fft}, got shape {array.shape}; pass the n_fft of the analysis."
                )
        self._follow(" or ".join(names), max((a.real.dtype for a in given), key=lambda d: d.itemsize))
        return None if X is None else _frame_major(X, self._complex), _frame_major(V, self._real)

    def _give(self, X: NDArray[Any] | None, V: NDArray[Any], out: NDArray[Any], **options: Any) -> None:
        self._state.push(X, V, out, **options)


class MixtureStage(FrameStage):
    """A stage that takes the frames of a mixture with the magnitudes of its sources."""

    def __init__(self, n_sources: int, *arguments: Any) -> None:
        super().__init__(integer("n_sources", n_sources), *arguments)

    @property
    def n_sources(self) -> int:
        """Number of sources."""
        return self._sources

    def push(
        self, mixture_frames: ArrayLike, magnitude_frames: ArrayLike, out: NDArray[Any] | None = None
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

        Returns
        -------
        array of shape (channels, sources, n * hop_length), or (sources, n * hop_length), real
            ``latency`` samples late: the first ones of a stream are zeros.

        Raises
        ------
        ParameterError
            If shapes do not fit, values are not finite or magnitudes negative, or frames have more precision
            than the stream.
        """
        X, V = self._checked(mixture_frames, magnitude_frames)
        return self._take(X, V, _NAMES, out)

    def _checked(
        self, mixture_frames: ArrayLike, magnitude_frames: ArrayLike
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return frames (channels, freq, n) and (channels, sources, freq, n) that belong together."""
        axes = f"{self._framing.bins}, n"
        X = self._with_channels("mixture_frames", complex_array("mixture_frames", mixture_frames), 2, axes)
        bare = self._squeeze
        V = self._with_channels(
            "magnitude_frames",
            magnitudes("magnitude_frames", magnitude_frames, min_ndim=3),
            3,
            f"{self._sources}, {axes}",
        )
        if bare != self._squeeze or V.shape[1] != self._sources or V.shape[-1] != X.shape[-1]:
            raise ParameterError(
                f"magnitude_frames must have the shape of mixture_frames, {np.shape(mixture_frames)}, with "
                f"an axis of {self._sources} sources at -3, got {np.shape(magnitude_frames)}."
            )
        return X, V


class SourceStage(FrameStage):
    """A stage that takes the magnitudes of one source."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(1, *arguments)

    def push(self, magnitude_frames: ArrayLike, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Take the next frames and return as many hops of samples.

        Parameters
        ----------
        magnitude_frames : array of shape (channels, freq, n), or (freq, n) for one channel, nonnegative
            Any number n of frames, also none.
        out : real array of shape (channels, n * hop_length), optional
            Where to put the samples, without the first axis if the frames have none; room for more samples
            is left alone.

        Returns
        -------
        array of shape (channels, n * hop_length), or (n * hop_length,), real
            ``latency`` samples late: the first ones of a stream are zeros.

        Raises
        ------
        ParameterError
            If shapes do not fit, values are not finite or negative, or frames have more precision than the
            stream.
        """
        values = magnitudes("magnitude_frames", magnitude_frames)
        V = self._with_channels("magnitude_frames", values, 2, f"{self._framing.bins}, n")
        return self._take(None, V[:, np.newaxis], ("magnitude_frames",), out)

    @property
    def _leave_out(self) -> tuple[int, ...]:
        return (0, 1) if self._squeeze else (1,)


class _Samples:
    """Memory (channels, sources, samples) for the core: inside ``out`` if the core can write there."""

    def __init__(
        self,
        out: NDArray[Any] | None,
        shape: tuple[int, ...],
        dtype: np.dtype[Any],
        leave_out: tuple[int, ...],
    ) -> None:
        self._leave_out = leave_out
        self._target: NDArray[Any] | None = None
        self._direct = False
        if out is not None:
            wanted = tuple(n for axis, n in enumerate(shape) if axis not in leave_out)
            fits = out.ndim == len(wanted) and out.shape[:-1] == wanted[:-1] and out.shape[-1] >= wanted[-1]
            if not fits or out.dtype != dtype:
                raise ParameterError(
                    f"out must have shape {wanted} (or more on the last axis) and dtype {dtype}, "
                    f"got {out.shape} and {out.dtype}."
                )
            self._target = out[..., : shape[-1]]
            self.memory = np.expand_dims(self._target, leave_out)
            rows = self.memory.strides[-1] == dtype.itemsize or shape[-1] <= 1
            self._direct = rows and out.flags.aligned and out.flags.writeable
        if not self._direct:
            self.memory = np.empty(shape, dtype)

    def public(self) -> NDArray[Any]:
        """Return the result, in ``out`` if there is one."""
        if self._target is not None and self._direct:
            return self._target
        made = self.memory.squeeze(self._leave_out)
        if self._target is None:
            return made
        self._target[...] = made
        return self._target


def _frame_major(array: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    """Return (..., freq, n) as (..., n, freq) in C order, a copy unless it is so already."""
    turned = np.swapaxes(array, -1, -2)
    return np.require(turned, dtype, ("C", "A"))
