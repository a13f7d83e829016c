"""Functions on tensors: the transform with torch's names, and the projections that inversion is made of.

`stft` and `istft` take the place of ``torch.stft`` and ``torch.istft``: names, order and defaults are
torch's (padding by reflection, a window of ones), the numbers agree to rounding. They differ in what torch
refuses: any number of leading axes, ``return_complex`` left out, and an inverse whose window leaves samples
without energy, as Hann windows with ``center=False`` do.
"""

from __future__ import annotations

import torch
from torch import Tensor

from phasewise._validate import integer, number
from phasewise.errors import ParameterError
from phasewise.torch import _native
from phasewise.torch._arguments import (
    check_padding,
    frame_parameters,
    full_window,
    magnitude_tensor,
    real_signal,
    real_type,
    same_device,
    spectrum_tensor,
)
from phasewise.torch._ops import projections
from phasewise.torch._ops import transforms as ops

__all__ = ["istft", "magnitude_projection", "mixing_projection", "project_consistent", "stft"]


def stft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    pad_mode: str = "reflect",
    normalized: bool = False,
    onesided: bool | None = None,
    return_complex: bool | None = None,
    align_to_window: bool | None = None,
) -> Tensor:
    """Short-time Fourier transform with the names, order and defaults of ``torch.stft``.

    Parameters
    ----------
    input : tensor of shape (..., samples)
        Signals, float32 or float64; complex ones are left to torch. Half precision is transformed in float32
        under autocast.
    n_fft : int > 0
        Samples per frame.
    hop_length : int > 0, optional
        Samples between frames, by default ``n_fft // 4``.
    win_length : int in [1, n_fft], optional
        Length of the window, centred in the frame; by default ``n_fft``.
    window : tensor of shape (win_length,), optional
        By default ones. A window that is complex or asks for a gradient takes torch's own path.
    center : bool
        Whether frame t is centred on sample ``t * hop_length``.
    pad_mode : {"reflect", "constant", "replicate", "circular"}
        What lies beyond the ends of centred signals. `phasewise.stft` has "constant", zeros, by default.
    normalized : bool
        Whether to divide by the root of `n_fft`.
    onesided : bool, optional
        Whether to leave out the bins above Nyquist, by default for real signals.
    return_complex : bool, optional
        False adds a last axis of real and imaginary parts. By default complex.
    align_to_window : bool, optional
        As in torch, for ``center=False``; takes torch's own path.

    Returns
    -------
    tensor of shape (..., freq, frames), complex
        In memory the frames are contiguous, as torch's are. Differentiable any number of times.

    Raises
    ------
    ParameterError
        If shapes, types or devices do not fit.

    Notes
    -----
    The gradient costs as much as the transform. Batch axes can be mapped over by ``torch.func.vmap``.
    """
    n_fft, hop, win_length = frame_parameters(n_fft, hop_length, win_length)
    if _torchs_own(input, window) or align_to_window is not None:
        return _torch_stft(
            input, n_fft, hop, win_length, window, center, pad_mode, normalized, onesided, return_complex,
            align_to_window,
        )  # fmt: skip
    signal = real_signal("input", input)
    values = full_window(window, win_length, n_fft, signal, normalized)
    samples = signal.shape[-1]
    lead = n_fft // 2 if center else 0
    if samples < 1 or samples + 2 * lead < n_fft:
        raise ParameterError(
            f"input has {samples} samples, but n_fft={n_fft} with center={center} needs at least "
            f"{1 if center else n_fft}; pad the signal{'' if center else ', use center=True'} or lower n_fft."
        )
    if center and pad_mode != "constant":
        if check_padding(pad_mode) == "reflect" and samples <= lead:
            raise ParameterError(
                f"input has {samples} samples, but reflection by n_fft // 2 = {lead} needs at least "
                f'{lead + 1}; pad the signal, lower n_fft, or use pad_mode="constant".'
            )
        if pad_mode == "circular":
            signal, center = _native.pad(signal, lead, pad_mode), False
    spectrum = ops.stft(signal, values, n_fft, hop, bool(center), pad_mode if center else "constant")
    if onesided is False:
        mirrored = spectrum[..., 1 : (n_fft + 1) // 2, :].conj().flip(-2)
        spectrum = torch.cat((spectrum, mirrored), dim=-2)
    return torch.view_as_real(spectrum) if return_complex is False else spectrum


def istft(
    input: Tensor,
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    normalized: bool = False,
    onesided: bool | None = None,
    length: int | None = None,
    return_complex: bool = False,
) -> Tensor:
    """Inverse short-time Fourier transform with the names, order and defaults of ``torch.istft``.

    Parameters
    ----------
    input : tensor of shape (..., freq, frames), complex
    n_fft, hop_length, win_length, window, center, normalized
        As in `stft`.
    onesided : bool, optional
        Whether the bins above Nyquist are left out; by default told by the number of bins.
    length : int > 0, optional
        Samples to return, zeros beyond the frames; by default ``hop_length * (frames - 1)``, plus `n_fft`
        unless centred.
    return_complex : bool
        Whether signals are complex; takes torch's own path.

    Returns
    -------
    tensor of shape (..., length), real
        Differentiable any number of times.

    Raises
    ------
    ParameterError
        If shapes, types or devices do not fit.

    Notes
    -----
    Samples that no window covers with energy cannot be recovered. torch refuses such windows and hops
    ("window overlap add min"); here these samples alone are next to zero, and pass no gradient that matters:
    the first one of a Hann window with ``center=False``, for example.
    """
    n_fft, hop, win_length = frame_parameters(n_fft, hop_length, win_length)
    if return_complex or _torchs_own(None, window):
        return _torch_istft(
            input, n_fft, hop, win_length, window, center, normalized, onesided, length, return_complex
        )
    spectrum = spectrum_tensor("input", input)
    bins, frames = spectrum.shape[-2:]
    full = n_fft if onesided is False or (onesided is None and bins == n_fft) else n_fft // 2 + 1
    if bins != full or frames < 1:
        raise ParameterError(
            f"input must have {full} bins on axis -2 for n_fft={n_fft} and at least one frame on axis -1, "
            f"got shape {tuple(spectrum.shape)}; pass the n_fft of the analysis."
        )
    values = full_window(window, win_length, n_fft, spectrum, normalized)
    if length is None:
        lead = n_fft // 2 if center else 0
        length = max(0, n_fft + hop * (frames - 1) - 2 * lead)
    elif type(length) is int and length < 1:
        length = integer("length", length)
    onesided_bins = spectrum[..., : n_fft // 2 + 1, :] if full == n_fft else spectrum
    signal: Tensor = ops.istft(onesided_bins, values, n_fft, hop, bool(center), length)
    return signal


def project_consistent(
    input: Tensor,
    n_fft: int | None = None,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: Tensor | None = None,
    center: bool = True,
    length: int | None = None,
) -> Tensor:
    """Return the transform of the signal of a spectrogram: the nearest one that belongs to a signal.

    Padding is with zeros, which makes this an orthogonal projector.

    Parameters
    ----------
    input : tensor of shape (..., freq, frames), complex
    n_fft : int > 0, optional
        Samples per frame, by default ``2 * (freq - 1)``.
    hop_length, win_length, center
        As in `stft`.
    window : tensor of shape (win_length,), optional
        By default a periodic Hann window.
    length : int > 0, optional
        Samples of the signal; it must have as many frames as `input`.

    Returns
    -------
    tensor like `input`
        Differentiable any number of times; the gradient is another projection.

    Raises
    ------
    ParameterError
        If shapes, types or devices do not fit.
    """
    spectrum = spectrum_tensor("input", input)
    n_fft, hop, values, length = consistent_frames(
        spectrum, n_fft, hop_length, win_length, window, center, length
    )
    projected: Tensor = ops.project_consistent(spectrum, values, n_fft, hop, bool(center), length)
    return projected


def magnitude_projection(input: Tensor, magnitudes: Tensor, *, epsilon: float = 1e-3) -> Tensor:
    """Give a spectrogram the magnitudes V, with a gradient that stays bounded at silence.

    Parameters
    ----------
    input : tensor of shape (..., freq, frames), complex
        Spectrogram Y; only its phase counts.
    magnitudes : tensor of the same shape, real
    epsilon : float > 0
        Bound of the gradient, see Notes.

    Returns
    -------
    tensor like `input`
        V Y / abs(Y), exactly; the phase of zero is 0. Differentiable any number of times.

    Raises
    ------
    ParameterError
        If shapes, types or devices do not fit.

    Notes
    -----
    The phase turns by V / abs(Y) per unit of Y, without bound where Y vanishes. The gradient takes
    ``V / max(abs(Y), epsilon V)`` instead: it is exact in all bins that hold more than `epsilon` of their
    magnitude, and never grows by more than ``1 / epsilon``. Where Y is zero it is zero. The level of the
    signals does not matter.
    """
    spectrum = spectrum_tensor("input", input)
    V = magnitude_tensor("magnitudes", magnitudes)
    _same_shape("input", spectrum, "magnitudes", V)
    result: Tensor = projections.magnitude_projection(
        spectrum, V.to(real_type(spectrum.dtype)), number("epsilon", epsilon, minimum=1e-12)
    )
    return result


def mixing_projection(input: Tensor, mixture: Tensor, weights: Tensor | None = None) -> Tensor:
    """Share the mixing error among sources: the nearest spectrograms that sum to the mixture.

    Parameters
    ----------
    input : tensor of shape (..., source, freq, frames), complex
    mixture : tensor of shape (..., freq, frames), complex
    weights : tensor that broadcasts to the shape of `input`, real, optional
        Shares of the error; they should sum to 1 over the sources. By default equal.

    Returns
    -------
    tensor like `input`
        Differentiable any number of times.

    Raises
    ------
    ParameterError
        If shapes, types or devices do not fit.
    """
    S = spectrum_tensor("input", input, 3)
    X = spectrum_tensor("mixture", mixture)
    _same_shape("input without its sources", S[..., 0, :, :], "mixture", X)
    real = real_type(S.dtype)
    if weights is None:
        shares = torch.full((), 1 / S.shape[-3], dtype=real, device=S.device)
    else:
        shares = magnitude_tensor("weights", weights, 0).to(real)
        same_device("input", S, "weights", shares)
    result: Tensor = projections.mixing_projection(S, X.to(S.dtype), shares.expand(S.shape))
    return result


def _same_shape(first: str, one: Tensor, second: str, other: Tensor) -> None:
    same_device(first, one, second, other)
    if one.shape != other.shape:
        raise ParameterError(
            f"{first} and {second} must have one shape, got {tuple(one.shape)} and {tuple(other.shape)}."
        )


def consistent_frames(
    spectrum: Tensor,
    n_fft: int | None,
    hop_length: int | None,
    win_length: int | None,
    window: Tensor | None,
    center: bool,
    length: int | None,
) -> tuple[int, int, Tensor, int]:
    """Return n_fft, hop, window and samples behind a spectrogram (..., freq, frames), checked."""
    bins, frames = spectrum.shape[-2:]
    n_fft, hop, win_length = frame_parameters(
        2 * (bins - 1) if n_fft is None else n_fft, hop_length, win_length
    )
    if window is None:
        window = torch.hann_window(win_length, dtype=torch.float64, device=spectrum.device)
    values = full_window(window, win_length, n_fft, spectrum, False)
    lead = n_fft // 2 if center else 0
    samples = n_fft + hop * (frames - 1) - 2 * lead if length is None else length
    made = 1 + (samples + 2 * lead - n_fft) // hop
    if bins != n_fft // 2 + 1 or frames < 1 or samples < 1 or made != frames:
        raise ParameterError(
            f"input has {bins} bins and {frames} frames, but n_fft={n_fft}, hop_length={hop} and "
            f"length={samples} make {n_fft // 2 + 1} and {made}; pass the parameters of the analysis."
        )
    return n_fft, hop, values, samples


def _torchs_own(input: Tensor | None, window: Tensor | None) -> bool:
    """Tell whether the core has no such transform: complex numbers, and gradients of windows."""
    if window is not None and (window.is_complex() or (window.requires_grad and torch.is_grad_enabled())):
        return True
    return isinstance(input, Tensor) and input.is_complex()


def _torch_stft(
    input: Tensor,
    n_fft: int,
    hop: int,
    win_length: int,
    window: Tensor | None,
    center: bool,
    pad_mode: str,
    normalized: bool,
    onesided: bool | None,
    return_complex: bool | None,
    align_to_window: bool | None,
) -> Tensor:
    rows = input.reshape(-1, input.shape[-1]) if input.ndim > 2 else input
    spectrum = _native.torch_stft(
        rows, n_fft, hop, win_length, _or_ones(window, win_length, input), center, pad_mode, normalized,
        onesided, return_complex is not False, align_to_window,
    )  # fmt: skip
    return spectrum.reshape(*input.shape[:-1], *spectrum.shape[input[..., 0].ndim if input.ndim < 3 else 1 :])


def _torch_istft(
    input: Tensor,
    n_fft: int,
    hop: int,
    win_length: int,
    window: Tensor | None,
    center: bool,
    normalized: bool,
    onesided: bool | None,
    length: int | None,
    return_complex: bool,
) -> Tensor:
    rows = input.reshape(-1, *input.shape[-2:]) if input.ndim > 3 else input
    signal = _native.torch_istft(
        rows, n_fft, hop, win_length, _or_ones(window, win_length, input), center, normalized, onesided,
        length, return_complex,
    )  # fmt: skip
    return signal.reshape(*input.shape[:-2], signal.shape[-1])


def _or_ones(window: Tensor | None, win_length: int, like: Tensor) -> Tensor:
    """Return the window, by default the ones that torch would take after a warning."""
    if window is not None:
        return window
    return torch.ones(win_length, dtype=real_type(like.dtype), device=like.device)
