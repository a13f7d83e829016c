"""Short-time Fourier transform and its inverse, with librosa's names, order and defaults.

The transform of frame t at bin k is ``sum_n w[n] y[t hop + n - lead] exp(-2 pi i k n / n_fft)``: the phase
refers to the start of the frame, and ``lead = n_fft // 2`` for centred frames. ``phasewise.torch`` has the
names and defaults of torch (reflect padding); here padding is with zeros, as in librosa.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from phasewise._arrays import COMPLEX_OF, REAL_OF, FrameMajor, aligned, flat, real_dtype, signal_memory
from phasewise._framing import Framing, PadMode, framing
from phasewise._inputs import (
    check_bins,
    check_samples,
    filter_bank,
    positive,
    real_signal,
    signal_array,
)
from phasewise._memory import empty
from phasewise._validate import choice, complex_array, finite, floating_array, integer
from phasewise.errors import ParameterError
from phasewise.windows import WindowSpec

__all__ = ["STFT", "istft", "stft"]


def stft(
    y: ArrayLike,
    *,
    n_fft: int = 2048,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: WindowSpec = "hann",
    center: bool = True,
    dtype: DTypeLike | None = None,
    pad_mode: PadMode = "constant",
    out: NDArray[Any] | None = None,
) -> NDArray[Any]:
    """Short-time Fourier transform.

    Parameters
    ----------
    y : array of shape (..., samples), real or complex
        Signals of any memory layout; float32 is transformed in float32, float64 in float64. Complex signals
        give two-sided spectra.
    n_fft : int > 0
        Samples per frame; any length, products of 2, 3, 5 and 7 are fastest.
    hop_length : int > 0, optional
        Samples between frames, by default ``win_length // 4``.
    win_length : int in [1, n_fft], optional
        Length of the window, centred in the frame; by default ``n_fft``.
    window : str, tuple, callable or array of shape (win_length,)
        Window, see `phasewise.windows.get_window`.
    center : bool
        Whether frame t is centred on sample ``t * hop_length`` (the signal is padded) or starts there.
    dtype : complex64 or complex128, optional
        Precision of the computation and the result, by default that of `y`; the real types name the same
        precisions.
    pad_mode : {"constant", "reflect", "edge", "symmetric", "linear_ramp"} or callable
        What lies beyond the ends of the signal when `center` is true, as in `numpy.pad`; "constant" means
        zeros. The last two and callables pad a copy of the signal.
    out : complex array of shape (..., 1 + n_fft // 2, frames), optional
        Where to put the result; more frames than needed are allowed and left alone. It may have another
        precision.

    Returns
    -------
    array of shape (..., 1 + n_fft // 2, frames), complex
        A view of frame-major memory (Fortran order for one signal). Complex signals give ``n_fft`` bins, as
        `numpy.fft.fft` does.

    Raises
    ------
    ParameterError
        For integer samples, a signal shorter than one frame, non-finite samples, or parameters out of range.

    Warns
    -----
    UserWarning
        If the signal is padded to fill one frame, as librosa does: often the axes are in another order.

    Notes
    -----
    Cost: about ``2.5 n_fft log2(n_fft)`` operations a frame, no temporary copies of the frames.
    Thread-safe; the result does not depend on the number of threads.
    """
    result = STFT(n_fft, hop_length, win_length, window, center, pad_mode).analyze(y, dtype=dtype, out=out)
    if center and (samples := np.shape(y)[-1]) < n_fft:
        warnings.warn(
            f"n_fft={n_fft} is too large for input signal of length={samples}: frames are mostly padding. Is "
            "time the last axis? If the signal should be short, lower n_fft or use STFT, which is silent.",
            stacklevel=2,
        )
    return result


def istft(
    S: ArrayLike,
    *,
    hop_length: int | None = None,
    win_length: int | None = None,
    n_fft: int | None = None,
    window: WindowSpec = "hann",
    center: bool = True,
    dtype: DTypeLike | None = None,
    length: int | None = None,
    out: NDArray[Any] | None = None,
    on_zero_overlap: str = "raise",
    onesided: bool = True,
) -> NDArray[Any]:
    """Inverse short-time Fourier transform by overlap-add, the least-squares signal of a spectrogram.

    Parameters
    ----------
    S : array of shape (..., 1 + n_fft // 2, frames), complex
        Spectrogram as made by `stft` with the same parameters.
    hop_length, win_length, window, center
        As in `stft`.
    n_fft : int > 0, optional
        By default ``2 * (S.shape[-2] - 1)``; needed for odd lengths.
    dtype : float32 or float64, optional
        Precision, by default that of `S`; the complex types name the same precisions.
    length : int > 0, optional
        Samples of the result (cut or filled with zeros); by default what the frames determine:
        ``hop_length * (frames - 1)``, plus ``n_fft`` without centring.
    out : float array of shape (..., length), optional
        Where to put the result; it may have another precision.
    on_zero_overlap : {"raise", "mask"}
        What to do when window and hop leave samples without energy: raise, or leave these samples
        unnormalised.
    onesided : bool
        False for the spectra of complex signals, which have ``n_fft`` bins; the result is complex.

    Returns
    -------
    array of shape (..., samples), real (complex if not `onesided`)

    Raises
    ------
    ParameterError
        If samples have no window energy, shapes do not fit, or values are not finite.

    References
    ----------
    .. [1] D. Griffin and J. Lim, "Signal estimation from modified short-time Fourier transform", IEEE TASSP
           32(2), 1984.
    """
    spectrum = complex_array("S", S, check_finite=False)
    if n_fft is None:
        n_fft = max(1, 2 * (spectrum.shape[-2] - 1) if onesided else spectrum.shape[-2])
    return STFT(n_fft, hop_length, win_length, window, center).synthesize(
        spectrum, length, dtype=dtype, out=out, on_zero_overlap=on_zero_overlap, onesided=onesided
    )


class STFT:
    """A transform with fixed parameters: the object form of `stft` and `istft`.

    Immutable, cheap to create (plans are cached) and safe to share between threads.

    Parameters
    ----------
    n_fft, hop_length, win_length, window, center, pad_mode
        As in `stft`.
    """

    def __init__(
        self,
        n_fft: int = 2048,
        hop_length: int | None = None,
        win_length: int | None = None,
        window: WindowSpec = "hann",
        center: bool = True,
        pad_mode: PadMode = "constant",
    ) -> None:
        self._framing = framing(n_fft, hop_length, win_length, window, center, pad_mode)

    @property
    def framing(self) -> Framing:
        """The checked parameters."""
        return self._framing

    def __repr__(self) -> str:
        f = self._framing
        return (
            f"STFT(n_fft={f.n_fft}, hop_length={f.hop_length}, win_length={f.win_length}, "
            f"center={f.center}, pad_mode={f.pad_mode!r})"
        )

    def analyze(
        self, y: ArrayLike, *, dtype: DTypeLike | None = None, out: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Transform signals of shape (..., samples); see `stft`."""
        signal = signal_array(y, dtype)
        f, signal = self._framing.padded(signal)
        frames = f.frames(signal.shape[-1])
        real = REAL_OF.get(signal.dtype, signal.dtype)
        plan = f.plan(real)
        if real is signal.dtype:
            result = FrameMajor(out, COMPLEX_OF[real], (*signal.shape[:-1], frames, f.bins))
            good = plan.analyze(signal, result.memory)
        else:
            result = FrameMajor(out, signal.dtype, (*signal.shape[:-1], frames, f.n_fft))
            good = plan.analyze_two_sided(signal, result.memory)
        check_samples("y", signal, f, frames, good)
        return result.public()

    def magnitude(
        self,
        y: ArrayLike,
        power: float = 1.0,
        *,
        filters: ArrayLike | None = None,
        log_floor: float | None = None,
        out: NDArray[Any] | None = None,
    ) -> NDArray[Any]:
        """Return magnitudes, powers, filtered spectra or their logarithms without storing the transform.

        All steps are done on one frame after the other while it is in cache: this costs less time than the
        transform alone, which writes twice as much.

        Parameters
        ----------
        y : array of shape (..., samples), real
        power : float > 0
            Exponent of the magnitudes; 1 and 2 cost nothing more.
        filters : array of shape (n_filters, 1 + n_fft // 2), real, optional
            Weights of the bins, such as `phasewise.mel_filters`; zeros at both ends of a row cost nothing.
        log_floor : float > 0, optional
            Return ``log(max(value, log_floor))``, to 1 ulp of the larger of the logarithm and 1.
        out : real array of shape (..., 1 + n_fft // 2 or n_filters, frames), optional
            Where to put the result; more frames than needed are allowed and left alone.

        Returns
        -------
        array of shape (..., 1 + n_fft // 2 or n_filters, frames), real

        Raises
        ------
        ParameterError
            As `stft`, or if the filters do not fit.
        """
        power = positive("power", power)
        floor = 0.0 if log_floor is None else positive("log_floor", log_floor)
        f, signal = self._framing.padded(real_signal(y))
        frames = f.frames(signal.shape[-1])
        if floor and floor < np.finfo(signal.dtype).tiny:
            raise ParameterError(
                f"log_floor must be at least {np.finfo(signal.dtype).tiny:.3g}, the smallest normal "
                f"{signal.dtype}, got {floor!r}."
            )
        bank: Any = None if filters is None else filter_bank(filters, f.bins, signal.dtype)
        rows = f.bins if bank is None else bank.count
        result = FrameMajor(out, signal.dtype, (*signal.shape[:-1], frames, rows))
        good = f.plan(signal.dtype).analyze_features(signal, power, bank, floor, result.memory)
        check_samples("y", signal, f, frames, good)
        return result.public()

    def synthesize(
        self,
        S: ArrayLike,
        length: int | None = None,
        *,
        dtype: DTypeLike | None = None,
        out: NDArray[Any] | None = None,
        on_zero_overlap: str = "raise",
        onesided: bool = True,
    ) -> NDArray[Any]:
        """Return the signals of spectrograms of shape (..., freq, frames); see `istft`."""
        choice("on_zero_overlap", on_zero_overlap, ("raise", "mask"))
        spectrum = aligned(complex_array("S", S, check_finite=False))
        if dtype is not None:
            spectrum = spectrum.astype(COMPLEX_OF[real_dtype(dtype, "float32 or float64")], copy=False)
        f = self._framing
        check_bins(spectrum, f, onesided)
        frames = spectrum.shape[-1]
        length = f.samples(frames) if length is None else integer("length", length)
        if on_zero_overlap == "raise":
            f.check_overlap(frames, length)
        real = REAL_OF[spectrum.dtype]
        memory, result = signal_memory(
            out, real if onesided else spectrum.dtype, (*spectrum.shape[:-2], length)
        )
        plan = f.plan(real)
        good = (plan.synthesize if onesided else plan.synthesize_two_sided)(spectrum, memory)
        if not good:
            finite("S", spectrum)
        if result is not memory:
            result[...] = memory
        return result

    def project_consistent(
        self, S: ArrayLike, length: int | None = None, *, out: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Return the transform of the signal of `S`: the nearest spectrogram that belongs to a signal.

        Parameters
        ----------
        S : array of shape (..., 1 + n_fft // 2, frames), complex
        length : int > 0, optional
            Samples of the signal; it must have as many frames as `S`.
        out : array like `S`, optional
            Where to put the result; it may be `S`, of which a copy is made then.

        Returns
        -------
        array like `S`
        """
        spectrum = aligned(complex_array("S", S, check_finite=False))
        f = self._framing
        check_bins(spectrum, f)
        frames = spectrum.shape[-1]
        samples = f.samples(frames) if length is None else integer("length", length)
        if f.frames(samples) != frames:
            raise ParameterError(f"length={samples} makes {f.frames(samples)} frames, but S has {frames}.")
        f.check_overlap(frames, samples)
        if not f.core_pads:
            return self.analyze(self.synthesize(spectrum, samples), out=out)
        result = FrameMajor(out, spectrum.dtype, (*spectrum.shape[:-2], frames, f.bins))
        if result.overlaps(spectrum):
            spectrum = spectrum.copy()
        if not f.plan(REAL_OF[spectrum.dtype]).project(spectrum, samples, result.memory):
            finite("S", spectrum)
        return result.public()

    def analyze_adjoint(self, S: ArrayLike, samples: int) -> NDArray[Any]:
        """Apply the adjoint of `analyze` to spectrograms, as gradients need it.

        Parameters
        ----------
        S : array of shape (..., 1 + n_fft // 2, frames), complex
            Gradients with respect to the real (real part) and imaginary parts (imaginary part) of the
            transform.
        samples : int > 0
            Samples of the analysed signals; they must make as many frames as `S` has.

        Returns
        -------
        array of shape (..., samples), real
            For all y and S, ``sum(analyze(y).real * S.real + analyze(y).imag * S.imag)`` equals
            ``sum(y * analyze_adjoint(S, y.shape[-1]))``.
        """
        spectrum = complex_array("S", S)
        f = self._framing
        check_bins(spectrum, f)
        samples = integer("samples", samples)
        if not f.core_pads:
            raise ParameterError(
                f"the adjoint is known for pad_mode 'constant', 'reflect' and 'edge', not for {f.pad_mode!r}."
            )
        if f.frames(samples) != spectrum.shape[-1]:
            raise ParameterError(
                f"samples={samples} makes {f.frames(samples)} frames, but S has {spectrum.shape[-1]}."
            )
        real = REAL_OF[spectrum.dtype]
        memory = empty((*spectrum.shape[:-2], samples), real)
        f.plan(real).analyze_adjoint(flat(np.swapaxes(spectrum, -1, -2), 2), flat(memory, 1))
        return memory

    def synthesize_adjoint(self, y: ArrayLike, frames: int) -> NDArray[Any]:
        """Apply the adjoint of `synthesize` to signals, as gradients need it.

        Parameters
        ----------
        y : array of shape (..., length), real
            Gradients with respect to the synthesised samples.
        frames : int > 0
            Frames of the spectrograms that were synthesised.

        Returns
        -------
        array of shape (..., 1 + n_fft // 2, frames), complex
            Gradients with respect to the real and imaginary parts.
        """
        signal = floating_array("y", y)
        frames = integer("frames", frames)
        f = self._framing
        memory = empty((*signal.shape[:-1], frames, f.bins), COMPLEX_OF[signal.dtype])
        f.plan(signal.dtype).synthesize_adjoint(flat(signal, 1), flat(memory, 2))
        return np.swapaxes(memory, -1, -2)
