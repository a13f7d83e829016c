"""Online methods side by side: sound from magnitudes alone, and sources of a mixture.

    python experiments/online_frames.py --data DIR [--quick] [--results experiments/RESULTS.md]

The items, magnitudes and scores are those of ``phase_recovery.py``, the first five seconds of each. No
setting was chosen by these items. The script replaces its section of the results file.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import phasewise as pw
from phase_recovery import CAP, ESTIMATED, KNOWN, SEED, Item, items
from results_file import replace_section

SECONDS = 5.0
Shape = dict[str, int]
# A stream, and the frames that it waits for; or what it is compared with, which has them all.
Make = tuple[Callable[..., Any], str]

ONE: dict[str, Make] = {
    "RTPGHI": (lambda shape: pw.RTPGHI(**shape, rng=SEED), "0"),
    "RTPGHI, one frame ahead": (lambda shape: pw.RTPGHI(**shape, rng=SEED, lookahead=1), "1"),
    "RTISILA, 15 iterations": (lambda shape: pw.RTISILA(**shape, lookahead=0, n_iter=15), "0"),
    "RTISILA, 8 iterations": (lambda shape: pw.RTISILA(**shape, lookahead=1, n_iter=8), "1"),
    "RTISILA, 4 iterations": (lambda shape: pw.RTISILA(**shape, lookahead=3, n_iter=4), "3"),
    "RTISILA, fgla, 15 iterations": (
        lambda shape: pw.RTISILA(**shape, algorithm="fgla", lookahead=3, n_iter=15),
        "3",
    ),
}
SEVERAL: dict[str, Make] = {
    "OnlineWiener": (lambda n, shape: pw.OnlineWiener(n, **shape), "0"),
    "OnlineAnisotropicWiener, kappa 1": (lambda n, shape: pw.OnlineAnisotropicWiener(n, **shape), "0"),
    "OnlinePUIter, 50 iterations": (lambda n, shape: pw.OnlinePUIter(n, **shape), "0"),
    "OnlineMISI, 15 iterations": (lambda n, shape: pw.OnlineMISI(n, **shape, lookahead=0, n_iter=15), "0"),
    "OnlineMISI, 7 iterations": (lambda n, shape: pw.OnlineMISI(n, **shape, lookahead=1, n_iter=7), "1"),
    "OnlineInversion, RAAR, 15 iterations": (
        lambda n, shape: pw.OnlineInversion(n, **shape, lookahead=0, n_iter=15),
        "0",
    ),
    "OnlineInversion, RAAR, 7 iterations": (
        lambda n, shape: pw.OnlineInversion(n, **shape, lookahead=1, n_iter=7),
        "1",
    ),
}
OFFLINE: dict[str, Callable[[np.ndarray, Item], np.ndarray]] = {
    "random phase": lambda V, item: pw.griffinlim(V, n_iter=0, rng=SEED, **item.transform),
    "spsi": lambda V, item: pw.istft(pw.spsi(V, **_shape(item)), **item.transform),
    "pghi": lambda V, item: pw.istft(pw.pghi(V, rng=SEED, **_shape(item)), **item.transform),
    "griffinlim, 15 iterations": lambda V, item: pw.griffinlim(V, n_iter=15, rng=SEED, **item.transform),
}


def _shape(item: Item) -> Shape:
    return {"n_fft": item.transform["n_fft"], "hop_length": item.transform["hop_length"]}


def stream(stage: Any, item: Item, *frames: np.ndarray) -> np.ndarray:
    """Return the samples of a stream, at their places."""
    parts = [stage.push(*frames), stage.flush(item.transform["length"])]
    return np.concatenate(parts, axis=-1)[..., stage.latency :]


class Study:
    """Scores of all items."""

    def __init__(self) -> None:
        self.one: dict[str, list[float]] = {}
        self.several: dict[tuple[str, str], list[float]] = {}
        self.count = 0

    def add(self, item: Item) -> None:
        """Run everything on an item."""
        self.count += 1
        shape = _shape(item)
        for V in item.magnitudes[KNOWN]:
            if not V.any():
                continue
            made = {name: stream(make(shape), item, V) for name, (make, _) in ONE.items()}
            made |= {name: run(V, item) for name, run in OFFLINE.items()}
            for name, y in made.items():
                heard = np.abs(pw.stft(y, **shape))
                self.one.setdefault(name, []).append(
                    20 * np.log10(np.linalg.norm(heard - V) / np.linalg.norm(V))
                )
        for kind, V in item.magnitudes.items():
            for name, (make, _) in SEVERAL.items():
                estimates = stream(make(len(V), shape), item, item.mixture, V)
                scores = np.minimum(pw.metrics.si_sdr(item.sources, estimates), CAP)
                self.several.setdefault((name, kind), []).append(float(np.nanmean(scores)))

    def section(self) -> str:
        """Return the results as Markdown."""
        lines = ["## Online methods side by side", "", *_INTRODUCTION, ""]
        lines += ["| one source | frames ahead | spectral convergence |", "|---|---:|---:|"]
        waits = {name: ahead for name, (_, ahead) in ONE.items()}
        for name in (*ONE, *OFFLINE):
            lines.append(f"| {name} | {waits.get(name, 'all')} | {np.mean(self.one[name]):.1f} dB |")
        kinds = f"{KNOWN} magnitudes | {ESTIMATED} magnitudes"
        lines += ["", f"| several sources | frames ahead | {kinds} |", "|---|---:|---:|---:|"]
        for name, (_, ahead) in SEVERAL.items():
            scores = [f"{np.mean(self.several[name, kind]):.1f}" for kind in (KNOWN, ESTIMATED)]
            lines.append(f"| {name} | {ahead} | {' | '.join(scores)} |")
        return "\n".join(lines)


_INTRODUCTION = (
    "Items and magnitudes as in *Phase recovery: all algorithms*, the first",
    f"{SECONDS:g} s. One source: the distance of the magnitudes heard from those given, which are the true",
    "ones of each source, in dB below these; means over the sources of all items. Several: mean SI-SDR in",
    "dB, capped at 40 dB each. A hop is a quarter of a window; iterations are those for each new frame.",
    "Command: `python experiments/online_frames.py --data DIR --results experiments/RESULTS.md`.",
)


def main(argv: Sequence[str] | None = None) -> None:
    """Run the study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("PHASEWISE_DATA"), help="default: $PHASEWISE_DATA")
    parser.add_argument("--quick", action="store_true", help="three items of 3 s")
    parser.add_argument("--results", type=Path, help="file whose section is replaced")
    args = parser.parse_args(argv)
    if args.data is None:
        parser.error("--data is needed, or the environment variable PHASEWISE_DATA")
    pw.set_num_threads(1)
    study = Study()
    for item in items(Path(args.data), args.quick, SECONDS):
        study.add(item)
        print(f"{study.count}: {item.name}", flush=True)
    text = study.section()
    print(text)
    if args.results:
        replace_section(args.results, "online_frames", text)


if __name__ == "__main__":
    main()
