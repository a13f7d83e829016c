"""Every algorithm of phase recovery on every development item, with known and with estimated magnitudes.

    python experiments/phase_recovery.py --data DIR [--quick] [--results experiments/RESULTS.md]

DIR holds ``dev/`` with one folder per item: its sources as FLAC, and ``mixture.flac``. Items are mixed down
to mono and cut to ten seconds. Known magnitudes are those of the true sources; estimated ones are
factorisations of rank 50 of each true source's magnitudes (KL divergence). Scores are means of SI-SDR over
the sources that sound, capped at 40 dB each, so that easy items do not decide. Times are those of one thread.
The script checks what is published and what the package promises, replaces its section of the results file,
and draws SI-SDR against time beside it; it returns 1 if a promise of the package fails.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import phasewise as pw
from phasewise import audio
from phasewise.phase.registry import ALGORITHMS
from reflection_momentum import COUNTS, VARIANTS, reflections
from results_file import replace_section

SECONDS, MOMENTUM_SECONDS = 10.0, 4.0
WINDOW_SECONDS = 0.046
RANK, NMF_ITERATIONS = 50, 200
CAP = 40.0
SEED = 0
KNOWN, ESTIMATED = "known", "estimated"
# Iterations of the table, of the curve, and of the traces.
TABLE, CURVE, TRACE = 15, (1, 2, 4, 8, 15, 30), (1, 2, 5, 10, 20, 30)
CONSISTENCY_WEIGHT = 10.0  # typical in the paper of the "+Incons" algorithms
BIN_ITERATIONS = 50

REFERENCES = ("AM", "Wiener")
UNWRAPPED = {f"PU-Iter, {start}": start for start in ("mixture", "random", "sinusoidal")}


@dataclass
class Item:
    """A mono mixture of known sources."""

    name: str
    sources: np.ndarray
    transform: dict[str, int]
    music: bool
    spectra: np.ndarray = field(init=False)
    magnitudes: dict[str, np.ndarray] = field(init=False)

    def __post_init__(self) -> None:
        self.spectra = pw.stft(self.sources, **self._shape())
        V = np.abs(self.spectra)
        fits = [pw.nmf(v, RANK, beta=1.0, n_iter=NMF_ITERATIONS, rng=SEED) for v in V]
        self.magnitudes = {KNOWN: V, ESTIMATED: np.stack([W @ H for W, H in fits]).astype(V.dtype)}
        self.mixture = self.spectra.sum(axis=0)

    def _shape(self) -> dict[str, int]:
        return {name: value for name, value in self.transform.items() if name != "length"}

    def score(self, spectra: np.ndarray) -> float:
        """Return the mean SI-SDR of the sources that sound."""
        estimates = pw.istft(spectra, **self.transform)
        scores = pw.metrics.si_sdr(self.sources, estimates)
        return float(np.nanmean(np.minimum(scores, CAP)))


def items(data: Path, quick: bool, seconds: float = SECONDS) -> Iterator[Item]:
    """Yield the development items; quick: three of them, and 3 s at most."""
    folders = sorted(path for path in (data / "dev").iterdir() if path.is_dir())
    if quick:
        folders = [f for f in folders if f.name in ("music_band", "song_1_001", "speakers_1")]
    for folder in folders:
        sources = []
        for path in sorted(folder.glob("*.flac")):
            if path.stem != "mixture":
                samples, rate = audio.read(path)
                sources.append(samples.mean(axis=0, dtype=np.float32))
        if not sources:
            raise SystemExit(f"no sources (*.flac) in {folder}; give the folder that holds dev/ as --data.")
        cut = np.stack(sources)[:, : int((min(3.0, seconds) if quick else seconds) * rate)]
        n_fft = 2 ** round(np.log2(WINDOW_SECONDS * rate))
        transform = {"n_fft": n_fft, "hop_length": n_fft // 4, "length": cut.shape[-1]}
        yield Item(folder.name, cut, transform, music=rate >= 22050)


Method = Callable[[Item, np.ndarray, int], np.ndarray]


def methods() -> dict[str, Method]:
    """Return what is compared; a method takes an item, its magnitudes, and a number of iterations."""

    def inversion(algo: str) -> Method:
        def run(item: Item, V: np.ndarray, n_iter: int, **options: Any) -> np.ndarray:
            return invert(item, V, algo, n_iter, **options)

        return run

    def unwrapped(start: str) -> Method:
        def run(item: Item, V: np.ndarray, n_iter: int) -> np.ndarray:
            shape = {"n_fft": item.transform["n_fft"], "hop_length": item.transform["hop_length"]}
            return pw.pu_iter(item.mixture, V, n_iter=BIN_ITERATIONS, init=start, rng=SEED, **shape)

        return run

    found: dict[str, Method] = {"Wiener": lambda item, V, n_iter: pw.wiener(item.mixture, V)}
    found |= {name: unwrapped(start) for name, start in UNWRAPPED.items()}
    found |= {name: inversion(name) for name in ALGORITHMS}
    return found


def invert(item: Item, V: np.ndarray, algo: str, n_iter: int, **options: Any) -> Any:
    """Run an algorithm of the registry with its own weights and start."""
    return pw.spectrogram_inversion(
        item.mixture,
        V,
        algo,
        n_iter=n_iter,
        consistency_weight=CONSISTENCY_WEIGHT,
        **item.transform,
        **options,
    )


class Study:
    """Scores, times and traces of all methods."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.music: list[str] = []
        self.scores: dict[tuple[str, str, int, str], float] = {}
        self.seconds: dict[tuple[str, str, int], float] = {}
        self.traces: dict[tuple[str, str], list[np.ndarray]] = {}
        self.extrapolated: dict[tuple[str, str, int], list[float]] = {}

    def add(self, item: Item) -> None:
        """Run everything on an item."""
        self.names.append(item.name)
        if item.music:
            self.music.append(item.name)
        for kind, V in item.magnitudes.items():
            for name, method in methods().items():
                for n_iter in self.counts(name):
                    began = time.process_time()
                    estimate = method(item, V, n_iter)
                    key = (name, kind, n_iter)
                    self.seconds[key] = self.seconds.get(key, 0.0) + time.process_time() - began
                    self.scores[(*key, item.name)] = item.score(estimate)
            for name, entry in ALGORITHMS.items():
                if entry.iterative:
                    _, cost = invert(item, V, name, TRACE[-1], return_cost=True)
                    self.traces.setdefault((name, kind), []).append(cost)

    def add_momentum(self, item: Item) -> None:
        """Run reflections with momentum and restarts on an item."""
        for kind, V in item.magnitudes.items():
            for name, (momentum, restarts) in VARIANTS.items():
                results = reflections(item.mixture, V, item.transform, momentum, restarts)
                for n_iter in range(1, COUNTS[-1] + 1):
                    estimate = next(results)
                    if n_iter in COUNTS:
                        self.extrapolated.setdefault((name, kind, n_iter), []).append(item.score(estimate))

    @staticmethod
    def counts(name: str) -> tuple[int, ...]:
        """Return the numbers of iterations with which a method runs."""
        iterative = name in ALGORITHMS and ALGORITHMS[name].iterative
        return CURVE if iterative else (TABLE,)

    def mean(self, name: str, kind: str, n_iter: int = TABLE, among: Sequence[str] = ()) -> float:
        """Return the mean over items, by default over all."""
        return float(np.mean([self.scores[name, kind, n_iter, item] for item in among or self.names]))

    def checks(self) -> dict[str, tuple[bool, bool]]:
        """Return statements, whether they hold, and whether the package promises them."""

        def gain(name: str, base: str, kind: str, among: Sequence[str] = ()) -> float:
            return self.mean(name, kind, among=among) - self.mean(base, kind, among=among)

        pu = [self.mean(name, KNOWN) for name in UNWRAPPED]
        worst = min(
            self.scores["auto", ESTIMATED, TABLE, item] - self.scores["Wiener", ESTIMATED, TABLE, item]
            for item in self.names
        )
        known = gain("auto", "MISI", KNOWN, self.music)
        estimated = gain("auto", "MISI", ESTIMATED, self.music)
        rising = [
            name
            for (name, _), costs in self.traces.items()
            if ALGORITHMS[name].monotone and any(np.diff(c).max() > 1e-4 * c[0] for c in costs)
        ]
        said = {
            "PU-Iter, known magnitudes: sinusoidal start above random above mixture (here {:.1f}, {:.1f}, "
            "{:.1f} dB)".format(*pu[::-1]): (pu[2] > pu[1] > pu[0], False)
        }
        for name in ("Mix+Incons", "Mag+Incons_hardMix"):
            difference = gain(name, "AM", ESTIMATED)
            said[f"estimated magnitudes: {name} at least AM (here {difference:+.1f} dB)"] = (
                difference >= 0,
                False,
            )
        return said | {
            f"no cost that is called monotone rises{': ' + ', '.join(rising) if rising else ''}": (
                not rising,
                True,
            ),
            f"auto at least 6 dB above MISI on music, known magnitudes (here {known:+.1f} dB)": (
                known >= 6,
                True,
            ),
            f"auto at least 1.8 dB above MISI on music, estimated magnitudes (here {estimated:+.1f} dB)": (
                estimated >= 1.8,
                True,
            ),
            f"auto nowhere more than 0.2 dB below Wiener, estimated magnitudes (worst {worst:+.1f} dB)": (
                worst >= -0.2,
                True,
            ),
        }

    def section(self, picture: str | None) -> str:
        """Return the results as Markdown."""
        lines = ["## Phase recovery: all algorithms, known and estimated magnitudes", "", *_INTRODUCTION]
        for kind, title in ((KNOWN, "Known magnitudes"), (ESTIMATED, "Estimated magnitudes (informed NMF)")):
            lines += ["", f"### {title}, {TABLE} iterations", "", *self._items(kind)]
        lines += ["", "### SI-SDR against time", "", *self._curve()]
        if picture:
            lines += ["", f"![SI-SDR against time]({picture})"]
        lines += ["", "### Reflections with momentum and restarts", "", *_MOMENTUM, "", *self._momentum()]
        lines += ["", "### Costs, relative to that of the first iteration", "", *self._traces(), ""]
        lines += [
            f"- {'holds' if holds else '**fails**'}: {text}" for text, (holds, _) in self.checks().items()
        ]
        return "\n".join(lines)

    def _items(self, kind: str) -> list[str]:
        columns = [*self.names, "**mean**", "**music**"]
        rows = [f"| | {' | '.join(columns)} |", "|---|" + "---:|" * len(columns)]
        for name in methods():
            cells = [self.scores[name, kind, TABLE, item] for item in self.names]
            cells += [self.mean(name, kind), self.mean(name, kind, among=self.music)]
            rows.append(f"| {name} | " + " | ".join(f"{c:.1f}" for c in cells) + " |")
        return rows

    def _curve(self) -> list[str]:
        head = "| iterations | " + " | ".join(map(str, CURVE)) + " |"
        rows = [head, "|---|" + "---:|" * len(CURVE)]
        for name in methods():
            for kind in (KNOWN, ESTIMATED):
                if self.counts(name) == CURVE:
                    cells = [
                        f"{self.mean(name, kind, n):.1f} ({self.seconds[name, kind, n]:.1f} s)" for n in CURVE
                    ]
                    rows.append(f"| {name}, {kind} | " + " | ".join(cells) + " |")
        return rows

    def _momentum(self) -> list[str]:
        rows = [f"| iterations | {' | '.join(map(str, COUNTS))} |", "|---|" + "---:|" * len(COUNTS)]
        for kind in (KNOWN, ESTIMATED):
            for name in VARIANTS:
                cells = (f"{np.mean(self.extrapolated[name, kind, n]):.1f}" for n in COUNTS)
                rows.append(f"| {name}, {kind} | " + " | ".join(cells) + " |")
        return rows

    def _traces(self) -> list[str]:
        rows = [f"| iteration | {' | '.join(map(str, TRACE))} |", "|---|" + "---:|" * len(TRACE)]
        for (name, kind), costs in self.traces.items():
            mean = np.exp(np.mean([np.log(np.maximum(c / c[0], 1e-12)) for c in costs], axis=0))
            rows.append(f"| {name}, {kind} | " + " | ".join(f"{mean[i - 1]:.2g}" for i in TRACE) + " |")
        return rows

    def draw(self, path: Path) -> None:
        """Draw SI-SDR against time."""
        import matplotlib

        matplotlib.use("Agg")
        matplotlib.rcParams.update({"svg.hashsalt": "phasewise", "svg.fonttype": "none", "font.size": 9})
        from matplotlib import pyplot as plt

        figure, axes = plt.subplots(1, 2, figsize=(9, 4), constrained_layout=True)
        for axis, kind in zip(axes, (KNOWN, ESTIMATED), strict=True):
            for name in methods():
                counts = self.counts(name)
                seconds = [self.seconds[name, kind, n] for n in counts]
                style = "o" if len(counts) == 1 else "o-"
                width = 2.5 if name == "auto" else 1
                scores = [self.mean(name, kind, n) for n in counts]
                axis.plot(seconds, scores, style, label=name, markersize=3, linewidth=width)
            axis.set(xscale="log", xlabel="seconds of CPU for all items", title=f"{kind} magnitudes")
        axes[0].set_ylabel("mean SI-SDR in dB, capped")
        axes[1].legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


_INTRODUCTION = (
    "Mean SI-SDR in dB over the sources that sound, capped at 40 dB each. Mono mix-downs of at most 10 s,",
    "Hann windows of 46 ms (a power of two), a quarter of it as hop. Estimated magnitudes are KL-NMF of rank",
    f"{RANK} of each true source. Algorithms have their own weights and starts, `RRR` and `RAAR` that of the",
    f"mixture phase; consistency weight {CONSISTENCY_WEIGHT:g}; {BIN_ITERATIONS} bin-wise iterations in",
    f"PU-Iter, with the mixture phase in the first frame and no onsets. Random seed {SEED}. Times are CPU",
    "time for all items, one thread.",
    "Command: `python experiments/phase_recovery.py --data DIR --results experiments/RESULTS.md`.",
)


_MOMENTUM = (
    f"RAAR as in `auto`, before its blend, on the first {MOMENTUM_SECONDS:g} s of each item. The iterate",
    "goes on by a share of its last move, the momentum; with restarts, an iteration that raises the",
    "magnitude error is done again without, at the price of another projection (`reflection_momentum.py`).",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("PHASEWISE_DATA"), help="default: $PHASEWISE_DATA")
    parser.add_argument("--quick", action="store_true", help="three items of 3 s")
    parser.add_argument(
        "--results", type=Path, help="file whose section is replaced; the picture lies beside"
    )
    args = parser.parse_args(argv)
    if args.data is None:
        parser.error("--data is needed, or the environment variable PHASEWISE_DATA")

    pw.set_num_threads(1)
    study = Study()
    for item in items(Path(args.data), args.quick, 1.0 if args.quick else MOMENTUM_SECONDS):
        study.add_momentum(item)
    for item in items(Path(args.data), args.quick, 3.0 if args.quick else SECONDS):
        study.add(item)
        for kind in (KNOWN, ESTIMATED):
            scores = (f"{n} {study.scores[n, kind, TABLE, item.name]:.1f}" for n in methods())
            print(f"{item.name}, {kind}: {', '.join(scores)}", flush=True)
    picture = args.results.with_name("phase_recovery.svg") if args.results else None
    if picture:
        study.draw(picture)
    text = study.section(picture.name if picture else None)
    print(text)
    if args.results:
        replace_section(args.results, "phase_recovery", text)
    return 0 if all(holds for holds, promised in study.checks().values() if promised) else 1


if __name__ == "__main__":
    sys.exit(main())
