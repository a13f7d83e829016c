"""Songs as folders of stems, found, checked and kept ready at the rate of the model.

Two layouts are known, that of MUSDB18-HQ (``train/<song>/<stem>.wav`` and ``test/``) and plain folders
``<song>/<stem>.{wav,flac,ogg}``. A stem that a song lacks is silence, the mixture is the sum of the stems. A
file ``manifest.json`` beside the songs may say which seconds must not be used::

    [{"name": "<song>", "exclude": [{"start": 111, "end": 125}]}]
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise import audio
from phasewise._whole_file import whole_file
from phasewise.errors import ParameterError

__all__ = ["MUSDB_VALIDATION", "Song", "find_songs", "prepare"]

_EXTENSIONS = ("wav", "flac", "ogg")

# The 14 songs of the training set that are kept for validation, by the names that musdb gives them.
MUSDB_VALIDATION = (
    "Actions - One Minute Smile",
    "Clara Berry And Wooldog - Waltz For My Victims",
    "Johnny Lokke - Promises & Lies",
    "Patrick Talbot - A Reason To Leave",
    "Triviul - Angelsaint",
    "Alexander Ross - Goodbye Bolero",
    "Fergessen - Nos Palpitants",
    "Leaf - Summerghost",
    "Skelpolu - Human Mistakes",
    "Young Griffo - Pennies",
    "ANiMAL - Rockshow",
    "James May - On The Line",
    "Meaxic - Take A Step",
    "Traffic Experiment - Sirens",
)


@dataclass(frozen=True)
class Song:
    """A folder of stems.

    Parameters
    ----------
    folder : Path
    exclude : sequence of (float, float)
        Seconds from and to which the song must not be used.
    """

    folder: Path
    exclude: tuple[tuple[float, float], ...] = ()

    @property
    def name(self) -> str:
        """Name of the folder."""
        return self.folder.name

    def path(self, stem: str) -> Path | None:
        """Return the file of a stem, or None where the song lacks it."""
        for extension in _EXTENSIONS:
            path = self.folder / f"{stem}.{extension}"
            if path.exists():
                return path
        return None


def find_songs(root: str | os.PathLike[str], stems: Sequence[str], *, split: str | None = None) -> list[Song]:
    """Return the songs below a folder, sorted by name.

    Parameters
    ----------
    root : path
        Folder of songs, or of MUSDB18-HQ.
    stems : sequence of str
        A folder is a song if it holds one of them.
    split : {"train", "valid", "test"}, optional
        Part of MUSDB18-HQ: "train" leaves out the 14 songs of "valid". Other folders have no parts, and None
        takes all that is there.

    Raises
    ------
    ParameterError
        If there is no song, or `split` is asked of a folder without parts.
    """
    root = Path(root)
    musdb = (root / "train").is_dir() and (root / "test").is_dir()
    if split is not None and not musdb:
        raise ParameterError(
            f"split must be None for {root}, which has no folders train and test; got {split!r}."
        )
    parts = (
        [root / ("test" if split == "test" else "train")] if split else [root, root / "train", root / "test"]
    )
    folders = sorted((f for part in parts if part.is_dir() for f in part.iterdir()), key=lambda f: f.name)
    ranges = _excluded(root / "manifest.json")
    songs = [Song(folder, ranges.get(folder.name, ())) for folder in folders]
    songs = [song for song in songs if any(song.path(stem) for stem in stems)]
    if split in ("train", "valid"):
        songs = [song for song in songs if (song.name in MUSDB_VALIDATION) == (split == "valid")]
    if not songs:
        raise ParameterError(
            f"{root} must hold songs as folders <song>/<stem>.wav (or .flac, .ogg) with stems "
            f"{', '.join(stems)}; there is none."
        )
    return songs


def _excluded(manifest: Path) -> dict[str, tuple[tuple[float, float], ...]]:
    if not manifest.exists():
        return {}
    try:
        entries = json.loads(manifest.read_text(encoding="utf-8"))
        return {e["name"]: tuple((r["start"], r["end"]) for r in e.get("exclude", ())) for e in entries}
    except (ValueError, KeyError, TypeError) as error:
        raise ParameterError(
            f"{manifest} must be a list of songs with name and exclude, see phasewise.songs: {error}"
        ) from error


def prepare(
    songs: Sequence[Song],
    stems: Sequence[str],
    *,
    sample_rate: int,
    cache: str | os.PathLike[str],
    on_song: Callable[[Song], Any] | None = None,
) -> list[Path]:
    """Write the stems of every song into one array file at the rate of the model, unless it is there.

    Parameters
    ----------
    songs : sequence of Song
    stems : sequence of str
        Order of the first axis; stems that a song lacks are zeros.
    sample_rate : int
        In Hz.
    cache : path
        Folder of the files. A file is written under a temporary name until it is complete.
    on_song : callable, optional
        Called with every song that has to be converted, before it is.

    Returns
    -------
    list of Path
        Files in the form of `numpy.load`, each (stem, 2, samples) in float16, to be read with
        ``mmap_mode="r"``. Excluded ranges are cut out.

    Raises
    ------
    ParameterError
        If the stems of a song differ in length or rate.
    """
    cache = Path(cache)
    cache.mkdir(parents=True, exist_ok=True)
    files = []
    for song in songs:
        target = cache / f"{song.name}-{_fingerprint(song, stems, sample_rate)}.npy"
        if not target.exists():
            if on_song is not None:
                on_song(song)
            with whole_file(target) as temporary, temporary.open("wb") as file:
                np.save(file, _converted(song, stems, sample_rate))
        files.append(target)
    return files


def _fingerprint(song: Song, stems: Sequence[str], sample_rate: int) -> str:
    """Return what changes when the prepared file would."""
    facts: list[Any] = [str(song.folder.resolve()), song.exclude, list(stems), sample_rate]
    for stem in stems:
        path = song.path(stem)
        facts.append(None if path is None else (path.name, path.stat().st_size, path.stat().st_mtime_ns))
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _converted(song: Song, stems: Sequence[str], sample_rate: int) -> NDArray[np.float16]:
    parts: dict[str, NDArray[Any]] = {}
    shape: tuple[int, int] | None = None
    for stem in stems:
        path = song.path(stem)
        if path is None:
            continue
        signal, rate = audio.read(path)
        if shape is not None and shape != (signal.shape[-1], rate):
            raise ParameterError(
                f"{path} must have the {shape[0]} samples at {shape[1]} Hz of the other stems, got "
                f"{signal.shape[-1]} at {rate} Hz."
            )
        shape = signal.shape[-1], rate
        kept = _without(signal, [(round(a * rate), round(b * rate)) for a, b in song.exclude])
        parts[stem] = audio.resample(_stereo(kept), rate, sample_rate).astype(np.float16)
    length = next(iter(parts.values())).shape[-1]
    return np.stack([parts.get(stem, np.zeros((2, length), np.float16)) for stem in stems])


def _without(signal: NDArray[Any], ranges: Sequence[tuple[int, int]]) -> NDArray[Any]:
    keep = np.ones(signal.shape[-1], dtype=bool)
    for first, last in ranges:
        keep[max(0, first) : last] = False
    return signal[..., keep]


def _stereo(signal: NDArray[Any]) -> NDArray[Any]:
    """One channel twice, or the first two."""
    return np.broadcast_to(signal, (2, signal.shape[-1])) if len(signal) == 1 else signal[:2]
