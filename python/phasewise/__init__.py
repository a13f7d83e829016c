"""phasewise: audio source separation with the phase of every source recovered.

Every public name is loaded when it is first used, so ``import phasewise`` costs little more than numpy.
Conventions: audio is ``(..., channels, samples)``, a spectrogram ``(..., freq, frames)``, sources are on
axis -3.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# public name -> module that defines it
_EXPORTS = {
    "build_info": "config",
    "get_num_threads": "config",
    "set_num_threads": "config",
    "stft": "transform",
    "istft": "transform",
    "STFT": "transform",
    "StreamingSTFT": "streaming",
    "StreamingISTFT": "streaming",
    "StreamingMagnitudes": "streaming_magnitudes",
    "StreamingRefiner": "streaming_refinement",
    "StreamingSeparator": "streaming_separation",
    "ONLINE_METHODS": "phase.online.stages",
    "OnlineWiener": "phase.online.wiener",
    "mel_filters": "mel",
    "mel_spectrogram": "mel",
    "power_to_db": "decibels",
    "amplitude_to_db": "decibels",
    "db_to_power": "decibels",
    "db_to_amplitude": "decibels",
    "nmf": "factorization",
    "NMF": "factorization",
    "OnlineNMF": "factorization",
    "StreamingActivations": "factorization",
    "nmf_parts": "factorization",
    "nmfd": "factorization",
    "nmfd_parts": "factorization",
    "cluster_components": "factorization",
    "griffinlim": "phase.griffin_lim",
    "pghi": "phase.integration",
    "RTPGHI": "phase.online.integration",
    "spsi": "phase.single_pass",
    "misi": "phase.inversion",
    "spectrogram_inversion": "phase.inversion",
    "bregman_misi": "phase.divergence_inversion",
    "OnlineInversion": "phase.online.inversion",
    "OnlineMISI": "phase.online.inversion",
    "RTISILA": "phase.online.single",
    "ALGORITHMS": "phase.registry",
    "sinusoidal_phase": "phase.sinusoidal",
    "pu_iter": "phase.unwrapping",
    "OnlinePUIter": "phase.online.unwrapping",
    "detect_onsets": "phase.onsets",
    "wiener": "filters",
    "multichannel_wiener": "filters",
    "anisotropic_wiener": "filters",
    "OnlineAnisotropicWiener": "filters",
    "consistent_wiener": "filters",
    "consistent_anisotropic_wiener": "filters",
    "bayesian_anisotropic_wiener": "filters",
    "complex_isnmf": "filters",
    "complex_nmf": "filters",
    "von_mises_concentration": "filters",
    "fit_concentrations": "filters",
    "separate": "separation",
    "Separator": "separation",
    "refine": "refinement",
    "Refiner": "refinement",
    "ParameterError": "errors",
    "PhasewiseError": "errors",
    "AudioDecodeError": "errors",
    "DictionaryError": "errors",
    "ModelError": "errors",
    "Cancelled": "errors",
}
_MODULES = ("audio", "metrics", "phase", "reference", "errors", "windows")

__all__ = ["__version__", *_EXPORTS, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in _EXPORTS:
        value = getattr(importlib.import_module(f"phasewise.{_EXPORTS[name]}"), name)
    elif name in _MODULES:
        value = importlib.import_module(f"phasewise.{name}")
    else:
        raise AttributeError(f"module 'phasewise' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
