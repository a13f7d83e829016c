"""Training examples: chunks of stems, mixed anew each time. Example i of a seed is always the same.

Two published recipes are there as presets of `Augmentation`. "plain": chunks from anywhere, stems of
different songs, gains, swapped channels. "active": chunks in which the stem sounds (found by a source
activity detector), gains in decibels, some stems silenced, a peak of 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from phasewise._validate import number
from phasewise.errors import ParameterError

__all__ = ["AUGMENTATIONS", "Augmentation", "Examples", "ShardedSampler", "active_chunks"]


@dataclass(frozen=True)
class Augmentation:
    """How chunks become mixtures.

    Parameters
    ----------
    remix : float in [0, 1]
        Probability that every stem comes from a song and moment of its own.
    gain : (float, float)
        Range of the factor of every stem, uniform; in decibels if `decibels`.
    decibels : bool
    swap : float in [0, 1]
        Probability that left and right of a stem change places.
    silence : float in [0, 1]
        Probability that a stem is left out.
    active : bool
        Whether to choose chunks in which the stem sounds.
    normalize : bool
        Whether to divide mixture and stems by the largest value of either.
    """

    remix: float = 1.0
    gain: tuple[float, float] = (0.25, 1.25)
    decibels: bool = False
    swap: float = 0.5
    silence: float = 0.0
    active: bool = False
    normalize: bool = False

    def __post_init__(self) -> None:
        for name in ("remix", "swap", "silence"):
            number(name, getattr(self, name), minimum=0.0, maximum=1.0)
        object.__setattr__(self, "gain", tuple(self.gain))
        if len(self.gain) != 2 or self.gain[0] > self.gain[1]:
            raise ParameterError(f"gain must be a range (low, high), got {self.gain}.")


AUGMENTATIONS = {
    "plain": Augmentation(),
    "active": Augmentation(
        gain=(-10.0, 10.0), decibels=True, swap=0.0, silence=0.1, active=True, normalize=True
    ),
    "none": Augmentation(remix=0.0, gain=(1.0, 1.0), swap=0.0),
}


def active_chunks(
    signal: NDArray[np.floating], sample_rate: int, *, window: float = 6.0, parts: int = 10
) -> NDArray[np.intp]:
    """Return where a stem sounds: first samples of windows, most parts of which are loud.

    Parameters
    ----------
    signal : array of shape (channels, samples)
    sample_rate : int
        In Hz.
    window : float
        Seconds of a window; windows overlap by half.
    parts : int
        Of a window. A part is loud above the 15 % quantile of all parts, at least 1e-3.

    Notes
    -----
    The detector of Y. Luo and J. Yu, "Music source separation with band-split RNN", 2023.
    """
    part = max(1, round(window * sample_rate / parts))
    hop = parts // 2
    count = signal.shape[-1] // part
    if count < parts:
        return np.zeros(0, np.intp)
    energy = np.empty(count)
    for i in range(count):  # one by one: the signal may lie on the disk
        energy[i] = np.sqrt(np.mean(np.square(signal[:, i * part : (i + 1) * part], dtype=np.float64)))
    starts = np.arange(0, count - parts + 1, hop)
    windows = energy[starts[:, None] + np.arange(parts)]
    threshold = max(float(np.quantile(windows, 0.15)), 1e-3)
    return np.asarray(starts[(windows > threshold).sum(axis=1) > parts // 2] * part, np.intp)


class Examples(Dataset[Tensor]):
    """Chunks of stems, (stem, channel, samples) float32; their sum is the mixture.

    Parameters
    ----------
    files : sequence of path
        As `phasewise.songs.prepare` makes them.
    seconds : float
        Of a chunk.
    sample_rate : int
        In Hz.
    augmentation : Augmentation
    seed : int
        Example i depends on seed and i only: any worker, process or resumed run makes the same.
    channels : {1, 2}
        1 takes the mean of left and right.

    Raises
    ------
    ParameterError
        If no song is as long as a chunk.
    """

    def __init__(
        self,
        files: Sequence[Path],
        *,
        seconds: float,
        sample_rate: int,
        augmentation: Augmentation,
        seed: int = 0,
        channels: int = 2,
    ) -> None:
        self.samples = round(seconds * sample_rate)
        songs = [np.load(file, mmap_mode="r") for file in files]
        self._songs = [song for song in songs if song.shape[-1] >= self.samples]
        if not self._songs:
            raise ParameterError(f"seconds must be less than the songs have, got {seconds:g}.")
        self._seed, self._augmentation, self._channels = seed, augmentation, channels
        # For each stem, the songs that have it.
        stems = self._songs[0].shape[0]
        self._having = [[i for i, song in enumerate(self._songs) if song[j].any()] for j in range(stems)]
        self._active: list[list[NDArray[np.intp]]] = []
        if augmentation.active:
            self._active = [
                [active_chunks(song[j], sample_rate, window=2 * seconds) for song in self._songs]
                for j in range(stems)
            ]

    def __getitem__(self, index: int) -> Tensor:
        a = self._augmentation
        rng = np.random.default_rng((self._seed, index))
        together = rng.random() >= a.remix
        song = int(rng.integers(len(self._songs)))
        start = self._start(rng, self._songs[song].shape[-1])
        chunk = np.zeros((len(self._having), 2, self.samples), np.float32)
        for j, having in enumerate(self._having):
            # Every number is drawn whatever happens to it, so that stems do not depend on each other.
            own = having[int(rng.integers(len(having)))] if having else song
            place = song if together else own
            moment = start if together else self._moment(rng, j, place)
            gain, swapped, silent = rng.uniform(*a.gain), rng.random() < a.swap, rng.random() < a.silence
            if silent:
                continue
            part = self._songs[place][j, :, moment : moment + self.samples].astype(np.float32)
            chunk[j] = (part[::-1] if swapped else part) * np.float32(
                10 ** (gain / 20) if a.decibels else gain
            )
        if a.normalize:
            chunk /= max(float(np.abs(chunk.sum(axis=0)).max()), float(np.abs(chunk).max()), 1e-8)
        if self._channels == 1:
            chunk = chunk.mean(axis=1, keepdims=True)
        return torch.from_numpy(np.ascontiguousarray(chunk))

    def _start(self, rng: np.random.Generator, samples: int) -> int:
        return int(rng.integers(samples - self.samples + 1))

    def _moment(self, rng: np.random.Generator, stem: int, song: int) -> int:
        """Return where in a song to take a stem: anywhere, or where it sounds."""
        samples = self._songs[song].shape[-1]
        anywhere = self._start(rng, samples)
        if not self._active or not len(self._active[stem][song]):
            return anywhere
        window = int(rng.choice(self._active[stem][song]))
        return min(window + int(rng.integers(self.samples + 1)), samples - self.samples)


class ShardedSampler(Sampler[int]):
    """Numbers of the examples of an epoch, split among the processes of a run.

    Every batch of the run takes consecutive numbers, of which process r of n takes each n-th: one process
    or many see the same examples between two updates.

    Parameters
    ----------
    length : int
        Examples per epoch, of all processes together.
    rank, world : int
        This process, and how many there are.
    """

    def __init__(self, length: int, *, rank: int = 0, world: int = 1) -> None:
        if length % world:
            raise ParameterError(f"length must be a multiple of the {world} processes, got {length}.")
        self.length, self.rank, self.world, self.epoch = length, rank, world, 0

    def set_epoch(self, epoch: int) -> None:
        """Go to the examples of an epoch."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.epoch * self.length + self.rank, (self.epoch + 1) * self.length, self.world))

    def __len__(self) -> int:
        return self.length // self.world
