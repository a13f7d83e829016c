"""The work of ``phasewise separate``."""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from phasewise._validate import choice
from phasewise.audio import AudioReader, StemWriter, encoding_for
from phasewise.audio.writing import make_folder
from phasewise.cli._jobs import run_jobs
from phasewise.cli._output import Written, chunk_seconds
from phasewise.cli._progress import Progress
from phasewise.cli._record import is_complete, write_record
from phasewise.cli._tracks import Layout, Track, durations, find_tracks
from phasewise.errors import ParameterError
from phasewise.separation import Separator

__all__ = ["separate_files"]


def separate_files(args: argparse.Namespace) -> int:
    """Separate all files and return the exit code."""
    tracks = find_tracks(args.paths, exclude=Path(args.out))
    separator = Separator(args.model, phase=args.phase, n_iter=args.n_iter, init=args.init, seed=args.seed)
    layout = Layout(Path(args.out) / separator.name, args.filename, args.format)
    groups = _groups(separator.stems, args.two_stems, args.stems)
    made = make_folder(layout.folder)
    progress = Progress(durations(tracks), as_json=args.json_progress, quiet=args.quiet)
    jobs = min(args.jobs, len(tracks))
    job = _Job(args, separator, groups, layout, progress, jobs)
    try:
        code = run_jobs(tracks, job, progress, jobs=jobs, verbose=args.verbose)
    finally:
        progress.close()
        for folder in made:
            with contextlib.suppress(OSError):
                os.rmdir(folder)  # only if nothing was written
    if job.written and not args.quiet:
        progress.say(f"{job.written} of {len(tracks)} tracks written to {layout.folder}")
    return code


@dataclass(frozen=True)
class _Group:
    """An output: the sum of these stems of the model, and whether it is written."""

    members: tuple[int, ...]
    written: bool = True


def _groups(stems: tuple[str, ...], two_stems: str | None, chosen: str | None) -> dict[str, _Group]:
    """Return what is written; all groups together are the mixture."""
    if two_stems is not None:
        one = stems.index(choice("--two-stems", two_stems, stems))
        others = tuple(i for i in range(len(stems)) if i != one)
        return {two_stems: _Group((one,)), f"no_{two_stems}": _Group(others)}
    names = stems if chosen is None else tuple(word.strip() for word in chosen.split(",") if word.strip())
    if not names:
        raise ParameterError(f"--stems must name some of {', '.join(stems)}, got {chosen!r}.")
    for name in names:
        choice("--stems", name, stems)
    return {name: _Group((i,), name in names) for i, name in enumerate(stems)}


class _Job:
    """The separation of one track, as often as it is called, from any thread."""

    def __init__(
        self,
        args: argparse.Namespace,
        separator: Separator,
        groups: dict[str, _Group],
        layout: Layout,
        progress: Progress,
        jobs: int,
    ) -> None:
        self._args = args
        self._separator = separator
        self._groups = groups
        self._layout = layout
        self._progress = progress
        self._jobs = jobs
        self._details = {
            "command": "separate",
            "model": {"name": separator.name, "sha256": separator.model.digest},
            "arguments": {
                "phase": separator.phase,
                "n_iter": separator.n_iter,
                "init": args.init,
                "seed": args.seed,
                "two_stems": args.two_stems,
                "stems": args.stems,
            },
        }
        self.written = 0

    def __call__(self, track: Track, callback: Callable[[float], bool]) -> None:
        file, name = str(track.source), track.name
        paths = {stem: self._layout.stem(name, stem) for stem, group in self._groups.items() if group.written}
        record = self._layout.record(name)
        if self._args.skip_existing and is_complete(record, paths):
            if self._args.verbose:
                self._progress.say(f"{file}: skipped, its stems are there")
            self._progress.end(file, "skipped")
            return
        began = time.monotonic()
        written = self._write(track, paths, callback)
        write_record(record, paths, {**self._details, **written.details()})
        self.written += 1
        if not self._args.quiet:
            for note in written.notes():
                self._progress.say(f"{file}: {note}")
        if self._args.verbose:
            took = time.monotonic() - began
            self._progress.say(f"{file}: {', '.join(paths)} in {record.parent} ({took:.1f} s)")
        self._progress.end(file, "done", stems={stem: str(path) for stem, path in paths.items()})

    def _write(self, track: Track, paths: dict[str, Path], callback: Callable[[float], bool]) -> Written:
        args, separator = self._args, self._separator
        with AudioReader(track.source) as reader:
            info = reader.info
            self._progress.event("start", str(track.source), seconds=round(info.seconds, 3))
            encoding = encoding_for(args.format, args.bit_depth, source=info)
            need = separator.bytes_per_second(info.sample_rate, info.channels)
            stream = separator.stream(
                reader.blocks(),
                info.sample_rate,
                total=info.frames,
                chunk_seconds=chunk_seconds(args.max_memory, self._jobs, need),
                callback=callback,
            )
            places = {stem: paths.get(stem) for stem in self._groups}
            with StemWriter(places, info.sample_rate, info.channels, encoding) as writer:
                for mixture, stems in stream:
                    parts = [stems[list(group.members)].sum(axis=0) for group in self._groups.values()]
                    writer.write(mixture, np.stack(parts))
        return Written(info, encoding, writer.clipped)
