"""The slowest push of a stream against the median one, frame after frame for minutes of audio.

    python bench/blocks.py [--minutes 10] [--stages misi raar] [--json FILE]

One thread, 44.1 kHz, 2048/512, 4 sources, float32, results into memory that is there. A push of one frame
must not take longer than half a hop, or a sound card that plays the result may run dry.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import phasewise as pw

RATE, N_FFT, HOP, SOURCES, FRAMES = 44100, 2048, 512, 4, 400

Stage = tuple[Any, tuple[np.ndarray, ...]]


def mixture() -> tuple[np.ndarray, np.ndarray]:
    """Return frames of a mixture and the magnitudes of its sources, with silence in between."""
    generator = np.random.default_rng(0)
    y = generator.standard_normal((SOURCES, HOP * FRAMES), dtype=np.float32)
    y[:, HOP * 100 : HOP * 150] = 0  # exact zeros, and what decays to them
    S = pw.stft(y, n_fft=N_FFT, hop_length=HOP)[..., :FRAMES]
    return S.sum(axis=0), np.abs(S)


# Name -> maker of a stage and of the arrays whose frames it takes.
STAGES: dict[str, Callable[[], Stage]] = {
    "misi": lambda: (
        pw.OnlineMISI(SOURCES, N_FFT, HOP, lookahead=1, n_iter=7, dtype=np.float32),
        mixture(),
    ),
    "raar": lambda: (pw.OnlineInversion(SOURCES, N_FFT, HOP, dtype=np.float32), mixture()),
    "pu_iter": lambda: (pw.OnlinePUIter(SOURCES, N_FFT, HOP, dtype=np.float32), mixture()),
    "anisotropic": lambda: (pw.OnlineAnisotropicWiener(SOURCES, N_FFT, HOP, dtype=np.float32), mixture()),
    "rtpghi": lambda: (pw.RTPGHI(N_FFT, HOP, rng=0, dtype=np.float32), (mixture()[1][0],)),
}


def measure(stage: Any, arrays: tuple[np.ndarray, ...], minutes: float) -> np.ndarray:
    """Return the seconds of every push."""
    count = int(minutes * 60 * RATE / HOP)
    frames = [tuple(array[..., t : t + 1] for array in arrays) for t in range(FRAMES)]
    out = np.empty_like(stage.push(*frames[0]))
    spent = np.empty(count)
    for i in range(count):
        begin = time.perf_counter()
        stage.push(*frames[i % FRAMES], out)
        spent[i] = time.perf_counter() - begin
    return spent


def main() -> None:
    """Run the stages that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--stages", nargs="*", choices=STAGES, default=list(STAGES))
    parser.add_argument("--json", type=Path, help="write the rows here")
    arguments = parser.parse_args()
    pw.set_num_threads(1)
    hop = HOP / RATE
    rows = []
    names = (("real time", 9), ("median ms", 10), ("99.9 %", 8), ("worst", 8), ("ratio", 6))
    print(f"{'stage':10} {' '.join(name.rjust(width) for name, width in names)}  above half a hop")
    for name in arguments.stages:
        stage, arrays = STAGES[name]()
        measure(stage, arrays, 0.05)
        spent = measure(stage, arrays, arguments.minutes)
        row = {
            "stage": name,
            "real_time": spent.mean() / hop,
            "median_ms": 1e3 * np.median(spent),
            "high_ms": 1e3 * np.quantile(spent, 0.999),
            "worst_ms": 1e3 * spent.max(),
            "ratio": spent.max() / np.median(spent),
            "late": int((spent > hop / 2).sum()),
            "pushes": spent.size,
        }
        rows.append(row)
        print(
            f"{name:10} {row['real_time']:9.4f} {row['median_ms']:10.3f} {row['high_ms']:8.3f} "
            f"{row['worst_ms']:8.3f} {row['ratio']:6.1f}  {row['late']} of {row['pushes']}",
            flush=True,
        )
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
