"""How the networks divide the frequencies into bands.

The schemes are those of band-split recurrent networks (Y. Luo and J. Yu, "Music source separation with
band-split RNN", IEEE/ACM TASLP 2023): narrow bands where harmonics lie close together, wide ones above.
"""

from __future__ import annotations

import itertools

from phasewise._validate import choice, integer
from phasewise.errors import ParameterError

__all__ = ["SCHEMES", "band_widths", "groups_of_equal_width"]

# Runs of bands: how many, and how wide in Hz. What is left up to the Nyquist frequency is a last band.
SCHEMES: dict[str, tuple[tuple[int, float], ...]] = {
    "vocals": ((10, 100), (12, 250), (8, 500), (8, 1000), (2, 2000)),
    "bass": ((10, 50), (5, 100), (6, 500), (4, 1000), (4, 2000)),
    "drums": ((20, 50), (10, 100), (8, 250), (8, 500), (8, 1000)),
    "joint": ((20, 50), (10, 100), (8, 250), (8, 500), (8, 1000), (2, 2000)),
}
SCHEMES["other"] = SCHEMES["vocals"]


def band_widths(scheme: str, *, sample_rate: int = 44100, n_fft: int = 2048) -> tuple[int, ...]:
    """Return the number of bins of every band of a scheme, lowest frequencies first.

    Parameters
    ----------
    scheme : str
        A key of `SCHEMES`: "vocals", "bass", "drums", "other", or "joint" for all of them at once.
    sample_rate : int
        In Hz.
    n_fft : int
        Length of the transform; the widths add up to ``n_fft // 2 + 1``.

    Returns
    -------
    tuple of int

    Raises
    ------
    ParameterError
        If the scheme is not known, or a band would be narrower than a bin.

    Examples
    --------
    >>> len(band_widths("vocals")), sum(band_widths("vocals"))
    (41, 1025)
    """
    runs = SCHEMES[choice("scheme", scheme, SCHEMES)]
    bins = integer("n_fft", n_fft) // 2 + 1
    left, widths = bins, []
    for count, hertz in runs:
        width = int(hertz * bins * 2 / integer("sample_rate", sample_rate))
        if width == 0:
            raise ParameterError(
                f"n_fft must be large enough for bands of {hertz:g} Hz at {sample_rate} Hz, got {n_fft}; "
                f"take at least {int(sample_rate / hertz) + 1}."
            )
        for _ in range(count):
            if left > width:
                widths.append(width)
                left -= width
    return (*widths, left)


def groups_of_equal_width(widths: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return runs (bands, bins per band) of neighbouring bands of one width, which are computed together."""
    return [(len(list(run)), width) for width, run in itertools.groupby(widths)]
