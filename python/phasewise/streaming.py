"""The short-time Fourier transform and its inverse of streams that come in blocks of any size.

However a stream is cut, its frames and samples are those that `phasewise.stft` and `phasewise.istft` make of
all of it, bit for bit. The objects keep what they need in memory of their own, made when they are created.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from phasewise import _core
from phasewise._framing import PadMode
from phasewise._streams import Result, Stream, readable
from phasewise._validate import choice, complex_array, floating_array, integer
from phasewise.errors import ParameterError
from phasewise.windows import WindowSpec

__all__ = ["StreamingISTFT", "StreamingSTFT"]


class StreamingSTFT(Stream):
    """Short-time Fourier transform of a stream, block by block.

    Parameters
    ----------
    n_fft, hop_length, win_length, window, center
        As in `stft`.
    pad_mode : {"constant", "reflect", "edge"}
        What lies beyond the ends of the stream when `center` is true.
    channels : int > 0
        Signals that are transformed side by side.
    dtype : float32 or float64, optional
        Precision, by default that of the first block. If it is given or the first block is float32,
        nothing but results is allocated after construction.

    Raises
    ------
    ParameterError
        If a parameter is out of range.

    See Also
    --------
    StreamingISTFT : The inverse.

    Notes
    -----
    Each frame is computed once, as soon as its last sample is known; the cost is that of `stft`. Memory:
    ``2 * n_fft`` samples a channel. One thread is used. An object belongs to one stream: give each thread
    its own.

    Examples
    --------
    >>> import numpy as np
    >>> import phasewise as pw
    >>> y = np.random.default_rng(0).standard_normal((2, 5000), dtype=np.float32)
    >>> stream = pw.StreamingSTFT(1024, 256, channels=2)
    >>> parts = [stream.push(y[:, i : i + 700]) for i in range(0, 5000, 700)]
    >>> S = np.concatenate([*parts, stream.flush()], axis=-1)
    >>> np.array_equal(S, pw.stft(y, n_fft=1024, hop_length=256))
    True
    """

    _state: _core.StreamingStft32 | _core.StreamingStft64

    def __init__(
        self,
        n_fft: int = 2048,
        hop_length: int | None = None,
        win_length: int | None = None,
        window: WindowSpec = "hann",
        center: bool = True,
        pad_mode: str = "constant",
        *,
        channels: int = 1,
        dtype: DTypeLike | None = None,
    ) -> None:
        super().__init__(n_fft, hop_length, win_length, window, center, pad_mode, channels, dtype)
        if not self._framing.core_pads:
            raise ParameterError(
                f"pad_mode must be 'constant', 'reflect' or 'edge' for a stream, got {pad_mode!r}; pad the "
                "stream yourself and use center=False."
            )

    def _make_state(self, plan: Any, double: bool) -> _core.StreamingStft32 | _core.StreamingStft64:
        return (_core.StreamingStft64 if double else _core.StreamingStft32)(plan, self._channels)

    @property
    def latency(self) -> int:
        """Samples after sample ``t * hop_length`` with which frame t is complete, at most.

        Frame t is returned by the push that brings sample ``t * hop_length + latency``, or an earlier one.
        It is ``n_fft - n_fft // 2 - 1`` for centred frames (``n_fft // 2`` if the start is reflected) and
        ``n_fft - 1`` otherwise.
        """
        return self._state.latency

    def frames(self, samples: int) -> int:
        """Return the number of frames that a push of `samples` samples will give.

        Parameters
        ----------
        samples : int >= 0

        Returns
        -------
        int
        """
        return self._state.frames(integer("samples", samples, minimum=0))

    def push(self, block: ArrayLike, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Take the next samples and return the frames that they complete.

        Parameters
        ----------
        block : array of shape (channels, samples), or (samples,) for one channel, float
            Any number of samples, also none.
        out : complex array of shape (channels, 1 + n_fft // 2, frames), optional
            Where to put the frames, without the first axis if `block` has none; room for more frames is
            left alone.

        Returns
        -------
        array of shape (channels, 1 + n_fft // 2, frames), or (1 + n_fft // 2, frames), complex
            A view of frame-major memory; often without any frame.

        Raises
        ------
        ParameterError
            If shapes do not fit, samples are integers or not finite, or `block` is float64 in a stream of
            float32.
        """
        signal = self._with_channels("block", floating_array("block", block), 1, "samples")
        self._follow("block", signal.dtype)
        result = self._result(out, self._state.frames(signal.shape[-1]))
        self._state.push(readable(signal.astype(self._real, copy=False)), result.memory)
        return result.public()

    def flush(self, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """End the stream: return the frames that reach into the padding behind it.

        The next push starts a new stream.

        Parameters
        ----------
        out : complex array of shape (channels, 1 + n_fft // 2, frames), optional
            As in `push`.

        Returns
        -------
        array of shape (channels, 1 + n_fft // 2, frames), or (1 + n_fft // 2, frames), complex
            Shaped like the result of the last `push`; no frames if `center` is false.

        Raises
        ------
        ParameterError
            If the stream is too short to have a frame, as in `stft`; the stream goes on.
        """
        self._framing.frames(self._state.received, "the stream")
        result = self._result(out, self._state.flush_frames)
        self._state.flush(result.memory)
        return result.public()

    def _result(self, out: NDArray[Any] | None, frames: int) -> Result:
        shape = (self._channels, self._framing.bins, frames)
        return Result(out, shape, self._complex, squeeze=self._squeeze, turned=True)


class StreamingISTFT(Stream):
    """Inverse short-time Fourier transform of a stream of frames, by overlap-add.

    Parameters
    ----------
    n_fft, hop_length, win_length, window, center
        As in `istft`; the default of `n_fft` is that of `stft`.
    pad_mode : str
        Of no effect: it is there so that both directions take the same arguments.
    channels : int > 0
        Signals that are made side by side.
    dtype : float32 or float64, optional
        Precision, by default that of the first frames. If it is given or the first frames are complex64,
        nothing but results is allocated after construction.
    on_zero_overlap : {"raise", "mask"}
        What to do when window and hop leave samples without energy: refuse them, or leave these samples
        unnormalised.

    Raises
    ------
    ParameterError
        If a parameter is out of range, or window and hop leave samples of a long stream without energy.

    See Also
    --------
    StreamingSTFT : The transform.

    Notes
    -----
    A stream through both directions comes back at the same positions, ``latency`` of the one plus
    ``latency`` of the other late: when N samples have been pushed, at least N less that sum have been
    returned. For centred frames of even length and ``hop_length <= n_fft // 2`` it is ``n_fft - 1`` samples.

    Examples
    --------
    >>> import numpy as np
    >>> import phasewise as pw
    >>> y = np.random.default_rng(0).standard_normal(5000)
    >>> analysis, synthesis = pw.StreamingSTFT(512, 128), pw.StreamingISTFT(512, 128)
    >>> parts = [synthesis.push(analysis.push(y[i : i + 100])) for i in range(0, 5000, 100)]
    >>> parts += [synthesis.push(analysis.flush()), synthesis.flush(5000)]
    >>> np.allclose(np.concatenate(parts), y)
    True
    >>> analysis.latency + synthesis.latency
    511
    """

    _state: _core.StreamingIstft32 | _core.StreamingIstft64

    def __init__(
        self,
        n_fft: int = 2048,
        hop_length: int | None = None,
        win_length: int | None = None,
        window: WindowSpec = "hann",
        center: bool = True,
        pad_mode: PadMode = "constant",
        *,
        channels: int = 1,
        dtype: DTypeLike | None = None,
        on_zero_overlap: str = "raise",
    ) -> None:
        super().__init__(n_fft, hop_length, win_length, window, center, pad_mode, channels, dtype)
        self._masks = choice("on_zero_overlap", on_zero_overlap, ("raise", "mask")) == "mask"
        if not self._masks:
            f = self._framing
            # As many frames as it takes to have a whole period after the start, without the end.
            frames = 1 + -(-f.n_fft // f.hop_length)
            f.check_overlap(frames, frames * f.hop_length - f.lead)

    def _make_state(self, plan: Any, double: bool) -> _core.StreamingIstft32 | _core.StreamingIstft64:
        return (_core.StreamingIstft64 if double else _core.StreamingIstft32)(plan, self._channels)

    @property
    def latency(self) -> int:
        """Samples by which the result lags behind the frames.

        After k frames, ``k * hop_length - latency`` samples have been returned, or none if that is
        negative. It is the larger of ``n_fft // 2`` and ``hop_length`` for centred frames of even length,
        and ``max(0, hop_length - n_fft)`` for frames that are not centred.
        """
        return self._state.latency

    def samples(self, frames: int) -> int:
        """Return the number of samples that a push of `frames` frames will give.

        Parameters
        ----------
        frames : int >= 0

        Returns
        -------
        int
        """
        return self._state.samples(integer("frames", frames, minimum=0))

    def push(self, frames: ArrayLike, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Take the next frames and return the samples that they complete.

        Parameters
        ----------
        frames : array of shape (channels, 1 + n_fft // 2, frames), or (1 + n_fft // 2, frames), complex
            Any number of frames, also none; the axis of channels may be left out if there is one.
        out : real array of shape (channels, samples), optional
            Where to put the samples, without the first axis if `frames` has none; room for more samples is
            left alone.

        Returns
        -------
        array of shape (channels, samples), or (samples,), real

        Raises
        ------
        ParameterError
            If shapes do not fit, values are not finite, or `frames` is complex128 in a stream of float32.
        """
        axes = f"{self._framing.bins}, frames"
        spectrum = self._with_channels("frames", complex_array("frames", frames), 2, axes)
        if spectrum.shape[1] != self._framing.bins:
            raise ParameterError(
                f"frames must have 1 + n_fft // 2 = {self._framing.bins} bins on axis -2 for "
                f"n_fft={self._framing.n_fft}, got shape {spectrum.shape}; pass the n_fft of the analysis."
            )
        self._follow("frames", spectrum.real.dtype)
        spectrum = spectrum.astype(self._complex, copy=False)
        result = self._result(out, self._state.samples(spectrum.shape[-1]))
        self._state.push(readable(np.swapaxes(spectrum, -1, -2)), result.memory)
        return result.public()

    def flush(self, length: int | None = None, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """End the stream: return the samples that waited for more frames.

        The next push starts a new stream.

        Parameters
        ----------
        length : int > 0, optional
            Samples of the whole stream (cut or filled with zeros), as in `istft`; by default what the frames
            determine.
        out : real array of shape (channels, samples), optional
            As in `push`.

        Returns
        -------
        array of shape (channels, samples), or (samples,), real
            Shaped like the result of the last `push`: `length` less what has been returned.

        Raises
        ------
        ParameterError
            If there were no frames, `length` is less than what has been returned, or samples at the end
            have no window energy; the stream goes on.
        """
        f, count, returned = self._framing, self._state.received, self._state.returned
        if count == 0:
            raise ParameterError("the stream has no frames; push at least one before its end.")
        length = f.samples(count) if length is None else integer("length", length)
        if length < returned:
            raise ParameterError(
                f"length must be at least {returned}, the number of samples returned so far, got {length}."
            )
        if not self._masks:
            f.check_overlap(count, length)
        result = self._result(out, length - returned)
        self._state.flush(length, result.memory)
        return result.public()

    def _result(self, out: NDArray[Any] | None, samples: int) -> Result:
        return Result(out, (self._channels, samples), self._real, squeeze=self._squeeze, turned=False)
