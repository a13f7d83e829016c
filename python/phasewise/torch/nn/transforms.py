"""The transform and its inverse as modules, and the front ends of networks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from phasewise._validate import choice, number
from phasewise.errors import ParameterError
from phasewise.mel import mel_filters
from phasewise.torch._arguments import frame_parameters
from phasewise.torch.functional import istft, stft
from phasewise.windows import WindowSpec, get_window

__all__ = ["ISTFT", "STFT", "Framed", "MelSpectrogram", "Spectrogram"]

_PAD_MODES = {"torch": "reflect", "librosa": "constant"}


class _Constants(nn.Module):
    """Buffers that are not saved, and stay exact: they are made anew when the precision changes."""

    def __init__(self) -> None:
        super().__init__()
        self._exact: dict[str, NDArray[np.float64]] = {}

    def constant(self, name: str, values: NDArray[np.float64]) -> None:
        self._exact[name] = values
        self.register_buffer(name, torch.as_tensor(values, dtype=torch.float32), persistent=False)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Any:
        super()._apply(fn, recurse)
        for name, values in self._exact.items():
            moved = getattr(self, name)
            if moved.device.type != "meta":
                dtype = torch.float64 if moved.dtype == torch.float64 else torch.float32
                setattr(self, name, torch.as_tensor(values, dtype=dtype).to(moved.device))
        return self


class Framed(_Constants):
    """Parameters of a transform, and its window."""

    window: Tensor

    def __init__(
        self,
        n_fft: int,
        hop_length: int | None,
        win_length: int | None,
        window: WindowSpec,
        center: bool,
        normalized: bool,
    ) -> None:
        super().__init__()
        self.n_fft, self.hop_length, self.win_length = frame_parameters(n_fft, hop_length, win_length)
        self.center = center
        self.normalized = normalized
        self.constant("window", np.asarray(get_window(window, self.win_length), dtype=np.float64))

    def extra_repr(self) -> str:
        """Show the parameters."""
        return (
            f"n_fft={self.n_fft}, hop_length={self.hop_length}, win_length={self.win_length}, "
            f"center={self.center}"
        )


class STFT(Framed):
    """Short-time Fourier transform as a module.

    Parameters
    ----------
    n_fft : int > 0
        Samples per frame.
    hop_length : int > 0, optional
        Samples between frames; by default ``n_fft // 4``, with ``compat="librosa"`` ``win_length // 4``.
    win_length : int in [1, n_fft], optional
        Length of the window, centred in the frame; by default `n_fft`.
    window : str, tuple, callable or array
        Window, see `phasewise.windows.get_window`.
    center : bool
        Whether frame t is centred on sample ``t * hop_length``.
    pad_mode : str, optional
        As in `phasewise.torch.stft`; by default that of `compat`: reflection, or zeros for "librosa".
    normalized : bool
        Whether to divide by the root of `n_fft`.
    onesided : bool
        Whether to leave out the bins above Nyquist.
    compat : {"torch", "librosa"}
        Whose defaults to take.

    Attributes
    ----------
    window : tensor of shape (win_length,)
        A buffer that `state_dict` does not hold. It is exact in float32 and float64.
    """

    def __init__(
        self,
        n_fft: int = 2048,
        hop_length: int | None = None,
        win_length: int | None = None,
        window: WindowSpec = "hann",
        center: bool = True,
        pad_mode: str | None = None,
        normalized: bool = False,
        onesided: bool = True,
        compat: str = "torch",
    ) -> None:
        choice("compat", compat, _PAD_MODES)
        if hop_length is None and compat == "librosa" and win_length is not None:
            hop_length = max(1, win_length // 4)
        super().__init__(n_fft, hop_length, win_length, window, center, normalized)
        self.pad_mode = _PAD_MODES[compat] if pad_mode is None else pad_mode
        self.onesided = onesided

    def forward(self, input: Tensor) -> Tensor:
        """Transform signals (..., samples) to (..., freq, frames), complex."""
        return stft(
            input,
            self.n_fft,
            self.hop_length,
            self.win_length,
            self.window,
            self.center,
            self.pad_mode,
            self.normalized,
            self.onesided,
            True,
        )


class ISTFT(Framed):
    """Inverse short-time Fourier transform as a module.

    Parameters
    ----------
    n_fft, hop_length, win_length, window, center, normalized
        As in `STFT`.
    """

    def __init__(
        self,
        n_fft: int = 2048,
        hop_length: int | None = None,
        win_length: int | None = None,
        window: WindowSpec = "hann",
        center: bool = True,
        normalized: bool = False,
    ) -> None:
        super().__init__(n_fft, hop_length, win_length, window, center, normalized)

    def forward(self, input: Tensor, length: int | None = None) -> Tensor:
        """Synthesise signals (..., samples) of spectrograms (..., freq, frames)."""
        return istft(
            input,
            self.n_fft,
            self.hop_length,
            self.win_length,
            self.window,
            self.center,
            self.normalized,
            None,
            length,
        )


class Spectrogram(STFT):
    """Magnitudes or powers of the transform, with torchaudio's names.

    Parameters
    ----------
    n_fft, win_length, hop_length, window, center, pad_mode, normalized
        As in `STFT`.
    power : float > 0
        Exponent of the magnitudes.
    """

    def __init__(
        self,
        n_fft: int = 400,
        win_length: int | None = None,
        hop_length: int | None = None,
        *,
        window: WindowSpec = "hann",
        power: float = 2.0,
        normalized: bool = False,
        center: bool = True,
        pad_mode: str = "reflect",
    ) -> None:
        if hop_length is None:
            hop_length = max(1, (n_fft if win_length is None else win_length) // 2)
        super().__init__(n_fft, hop_length, win_length, window, center, pad_mode, normalized)
        self.power = number("power", power)
        if not self.power > 0:
            raise ParameterError(f"power must be positive, got {power!r}; STFT gives complex spectrograms.")

    def forward(self, input: Tensor) -> Tensor:
        """Return (..., freq, frames), real, of signals (..., samples); silence has the gradient zero."""
        spectrum = super().forward(input)
        if self.power == 1:
            return spectrum.abs()
        squared = spectrum.real**2 + spectrum.imag**2
        if self.power == 2:
            return squared
        # Powers below 2 are not differentiable at zero: silence is left out of the gradient.
        silent = squared == 0
        return torch.where(silent, 0, torch.where(silent, 1, squared) ** (self.power / 2))


class MelSpectrogram(Spectrogram):
    """Mel spectrogram with torchaudio's names and defaults.

    Parameters
    ----------
    sample_rate : float > 0, in Hz
    n_fft, win_length, hop_length, window, power, normalized, center, pad_mode
        As in `Spectrogram`.
    f_min, f_max : float, in Hz
        Lower edge of the first and upper edge of the last filter; `f_max` is by default half the rate.
    n_mels : int > 0
        Number of filters.
    norm : {"slaney", None}
        Whether filters have unit area.
    mel_scale : {"htk", "slaney"}
        Which formula of the scale.
    log_floor : float > 0, optional
        Return ``log(max(value, log_floor))``.
    """

    filters: Tensor

    def __init__(
        self,
        sample_rate: float = 16000,
        n_fft: int = 400,
        win_length: int | None = None,
        hop_length: int | None = None,
        *,
        f_min: float = 0.0,
        f_max: float | None = None,
        n_mels: int = 128,
        window: WindowSpec = "hann",
        power: float = 2.0,
        normalized: bool = False,
        center: bool = True,
        pad_mode: str = "reflect",
        norm: str | None = None,
        mel_scale: str = "htk",
        log_floor: float | None = None,
    ) -> None:
        super().__init__(
            n_fft, win_length, hop_length, window=window, power=power, normalized=normalized, center=center,
            pad_mode=pad_mode,
        )  # fmt: skip
        choice("mel_scale", mel_scale, ("htk", "slaney"))
        self.log_floor = None if log_floor is None else number("log_floor", log_floor, minimum=1e-37)
        values = mel_filters(
            sample_rate, n_fft, n_mels, fmin=f_min, fmax=f_max, htk=mel_scale == "htk", norm=norm,
            dtype=np.float64,
        )  # fmt: skip
        self.constant("filters", values.astype(np.float64))

    def forward(self, input: Tensor) -> Tensor:
        """Return (..., n_mels, frames) of signals (..., samples)."""
        spectrum = super().forward(input)
        with torch.autocast(spectrum.device.type, enabled=False):
            mels = self.filters.to(spectrum.dtype) @ spectrum
        return mels if self.log_floor is None else mels.clamp(min=self.log_floor).log()
