"""Networks that find the sources: magnitudes, spectrograms, phases. They need torch.

Each network is a `torch.nn.Module` of tensors (batch, stem, channels, freq, frames) whose configuration is
plain data.
"""

from phasewise.models.band_rnn import BandConfig
from phasewise.models.bands import band_widths
from phasewise.models.bsrnn import BSRNN
from phasewise.models.demixer import Demixer, DemixerConfig
from phasewise.models.magbs import MagBS
from phasewise.models.open_unmix import OpenUnmix, OpenUnmixConfig
from phasewise.models.phase_crnn import PhaseConfig, PhaseCRNN, PhaseEstimate

__all__ = [
    "BSRNN",
    "BandConfig",
    "Demixer",
    "DemixerConfig",
    "MagBS",
    "OpenUnmix",
    "OpenUnmixConfig",
    "PhaseCRNN",
    "PhaseConfig",
    "PhaseEstimate",
    "band_widths",
]
