"""Spectrogram pictures: small WebP images on a logarithmic frequency axis, without text.

Axes, labels and playhead are drawn by the page around them, so they stay sharp and follow its colours.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise.report._require import require
from phasewise.transform import STFT

N_FFT = 4096
COLUMNS, ROWS = 800, 180
LOWEST = 40.0  # Hz
RANGE = 80.0  # dB below the loudest bin of the reference level


@dataclass(frozen=True)
class Axis:
    """A label and its place, in percent from the left (time) or from the top (frequency)."""

    label: str
    percent: float


def level(samples: NDArray[Any]) -> float:
    """The loudest magnitude of a sound's spectrogram: the common reference of the pictures of one player."""
    return float(_magnitude(samples).max(initial=0.0)) or 1.0


def spectrogram(samples: NDArray[Any], sample_rate: int, top: float) -> bytes:
    """Draw a sound.

    Parameters
    ----------
    samples : ndarray of shape (samples,) or (channels, samples)
        Channels are averaged.
    sample_rate : int
        In Hz; the picture goes from 40 Hz to half of it.
    top : float > 0
        Magnitude drawn in the brightest colour (see `level`); 80 dB below is the darkest.

    Returns
    -------
    bytes
        A WebP image of 800 x 180 pixels.
    """
    matplotlib = require("matplotlib")
    image = require("PIL.Image")
    magnitude = _magnitude(samples)
    bands = log_rows(magnitude, LOWEST, sample_rate, N_FFT, ROWS)
    decibels = 20.0 * np.log10(np.maximum(bands / top, 1e-9))
    colours = matplotlib.colormaps["magma"](np.clip(1.0 + decibels / RANGE, 0.0, 1.0)[::-1], bytes=True)
    picture = image.fromarray(np.ascontiguousarray(colours[..., :3])).resize((COLUMNS, ROWS), image.BILINEAR)
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=55, method=2)
    return buffer.getvalue()


def log_rows(
    magnitude: NDArray[Any], lowest: float, sample_rate: float, n_fft: int, rows: int
) -> NDArray[Any]:
    """Rows on a logarithmic axis from `lowest` Hz to half the sample rate, low ones first.

    Each row takes the strongest bin of its band, so that no partial falls between two rows.
    """
    edges = np.geomspace(lowest, sample_rate / 2, rows + 1) * n_fft / sample_rate
    low = np.floor(edges[:-1]).astype(int)
    high = np.maximum(np.ceil(edges[1:]).astype(int), low + 1)
    # Bands may overlap: every second maximum of reduceat is one from low to high, the others lie in between.
    edge = np.minimum(np.stack([low, high], axis=1).ravel(), len(magnitude) - 1)
    return np.asarray(np.maximum.reduceat(magnitude, edge, axis=0)[::2])


def frequency_axis(sample_rate: int) -> list[Axis]:
    """Labels for the pictures' vertical axis."""
    nyquist = sample_rate / 2
    span = np.log(nyquist / LOWEST)
    marks = {100: "100 Hz", 1000: "1 kHz", 10000: "10 kHz"}
    return [Axis(t, 100.0 * (1 - float(np.log(f / LOWEST) / span))) for f, t in marks.items() if f < nyquist]


def time_axis(seconds: float) -> list[Axis]:
    """Labels for the pictures' horizontal axis, at whole steps of 1, 2, 5, 10, ... seconds."""
    step = next(
        s for s in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 3600) if seconds / s <= 8
    )
    return [Axis(f"{k * step:g} s", 100.0 * k * step / seconds) for k in range(int(seconds / step) + 1)]


def _magnitude(samples: NDArray[Any]) -> NDArray[np.float32]:
    mono = np.atleast_2d(np.asarray(samples, dtype=np.float32)).mean(axis=0)
    # About one frame per picture column; a very short sound is padded so that it fills one window.
    hop = max(1, mono.size // COLUMNS)
    mono = np.pad(mono, (0, max(0, N_FFT - mono.size)))
    magnitude: NDArray[np.float32] = STFT(N_FFT, min(hop, N_FFT)).magnitude(mono)
    return magnitude
