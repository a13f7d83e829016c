"""The demo from end to end: experiments, files, page."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise import audio
from phasewise.demo.experiments import (
    BLIND,
    CONSISTENT,
    INFORMED,
    estimated_magnitude_table,
    known_magnitude_table,
)
from phasewise.demo.page import build_report
from phasewise.demo.setting import Experiment
from phasewise.demo.song import Song, load_song
from phasewise.report import Residual, measure_residual, write_report

__all__ = ["DemoResult", "run_demo"]

_SEED = 0
# Folder of stems -> the estimate in it. All of these add up to the mixture before rounding.
_WRITTEN = {"known": (0, CONSISTENT), "nmf-music4": (1, BLIND), "informed": (1, INFORMED)}


@dataclass(frozen=True)
class DemoResult:
    """What the demo found and wrote.

    Attributes
    ----------
    song : Song
    known, estimated : Experiment
        Their ``table`` holds the scores.
    null_tests : list of Residual
        Of each folder of stems, as written.
    folder, report : pathlib.Path
    seconds : float
        Wall-clock time.
    """

    song: Song
    known: Experiment
    estimated: Experiment
    null_tests: list[Residual]
    folder: Path
    report: Path
    seconds: float


def run_demo(
    folder: str | os.PathLike[str] = "demo-output",
    *,
    duration: float | None = None,
    callback: Callable[[float], Any] | None = None,
) -> DemoResult:
    """Take the song of the package apart; write stems and ``report.html``.

    Parameters
    ----------
    folder : path-like
        Receives ``report.html``, ``mixture.wav``, ``true/`` and one folder of stems for known, dictionary and
        informed magnitudes (16 bit; the stems of each sum to ``mixture.wav`` exactly). Created if need be.
    duration : float, optional
        Use only so many seconds of the song's 14.
    callback : callable, optional
        Called with the fraction that is done, never decreasing; returning False cancels.

    Returns
    -------
    DemoResult

    Raises
    ------
    ParameterError
        If ``duration`` is less than a second.
    MissingDependencyError
        If soundfile, Jinja2 or matplotlib is missing.
    Cancelled
        If the callback says so.
    """
    start = time.perf_counter()
    song = load_song(duration)

    def part(low: float, high: float) -> Callable[[float], Any] | None:
        return None if callback is None else lambda done: callback(low + (high - low) * done)

    known = known_magnitude_table(
        song.stems, song.sample_rate, rng=_SEED, trace=True, callback=part(0.0, 0.6)
    )
    estimated = estimated_magnitude_table(song.stems, song.sample_rate, rng=_SEED, callback=part(0.6, 0.9))
    target = Path(folder)
    null_tests = _write_stems(target, song, (known, estimated))
    report = write_report(target / "report.html", build_report(song, known, estimated, null_tests))
    if callback is not None:
        callback(1.0)
    return DemoResult(song, known, estimated, null_tests, target, report, time.perf_counter() - start)


def _write_stems(folder: Path, song: Song, experiments: tuple[Experiment, Experiment]) -> list[Residual]:
    """Write the stems, read them back, and return how far their sums are from the mixture's file."""
    names = list(song.stems)
    sets: dict[str, NDArray[Any]] = {"true": np.stack([song.stems[name] for name in names])}
    for name, (which, group) in _WRITTEN.items():
        experiment = experiments[which]
        best = [e for e in experiment.estimates if e.group == group and e.label.startswith("RAAR")][-1]
        sets[name] = best.signals
    mixture = song.mixture[None]
    audio.write(folder / "mixture.wav", mixture, song.sample_rate, bit_depth="16")
    encoding = audio.encoding_for("wav", "16", source=audio.info(folder / "mixture.wav"))
    expected = _read_integers(folder / "mixture.wav")
    residuals = []
    for name, signals in sets.items():
        paths = {stem: folder / name / f"{stem}.wav" for stem in names}
        with audio.StemWriter(paths, song.sample_rate, 1, encoding) as writer:
            writer.write(mixture, signals[:, None])
        read = [_read_integers(path) for path in paths.values()]
        residuals.append(measure_residual(f"Files in {name}/, 16 bit", expected, read))
    return residuals


def _read_integers(path: Path) -> NDArray[np.int16]:
    samples, _ = audio.read(path)
    integers: NDArray[np.int16] = np.rint(samples * 2.0**15).astype(np.int16)
    return integers
