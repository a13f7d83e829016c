"""``phasewise invert``: sound from magnitudes."""

from __future__ import annotations

import argparse

from phasewise.cli._options import add_json, positive

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "make sound of magnitude spectrograms"

_EXAMPLE = """\
A NumPy file holds magnitudes, or complex values of which the magnitudes count, of shape (freq, frames) or
(channels, freq, frames). Of an audio file, the phase is thrown away and recovered again: a way to hear what
an algorithm does. The result is OUT/NAME.wav, 32-bit floating point.

examples:
  phasewise invert generated.npy --sample-rate 22050 --hop-length 256
  phasewise invert song.flac --algorithm raar --init pghi --json quality.json
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of ``phasewise invert``."""
    parser.epilog = _EXAMPLE
    parser.add_argument("files", nargs="+", metavar="FILE", help="magnitudes (.npy) or audio")
    parser.add_argument("-o", "--out", default="inverted", metavar="DIR", help="output folder (inverted)")
    parser.add_argument(
        "--algorithm",
        default="fgla",
        help="of griffinlim: gla, fgla, admm, rrr, raar, bregman, bregman_admm; pghi and spsi alone do not "
        "iterate (fgla)",
    )
    parser.add_argument(
        "--init", default="pghi", help="start: pghi, spsi, sinusoidal, random, or zero for phase 0 (pghi)"
    )
    parser.add_argument("--n-iter", type=positive, default=32, metavar="N", help="most iterations (32)")
    parser.add_argument(
        "--tol",
        type=float,
        default=0.0,
        help="stop when ten iterations lower the error by no more than this share of its first value (0)",
    )
    parser.add_argument("--seed", type=int, default=0, help="of random phases (0)")
    transform = parser.add_argument_group("transform")
    transform.add_argument(
        "--sample-rate", type=positive, metavar="HZ", help="of the sound of a NumPy file (44100)"
    )
    transform.add_argument(
        "--n-fft", type=positive, metavar="N", help="length of a frame (what the bins tell, else 2048)"
    )
    transform.add_argument(
        "--hop-length", type=positive, metavar="N", help="step of the frames (a quarter of --n-fft)"
    )
    transform.add_argument("--window", default="hann", metavar="NAME", help="(hann)")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Invert the files and return the exit code."""
    from phasewise.cli._invert import invert_files

    return invert_files(args)
