"""Random mixtures of isolated stems with known sources, for training.

Every song becomes a file of its stems, (stems, channels, samples), in half precision. A mixture is a short
window: of one song as it is, or of a stem of one song with stems of others. Levels vary by 5 dB, the colour
of a stem by a smooth random filter, and real songs, being few, also come at two other speeds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phasewise._bands import band_edges
from phasewise._context import Neighbours
from phasewise.audio import read, resample
from phasewise.transform import stft

STEMS = ("bass", "drums", "other", "vocals")
RATE = 44100
BLOCK = 4096  # samples for which it is known whether a stem sounds
SILENCE = 1e-3  # of the energy of the loudest block
REAL_SPEEDS = (1.0, 0.84, 1.19)
STRIDE = 2  # frames from one training frame to the next: neighbours are much alike
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

    def stem(self, stem: str, *, complete: bool = False) -> np.ndarray | None:
        """Return (channels, samples) at 44.1 kHz, or None where the song lacks the stem.

        Stems that are no targets are lacking too, unless `complete`.
        """
        for extension in ("flac", "ogg", "wav"):
            path = self.folder / f"{stem}.{extension}"
            if path.exists() and (complete or (self.name, stem) not in LEFT_OUT):
                audio, rate = read(path)
                return resample(audio, rate, RATE)
        return None

    @property
    def incomplete(self) -> bool:
        """Whether a stem of the song is left out, so that it is no mixture on its own."""
        return any(name == self.name for name, _ in LEFT_OUT)


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


class Layout:
    """What is known of a frame: its bands, then those of groups of neighbours.

    Parameters
    ----------
    n_fft : int
        The hop is a quarter of it.
    neighbours : sequence of Neighbours
    """

    def __init__(self, n_fft: int, neighbours: Sequence[Neighbours]) -> None:
        self.n_fft = n_fft
        self.hop_length = n_fft // 4
        self.edges = band_edges(n_fft, RATE)
        self.neighbours = tuple(neighbours)
        self.bands = [len(self.edges) - 1, *(group.bands for group in self.neighbours)]
        self.widths = np.diff(self.edges).astype(np.float32)
        self.reach = max((group.reach for group in self.neighbours), default=0)

    def centres(self, count: int) -> np.ndarray:
        """Return the places of the frames to be factorised among those of a window."""
        return self.reach + STRIDE * np.arange(count)

    def samples(self, count: int) -> int:
        """Return the length of a window with ``count`` such frames."""
        return self.n_fft + self.hop_length * (2 * self.reach + STRIDE * (count - 1))

    def spectra(self, signals: np.ndarray) -> np.ndarray:
        """Return spectra (..., frames, freq) of windows (..., samples)."""
        S = stft(signals, n_fft=self.n_fft, hop_length=self.hop_length, center=False)
        return np.swapaxes(S, -1, -2)

    def rows(self, V: np.ndarray, centres: np.ndarray) -> np.ndarray:
        """Return what is factorised, (centres, rows), of the magnitudes (frames, freq) of a window."""
        parts = [self.pooled(V[centres])]
        parts += [group.rows(V, V.shape[-1])[centres] for group in self.neighbours]
        return np.concatenate(parts, axis=1)

    def pooled(self, values: np.ndarray) -> np.ndarray:
        """Return sums over the bands of the frame itself."""
        return np.add.reduceat(values, self.edges[:-1], axis=-1)


@dataclass(frozen=True)
class Take:
    """A song at a speed: audio (stems, channels, samples) and the energy of its blocks, (stems, blocks)."""

    song: Song
    speed: float
    audio: np.ndarray
    energy: np.ndarray

    @classmethod
    def load(cls, song: Song, speed: float, work: Path) -> Take:
        """Read a file, which is made where it is missing."""
        path = work / f"{song.name}-{speed}.npy"
        if not path.exists():
            work.mkdir(parents=True, exist_ok=True)
            np.save(path, _decoded(song, speed))
        audio = np.load(path, mmap_mode="r")
        blocks = audio.shape[-1] // BLOCK
        energy = np.zeros((len(STEMS), blocks))
        for j, stem in enumerate(audio):
            whole = stem[:, : blocks * BLOCK].astype(np.float32).reshape(len(stem), blocks, BLOCK)
            energy[j] = (whole**2).sum(axis=(0, 2))
        return cls(song, speed, audio, energy)

    def draw(self, samples: int, rng: np.random.Generator, stem: int | None = None) -> int | None:
        """Return the start of a random window in which the stem, or anything, sounds; None where it does not.

        It keeps clear of the ranges that must not be used.
        """
        energy = self.energy.sum(axis=0) if stem is None else self.energy[stem]
        blocks = max(1, samples // BLOCK)
        for _ in range(50):
            start = int(rng.integers(self.audio.shape[-1] - samples))
            begin, end = (at * self.speed / RATE for at in (start, start + samples))
            sounds = energy[start // BLOCK :][:blocks] > SILENCE * energy.max()
            clear = all(end < first or begin > last for first, last in self.song.exclude)
            if clear and sounds.mean() >= 0.3:
                return start
        return None

    def window(
        self, start: int, samples: int, rng: np.random.Generator, stems: slice = slice(None)
    ) -> np.ndarray:
        """Return (stems, samples): one channel of the window or the mean of both."""
        audio = self.audio[stems, :, start : start + samples].astype(np.float32)
        kind = int(rng.integers(3))
        return audio.mean(axis=1) if kind == 2 else audio[:, kind % audio.shape[1]]


def _decoded(song: Song, speed: float) -> np.ndarray:
    """Return (stems, 2, samples) in half precision with the peak 1, played faster, and higher, by `speed`."""
    audio = {stem: song.stem(stem) for stem in STEMS}
    samples = min(a.shape[-1] for a in audio.values() if a is not None)
    out = np.zeros((len(STEMS), 2, samples), np.float32)
    for j, stem in enumerate(STEMS):
        if (signal := audio[stem]) is not None:
            out[j] = signal[:, :samples]
    out /= np.abs(out).max()
    if speed != 1:
        out = np.stack([resample(stem, RATE * speed, RATE) for stem in out])
    return out.astype(np.float16)


@dataclass(frozen=True)
class Batch:
    """Mixtures and all that the error of a filter that is constant within bands depends on.

    Attributes
    ----------
    rows : ndarray (groups * frames, rows)
        What is factorised.
    cross : ndarray (stems, groups, frames, bands)
        Sums of the real part of stem times conjugate mixture.
    power : ndarray (groups, frames, bands)
        Sums of the mixture's power.
    energy : ndarray (stems, groups)
        Of the stems.
    """

    rows: np.ndarray
    cross: np.ndarray
    power: np.ndarray
    energy: np.ndarray


class Mixtures:
    """A source of random mixtures.

    Parameters
    ----------
    songs : list of Song
    layout : Layout
    work : Path
        Folder for the decoded songs.
    real_share : float
        Share of real songs in the mixtures.
    """

    def __init__(self, songs: list[Song], layout: Layout, work: Path, *, real_share: float = 0.5) -> None:
        self.layout = layout
        self._real_share = real_share
        self._pools: dict[bool, list[Take]] = {True: [], False: []}
        for song in songs:
            for speed in REAL_SPEEDS if song.real else (1.0,):
                self._pools[song.real].append(Take.load(song, speed, work))
        self._position = np.log(np.arange(layout.n_fft // 2 + 1) + 4.0)

    def sample(self, groups: int, frames: int, rng: np.random.Generator) -> Batch:
        """Return mixtures of ``groups`` windows with ``frames`` frames each."""
        layout, centres = self.layout, self.layout.centres(frames)
        rows, cross, power, energy = [], [], [], []
        for _ in range(groups):
            S = layout.spectra(self._window(layout.samples(frames), rng))
            S = S * self._colours(rng)[:, None]
            X = S.sum(axis=0)
            rows.append(layout.rows(np.abs(X), centres))
            S, X = S[:, centres], X[centres]
            cross.append(layout.pooled((S * X.conj()).real))
            power.append(layout.pooled(np.abs(X) ** 2))
            energy.append((np.abs(S) ** 2).sum(axis=(1, 2)))
        return Batch(np.concatenate(rows), np.stack(cross, 1), np.stack(power), np.stack(energy, 1))

    def isolated(self, stem: int, count: int, rng: np.random.Generator) -> np.ndarray:
        """Return rows of frames in which a stem sounds, (count, rows), with the mean sum 1."""
        frames, found, have = 24, [], 0
        samples, centres = self.layout.samples(frames), self.layout.centres(frames)
        while have < count:
            rows = self.layout.rows(np.abs(self.layout.spectra(self._stem(stem, samples, rng))), centres)
            level = rows[:, : self.layout.bands[0]].sum(axis=1)
            found.append(rows[level > SILENCE * level.max()])
            have += len(found[-1])
        rows = np.concatenate(found)[:count]
        return rows / rows.sum(axis=1).mean()

    def _window(self, samples: int, rng: np.random.Generator) -> np.ndarray:
        """Return (stems, samples), of one song or of several."""
        if rng.random() < 0.5:
            while True:
                take = self._take(rng)
                start = None if take.song.incomplete else take.draw(samples, rng)
                if start is not None:
                    S = take.window(start, samples, rng)
                    return S / np.sqrt((S**2).sum(axis=0).mean() + 1e-12)
        S = np.stack([self._stem(j, samples, rng) for j in range(len(STEMS))])
        if rng.random() < 0.3:
            S[rng.integers(len(STEMS))] = 0
        return S

    def _stem(self, j: int, samples: int, rng: np.random.Generator) -> np.ndarray:
        """Return (samples,) of unit power."""
        while True:
            take = self._take(rng)
            if take.energy[j].any() and (start := take.draw(samples, rng, j)) is not None:
                signal = take.window(start, samples, rng, slice(j, j + 1))[0]
                return signal / np.sqrt((signal**2).mean() + 1e-12)

    def _take(self, rng: np.random.Generator) -> Take:
        pool = self._pools[bool(self._pools[True]) and rng.random() < self._real_share]
        return pool[rng.integers(len(pool))]

    def _colours(self, rng: np.random.Generator) -> np.ndarray:
        """Return gains (stems, freq): a level of 0 +- 5 dB, and +- 3 dB at five points of the log axis."""
        points = np.linspace(self._position[0], self._position[-1], 5)
        curves = [np.interp(self._position, points, rng.normal(0, 3, 5)) for _ in STEMS]
        return (10 ** ((np.stack(curves) + rng.normal(0, 5, (len(STEMS), 1))) / 20)).astype(np.float32)
