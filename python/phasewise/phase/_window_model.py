"""What methods without iterations need to know of a window: where it is, how wide, and what its lobe is."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from phasewise._framing import Framing

__all__ = ["gaussian_model", "main_lobe"]


def gaussian_model(f: Framing) -> tuple[float, float]:
    """Return the centre c (samples) and the width g (samples squared) of the window taken for a Gaussian.

    The Gaussian is ``exp(-pi (l - c)**2 / g)``; its square has the first two moments of the squared window.
    It is no narrower than one sample.
    """
    return _moments(f.window_key)


def main_lobe(f: Framing) -> float:
    """Return half the width, in bins, of the main lobe of the window's transform, to a sixteenth of a bin."""
    return _first_rise(f.window_key)


@lru_cache(maxsize=32)
def _moments(window: bytes) -> tuple[float, float]:
    energy = np.frombuffer(window) ** 2
    energy /= energy.sum()
    sample = np.arange(len(energy))
    centre = float(energy @ sample)
    return centre, max(1.0, float(4 * np.pi * (energy @ (sample - centre) ** 2)))


@lru_cache(maxsize=32)
def _first_rise(window: bytes) -> float:
    values = np.frombuffer(window)
    spectrum = np.abs(np.fft.rfft(values, 16 * len(values)))
    rising = np.flatnonzero(np.diff(spectrum) > 0)
    return float(rising[0] if len(rising) else len(spectrum) - 1) / 16
