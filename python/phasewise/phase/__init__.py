"""Phase recovery: of one spectrogram, of several from their mixture, and from models of the phase."""

from phasewise.phase.agreement import feasible_magnitudes
from phasewise.phase.divergence_inversion import bregman_misi
from phasewise.phase.griffin_lim import GriffinLimState, griffinlim
from phasewise.phase.headroom import GainMap, gain_map
from phasewise.phase.integration import pghi
from phasewise.phase.inversion import misi, spectrogram_inversion
from phasewise.phase.online.integration import RTPGHI
from phasewise.phase.online.inversion import OnlineInversion, OnlineMISI
from phasewise.phase.online.single import RTISILA
from phasewise.phase.online.unwrapping import OnlinePUIter
from phasewise.phase.onsets import detect_onsets
from phasewise.phase.registry import ALGORITHMS
from phasewise.phase.single_pass import spsi
from phasewise.phase.sinusoidal import sinusoidal_phase
from phasewise.phase.unwrapping import mixing_iterations, pu_iter

__all__ = [
    "ALGORITHMS",
    "RTISILA",
    "RTPGHI",
    "GainMap",
    "GriffinLimState",
    "OnlineInversion",
    "OnlineMISI",
    "OnlinePUIter",
    "bregman_misi",
    "detect_onsets",
    "feasible_magnitudes",
    "gain_map",
    "griffinlim",
    "misi",
    "mixing_iterations",
    "pghi",
    "pu_iter",
    "sinusoidal_phase",
    "spectrogram_inversion",
    "spsi",
]
