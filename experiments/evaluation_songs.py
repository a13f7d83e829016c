"""Songs with known stems on which the dictionary and the phase recovery are judged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from phasewise.audio import read
from training_mixtures import RATE, STEMS, Song

# Stems of the development set under other names.
_OTHER = ("clavinet", "horns", "guitar")
# Trained on (not these seconds, but others of the same loops).
SEEN = ("music_lithium", "music_sodium")
UNSEEN = ("music_band", "song_1_001", "song_1_002")


def development(data: Path, names: Sequence[str]) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yield names and stems, each (channels, samples), of development songs; silent stems are left out."""
    for name in names:
        folder = data / "dev" / name
        stems = {path.stem: read(path)[0] for path in sorted(folder.glob("*.flac")) if path.stem != "mixture"}
        parts = [stems.pop(part) for part in _OTHER if part in stems]
        if parts:
            stems["other"] = np.sum(parts, axis=0)
        yield name, {stem: stems[stem] for stem in STEMS if stem in stems and stems[stem].any()}


def held_out(
    songs: Sequence[Song], *, start: float = 6.0, stop: float = 16.0
) -> Iterator[tuple[str, dict[str, np.ndarray]]]:
    """Yield names and stems of ten seconds of rendered songs."""
    for song in songs:
        stems = {stem: song.stem(stem) for stem in STEMS}
        cut = {k: v[:, int(start * RATE) : int(stop * RATE)] for k, v in stems.items() if v is not None}
        yield song.name, {stem: audio for stem, audio in cut.items() if audio.any()}
