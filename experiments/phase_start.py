"""What the start of phase recovery is worth when the magnitudes are known.

    python experiments/phase_start.py --data DIR [--results experiments/RESULTS.md]

DIR holds ``dev/`` with one folder per song: its stems as FLAC, and ``mixture.flac``. The experiment of
``phasewise demo`` runs on four songs, mixed down to mono; the script checks the order of the methods,
replaces its section of the results file, and returns 1 if a check fails.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from phasewise import audio
from phasewise.demo import Experiment, known_magnitude_table
from phasewise.demo.experiments import CONSISTENT, MIXTURE_ONSETS, TRUE_ONSETS
from results_file import replace_section

SONGS = ("music_lithium", "music_band", "song_1_001", "song_1_002")
SEED = 0

_INTRODUCTION = (
    "Mean SI-SDR in dB over the sources of a song. Mono mix-downs, 44.1 kHz, STFT 4096/1024 (Hann), true",
    "magnitudes. Mixture, random and sinusoidal are starts of `pu_iter`: 50 iterations (it.) per bin, but",
    "none in the columns *mixture*. Onset frames start from the true phase, or from the mixture's where",
    f"marked (m). MISI and the reflections start from the mixture phase. Random seed {SEED}.",
    "Command: `python experiments/phase_start.py --data DIR --results experiments/RESULTS.md`.",
)

# heading of the column -> label and group in the experiment
COLUMNS = {
    "mixture": ("Mixture phase", TRUE_ONSETS),
    "mixture, 50 it.": ("Mixture phase, 50 it.", TRUE_ONSETS),
    "random": ("Random start, 50 it.", TRUE_ONSETS),
    "sinusoidal": ("Sinusoidal start, 50 it.", TRUE_ONSETS),
    "mixture (m)": ("Mixture phase", MIXTURE_ONSETS),
    "random (m)": ("Random start, 50 it.", MIXTURE_ONSETS),
    "sinusoidal (m)": ("Sinusoidal start, 50 it.", MIXTURE_ONSETS),
    "MISI 15": ("MISI, 15 it.", CONSISTENT),
    "MISI 50": ("MISI, 50 it.", CONSISTENT),
    "RRR 15": ("RRR, 15 it.", CONSISTENT),
    "RAAR 15": ("RAAR, 15 it.", CONSISTENT),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the experiment and the checks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("PHASEWISE_DATA"), help="default: $PHASEWISE_DATA")
    parser.add_argument("--results", type=Path, help="file whose section is replaced")
    args = parser.parse_args(argv)
    if args.data is None:
        parser.error("--data is needed, or the environment variable PHASEWISE_DATA")

    scores = {}
    for song in SONGS:
        print(f"{song}: ", end="", flush=True)
        experiment = run(Path(args.data) / "dev" / song)
        scores[song] = {name: experiment.find(*key).mean for name, key in COLUMNS.items()}
        print(", ".join(f"{name} {score:.1f}" for name, score in scores[song].items()))
    checks = check(scores)
    for text, passed in checks.items():
        print(f"{'ok  ' if passed else 'FAIL'} {text}")
    if args.results:
        replace_section(args.results, "phase_start", section(scores, checks))
    return 0 if all(checks.values()) else 1


def run(folder: Path) -> Experiment:
    """The experiment on the song in ``folder``."""
    stems = {}
    for path in sorted(folder.glob("*.flac")):
        if path.stem != "mixture":
            samples, sample_rate = audio.read(path)
            stems[path.stem] = samples.mean(axis=0, dtype=np.float32)
    if not stems:
        raise SystemExit(f"no stems (*.flac) in {folder}; give the folder that holds dev/ as --data.")
    return known_magnitude_table(stems, sample_rate, rng=SEED)


def check(scores: dict[str, dict[str, float]]) -> dict[str, bool]:
    """What has to hold, and whether it does."""
    songs = list(scores.values())
    gain = float(np.mean([s["sinusoidal"] - s["mixture"] for s in songs]))
    return {
        "sinusoidal > random > mixture phase on every song, true phase in onset frames": all(
            s["sinusoidal"] > s["random"] > s["mixture"] for s in songs
        ),
        f"sinusoidal start at least 3 dB above the mixture phase on average (here {gain:.1f} dB)": gain >= 3,
        "MISI after 50 iterations from the mixture phase above the sinusoidal row on every song": all(
            s["MISI 50"] > s["sinusoidal"] for s in songs
        ),
        "RAAR after 15 iterations above MISI after 15 on every song": all(
            s["RAAR 15"] > s["MISI 15"] for s in songs
        ),
    }


def section(scores: dict[str, dict[str, float]], checks: dict[str, bool]) -> str:
    """The results as Markdown."""
    mean = {name: float(np.mean([s[name] for s in scores.values()])) for name in COLUMNS}
    rows = [*scores.items(), ("**mean**", mean)]
    lines = [
        "## Known magnitudes: the start of phase recovery",
        "",
        *_INTRODUCTION,
        "",
        "| song | " + " | ".join(COLUMNS) + " |",
        "|---|" + "---:|" * len(COLUMNS),
        *(f"| {name} | " + " | ".join(f"{s[c]:.1f}" for c in COLUMNS) + " |" for name, s in rows),
        "",
        *(f"- {'holds' if passed else '**fails**'}: {text}" for text, passed in checks.items()),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
