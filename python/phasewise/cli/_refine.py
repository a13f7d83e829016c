"""The work of ``phasewise refine``."""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise.audio import AudioInfo, AudioReader, Resampler, StemWriter, encoding_for
from phasewise.audio.writing import make_folder
from phasewise.cli._jobs import run_jobs
from phasewise.cli._output import Written, chunk_seconds
from phasewise.cli._progress import Progress
from phasewise.cli._record import is_complete, sha256_of, write_record
from phasewise.cli._tracks import Layout, Track, durations
from phasewise.errors import ParameterError
from phasewise.refinement import Refiner

__all__ = ["refine_files"]

_BLOCK = 65536
# Encoders pad, and converted rates round: that much may a stem be longer or shorter than the mixture.
_SLACK_SECONDS = 0.1


def refine_files(args: argparse.Namespace) -> int:
    """Refine the stems of one mixture and return the exit code."""
    refiner = Refiner(args.algo, n_iter=args.n_iter, n_fft=args.n_fft, hop_length=args.hop_length)
    track = Track(Path(args.mixture), Path(args.mixture).stem)
    layout = Layout(Path(args.out), args.filename, args.format)
    stems = _named(args.stems)
    places = {name: layout.stem(track.name, name) for name in stems}
    _refuse_overwriting([track.source, *stems.values()], places.values())
    made = make_folder(layout.folder)
    progress = Progress(durations([track]), as_json=args.json_progress, quiet=args.quiet)

    def job(track: Track, callback: Callable[[float], bool]) -> None:
        _refine(args, refiner, track, stems, places, layout.record(track.name), progress, callback)

    try:
        return run_jobs([track], job, progress, jobs=1, verbose=args.verbose)
    finally:
        progress.close()
        for folder in made:
            with contextlib.suppress(OSError):
                os.rmdir(folder)  # only if nothing was written


def _named(files: Iterable[str]) -> dict[str, Path]:
    """Return the stems by the names of their files."""
    stems: dict[str, Path] = {}
    for file in map(Path, files):
        if file.stem in stems:
            raise ParameterError(f"{stems[file.stem]} and {file} are both named {file.stem!r}; rename one.")
        stems[file.stem] = file
    return stems


def _refuse_overwriting(inputs: Iterable[Path], outputs: Iterable[Path]) -> None:
    taken = {path.resolve() for path in inputs}
    for path in outputs:
        if path.resolve() in taken:
            raise ParameterError(f"{path} would overwrite an input; choose another folder with -o.")


def _refine(
    args: argparse.Namespace,
    refiner: Refiner,
    track: Track,
    stems: dict[str, Path],
    places: dict[str, Path],
    record: Path,
    progress: Progress,
    callback: Callable[[float], bool],
) -> None:
    file = str(track.source)
    if args.skip_existing and is_complete(record, places):
        if args.verbose:
            progress.say(f"{file}: skipped, its refined stems are there")
        progress.end(file, "skipped")
        return
    began = time.monotonic()
    written = _write(args, refiner, track.source, stems, places, progress, callback)
    details = {
        "command": "refine",
        "arguments": {
            "algo": refiner.algo,
            "n_iter": args.n_iter,
            "n_fft": args.n_fft,
            "hop_length": args.hop_length,
        },
        **written.details(),
        "given_stems": {name: {"file": str(path), "sha256": sha256_of(path)} for name, path in stems.items()},
    }
    write_record(record, places, details)
    if not args.quiet:
        for note in written.notes():
            progress.say(f"{file}: {note}")
        progress.say(f"{len(places)} stems written to {record.parent} ({time.monotonic() - began:.1f} s)")
    progress.end(file, "done", stems={name: str(path) for name, path in places.items()})


def _write(
    args: argparse.Namespace,
    refiner: Refiner,
    mixture: Path,
    stems: dict[str, Path],
    places: dict[str, Path],
    progress: Progress,
    callback: Callable[[float], bool],
) -> Written:
    with contextlib.ExitStack() as stack:
        readers = [stack.enter_context(AudioReader(path)) for path in (mixture, *stems.values())]
        source = readers[0].info
        for reader in readers[1:]:
            for note in _mismatch(reader.info, source):
                progress.say(note)
        progress.event("start", str(mixture), seconds=round(source.seconds, 3))
        encoding = encoding_for(args.format, args.bit_depth, source=source)
        need = refiner.bytes_per_second(source.sample_rate, source.channels, len(stems))
        streams = [_aligned(reader, source) for reader in readers]
        refined = refiner.stream(
            (np.stack(blocks) for blocks in zip(*streams, strict=True)),
            source.sample_rate,
            total=source.frames,
            chunk_seconds=chunk_seconds(args.max_memory, 1, need),
            callback=callback,
        )
        with StemWriter(places, source.sample_rate, source.channels, encoding) as writer:
            for piece, parts in refined:
                writer.write(piece, parts)
    return Written(source, encoding, writer.clipped)


def _mismatch(stem: AudioInfo, mixture: AudioInfo) -> list[str]:
    """Return notes on what will be adapted in a stem; raise if it cannot belong to the mixture."""
    notes = []
    if stem.channels != mixture.channels:
        raise ParameterError(
            f"{stem.path} has {stem.channels} channel(s), {mixture.path} has {mixture.channels}; convert one."
        )
    if abs(stem.seconds - mixture.seconds) > _SLACK_SECONDS:
        raise ParameterError(
            f"{stem.path} lasts {stem.seconds:.2f} s, {mixture.path} {mixture.seconds:.2f} s; "
            f"cut or pad the stem so that both start and end together."
        )
    if stem.sample_rate != mixture.sample_rate:
        notes.append(f"{stem.path}: converted from {stem.sample_rate} to {mixture.sample_rate} Hz")
    elif stem.frames != mixture.frames:
        what = "cut" if stem.frames > mixture.frames else "continued with silence"
        notes.append(f"{stem.path}: {what} by {abs(stem.frames - mixture.frames)} samples")
    return notes


def _aligned(reader: AudioReader, mixture: AudioInfo) -> Iterator[NDArray[Any]]:
    """Yield the file at the rate and with the length of the mixture, in blocks of equal lengths for all."""
    blocks: Iterable[NDArray[Any]] = reader.blocks(_BLOCK)
    if reader.info.sample_rate != mixture.sample_rate:
        rates = reader.info.sample_rate, mixture.sample_rate
        blocks = Resampler(*rates, mixture.channels, reader.dtype).stream(blocks)
    held = np.empty((mixture.channels, 0), reader.dtype)
    left = mixture.frames
    source = iter(blocks)
    while left:
        wanted = min(_BLOCK, left)
        while held.shape[-1] < wanted:
            block = next(source, None)
            if block is None:
                block = np.zeros((mixture.channels, wanted - held.shape[-1]), reader.dtype)
            held = np.concatenate([held, block], axis=-1)
        yield held[:, :wanted]
        held = held[:, wanted:]
        left -= wanted
