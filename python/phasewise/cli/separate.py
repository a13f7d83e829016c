"""``phasewise separate``: songs in, stems out."""

from __future__ import annotations

import argparse

from phasewise.cli._options import add_output_options, positive

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "take songs apart into stems that sum to them"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of ``phasewise separate``."""
    parser.epilog = (
        "Stems keep the sample rate, the channels and the level of their song. They are written to\n"
        "OUT/MODEL/TRACK/STEM.wav, with OUT/MODEL/TRACK/phasewise.json saying how; in integer formats they\n"
        "sum to the song sample for sample."
    )
    parser.add_argument("paths", nargs="+", metavar="PATH", help="audio files, and folders that hold some")
    parser.add_argument(
        "-m",
        "--model",
        "-n",
        default="default",
        help="name of a model, or the file of a dictionary or network",
    )
    parser.add_argument("-o", "--out", default="separated", metavar="DIR", help="output folder (separated)")
    parser.add_argument(
        "--phase", metavar="ALGO", help="phase recovery: wiener, MISI, RAAR... (the model's best)"
    )
    parser.add_argument(
        "--n-iter", type=int, metavar="N", help="its iterations (5 if --phase is left out, else 15)"
    )
    parser.add_argument(
        "--init",
        choices=("mixture", "sinusoidal", "random"),
        default="mixture",
        help="its start (mixture)",
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of a random start (0)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--stems", metavar="A,B", help="write these stems only")
    which.add_argument(
        "--two-stems", metavar="STEM", help="write this stem, and the sum of the others as no_STEM"
    )
    parser.add_argument(
        "-j", "--jobs", type=positive, default=1, metavar="N", help="files at the same time (1)"
    )
    add_output_options(parser, below="OUT/MODEL")


def run(args: argparse.Namespace) -> int:
    """Separate all files and return the exit code."""
    from phasewise.cli._separate import separate_files

    return separate_files(args)
