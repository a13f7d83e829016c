"""The song that ships in the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from phasewise._validate import number

__all__ = ["Song", "load_song"]

_FOLDER = Path(__file__).parents[1] / "data" / "demo-song"
_STEMS = ("vocals", "drums", "bass", "other")
_SHORTEST = 1.0  # seconds: enough for a few windows of the analysis


@dataclass(frozen=True)
class Song:
    """A song as its stems.

    Attributes
    ----------
    title, origin : str
        Its name; whose it is, and its licence.
    stems : dict of str to ndarray of float32, shape (samples,)
        Mono. The mixture is their sum.
    sample_rate : int
        In Hz.
    """

    title: str
    origin: str
    stems: dict[str, NDArray[np.float32]]
    sample_rate: int

    @property
    def mixture(self) -> NDArray[np.float32]:
        """The sum of the stems."""
        total: NDArray[np.float32] = np.sum(list(self.stems.values()), axis=0, dtype=np.float32)
        return total

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.mixture) / self.sample_rate


def load_song(duration: float | None = None) -> Song:
    """Read the song of the package, mixed down to mono.

    Parameters
    ----------
    duration : float, optional
        Seconds to keep, at least 1, from the middle of its 14 s: there the bass enters, and all four stems
        sound.

    Returns
    -------
    Song
    """
    from phasewise import audio

    read = {name: audio.read(_FOLDER / f"{name}.flac") for name in _STEMS}
    sample_rate = next(rate for _, rate in read.values())
    # 16-bit samples: their mean over two channels, and the sum of four such, are exact in float32.
    stems = {name: samples.mean(axis=0, dtype=np.float32) for name, (samples, _) in read.items()}
    if duration is not None:
        length = len(stems["vocals"])
        keep = min(length, round(number("duration", duration, minimum=_SHORTEST) * sample_rate))
        start = (length - keep) // 2
        stems = {name: samples[start : start + keep].copy() for name, samples in stems.items()}
    return Song("Lithium", "Software-Entwicklungskit, CC0 1.0", stems, sample_rate)
