"""``phasewise refine``: anybody's stems in, better stems out."""

from __future__ import annotations

import argparse

from phasewise.cli._options import add_output_options

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "improve the phase of given stems, and make them sum to their mixture"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of ``phasewise refine``."""
    parser.epilog = (
        "The stems may come from any separator. Together they should be the whole mixture. They are written\n"
        "to OUT/MIXTURE/STEM.wav under the names of their files, at the rate of the mixture; in integer\n"
        "formats they sum to it sample for sample."
    )
    parser.add_argument("mixture", metavar="MIXTURE", help="the song")
    parser.add_argument("stems", nargs="+", metavar="STEM", help="its stems, one file each")
    parser.add_argument("-o", "--out", default="refined", metavar="DIR", help="output folder (refined)")
    parser.add_argument("--algo", default="auto", help="MISI, RAAR, wiener...; auto takes the best (auto)")
    parser.add_argument("--n-iter", type=int, default=15, metavar="N", help="iterations (15)")
    parser.add_argument("--n-fft", type=int, metavar="N", help="length of a frame in samples (about 46 ms)")
    parser.add_argument(
        "--hop-length", type=int, metavar="N", help="step of the frames (a quarter of --n-fft)"
    )
    add_output_options(parser, below="OUT")


def run(args: argparse.Namespace) -> int:
    """Refine the stems and return the exit code."""
    from phasewise.cli._refine import refine_files

    return refine_files(args)
