"""One hour of stereo audio, factorised as a stream: speed and memory of `phasewise.OnlineNMF`.

    python experiments/online_hour.py [--threads 1 2] [--minutes 60] [--results experiments/RESULTS.md]

A WAV file (16 bit, 44.1 kHz, 635 MB an hour) of random notes and noise is written to a temporary folder.
For every number of threads a process of its own reads it block by block, transforms it, and learns a
dictionary from the magnitudes of both channels; it reports its time and its peak of resident memory. Returns
1 if the goals are missed: 50 times real time, 1 GiB.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import soundfile

import phasewise as pw
from phasewise.audio import AudioReader
from results_file import replace_section

RATE, N_FFT, HOP, RANK = 44100, 2048, 512, 64
BLOCK = 65536  # samples per read
SPEED, MEMORY = 50, 1024  # the goals: times real time, MiB


def main(argv: Sequence[str] | None = None) -> int:
    """Write the file, measure, and check the goals."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--results", type=Path, help="file whose section is replaced")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.measure:
        print(json.dumps(measure(args.measure, args.threads[0])))
        return 0
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "hour.wav"
        write_song(path, args.minutes)
        for threads in args.threads:
            command = [sys.executable, __file__, "--measure", str(path), "--threads", str(threads)]
            environment = {**os.environ, "OPENBLAS_NUM_THREADS": str(threads)}
            done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
            rows.append({"threads": threads, **json.loads(done.stdout)})
            print(rows[-1], flush=True)
    text, good = report(rows, args.minutes)
    print(text)
    if args.results:
        replace_section(args.results, Path(__file__).stem, text)
    return 0 if good else 1


def measure(path: Path, threads: int) -> dict[str, float]:
    """Learn from the file; return seconds, seconds of processors, MiB, and how well a minute is explained."""
    pw.set_num_threads(threads)
    wall, cpu = time.perf_counter(), time.process_time()
    model = pw.OnlineNMF(RANK, rng=0)
    for V in spectrograms(path):
        model.push(V)
    W = model.flush().W
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    V = next(spectrograms(path, 60 * RATE))[0]
    options = {"n_iter": 100, "accelerate": True, "return_cost": True, "rng": 0}
    online = pw.nmf(V, RANK, W=W, update_W=False, **options)[2][-1]
    batch = pw.nmf(V, RANK, **options)[2][-1]
    return {"wall": wall, "cpu": cpu, "MiB": peak, "ratio": online / batch}


def spectrograms(path: Path, block: int = BLOCK) -> Iterator[np.ndarray]:
    """Yield the magnitudes of both channels, (2, freq, frames), block by block."""
    stft = pw.StreamingSTFT(N_FFT, HOP, channels=2)
    with AudioReader(path) as reader:
        for samples in reader.blocks(block):
            yield abs(stft.push(samples))
    yield abs(stft.flush())


def write_song(path: Path, minutes: float) -> None:
    """Write notes of random pitch, loudness and place over faint noise, second by second."""
    rng = np.random.default_rng(0)
    time_axis = np.arange(2 * RATE, dtype=np.float32) / RATE
    notes = []
    for pitch in 55 * 2 ** (np.arange(0, 48, 2) / 12):
        harmonics = np.arange(1, 1 + int(min(20, 12000 / pitch)))
        tones = np.sin(2 * np.pi * pitch * harmonics[:, None] * time_axis) / harmonics[:, None]
        notes.append((tones * np.exp(-time_axis * (1 + harmonics[:, None]))).sum(axis=0).astype(np.float32))
    tail = np.zeros((2, RATE), np.float32)
    with soundfile.SoundFile(path, "w", RATE, 2, subtype="PCM_16") as file:
        for _ in range(round(60 * minutes)):
            second = np.concatenate([tail, np.zeros_like(tail)], axis=1)
            for note, start in zip(rng.integers(len(notes), size=6), rng.integers(RATE, size=6), strict=True):
                place = rng.uniform(0.02, 0.12, (2, 1)).astype(np.float32)
                second[:, start:] += place * notes[note][: 2 * RATE - start]
            second[:, :RATE] += 1e-3 * rng.standard_normal((2, RATE), dtype=np.float32)
            file.write(np.clip(second[:, :RATE], -1, 1).T)
            tail = second[:, RATE:]


def report(rows: Sequence[dict[str, float]], minutes: float) -> tuple[str, bool]:
    """Return the section of the results, and whether the goals are met."""
    lines = [
        f"## {minutes:g} minutes of stereo, factorised online",
        "",
        f"`OnlineNMF({RANK})`, KL, STFT {N_FFT}/{HOP}, 44.1 kHz, both channels, from a WAV file that is read",
        "block by block, reading and transform included. Speed, in times real time, by the clock and by the",
        "processor time used, which other work on the machine does not lengthen. Divergence: of a minute",
        "with this W, against `nmf` of that minute alone.",
        "Command: `python experiments/online_hour.py --results experiments/RESULTS.md`.",
        "",
        "| threads | seconds | speed | processor seconds | speed | peak MiB | divergence |",
        "|---:|---:|---:|---:|---:|---:|---:|",
    ]
    seconds = 60 * minutes
    for row in rows:
        lines.append(
            f"| {row['threads']} | {row['wall']:.1f} | {seconds / row['wall']:.0f} | {row['cpu']:.1f} "
            f"| {seconds / row['cpu']:.0f} | {row['MiB']:.0f} | {row['ratio']:.2f} |"
        )
    fast = all(seconds / row["wall"] >= SPEED for row in rows)
    small = all(row["MiB"] < MEMORY for row in rows)
    lines += [
        "",
        f"- {'holds' if fast else 'FAILS'}: at least {SPEED} times real time",
        f"- {'holds' if small else 'FAILS'}: less than {MEMORY} MiB",
    ]
    return "\n".join(lines), fast and small


if __name__ == "__main__":
    sys.exit(main())
