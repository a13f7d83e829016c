"""Which phase recovery serves `phasewise separate` best, with the magnitudes of the shipped dictionary.

    python experiments/separation_phase.py --data DIR [--results experiments/RESULTS.md]

DIR holds ``dev/``. Scores are means over the stems that sound; songs whose other parts the dictionary was
trained on are given apart. The default of ``phasewise.separation`` follows this table.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import phasewise as pw
from evaluation_songs import SEEN, UNSEEN, development
from results_file import replace_section
from training_mixtures import RATE

METHODS = (
    ("AM", 0),
    ("wiener", 0),
    ("PU-Iter", 50),
    ("MISI", 5),
    ("MISI", 15),
    ("Mix+Incons", 5),
    ("Mix+Incons", 15),
    ("RRR", 5),
    ("RAAR", 5),
    ("RAAR", 15),
    ("auto", 15),
)


def score(stems: dict[str, np.ndarray], method: str, n_iter: int) -> tuple[float, float]:
    """Return mean SI-SDR and mean SDR of the stems of one song."""
    mixture = np.sum(list(stems.values()), axis=0)
    estimate = pw.separate(mixture, RATE, phase=method, n_iter=n_iter)
    si_sdr = [np.mean(pw.metrics.si_sdr(stems[s], estimate[s])) for s in stems]
    sdr = [np.mean(pw.metrics.sdr(stems[s], estimate[s])) for s in stems]
    return float(np.nanmean(si_sdr)), float(np.nanmean(sdr))


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

    songs = dict(development(Path(args.data), (*UNSEEN, *SEEN)))
    lines = [
        "## Estimated magnitudes: phase recovery in `phasewise separate`",
        "",
        "Mean SI-SDR / SDR in dB over the stems that sound, stereo, magnitudes by `nmf-music4`. The last two",
        "songs have other parts in its training set. With rough magnitudes the gain over Wiener is small,",
        "and algorithms that insist on the magnitudes lose; `auto`, the default, finds them too rough.",
        "Command: `python experiments/separation_phase.py --data DIR --results experiments/RESULTS.md`.",
        "",
        "| phase | iterations | " + " | ".join(songs) + " | mean of the unseen |",
        "|---|---:|" + "---:|" * (len(songs) + 1),
    ]
    for method, n_iter in METHODS:
        scores = {name: score(stems, method, n_iter) for name, stems in songs.items()}
        mean = np.mean([scores[name] for name in UNSEEN], axis=0)
        cells = [f"{a:.2f} / {b:.2f}" for a, b in (*scores.values(), mean)]
        lines.append(f"| {method} | {n_iter or '-'} | " + " | ".join(cells) + " |")
        print(lines[-1], flush=True)
    if args.results:
        replace_section(args.results, "separation_phase", "\n".join(lines))


if __name__ == "__main__":
    main()
