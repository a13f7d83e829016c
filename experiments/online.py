"""What look-ahead, start and step are worth to online inversion, with known and with estimated magnitudes.

    python experiments/online.py --data DIR [--quick] [--results experiments/RESULTS.md]

The items, magnitudes and scores are those of ``phase_recovery.py``. The curve runs over the look-ahead with
the iterations that a frame takes part in held at 15, so that its points cost nearly the same. No setting was
chosen by these items. The script replaces its section of the results file, and draws the curve beside it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import phasewise as pw
from phase_recovery import CAP, ESTIMATED, KNOWN, Item, items
from results_file import replace_section

SECONDS = 5.0
LOOKAHEADS = (0, 1, 2, 3, 4, 6, 8)
ALGORITHMS, STARTS = ("MISI", "RAAR", "RRR"), ("mixture", "sinusoidal", "wiener")
BUDGET, MANY, FIXED = 15, 100, 5
Key = tuple[str, str, str, int, int]  # magnitudes, algorithm, start, iterations per frame, look-ahead


def online(item: Item, V: np.ndarray, algo: str, init: str, n_iter: int, lookahead: int) -> float:
    """Return the score of a stream."""
    shape = {"n_fft": item.transform["n_fft"], "hop_length": item.transform["hop_length"]}
    stage = pw.OnlineInversion(
        len(V), **shape, algo=algo, init=init, n_iter=n_iter, lookahead=lookahead, dtype=V.dtype
    )
    parts = [stage.push(item.mixture, V), stage.flush(item.transform["length"])]
    estimates = np.concatenate(parts, axis=-1)[:, stage.latency :]
    return float(np.nanmean(np.minimum(pw.metrics.si_sdr(item.sources, estimates), CAP)))


class Study:
    """Scores of all items."""

    def __init__(self) -> None:
        self.curve: dict[Key, list[float]] = {}
        self.offline: dict[tuple[str, str, str, int], list[float]] = {}
        self.count = 0

    def add(self, item: Item) -> None:
        """Run everything on an item."""
        self.count += 1
        for kind, V in item.magnitudes.items():
            for algo in ALGORITHMS:
                runs = [(s, BUDGET // (K + 1), K) for s in STARTS for K in LOOKAHEADS]
                runs += [("wiener", FIXED, K) for K in LOOKAHEADS if K != 2]  # K = 2: in the budget
                for init, n_iter, lookahead in runs:
                    score = online(item, V, algo, init, n_iter, lookahead)
                    self.curve.setdefault((kind, algo, init, n_iter, lookahead), []).append(score)
            for algo, init, n_iter in self.references():
                S = pw.spectrogram_inversion(
                    item.mixture, V, algo, n_iter=n_iter, init=init, **item.transform
                )
                self.offline.setdefault((kind, algo, init, n_iter), []).append(item.score(S))
            wiener = item.score(pw.wiener(item.mixture, V))
            self.offline.setdefault((kind, "Wiener", "-", 0), []).append(wiener)

    @staticmethod
    def references() -> list[tuple[str, str, int]]:
        """Return algorithm, start and iterations of what has the whole signal."""
        some = [(a, s, n) for a in ALGORITHMS for s, n in (("mixture", BUDGET), ("wiener", BUDGET))]
        return [("AM", "mixture", 0), *some, *((a, "wiener", MANY) for a in ALGORITHMS)]

    def mean(self, kind: str, algo: str, init: str, n_iter: int, lookahead: int | None = None) -> float:
        """Return the mean over items, offline without a look-ahead."""
        if lookahead is None:
            return float(np.mean(self.offline[kind, algo, init, n_iter]))
        return float(np.mean(self.curve[kind, algo, init, n_iter, lookahead]))

    def budget(self, kind: str, algo: str, init: str, lookahead: int) -> float:
        """Return a point of the curve."""
        return self.mean(kind, algo, init, BUDGET // (lookahead + 1), lookahead)

    def checks(self) -> dict[str, bool]:
        """Return statements and whether they hold."""
        said = {}
        for algo in ALGORITHMS:
            steps = [self.mean(KNOWN, algo, "wiener", FIXED, K) for K in LOOKAHEADS]
            steps = [self.mean(KNOWN, "AM", "mixture", 0), *steps, self.mean(KNOWN, algo, "wiener", MANY)]
            said[
                f"known magnitudes, {algo}, {FIXED} iterations a frame: offline, {MANY} iterations "
                f"({steps[-1]:.1f}), above K = 8 ({steps[-2]:.1f}), above all smaller ones in turn, above AM"
            ] = bool(np.all(np.diff(steps) > 0))
        misi = {K: self.budget(KNOWN, "MISI", "mixture", K) for K in LOOKAHEADS}
        whole = self.mean(KNOWN, "MISI", "mixture", BUDGET)
        said[
            f"known magnitudes, MISI from the mixture at an equal budget: offline ({whole:.1f}) above K = 2 "
            f"({misi[2]:.1f}) above K = 0 ({misi[0]:.1f})"
        ] = whole > misi[2] > misi[0]
        for kind in (KNOWN, ESTIMATED):
            gains = [
                self.budget(kind, "RAAR", init, K) - self.budget(kind, "MISI", init, K)
                for init in STARTS
                for K in LOOKAHEADS
            ]
            said[
                f"{kind} magnitudes: RAAR above MISI at every look-ahead and start, by {min(gains):.1f} to "
                f"{max(gains):.1f} dB"
            ] = min(gains) > 0
        return said

    def section(self, picture: str | None) -> str:
        """Return the results as Markdown."""
        lines = ["## Online inversion: look-ahead, start and step", "", *_INTRODUCTION]
        for kind in (KNOWN, ESTIMATED):
            lines += ["", f"### {kind.capitalize()} magnitudes", "", *self._table(kind)]
        if picture:
            lines += ["", f"![SI-SDR against look-ahead]({picture})"]
        lines += ["", *(f"- {'holds' if h else '**fails**'}: {text}" for text, h in self.checks().items())]
        return "\n".join(lines)

    def _table(self, kind: str) -> list[str]:
        columns = " | ".join(f"K = {K}" for K in LOOKAHEADS)
        rows = [
            f"| step, start | {columns} | offline {BUDGET} | offline {MANY} |",
            "|---|" + "---:|" * (len(LOOKAHEADS) + 2),
        ]
        for algo in ALGORITHMS:
            for init in STARTS:
                cells = [f"{self.budget(kind, algo, init, K):.1f}" for K in LOOKAHEADS]
                for n in (BUDGET, MANY):
                    known = (kind, algo, init, n) in self.offline
                    cells.append(f"{self.mean(kind, algo, init, n):.1f}" if known else "")
                rows.append(f"| {algo}, {init} | {' | '.join(cells)} |")
        for algo in ALGORITHMS:
            cells = [self.mean(kind, algo, "wiener", FIXED, K) for K in LOOKAHEADS]
            text = " | ".join(f"{c:.1f}" for c in cells)
            rows.append(f"| {algo}, wiener, {FIXED} iterations a frame | {text} | | |")
        for name, init in (("AM", "mixture"), ("Wiener", "-")):
            score = f"{self.mean(kind, name, init, 0):.1f}"
            rows.append(f"| {name} | {score} |" + " |" * (len(LOOKAHEADS) + 1))
        return rows

    def draw(self, path: Path) -> None:
        """Draw SI-SDR against the look-ahead."""
        import matplotlib

        matplotlib.use("Agg")
        matplotlib.rcParams.update({"svg.hashsalt": "phasewise", "svg.fonttype": "none", "font.size": 9})
        from matplotlib import pyplot as plt

        figure, axes = plt.subplots(1, 2, figsize=(9, 3.6), constrained_layout=True)
        styles = dict(zip(STARTS, (":", "--", "-"), strict=True))
        colours = dict(zip(ALGORITHMS, ("tab:blue", "tab:red", "tab:green"), strict=True))
        for axis, kind in zip(axes, (KNOWN, ESTIMATED), strict=True):
            for algo in ALGORITHMS:
                for init in STARTS:
                    scores = [self.budget(kind, algo, init, K) for K in LOOKAHEADS]
                    axis.plot(LOOKAHEADS, scores, styles[init], color=colours[algo], label=f"{algo}, {init}")
            axis.axhline(self.mean(kind, "AM", "mixture", 0), color="grey", linewidth=0.8, label="AM")
            axis.axhline(
                self.mean(kind, "MISI", "mixture", BUDGET),
                color="tab:blue",
                linewidth=0.8,
                label=f"MISI offline, {BUDGET}",
            )
            axis.set(xlabel="frames of look-ahead", title=f"{kind} magnitudes")
        axes[0].set_ylabel("mean SI-SDR in dB, capped")
        axes[1].legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
        figure.savefig(path, metadata={"Date": None})
        plt.close(figure)


_INTRODUCTION = (
    "Mean SI-SDR in dB over the sources that sound, capped at 40 dB each; items and magnitudes as in *Phase",
    f"recovery: all algorithms*, the first {SECONDS:g} s. `OnlineInversion` with the look-ahead K and",
    "`15 // (K + 1)` iterations for each new frame, so that every frame takes part in 15 or a few less;",
    f"offline, the whole signal with {BUDGET} iterations, or {MANY}. A hop is a quarter of a window: K = 3",
    "waits for all that overlaps a frame. Weights and relaxation are the algorithms' own.",
    "Command: `python experiments/online.py --data DIR --results experiments/RESULTS.md`.",
)


def main(argv: Sequence[str] | None = None) -> None:
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
    for item in items(Path(args.data), args.quick, SECONDS):
        study.add(item)
        print(f"{study.count}: {item.name}", flush=True)
    picture = args.results.with_name("online.svg") if args.results else None
    if picture:
        study.draw(picture)
    text = study.section(picture.name if picture else None)
    print(text)
    if args.results:
        replace_section(args.results, "online", text)


if __name__ == "__main__":
    main()
