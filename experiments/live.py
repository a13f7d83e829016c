"""Streaming separation and refinement: does it keep up, does it equal the offline result, does memory grow.

    chrt -f 10 python experiments/live.py --data DIR [--results experiments/RESULTS.md]

``chrt`` gives it the priority that audio programs have, so that other programs do not hold up its blocks. DIR
holds ``dev/``. A minute of the development songs goes through ``phasewise live --realtime`` on one core, as
16-bit samples of a file that come no faster than from a microphone. What it writes is compared with
``separate(..., phase="wiener")``, or with the same objects that get the whole minute in one block. Then ten
minutes (``--minutes``) go through the objects block by block, while heap and blocks are watched.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import soundfile

import phasewise as pw
from phasewise.audio import read
from phasewise.audio.rounding import quantize, settle_integer_stems
from results_file import replace_section

RATE = 44100
SONGS = ("music_band", "song_1_001", "song_1_002", "music_lithium", "music_sodium")
RUNS = (("wiener", 1024), ("wiener", 512), ("anisotropic", 1024), ("RAAR", 1024))


def minute(data: Path) -> np.ndarray:
    """Return a minute of the development songs one after the other, (2, 60 * RATE) int16."""
    songs = [read(data / "dev" / name / "mixture.flac")[0] for name in SONGS]
    return quantize(np.resize(np.concatenate(songs, axis=1).T, (60 * RATE, 2)).T, 16)[0].astype(np.int16)


def offline(song: np.ndarray, phase: str) -> np.ndarray:
    """Return the stems (stems, 2, n) int16 of the whole song."""
    if phase == "wiener":
        return np.stack(list(pw.separate(song, RATE, phase=phase).values()))
    separator = pw.StreamingSeparator(phase=phase, channels=2)
    parts = [separator.advance(song.astype(np.float32) / np.float32(2**15)), separator.finish()]
    stems = np.concatenate([stems for _, stems in parts], axis=-1)[..., separator.latency :]
    return settle_integer_stems(song.astype(np.int32), stems, 16)[0].astype(np.int16)


def paced(song: np.ndarray, phase: str, block: int, core: int, work: Path) -> list[str]:
    """Run the command in real time on one core and return a row of the table."""
    raw, out, table = work / "song.raw", work / "stems", work / "live.json"
    raw.write_bytes(song.T.tobytes())
    command = [sys.executable, "-m", "phasewise", "live", str(raw), "--realtime", "--block", str(block)]
    subprocess.run(
        ["taskset", "-c", str(core), *command, "--phase", phase, "-o", str(out), "--json", str(table)],
        check=True,
    )
    told = json.loads(table.read_text())
    written = np.stack([soundfile.read(out / f"{name}.wav", dtype="int16")[0].T for name in told["stems"]])
    difference = np.abs(written.astype(int) - offline(song, phase))
    exact = np.array_equal(written.sum(axis=0, dtype=int), song)
    return [
        phase,
        str(block),
        f"{told['latency_samples']} ({told['latency_ms']:.0f} ms)",
        f"{told['real_time_factor']:.3f}",
        f"{told['median_block_ms']:.2f}",
        f"{told['worst_block_ms']:.2f}",
        f"{told['late_blocks']} of {-(-song.shape[1] // block)}",
        "equal" if not difference.any() else f"{difference.max()} unit in {np.mean(difference > 0):.1e}",
        "exact" if exact else "WRONG",
    ]


class _MallocInfo(ctypes.Structure):
    _names = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks")
    _fields_ = [(name, ctypes.c_size_t) for name in (*_names, "keepcost")]


def heap() -> int:
    """Return the bytes in use in the heap of the C library."""
    function = ctypes.CDLL(None).mallinfo2
    function.restype = _MallocInfo
    info = function()
    return int(info.uordblks + info.hblkhd)


def soak(
    name: str, hop: int, push: Callable[[np.ndarray], object], song: np.ndarray, minutes: float
) -> list[str]:
    """Push blocks of a hop for so many minutes of audio; return a row of the table."""
    blocks = [song[:, i : i + hop] for i in range(0, song.shape[1] - hop + 1, hop)]
    count = int(minutes * 60 * RATE / hop)
    for block in blocks[:200]:
        push(block)
    spent, computed = np.zeros((2, count))
    gc.collect()
    before, worked = heap(), 0.0
    for i in range(count):
        if worked > 0.5:  # a scheduler stops programs of real-time priority that never rest
            time.sleep(0.1)
            worked = 0.0
        began, used = time.perf_counter(), time.thread_time()
        push(blocks[i % len(blocks)])
        spent[i], computed[i] = time.perf_counter() - began, time.thread_time() - used
        worked += spent[i]
    gc.collect()
    growth = heap() - before
    tracemalloc.start()
    traced = []
    for i in range(400):
        push(blocks[i])
        if i in (199, 399):
            gc.collect()
            traced.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    half = hop / RATE / 2
    return [
        name,
        f"{count} of {1000 * hop / RATE:.1f} ms",
        f"{spent.sum() / (count * hop / RATE):.3f}",
        f"{1000 * statistics.median(spent):.2f}",
        f"{1000 * np.quantile(spent, 0.999):.2f}",
        f"{1000 * spent.max():.2f}",
        f"{1000 * computed.max():.2f}",
        f"{int((spent > half).sum())} ({int((computed > half).sum())})",
        f"{growth / 1024:.1f} KiB",
        f"{(traced[1] - traced[0]) / 1024:.1f} KiB",
    ]


def refining(song: np.ndarray, algo: str) -> Callable[[np.ndarray], object]:
    """Return a function that pushes a block of the mixture with four stems made of it."""
    stems = ("bass", "drums", "other", "vocals")
    refiner = pw.StreamingRefiner(stems, algo=algo, channels=2)
    shares = np.float32([0.1, 0.2, 0.3, 0.4])
    return lambda block: refiner.push(block, {s: w * block for s, w in zip(stems, shares, strict=True)})


def separating(phase: str) -> Callable[[np.ndarray], object]:
    """Return the push of a separator."""
    return pw.StreamingSeparator(phase=phase, channels=2).push


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows))


def main(argv: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("PHASEWISE_DATA"), help="default: $PHASEWISE_DATA")
    parser.add_argument("--results", type=Path, help="file whose section is replaced")
    parser.add_argument("--core", type=int, default=0, help="core of the command (0)")
    parser.add_argument("--minutes", type=float, default=10, help="of audio, of the soak (10)")
    args = parser.parse_args(argv)
    if args.data is None:
        parser.error("--data is needed, or the environment variable PHASEWISE_DATA")
    pw.set_num_threads(1)
    song = minute(Path(args.data))
    with tempfile.TemporaryDirectory() as work:
        runs = [paced(song, phase, block, args.core, Path(work)) for phase, block in RUNS]
    mixture = song.astype(np.float32) / np.float32(2**15)
    soaks = [
        soak(f"StreamingSeparator, {phase}", 1024, separating(phase), mixture, args.minutes)
        for phase in dict.fromkeys(phase for phase, _ in RUNS)
    ]
    soaks += [
        soak(f"StreamingRefiner, {algo}", 512, refining(mixture, algo), mixture, args.minutes)
        for algo in dict.fromkeys(algo for algo, _ in RUNS)
    ]
    columns = ("phase", "block", "latency, samples", "of real time", "median block, ms", "worst block, ms")
    columns += ("late blocks", "difference from offline", "sum of stems")
    kept = (
        "object",
        "blocks",
        "of real time",
        "median, ms",
        "99.9 %, ms",
        "worst, ms",
        "worst of the processor, ms",
    )
    kept += ("above half a hop (by processor time)", "growth of the heap", "of Python")
    text = f"""## Streams: does it keep up, and does it equal the offline result

`phasewise live --realtime` with `nmf-music4` on one core: a minute of stereo development songs, 44.1 kHz,
16 bits, whose samples come no faster than from a microphone. A block is late when the next one has come
before it is ready. Compared with `separate(..., phase="wiener")` of the file, sample by sample; other methods
with the same objects that get the minute in one block. All with the priority that audio programs have.
Command: `chrt -f 10 python experiments/live.py --data DIR --results experiments/RESULTS.md`.

{markdown(columns, runs)}

{args.minutes:g} minutes of the same through the objects, a hop at a time, stereo, four stems, one thread.
Times are those of the clock; what a block needs itself is its time of the processor, which other programs
cannot hold up. Growth is that of the C library's heap in use from beginning to end, and of what Python and
numpy hold over 200 blocks.

{markdown(kept, soaks)}"""
    print(text)
    if args.results:
        replace_section(args.results, "live", text)


if __name__ == "__main__":
    main()
