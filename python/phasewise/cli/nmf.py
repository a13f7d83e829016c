"""``phasewise nmf``: learn a dictionary of spectra from isolated tracks, show one, or draw one."""

from __future__ import annotations

import argparse
import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasewise.cli import _inspect
from phasewise.cli._options import add_json, write_json
from phasewise.errors import ParameterError

if TYPE_CHECKING:
    from phasewise.dictionary import Dictionary

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "learn a dictionary for separation from isolated tracks, show or draw one"

_FIT_EXAMPLE = """\
example:
  phasewise nmf fit vocals=singers drums='songs/*/drums.*' bass=bass1 bass=bass2.wav -o band.safetensors
  phasewise separate song.flac -m band.safetensors
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of ``phasewise nmf``."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    fit = actions.add_parser(
        "fit",
        help="learn a dictionary",
        description="Learn spectra of every stem from tracks on which it plays alone.",
        epilog=_FIT_EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    fit.add_argument(
        "tracks",
        nargs="+",
        metavar="STEM=FOLDER",
        type=_stem_and_place,
        help="a folder (with its sub-folders), a file or a quoted pattern; a stem may be given again",
    )
    fit.add_argument("-o", "--out", required=True, metavar="FILE", help="dictionary to write (.safetensors)")
    fit.add_argument(
        "--rank", type=int, default=100, metavar="K", help="spectra per stem (default: %(default)s)"
    )
    fit.add_argument("--sample-rate", type=int, default=44100, metavar="HZ", help="default: %(default)s")
    fit.add_argument(
        "--n-fft", type=int, default=4096, metavar="N", help="window in samples (default: %(default)s)"
    )
    fit.add_argument(
        "--hop", type=int, metavar="N", help="samples between frames (default: a quarter of --n-fft)"
    )
    fit.add_argument(
        "--beta", type=float, default=1.0, help="divergence: 1 Kullback-Leibler, 0 Itakura-Saito, 2 Euclidean"
    )
    fit.add_argument(
        "--bands",
        choices=("auto", "none"),
        default="auto",
        help="auto joins neighbouring high bins if --beta is 1: faster, smaller (default: auto)",
    )
    fit.add_argument("--iterations", type=int, default=100, metavar="N", help="default: %(default)s")
    fit.add_argument(
        "--accelerate",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="extrapolate between iterations: far fewer for the same fit (default: on)",
    )
    fit.add_argument(
        "--max-frames", type=int, default=20000, metavar="N", help="per stem (default: %(default)s)"
    )
    fit.add_argument("--seed", type=int, default=0, help="of the random choices (default: %(default)s)")
    fit.add_argument(
        "--dtype",
        choices=("float16", "float32"),
        default="float16",
        help="in the file (default: %(default)s)",
    )
    show = actions.add_parser("show", help="show a dictionary", description="Print what a dictionary holds.")
    show.add_argument("file", metavar="FILE", help="a dictionary file, or the name of one in the package")
    add_json(show)
    _inspect.add_arguments(actions)


def run(args: argparse.Namespace) -> int:
    """Learn, show or draw; return the exit code."""
    return {"fit": _fit, "show": _show, "inspect": _inspect.run}[args.action](args)


def _fit(args: argparse.Namespace) -> int:
    from phasewise.cli._progress import Progress
    from phasewise.dictionary_learning import learn

    out = Path(args.out)
    if not out.parent.is_dir():
        raise ParameterError(f"--out: the folder {str(out.parent)!r} does not exist; make it first.")
    tracks: dict[str, list[Path]] = {}
    for stem, place in args.tracks:
        tracks.setdefault(stem, []).extend(_audio_files(stem, place))
    progress = Progress({"learning": 1.0})
    try:
        dictionary = learn(
            {stem: list(dict.fromkeys(paths)) for stem, paths in tracks.items()},
            rank=args.rank,
            sample_rate=args.sample_rate,
            n_fft=args.n_fft,
            hop_length=args.hop,
            beta=args.beta,
            bands=args.bands,
            n_iter=args.iterations,
            accelerate=args.accelerate,
            max_frames=args.max_frames,
            rng=args.seed,
            metadata={stem: f"{len(set(paths))} tracks" for stem, paths in tracks.items()},
            callback=lambda fraction: progress.update("learning", fraction),
        )
    finally:
        progress.close()
    dictionary.save(out, dtype=args.dtype)
    print(f"{out}: {_ranks(dictionary)}; {out.stat().st_size / 1e6:.2f} MB")
    return 0


def _show(args: argparse.Namespace) -> int:
    from phasewise.dictionary import Dictionary

    dictionary = Dictionary.load(args.file)
    table: dict[str, Any] = {
        "stems": dictionary.ranks,
        "sample_rate": dictionary.sample_rate,
        "n_fft": dictionary.n_fft,
        "hop_length": dictionary.hop_length,
        "window": dictionary.window,
        "bands": dictionary.bands,
        "beta": dictionary.beta,
        "n_iter": dictionary.n_iter,
        "power": dictionary.power,
        "neighbours": ", ".join(f"{g.first} to {g.last}" for g in dictionary.neighbours) or "none",
        "sha256": dictionary.digest,
        "metadata": dict(dictionary.metadata),
    }
    if args.json:
        write_json(args.json, table)
    if args.json != "-":
        lines = {**table, "stems": _ranks(dictionary), **table.pop("metadata")}
        lines.pop("metadata")
        width = max(map(len, lines))
        for name, value in lines.items():
            print(f"{name:<{width}}  {value}")
    return 0


def _ranks(dictionary: Dictionary) -> str:
    return ", ".join(f"{stem} ({rank} spectra)" for stem, rank in dictionary.ranks.items())


def _stem_and_place(text: str) -> tuple[str, str]:
    stem, sign, place = text.partition("=")
    if not (stem and sign and place):
        raise argparse.ArgumentTypeError(f"expected STEM=FOLDER such as vocals=my/singers, got {text!r}")
    return stem, place


def _audio_files(stem: str, place: str) -> list[Path]:
    from phasewise.audio import EXTENSIONS

    path = Path(place)
    if path.is_dir():
        found = [file for file in path.rglob("*") if file.suffix.lower() in EXTENSIONS and file.is_file()]
    elif path.exists():
        found = [path]
    else:
        found = [Path(name) for name in glob.glob(place, recursive=True)]
    if not found:
        what = "has no audio files" if path.is_dir() else "does not exist, and matches nothing as a pattern"
        raise ParameterError(f"{stem}={place}: {place!r} {what}; give a folder with tracks of {stem} alone.")
    return sorted(found)
