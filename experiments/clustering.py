"""Blind separation: which components of a factorisation belong to the same source.

    python experiments/clustering.py --data DIR [--results experiments/RESULTS.md]

DIR holds ``dev/`` with one folder per song. The mono mix-down of every song is factorised without knowledge
of its sources; the components are grouped by both methods of `phasewise.cluster_components` and, as a bound,
by the stem that is loudest where they sound. Returns 1 unless the default is the better method on average.
"""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import phasewise as pw
from evaluation_songs import SEEN, UNSEEN, development
from results_file import replace_section

RANK, N_ITER, SEEDS = 32, 60, 3
TRANSFORM = {"n_fft": 2048, "hop_length": 1024}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the experiment and the check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("PHASEWISE_DATA"))
    parser.add_argument("--results", type=Path, help="file whose section is replaced")
    args = parser.parse_args(argv)
    if args.data is None:
        parser.error("--data or $PHASEWISE_DATA must name the folder of the songs")
    rows = {}
    for name, stems in development(Path(args.data), (*UNSEEN, *SEEN)):
        rows[name] = scores(np.stack([stem.mean(axis=0) for stem in stems.values()]))
        print(name, rows[name], flush=True)
    mean = {method: np.mean([row[method] for row in rows.values()]) for method in ("nmf", "kmeans", "truth")}
    text = report(rows, mean)
    print(text)
    if args.results:
        replace_section(args.results, Path(__file__).stem, text)
    return 0 if mean["kmeans"] > mean["nmf"] else 1


def scores(stems: np.ndarray) -> dict[str, float]:
    """Return the SI-SDR of every method, the mean over stems and seeds, for the best order of the sources."""
    sources, mixture = abs(pw.stft(stems, **TRANSFORM)), stems.sum(axis=0)
    X, count = pw.stft(mixture, **TRANSFORM), len(stems)
    found: dict[str, list[float]] = {"nmf": [], "kmeans": [], "truth": []}
    for seed in range(SEEDS):
        W, H = pw.nmf(abs(X), RANK, n_iter=N_ITER, accelerate=True, rng=seed)
        labels = {
            method: pw.cluster_components(W, H, count, method=method, rng=seed)
            for method in ("nmf", "kmeans")
        }
        shares = sources / np.maximum(W @ H, 1e-9)
        labels["truth"] = np.einsum("fk,kt,jft->kj", W, H, shares, optimize=True).argmax(axis=1)
        for method, groups in labels.items():
            S = pw.wiener(X, pw.nmf_parts(W, H, groups, n_sources=count))
            estimates = pw.istft(S, hop_length=TRANSFORM["hop_length"], length=stems.shape[-1])
            table = np.array([[pw.metrics.si_sdr(r, e) for e in estimates] for r in stems])
            table = np.maximum(table, -20)  # of silent estimates
            orders = itertools.permutations(range(count))
            found[method].append(max(table[range(count), order].mean() for order in orders))
    return {method: float(np.mean(values)) for method, values in found.items()}


def report(rows: dict[str, dict[str, float]], mean: dict[str, float]) -> str:
    """Return the section of the results."""
    lines = [
        "## Blind separation: grouping components",
        "",
        "Mean SI-SDR in dB over the stems, mono, Wiener filters from a KL-NMF of the mixture alone (rank",
        f"{RANK}, {N_ITER} accelerated iterations, STFT 2048/1024, mean of {SEEDS} seeds), for the best",
        "order of the sources.",
        "*Truth* puts every component with the stem that is loudest where it sounds: no grouping does much",
        "better. The methods are those of `cluster_components`; none was chosen by these songs.",
        "Command: `python experiments/clustering.py --data DIR --results experiments/RESULTS.md`.",
        "",
        "| song | nmf | kmeans (default) | truth |",
        "|---|---:|---:|---:|",
    ]
    for name, row in {**rows, "**mean**": mean}.items():
        lines.append(f"| {name} | {row['nmf']:.2f} | {row['kmeans']:.2f} | {row['truth']:.2f} |")
    holds = "holds" if mean["kmeans"] > mean["nmf"] else "FAILS"
    return "\n".join([*lines, "", f"- {holds}: kmeans above nmf on average"])


if __name__ == "__main__":
    sys.exit(main())
