"""Short-time Fourier transform and its inverse, with librosa's names, order and defaults.

The transform of frame t at bin k is ``sum_n w[n] y[t hop + n - lead] exp(-2 pi i k n / n_fft)``: the phase
refers to the start of the frame, and ``lead = n_fft // 2`` for centred frames. ``phasewise.torch`` has the
names and defaults of torch (reflect padding); here padding is with zeros, as in librosa.
"""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from phasewise._framing import Framing, PadMode, framing
from phasewise._memory import empty
from phasewise._validate import choice, complex_array, floating_array, integer
from phasewise.errors import ParameterError
from phasewise.windows import WindowSpec

__all__ = ["STFT", "istft", "stft"]

_REAL_OF: dict[np.dtype[Any], np.dtype[Any]] = {
    np.dtype(np.complex64): np.dtype(np.float32),
    np.dtype(np.complex128): np.dtype(np.float64),
}
_COMPLEX_OF: dict[np.dtype[Any], np.dtype[Any]] = {real: cplx for cplx, real in _REAL_OF.items()}


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
    y : array of shape (..., samples), real
        Signals; float32 is transformed in float32, float64 in float64.
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
        A view of frame-major memory (Fortran order for one signal).

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

    Returns
    -------
    array of shape (..., samples), real

    Raises
    ------
    ParameterError
        If samples have no window energy, shapes do not fit, or values are not finite.

    References
    ----------
    .. [1] D. Griffin and J. Lim, "Signal estimation from modified short-time Fourier transform", IEEE TASSP
           32(2), 1984.
    """
    spectrum = complex_array("S", S)
    if n_fft is None:
        n_fft = max(1, 2 * (spectrum.shape[-2] - 1))
    transform = STFT(n_fft, hop_length, win_length, window, center)
    return transform.synthesize(
        spectrum, length=length, dtype=dtype, out=out, on_zero_overlap=on_zero_overlap
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
        signal = _signal(y, None if dtype is None else _real_dtype(dtype, "complex64 or complex128"))
        f, signal = self._framing.padded(signal)
        frames = f.frames(signal.shape[-1])
        result = _Result(out, _COMPLEX_OF[signal.dtype], (*signal.shape[:-1], frames, f.bins), frames)
        f.plan(signal.dtype).analyze(_flat(signal, 1), _flat(result.memory, 2))
        return result.public()

    def magnitude(self, y: ArrayLike, power: float = 1.0) -> NDArray[Any]:
        """Return the magnitudes of the transform raised to `power`, without storing the transform.

        Parameters
        ----------
        y : array of shape (..., samples), real
        power : float > 0
            1 and 2 are fused with the transform and cost nothing more.

        Returns
        -------
        array of shape (..., 1 + n_fft // 2, frames), real
        """
        if not power > 0:
            raise ParameterError(f"power must be positive, got {power!r}.")
        f, signal = self._framing.padded(_signal(y, None))
        memory = empty((*signal.shape[:-1], f.frames(signal.shape[-1]), f.bins), signal.dtype)
        f.plan(signal.dtype).analyze_magnitude(_flat(signal, 1), power == 2, _flat(memory, 2))
        if power not in (1, 2):
            np.power(memory, power, out=memory)
        return np.swapaxes(memory, -1, -2)

    def synthesize(
        self,
        S: ArrayLike,
        length: int | None = None,
        *,
        dtype: DTypeLike | None = None,
        out: NDArray[Any] | None = None,
        on_zero_overlap: str = "raise",
    ) -> NDArray[Any]:
        """Return the signals of spectrograms of shape (..., freq, frames); see `istft`."""
        choice("on_zero_overlap", on_zero_overlap, ("raise", "mask"))
        spectrum = complex_array("S", S)
        if dtype is not None:
            spectrum = spectrum.astype(_COMPLEX_OF[_real_dtype(dtype, "float32 or float64")], copy=False)
        f = self._framing
        self._check_bins(spectrum)
        frames = spectrum.shape[-1]
        length = f.samples(frames) if length is None else integer("length", length)
        if on_zero_overlap == "raise":
            f.check_overlap(frames, length)
        real = _REAL_OF[spectrum.dtype]
        shape = (*spectrum.shape[:-2], length)
        if out is not None and (out.shape != shape or out.dtype.kind != "f"):
            raise ParameterError(
                f"out must have shape {shape} and dtype {real}, got {out.shape} and {out.dtype}."
            )
        usable = out is not None and out.flags.c_contiguous and out.flags.writeable and out.dtype == real
        memory = out if out is not None and usable else empty(shape, real)
        f.plan(real).synthesize(_flat(np.swapaxes(spectrum, -1, -2), 2), _flat(memory, 1))
        if out is None or memory is out:
            return memory
        out[...] = memory
        return out

    def project_consistent(self, S: ArrayLike, length: int | None = None) -> NDArray[Any]:
        """Return the transform of the signal of `S`: the nearest spectrogram that belongs to a signal.

        Parameters
        ----------
        S : array of shape (..., 1 + n_fft // 2, frames), complex
        length : int > 0, optional
            Samples of the signal; it must have as many frames as `S`.

        Returns
        -------
        array like `S`
        """
        spectrum = complex_array("S", S)
        f = self._framing
        self._check_bins(spectrum)
        frames = spectrum.shape[-1]
        samples = f.samples(frames) if length is None else integer("length", length)
        if f.frames(samples) != frames:
            raise ParameterError(f"length={samples} makes {f.frames(samples)} frames, but S has {frames}.")
        f.check_overlap(frames, samples)
        if not f.core_pads:
            return self.analyze(self.synthesize(spectrum, samples))
        memory = empty((*spectrum.shape[:-2], frames, f.bins), spectrum.dtype)
        source = _flat(np.swapaxes(spectrum, -1, -2), 2)
        f.plan(_REAL_OF[spectrum.dtype]).project(source, samples, _flat(memory, 2))
        return np.swapaxes(memory, -1, -2)

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
        self._check_bins(spectrum)
        samples = integer("samples", samples)
        if not f.core_pads:
            raise ParameterError(
                f"the adjoint is known for pad_mode 'constant', 'reflect' and 'edge', not for {f.pad_mode!r}."
            )
        if f.frames(samples) != spectrum.shape[-1]:
            raise ParameterError(
                f"samples={samples} makes {f.frames(samples)} frames, but S has {spectrum.shape[-1]}."
            )
        real = _REAL_OF[spectrum.dtype]
        memory = empty((*spectrum.shape[:-2], samples), real)
        f.plan(real).analyze_adjoint(_flat(np.swapaxes(spectrum, -1, -2), 2), _flat(memory, 1))
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
        signal = _signal(y, None)
        frames = integer("frames", frames)
        f = self._framing
        memory = empty((*signal.shape[:-1], frames, f.bins), _COMPLEX_OF[signal.dtype])
        f.plan(signal.dtype).synthesize_adjoint(_flat(signal, 1), _flat(memory, 2))
        return np.swapaxes(memory, -1, -2)

    def _check_bins(self, spectrum: NDArray[Any]) -> None:
        f = self._framing
        if spectrum.shape[-2] != f.bins:
            raise ParameterError(
                f"S must have 1 + n_fft // 2 = {f.bins} bins on axis -2 for n_fft={f.n_fft}, "
                f"got shape {spectrum.shape}; pass the n_fft of the analysis."
            )
        if spectrum.shape[-1] == 0:
            raise ParameterError(f"S must have at least one frame on axis -1, got shape {spectrum.shape}.")


# ---- arrays --------------------------------------------------------------------------------------


def _real_dtype(dtype: DTypeLike, text: str) -> np.dtype[Any]:
    """Return the real type of the precision that a real or complex type names."""
    given = np.dtype(dtype)
    if given not in _REAL_OF and given not in _COMPLEX_OF:
        raise ParameterError(f"dtype must be {text}, got {given}.")
    return _REAL_OF.get(given, given)


def _signal(y: ArrayLike, dtype: np.dtype[Any] | None) -> NDArray[Any]:
    signal = floating_array("y", y)
    return signal if dtype is None else signal.astype(dtype, copy=False)


def _flat(array: NDArray[Any], ndim: int) -> NDArray[Any]:
    """Fold all but the last `ndim` axes into one, in C order; a copy only if the memory demands it."""
    batch, kept = array.shape[: array.ndim - ndim], array.shape[array.ndim - ndim :]
    return np.ascontiguousarray(array).reshape(math.prod(batch), *kept)


class _Result:
    """Frame-major memory for a spectrogram, inside `out` when its memory allows."""

    def __init__(
        self, out: NDArray[Any] | None, dtype: np.dtype[Any], shape: tuple[int, ...], frames: int
    ) -> None:
        self._view: NDArray[Any] | None = None
        if out is None:
            self.memory = empty(shape, dtype)
            return
        wanted = (*shape[:-2], shape[-1], shape[-2])
        if (
            out.ndim != len(shape)
            or out.shape[:-1] != wanted[:-1]
            or out.shape[-1] < frames
            or out.dtype.kind != "c"
        ):
            raise ParameterError(
                f"out must have shape {wanted} (or more frames) and dtype {dtype}, "
                f"got {out.shape} and {out.dtype}."
            )
        self._view = out if out.shape == wanted else out[..., :frames]
        turned = np.swapaxes(self._view, -1, -2)
        usable = turned.flags.c_contiguous and turned.flags.writeable and turned.dtype == dtype
        self.memory = turned if usable else empty(shape, dtype)

    def public(self) -> NDArray[Any]:
        turned = np.swapaxes(self.memory, -1, -2)
        if self._view is None:
            return turned
        if not np.shares_memory(turned, self._view):
            self._view[...] = turned
        return self._view
