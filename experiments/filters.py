"""What phases and consistency add to the Wiener filter, with known magnitudes.

    python experiments/filters.py --data DIR [--results experiments/RESULTS.md]

DIR holds ``dev/``. Mono mixes of the first ten seconds of the songs; the weights are those of the papers
and a larger one, none chosen by these songs.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

import phasewise as pw
from evaluation_songs import SEEN, UNSEEN, development
from results_file import replace_section
from training_mixtures import RATE

FRAMING = {"n_fft": 4096, "hop_length": 1024}
WEIGHTS = (1.0, 4.0, 10.0, 100.0)


def methods(length: int) -> dict[str, Callable[..., Any]]:
    """Return the filters by the name of their row."""
    rows: dict[str, Callable[..., Any]] = {"wiener": pw.wiener}
    for kappa in (1.0, 1.6):
        rows[f"anisotropic, kappa {kappa:g}"] = lambda X, V, kappa=kappa: pw.anisotropic_wiener(
            X, V, kappa=kappa, **FRAMING
        )
    for weight in WEIGHTS:
        rows[f"consistent, gamma {weight:g}"] = lambda X, V, weight=weight: pw.consistent_wiener(
            X, V, gamma=weight, length=length, **FRAMING
        )
    for weight in WEIGHTS:
        rows[f"consistent anisotropic, kappa 1, delta {weight:g}"] = lambda X, V, weight=weight: (
            pw.consistent_anisotropic_wiener(X, V, delta=weight, length=length, **FRAMING)
        )
    return rows


def scores(stems: np.ndarray) -> dict[str, float]:
    """Return the mean SI-SDR of the stems (source, samples) by method."""
    length = stems.shape[-1]
    S = pw.stft(stems, **FRAMING)
    result = {}
    for name, method in methods(length).items():
        estimate = pw.istft(method(S.sum(axis=0), np.abs(S)), length=length, **FRAMING)
        result[name] = float(np.nanmean(pw.metrics.si_sdr(stems, estimate)))
    return result


def main(argv: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("PHASEWISE_DATA"), help="default: $PHASEWISE_DATA")
    parser.add_argument("--results", type=Path, help="file whose section is replaced")
    args = parser.parse_args(argv)
    if args.data is None:
        parser.error("--data is needed, or the environment variable PHASEWISE_DATA")

    table = {}
    for name, stems in development(Path(args.data), (*UNSEEN, *SEEN)):
        mono = np.array([stem.mean(axis=0)[: 10 * RATE] for stem in stems.values()])
        table[name] = scores(mono[np.abs(mono).max(axis=1) > 0])
        print(name, table[name], flush=True)
    rows = {row: [song[row] for song in table.values()] for row in next(iter(table.values()))}
    mean = {row: float(np.mean(values)) for row, values in rows.items()}
    lines = [
        "## Known magnitudes: filters",
        "",
        "Mean SI-SDR in dB over the stems that sound, mono, first ten seconds, STFT 4096/1024, true",
        "magnitudes, no onsets. Kappa and the weights up to 10 are those of the papers.",
        "Command: `python experiments/filters.py --data DIR --results experiments/RESULTS.md`.",
        "",
        "| filter | " + " | ".join(table) + " | mean |",
        "|---|" + "---:|" * (len(table) + 1),
        *(
            f"| {row} | " + " | ".join(f"{v:.2f}" for v in (*values, mean[row])) + " |"
            for row, values in rows.items()
        ),
        "",
    ]
    for weight in WEIGHTS:
        isotropic, anisotropic = (
            mean[f"consistent, gamma {weight:g}"],
            mean[f"consistent anisotropic, kappa 1, delta {weight:g}"],
        )
        holds = anisotropic > isotropic > mean["wiener"]
        lines.append(
            f"- {'holds' if holds else 'does not hold'}: consistent anisotropic above consistent "
            f"above Wiener, weight {weight:g}"
        )
    holds = mean["anisotropic, kappa 1"] > mean["wiener"]
    lines.append(f"- {'holds' if holds else 'does not hold'}: anisotropic above Wiener")
    if args.results:
        replace_section(args.results, "filters", "\n".join(lines))


if __name__ == "__main__":
    main()
