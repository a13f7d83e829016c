"""``phasewise live``: a stream of samples in, its stems out, while it is played."""

from __future__ import annotations

import argparse

from phasewise.cli._options import add_json, positive

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "take a stream of raw samples apart while it is played"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of ``phasewise live``."""
    parser.epilog = (
        "Without -o the stems go to standard output, side by side in every sample frame (bass left, bass\n"
        "right, drums left, ...; names and latency are on standard error), as late as the latency says.\n"
        "With -o every stem is a WAV file that starts with the first sample. Ctrl-C ends the stream and\n"
        "finishes the files.\n\n"
        "  arecord -f cd -t raw | phasewise live --stem vocals | aplay -f cd\n"
        "  ffmpeg -i song.mp3 -f s16le -ar 44100 -ac 2 - | phasewise live -o stems"
    )
    parser.add_argument(
        "input",
        nargs="?",
        default="-",
        metavar="FILE",
        help="raw samples; '-', the default, is standard input",
    )
    parser.add_argument("-m", "--model", default="default", help="name of a model, or a dictionary file")
    stream = parser.add_argument_group("stream")
    stream.add_argument(
        "--format", choices=("s16le", "f32le"), default="s16le", help="of the samples, in and out (s16le)"
    )
    stream.add_argument("--channels", type=positive, default=2, metavar="N", help="interleaved channels (2)")
    stream.add_argument(
        "--rate", type=positive, default=44100, metavar="HZ", help="sample rate; must be the model's (44100)"
    )
    stream.add_argument(
        "--block", type=positive, default=1024, metavar="N", help="samples that are worked on at once (1024)"
    )
    stream.add_argument(
        "--realtime",
        action="store_true",
        help="take the samples of a file no faster than a clock brings them",
    )
    output = parser.add_argument_group("output")
    output.add_argument("-o", "--out", metavar="DIR", help="write DIR/STEM.wav instead of standard output")
    output.add_argument("--stem", metavar="NAME", help="this stem only")
    output.add_argument(
        "--trim", action="store_true", help="leave out the silence of the latency on standard output"
    )
    output.add_argument("-q", "--quiet", action="store_true", help="print errors only")
    add_json(parser)
    method = parser.add_argument_group("method")
    method.add_argument("--phase", default="wiener", metavar="METHOD", help="online phase recovery (wiener)")
    method.add_argument("--lookahead", type=int, metavar="K", help="frames that it waits for")
    method.add_argument("--n-iter", type=int, metavar="N", help="its iterations")
    method.add_argument("--kappa", type=float, metavar="K", help="its trust in the sinusoidal model")


def run(args: argparse.Namespace) -> int:
    """Separate the stream and return the exit code."""
    from phasewise.cli._live import separate_stream

    return separate_stream(args)
