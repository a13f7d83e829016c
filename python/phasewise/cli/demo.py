"""``phasewise demo``: a real song taken apart, with tables, stems and a page to listen to."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from phasewise.cli._options import add_json, write_json
from phasewise.cli._progress import Progress

if TYPE_CHECKING:
    from phasewise.demo import DemoResult

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "take the song of the package apart: tables, stems, and a report to listen to"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of ``phasewise demo``."""
    parser.add_argument(
        "-o",
        "--out",
        metavar="DIR",
        default="demo-output",
        help="folder for the stems and report.html (default: demo-output)",
    )
    parser.add_argument(
        "--duration", metavar="S", type=float, help="use only so many seconds of the song's 14 (at least 1)"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Run the experiments, print their tables, say what was written."""
    from phasewise.demo import run_demo

    progress = Progress({"demo": 1.0})
    try:
        result = run_demo(
            args.out, duration=args.duration, callback=lambda fraction: progress.update("demo", fraction)
        )
    finally:
        progress.close()
    if args.json:
        write_json(
            args.json,
            {
                "song": result.song.title,
                "seconds": result.song.seconds,
                "sample_rate": result.song.sample_rate,
                "tables": [result.known.table.to_json(), result.estimated.table.to_json()],
                "null_test": {residual.label: residual.peak for residual in result.null_tests},
                "report": str(result.report),
                "wall_seconds": round(result.seconds, 2),
            },
        )
    if args.json != "-":
        print(_text(result))
    return 0


def _text(result: DemoResult) -> str:
    song = result.song
    exact = all(residual.peak == 0 for residual in result.null_tests)
    folders = ", ".join(sorted(path.name + "/" for path in result.folder.iterdir() if path.is_dir()))
    return "\n".join(
        [
            f"{song.title} ({song.origin}), {song.seconds:.1f} s, mono",
            "",
            result.known.table.to_text(),
            "",
            result.estimated.table.to_text(),
            "The training set of nmf-music4 contained other parts of this song: its rows flatter it.",
            "",
            "* best of its group. Each folder of written stems sums to mixture.wav "
            + ("exactly, sample for sample." if exact else "NOT EXACTLY."),
            "",
            f"listen:  {result.report}   (open it in a browser)",
            f"stems:   {result.folder}: {folders}",
            f"time:    {result.seconds:.1f} s",
        ]
    )
