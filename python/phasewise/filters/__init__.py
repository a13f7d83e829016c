"""Filters that find sources in a mixture by what is known of their magnitudes and phases.

All treat the sources as independent Gaussians and return posterior means, which sum to the mixture:
`wiener` knows nothing of the phases, `anisotropic_wiener` expects them near those of the sinusoidal model.
"""

from phasewise.filters.anisotropic import anisotropic_wiener
from phasewise.filters.masks import wiener

__all__ = ["anisotropic_wiener", "wiener"]
