"""phasewise for torch: the same kernels, differentiable, and inversion as layers.

``import phasewise.torch as pwt``. Operators are registered as ``torch.ops.phasewise``: they work in compiled
and exported models, run the core on the host and torch's own operations on other devices.
"""

from __future__ import annotations

from phasewise.torch.embedding import use
from phasewise.torch.functional import (
    istft,
    magnitude_projection,
    mixing_projection,
    project_consistent,
    stft,
)
from phasewise.torch.inversion import misi, mixing_iterations, sinusoidal_phasors, spectrogram_inversion
from phasewise.torch.nn import (
    ISTFT,
    STFT,
    MelSpectrogram,
    RealISTFT,
    RealSTFT,
    Spectrogram,
    UnfoldedInversion,
)

__all__ = [
    "ISTFT",
    "STFT",
    "MelSpectrogram",
    "RealISTFT",
    "RealSTFT",
    "Spectrogram",
    "UnfoldedInversion",
    "istft",
    "magnitude_projection",
    "misi",
    "mixing_iterations",
    "mixing_projection",
    "project_consistent",
    "sinusoidal_phasors",
    "spectrogram_inversion",
    "stft",
    "use",
]
