"""Filters that find sources in a mixture by what is known of their magnitudes and phases.

All treat the sources as independent Gaussians; all results sum to the mixture. `wiener` knows nothing of the
phases, `anisotropic_wiener` expects them near those of the sinusoidal model, as does its
online form. The consistent forms of the two want spectrograms that are nearly transforms of signals.
"""

from phasewise.filters.anisotropic import anisotropic_wiener
from phasewise.filters.concentration import fit_concentrations, von_mises_concentration
from phasewise.filters.consistent import consistent_anisotropic_wiener, consistent_wiener
from phasewise.filters.masks import wiener
from phasewise.filters.multichannel import multichannel_wiener
from phasewise.filters.online import OnlineAnisotropicWiener

__all__ = [
    "OnlineAnisotropicWiener",
    "anisotropic_wiener",
    "consistent_anisotropic_wiener",
    "consistent_wiener",
    "fit_concentrations",
    "multichannel_wiener",
    "von_mises_concentration",
    "wiener",
]
