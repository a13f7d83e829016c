"""The transform in real arithmetic: convolutions, which every exchange format knows.

Operators and complex numbers do not survive an export to ONNX. These modules compute the same from matrix
products of frames with cosines and sines: slower, of O(n_fft^2) per frame, for inference elsewhere.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from phasewise.torch.nn.transforms import ISTFT, STFT, Framed

__all__ = ["RealISTFT", "RealSTFT"]


class RealSTFT(Framed):
    """A transform whose spectra are real: (..., freq, frames, 2), as `torch.view_as_real` shows complex ones.

    Parameters
    ----------
    stft : STFT
        Whose parameters to take; one-sided, padding by zeros, reflection or repetition of the ends.
    """

    basis: Tensor

    def __init__(self, stft: STFT) -> None:
        values = stft._exact["window"]
        super().__init__(stft.n_fft, stft.hop_length, stft.win_length, values, stft.center, stft.normalized)
        self.pad_mode = stft.pad_mode
        window = _full(values, stft.n_fft) / (np.sqrt(stft.n_fft) if stft.normalized else 1)
        angles = _angles(stft.n_fft)
        self.constant("basis", np.concatenate((np.cos(angles), -np.sin(angles)))[:, None] * window)

    def forward(self, input: Tensor) -> Tensor:
        """Transform signals (..., samples) to (..., freq, frames, 2)."""
        rows = input.reshape(-1, 1, input.shape[-1])
        if self.center:
            rows = F.pad(rows, (self.n_fft // 2, self.n_fft // 2), self.pad_mode)
        parts = F.conv1d(rows, self.basis.to(input.dtype), stride=self.hop_length)
        bins = self.n_fft // 2 + 1
        spectrum = torch.stack((parts[:, :bins], parts[:, bins:]), dim=-1)
        return spectrum.reshape(*input.shape[:-1], bins, -1, 2)


class RealISTFT(Framed):
    """An inverse whose spectra are real: (..., freq, frames, 2).

    Parameters
    ----------
    istft : ISTFT
        Whose parameters to take.
    """

    basis: Tensor
    squared: Tensor

    def __init__(self, istft: ISTFT) -> None:
        values = istft._exact["window"]
        super().__init__(
            istft.n_fft, istft.hop_length, istft.win_length, values, istft.center, istft.normalized
        )
        n_fft = istft.n_fft
        window = _full(values, n_fft) / (np.sqrt(n_fft) if istft.normalized else 1)
        counts = np.full((n_fft // 2 + 1, 1), 2.0)
        counts[0] = 1
        if n_fft % 2 == 0:
            counts[-1] = 1
        waves = np.concatenate((counts * np.cos(_angles(n_fft)), -counts * np.sin(_angles(n_fft)))) / n_fft
        self.constant("basis", waves[:, None] * window)
        self.constant("squared", (window**2)[None, None])

    def forward(self, input: Tensor, length: int | None = None) -> Tensor:
        """Synthesise signals (..., samples) of spectra (..., freq, frames, 2)."""
        *batch, bins, frames, _ = input.shape
        parts = input.reshape(-1, bins, frames, 2).permute(0, 3, 1, 2).reshape(-1, 2 * bins, frames)
        signal = F.conv_transpose1d(parts, self.basis.to(input.dtype), stride=self.hop_length)
        ones = torch.ones_like(parts[:1, :1])
        energy = F.conv_transpose1d(ones, self.squared.to(input.dtype), stride=self.hop_length)
        negligible = 1e-11 * energy.max()
        signal = signal / torch.where(energy > negligible, energy, torch.ones_like(energy))
        lead = self.n_fft // 2 if self.center else 0
        if length is None:
            length = self.n_fft + self.hop_length * (frames - 1) - 2 * lead
        signal = F.pad(signal, (0, max(0, lead + length - signal.shape[-1])))
        return signal[:, 0, lead : lead + length].reshape(*batch, length)


def _full(window: NDArray[np.float64], n_fft: int) -> NDArray[np.float64]:
    left = (n_fft - len(window)) // 2
    return np.pad(window, (left, n_fft - len(window) - left))


def _angles(n_fft: int) -> NDArray[np.float64]:
    """Return 2 pi k n / n_fft, reduced to one turn, (bins, n_fft)."""
    products = np.outer(np.arange(n_fft // 2 + 1), np.arange(n_fft)) % n_fft
    return np.asarray(products * (2 * np.pi / n_fft))
