"""``phasewise evaluate``: scores of separated songs."""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

from phasewise.cli._options import add_json, write_json
from phasewise.errors import ParameterError

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "score separated songs against their true stems"

_EXAMPLE = """\
Both folders hold <song>/<stem>.wav (or .flac, .ogg); of MUSDB18-HQ, the test songs are taken. cSDR is the
median over the songs and the others are means, as they are published; --statistic changes that for all.
Intervals come from resampling the songs.

examples:
  phasewise evaluate songs separated/nmf-music4
  phasewise evaluate musdb18hq separated/mine --stems vocals --json scores.json --report scores.html
"""

_PUBLISHED = {"csdr": "median"}
_TITLES = {"sdr": "SDR", "si_sdr": "SI-SDR", "usdr": "uSDR", "csdr": "cSDR"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of ``phasewise evaluate``."""
    parser.epilog = _EXAMPLE
    parser.add_argument("reference", metavar="REFERENCE", help="folder of songs with their true stems")
    parser.add_argument("estimate", metavar="ESTIMATE", help="folder of the separated songs")
    parser.add_argument(
        "--stems", default="bass,drums,other,vocals", metavar="NAMES", help="(bass,drums,other,vocals)"
    )
    parser.add_argument(
        "--statistic", choices=("mean", "median"), help="of every score, instead of the published ones"
    )
    parser.add_argument("--confidence", type=float, default=0.95, help="of the intervals (0.95)")
    parser.add_argument("--csv", metavar="FILE", help="write the scores of every track as CSV")
    parser.add_argument("--report", metavar="FILE", help="write an HTML page")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Score, print the table, and return the exit code: 1 if estimates are missing."""
    from phasewise.evaluation import METRICS, evaluate
    from phasewise.songs import find_songs

    stems = [name for name in args.stems.split(",") if name]
    root = Path(args.reference)
    musdb = (root / "train").is_dir() and (root / "test").is_dir()
    songs = find_songs(root, stems, split="test" if musdb else None)
    result = evaluate(songs, args.estimate, stems)
    statistics = {m: args.statistic or _PUBLISHED.get(m, "mean") for m in METRICS}
    summaries = {m: result.summary(m, statistic=statistics[m], confidence=args.confidence) for m in METRICS}
    _print(summaries, statistics, len(result.tracks))
    for name in result.missing:
        print(f"missing: {name}")
    if args.csv:
        _write_csv(args.csv, result)
    if args.json:
        table = {m: {"statistic": statistics[m], **_plain(summaries[m])} for m in METRICS}
        write_json(args.json, {"summary": table, "tracks": result.tracks, "missing": list(result.missing)})
    if args.report:
        _write_report(args, result, summaries, statistics)
    return 1 if result.missing else 0


def _print(summaries: dict[str, Any], statistics: dict[str, str], tracks: int) -> None:
    stems = list(next(iter(summaries.values())))
    width = max(len(stem) for stem in stems)
    print(f"{tracks} tracks, decibels with intervals")
    heads = [f"{_TITLES[m]} ({statistics[m]})" for m in summaries]
    print(" " * width + "".join(f"  {head:>22}" for head in heads))
    for stem in stems:
        cells = [f"{s[stem].value:.2f} [{s[stem].low:.2f}, {s[stem].high:.2f}]" for s in summaries.values()]
        print(f"{stem:<{width}}" + "".join(f"  {cell:>22}" for cell in cells))


def _plain(summary: dict[str, Any]) -> dict[str, Any]:
    return {stem: interval._asdict() for stem, interval in summary.items()}


def _write_csv(path: str, result: Any) -> None:
    from phasewise.evaluation import METRICS

    try:
        with open(path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["track", "stem", *METRICS])
            for track, stems in result.tracks.items():
                for stem, scores in stems.items():
                    writer.writerow([track, stem, *(f"{scores[m]:.4f}" for m in METRICS)])
    except OSError as error:
        raise ParameterError(f"--csv: cannot write {path!r}: {error.strerror}.") from None


def _write_report(
    args: argparse.Namespace, result: Any, summaries: dict[str, Any], statistics: dict[str, str]
) -> None:
    from phasewise.report import Report, Row, Section, Table, write_report

    columns = [*result.stems, "all"]
    rows = [
        Row(f"{_TITLES[m]}, {statistics[m]}", [s[stem].value for stem in columns])
        for m, s in summaries.items()
    ]
    sections = [Section("Averages", [Table("Scores", columns, rows, best=None, digits=2)])]
    for metric in summaries:
        rows = [
            Row(track, [scores.get(stem, {}).get(metric) for stem in result.stems])
            for track, scores in result.tracks.items()
        ]
        title = _TITLES[metric]
        table = Table(title, list(result.stems), rows, best=None, digits=2)
        sections.append(Section(f"{title} of every track", [table]))
    title = f"{args.estimate} against {args.reference}"
    write_report(args.report, Report(title, sections))
