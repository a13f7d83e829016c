"""Scores of separated songs against their true stems: per track, and averages with their uncertainty."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import audio, metrics
from phasewise._validate import choice, generator, integer, number
from phasewise.errors import ParameterError
from phasewise.songs import Song

__all__ = ["METRICS", "Evaluation", "Interval", "bootstrap_interval", "evaluate", "score_stem"]

# What is computed for every stem of every track, in decibels.
METRICS = ("sdr", "si_sdr", "usdr", "csdr")


class Interval(NamedTuple):
    """A statistic of scores, and between which values it lies with the confidence asked for."""

    value: float
    low: float
    high: float
    scored: int


@dataclass(frozen=True)
class Evaluation:
    """Scores of a set of tracks.

    Attributes
    ----------
    stems : tuple of str
    tracks : dict of str to dict of str to dict of str to float
        Score by track, stem and metric; NaN where the true stem is silent.
    missing : tuple of str
        Stems of tracks that have no estimate, ``track/stem``.
    """

    stems: tuple[str, ...]
    tracks: dict[str, dict[str, dict[str, float]]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    def scores(self, metric: str, stem: str | None = None) -> NDArray[np.float64]:
        """Return the scores of a stem over the tracks, or the mean of each track over its stems.

        Parameters
        ----------
        metric : str
            One of `METRICS`.
        stem : str, optional
            By default all of them.

        Returns
        -------
        ndarray of shape (tracks,)
            NaN where nothing was scored.
        """
        choice("metric", metric, METRICS)
        values = []
        for track in self.tracks.values():
            found = [track[s][metric] for s in self.stems if s in track and stem in (None, s)]
            known = [v for v in found if not np.isnan(v)]
            values.append(float(np.mean(known)) if known else np.nan)
        return np.array(values)

    def summary(
        self, metric: str, *, statistic: str = "mean", confidence: float = 0.95, rng: Any = 0
    ) -> dict[str, Interval]:
        """Return mean or median over the tracks for every stem, and for all of them under "all".

        Parameters
        ----------
        metric : str
            One of `METRICS`.
        statistic : {"mean", "median"}
        confidence : float in (0, 1)
            Of the intervals.
        rng : None, int or numpy.random.Generator
            Source of the resampling.

        Returns
        -------
        dict of str to Interval
        """
        names: list[str | None] = [*self.stems, None]
        return {
            name or "all": bootstrap_interval(
                self.scores(metric, name), statistic=statistic, confidence=confidence, rng=rng
            )
            for name in names
        }


def bootstrap_interval(
    scores: ArrayLike,
    *,
    statistic: str = "mean",
    confidence: float = 0.95,
    resamples: int = 2000,
    rng: Any = 0,
) -> Interval:
    """Return mean or median of scores with the percentile interval of the bootstrap.

    Parameters
    ----------
    scores : array of shape (n,)
        NaN does not count.
    statistic : {"mean", "median"}
    confidence : float in (0, 1)
    resamples : int
    rng : None, int or numpy.random.Generator

    Returns
    -------
    Interval
        All NaN without scores; of a single one, both ends are that score.

    References
    ----------
    .. [1] B. Efron, "Bootstrap methods: another look at the jackknife", Annals of Statistics 7, 1979.
    """
    function = np.mean if choice("statistic", statistic, ("mean", "median")) == "mean" else np.median
    number("confidence", confidence, minimum=0.0, maximum=1.0)
    values = np.asarray(scores, np.float64).ravel()
    values = values[~np.isnan(values)]
    if not values.size:
        return Interval(np.nan, np.nan, np.nan, 0)
    drawn = generator(rng).integers(values.size, size=(integer("resamples", resamples), values.size))
    with np.errstate(invalid="ignore"):  # scores may be infinite
        low, high = np.quantile(function(values[drawn], axis=1), [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(float(function(values)), float(low), float(high), values.size)


def score_stem(reference: ArrayLike, estimate: ArrayLike, sample_rate: float) -> dict[str, float]:
    """Return every metric of a stem.

    Parameters
    ----------
    reference, estimate : array of shape (channels, samples)
    sample_rate : float
        In Hz.

    Returns
    -------
    dict of str to float
        By the names of `METRICS`; SDR and SI-SDR are means over the channels.
    """

    def mean(values: Any) -> float:
        return metrics.average(values).value

    return {
        "sdr": mean(metrics.sdr(reference, estimate)),
        "si_sdr": mean(metrics.si_sdr(reference, estimate)),
        "usdr": float(metrics.usdr(reference, estimate)),
        "csdr": float(metrics.csdr(reference, estimate, sample_rate=sample_rate)),
    }


def evaluate(
    songs: Sequence[Song],
    estimates: str | os.PathLike[str],
    stems: Sequence[str],
    *,
    on_track: Callable[[str], Any] | None = None,
) -> Evaluation:
    """Score the stems in a folder against the true ones.

    Parameters
    ----------
    songs : sequence of Song
        The truth, as `phasewise.songs.find_songs` finds it.
    estimates : path
        Folder of ``<song>/<stem>.{wav,flac,ogg}``, as `phasewise separate` writes below the name of a model.
    stems : sequence of str
        What to score. A stem that a song lacks is silence, and is not scored.
    on_track : callable, optional
        Called with the name of every song before it is scored.

    Returns
    -------
    Evaluation

    Raises
    ------
    ParameterError
        If no estimate is found, or one differs from its truth in length, rate or channels.
    """
    tracks: dict[str, dict[str, dict[str, float]]] = {}
    missing = []
    for song in songs:
        found = Song(Path(estimates) / song.name)
        if on_track is not None:
            on_track(song.name)
        for stem in stems:
            true, made = song.path(stem), found.path(stem)
            if true is None:
                continue
            if made is None:
                missing.append(f"{song.name}/{stem}")
                continue
            reference, rate = audio.read(true)
            estimate, made_rate = audio.read(made)
            if (reference.shape, rate) != (estimate.shape, made_rate):
                raise ParameterError(
                    f"{made} must have the shape {reference.shape} and the rate {rate} Hz of {true}, got "
                    f"{estimate.shape} and {made_rate} Hz."
                )
            tracks.setdefault(song.name, {})[stem] = score_stem(reference, estimate, rate)
    if not tracks:
        raise ParameterError(
            f"{estimates} must hold <song>/<stem>.wav (or .flac, .ogg) for songs such as {songs[0].name!r} "
            f"and stems {', '.join(stems)}; there is none."
        )
    return Evaluation(tuple(stems), tracks, tuple(missing))
