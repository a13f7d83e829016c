"""Random mixtures of frames of isolated stems, for training with known sources.

Every song becomes a stack of complex spectra, (stems, frames, bins), stored in half precision. A mixture is a
group of frames: of one song as it is, or of a stem of one song with stems of others. Levels vary by 3 dB, the
colour of a stem by a smooth random filter, and real songs, being few, also come at two other speeds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phasewise.audio import read, resample
from phasewise.transform import stft

STEMS = ("bass", "drums", "other", "vocals")
RATE = 44100
SILENCE = 1e-4  # of the loudest frame's energy
REAL_SPEEDS = (1.0, 0.84, 1.19)
# Not a target: "other" of this song holds its bass.
LEFT_OUT = {("caesium", "other")}


@dataclass(frozen=True)
class Song:
    """A folder of stems; `exclude` are ranges in seconds that must not be used."""

    folder: Path
    real: bool
    exclude: tuple[tuple[float, float], ...] = ()

    @property
    def name(self) -> str:
        return self.folder.name

    def stem(self, stem: str) -> np.ndarray | None:
        """Return (channels, samples) at 44.1 kHz, or None where the song lacks the stem."""
        for extension in ("flac", "ogg", "wav"):
            path = self.folder / f"{stem}.{extension}"
            if path.exists() and (self.name, stem) not in LEFT_OUT:
                audio, rate = read(path)
                return resample(audio, rate, RATE)
        return None


def real_songs(data: Path, names: list[str]) -> list[Song]:
    """Return songs of the training set by their names."""
    facts = {song["name"]: song for song in json.loads((data / "train" / "manifest.json").read_text())}
    excluded = {name: tuple((e["start"], e["end"]) for e in facts[name]["exclude"]) for name in names}
    return [Song(data / "train" / name, True, excluded[name]) for name in names]


def rendered_songs(data: Path, folder: Path, count: int, *, seed: int = 2) -> list[Song]:
    """Return rendered songs of 30 s, rendering those that are missing."""
    songs = [Song(folder / f"song_{seed}_{i:03d}", False) for i in range(count)]
    for i, song in enumerate(songs):
        if not (song.folder / "song.json").exists():
            command = [
                sys.executable,
                data / "render_stems.py",
                "--out",
                folder,
                "--seed",
                seed,
                "--first",
                i,
            ]
            command += ["--songs", 1, "--duration", 30, "--flac"]
            subprocess.run([str(word) for word in command], check=True)
    return songs


def frames(song: Song, n_fft: int, speed: float, work: Path) -> np.ndarray:
    """Return the song's spectra, (stems, frames, bins, 2) in float16, from a file made where missing."""
    path = work / f"{song.name}-{n_fft}-{speed}.npy"
    if not path.exists():
        work.mkdir(parents=True, exist_ok=True)
        np.save(path, _spectra(song, n_fft, speed))
    return np.load(path, mmap_mode="r")


def _spectra(song: Song, n_fft: int, speed: float) -> np.ndarray:
    audio = {stem: song.stem(stem) for stem in STEMS}
    channels, samples = next(a.shape for a in audio.values() if a is not None)
    starts = np.arange(0, int(samples / speed) - n_fft, n_fft)
    keep = np.ones(len(starts), bool)
    for start, stop in song.exclude:
        time = starts * speed / RATE
        keep &= (time + 2 * n_fft / RATE < start) | (time > stop)
    out = np.zeros((len(STEMS), int(keep.sum()), n_fft // 2 + 1, 2), np.float32)
    for j, stem in enumerate(STEMS):
        if (signal := audio[stem]) is None:
            continue
        signal = resample(signal, RATE * speed, RATE)  # played faster, and higher, by `speed`
        S = stft(signal, n_fft=n_fft, hop_length=n_fft, center=False)
        # Frames alternate between the channels.
        index = np.arange(len(starts))
        chosen = S[index % channels, :, index][keep]
        out[j, ..., 0], out[j, ..., 1] = chosen.real, chosen.imag
    energy = (out**2).sum(axis=(0, 2, 3))
    out = out[:, energy > energy.max() * SILENCE / 10]
    return (out / np.sqrt((out**2).sum(axis=-1).mean())).astype(np.float16)


class Mixtures:
    """A source of random groups of frames.

    Parameters
    ----------
    songs : list of Song
    n_fft : int
    work : Path
        Folder for the spectra.
    real_share : float
        Share of real songs in the mixtures.
    """

    def __init__(self, songs: list[Song], n_fft: int, work: Path, *, real_share: float = 0.4) -> None:
        self._real_share = real_share
        self._pools: dict[bool, list[tuple[np.ndarray, list[np.ndarray]]]] = {True: [], False: []}
        for song in songs:
            for speed in REAL_SPEEDS if song.real else (1.0,):
                spectra = frames(song, n_fft, speed, work)
                energy = np.stack([(stem.astype(np.float32) ** 2).sum(axis=(1, 2)) for stem in spectra])
                audible = [np.flatnonzero(e > max(SILENCE * e.max(), 1e-9)) for e in energy]
                self._pools[song.real].append((spectra, audible))
        self._position = np.log(np.arange(n_fft // 2 + 1) + 4.0)

    def sample(self, groups: int, length: int, rng: np.random.Generator) -> np.ndarray:
        """Return complex spectra of sources, (stems, groups, length, bins)."""
        return np.stack([self._group(length, rng) for _ in range(groups)], axis=1)

    def isolated(self, stem: int, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return magnitudes of frames in which a stem sounds, (frames, bins)."""
        return np.concatenate([np.abs(self._stem(stem, 50, rng)) for _ in range(count // 50)])

    def _group(self, length: int, rng: np.random.Generator) -> np.ndarray:
        if rng.random() < 0.5:
            spectra, _ = self._song(rng)
            at = np.sort(rng.choice(spectra.shape[1], length, replace=spectra.shape[1] < length))
            S = _as_complex(spectra[:, at])
        else:
            S = np.stack([self._stem(j, length, rng) for j in range(len(STEMS))])
            if rng.random() < 0.3:
                S[rng.integers(len(STEMS))] = 0
        gains = 10 ** (rng.normal(0, 3, len(STEMS)) / 20)
        colours = np.stack([g * self._colour(rng) for g in gains]).astype(np.float32)
        return S * colours[:, None]

    def _stem(self, j: int, length: int, rng: np.random.Generator) -> np.ndarray:
        places = np.empty(0)
        while len(places) < 20:
            spectra, audible = self._song(rng)
            places = audible[j]
        first = rng.integers(max(1, len(places) - length + 1))
        S = _as_complex(spectra[j, np.resize(places[first : first + length], length)])
        return S / np.sqrt((np.abs(S) ** 2).mean())

    def _song(self, rng: np.random.Generator) -> tuple[np.ndarray, list[np.ndarray]]:
        pool = self._pools[bool(self._pools[True]) and rng.random() < self._real_share]
        return pool[rng.integers(len(pool))]

    def _colour(self, rng: np.random.Generator) -> np.ndarray:
        """Return a smooth random filter: gains of 0 +- 3 dB at five points of the log axis."""
        points = np.linspace(self._position[0], self._position[-1], 5)
        return 10 ** (np.interp(self._position, points, rng.normal(0, 3, 5)) / 20)


def _as_complex(pairs: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(pairs, np.float32).view(np.complex64)[..., 0]
