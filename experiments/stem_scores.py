"""Supervised separation before and after the dictionary ``nmf-music4`` was learnt anew, stem by stem.

    git show 33459f9:python/phasewise/data/nmf-music4.safetensors > before.safetensors
    python experiments/stem_scores.py --data DIR --before before.safetensors

DIR holds ``dev/``; --results FILE keeps the table. Stereo, `phasewise.separate` with its defaults. The
development songs serve this report only; nothing was chosen by them.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import phasewise as pw
from evaluation_songs import SEEN, UNSEEN, development
from phasewise.dictionary import Dictionary
from results_file import replace_section
from training_mixtures import RATE, STEMS

Scores = dict[str, float]


def score(stems: dict[str, np.ndarray], estimate: dict[str, np.ndarray]) -> Scores:
    """Return the SI-SDR of every stem that sounds, the mean of its channels."""
    return {stem: float(np.mean(pw.metrics.si_sdr(stems[stem], estimate[stem]))) for stem in stems}


def scores_of_song(stems: dict[str, np.ndarray], models: dict[str, Dictionary]) -> dict[str, Scores]:
    """Return the scores of the mixture, taken for each stem, and of what every model makes of it."""
    mixture = np.sum(list(stems.values()), axis=0)
    scores = {"the mixture": score(stems, dict.fromkeys(stems, mixture))}
    for label, model in models.items():
        scores[label] = score(stems, pw.separate(mixture, RATE, model=model))
    return scores


def mean_of_songs(songs: Sequence[Scores]) -> Scores:
    """Return the mean of every stem over the songs in which it sounds."""
    return {stem: float(np.mean([s[stem] for s in songs if stem in s])) for stem in STEMS}


def rows(name: str, scores: dict[str, Scores], means: dict[str, float]) -> list[str]:
    """Return lines of the table."""
    lines = []
    for label, values in scores.items():
        cells = [f"{values[stem]:.2f}" if stem in values else "-" for stem in STEMS]
        lines.append(f"| {name} | {label} | {' | '.join(cells)} | {means[label]:.2f} |")
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("PHASEWISE_DATA"), help="default: $PHASEWISE_DATA")
    parser.add_argument("--before", type=Path, required=True, help="the dictionary of the first release")
    parser.add_argument("--results", type=Path, help="file whose section is replaced")
    args = parser.parse_args(argv)
    if args.data is None:
        parser.error("--data is needed, or the environment variable PHASEWISE_DATA")

    models = {"before": Dictionary.load(args.before), "after": Dictionary.load("nmf-music4")}
    scores = {
        name: scores_of_song(stems, models) for name, stems in development(Path(args.data), (*UNSEEN, *SEEN))
    }
    means = {
        name: {label: float(np.mean(list(values.values()))) for label, values in song.items()}
        for name, song in scores.items()
    }
    lines = [
        "## Supervised separation: the dictionary before and after",
        "",
        "SI-SDR in dB of `phasewise separate` with its defaults, stereo, mean of the channels; stems that",
        "are silent have no score. *The mixture* is the score of not separating. Parts of Lithium and Sodium",
        "made of the same loops were trained on, before and after: their scores flatter, and what they gain",
        "is mostly memory of the loops. No setting was chosen by these songs; `before.safetensors` is the",
        "file of the commit 33459f9.",
        "Command: `python experiments/stem_scores.py --data DIR --before before.safetensors --results",
        "experiments/RESULTS.md`.",
        "",
        "| song | estimate | " + " | ".join(STEMS) + " | mean |",
        "|---|---|" + "---:|" * (len(STEMS) + 1),
    ]
    for title, names in {"**mean of the unseen**": UNSEEN, "**mean of the seen**": SEEN}.items():
        for name in names:
            lines += rows(name, scores[name], means[name])
        labels = scores[names[0]]
        together = {label: mean_of_songs([scores[name][label] for name in names]) for label in labels}
        over_songs = {label: float(np.mean([means[name][label] for name in names])) for label in labels}
        lines += rows(title, together, over_songs)
    print("\n".join(lines))
    if args.results:
        replace_section(args.results, "stem_scores", "\n".join(lines))


if __name__ == "__main__":
    main()
