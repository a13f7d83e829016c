"""Filters that find sources in a mixture by what is known of their magnitudes and phases.

All results sum to the mixture, and all but `complex_nmf` treat the sources as independent Gaussians. `wiener`
knows nothing of the phases, `anisotropic_wiener` expects them near those of the sinusoidal model, as does its
online form, and `bayesian_anisotropic_wiener` learns them; `fit_concentrations` tells how far they can be
trusted. The consistent forms want spectrograms that are nearly transforms of signals. `multichannel_wiener`
learns how sources lie in the channels. `complex_isnmf` and `complex_nmf` learn magnitudes and phases
together.
"""

from phasewise.filters.anisotropic import anisotropic_wiener
from phasewise.filters.bayesian import bayesian_anisotropic_wiener
from phasewise.filters.complex_factorization import complex_isnmf, complex_nmf
from phasewise.filters.concentration import fit_concentrations, von_mises_concentration
from phasewise.filters.consistent import consistent_anisotropic_wiener, consistent_wiener
from phasewise.filters.masks import wiener
from phasewise.filters.multichannel import multichannel_wiener
from phasewise.filters.online import OnlineAnisotropicWiener

__all__ = [
    "OnlineAnisotropicWiener",
    "anisotropic_wiener",
    "bayesian_anisotropic_wiener",
    "complex_isnmf",
    "complex_nmf",
    "consistent_anisotropic_wiener",
    "consistent_wiener",
    "fit_concentrations",
    "multichannel_wiener",
    "von_mises_concentration",
    "wiener",
]
