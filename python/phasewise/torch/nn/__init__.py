"""Modules: transforms as layers, and inversion unfolded into layers."""

from __future__ import annotations

from phasewise.torch.nn.real import RealISTFT, RealSTFT
from phasewise.torch.nn.transforms import ISTFT, STFT, MelSpectrogram, Spectrogram
from phasewise.torch.nn.unfolded import UnfoldedInversion

__all__ = ["ISTFT", "STFT", "MelSpectrogram", "RealISTFT", "RealSTFT", "Spectrogram", "UnfoldedInversion"]
