"""``phasewise nmf inspect``: draw what a dictionary or a factorisation has learnt."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from phasewise.cli._options import add_json, write_json
from phasewise.errors import AudioDecodeError, DictionaryError, ParameterError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from phasewise.dictionary import Dictionary
    from phasewise.report.atoms import Atoms

__all__ = ["add_arguments", "run"]

_FORMATS = (".png", ".svg", ".pdf")

_EXAMPLES = """\
examples:
  phasewise nmf inspect nmf-music4 -o atoms.png
  phasewise nmf inspect band.safetensors song.flac -o atoms.svg
  phasewise nmf inspect factors.npz --sample-rate 44100 --hop 512 -o atoms.pdf

A pair is a file of numpy.savez(file, W=W, H=H), with the factors of phasewise.nmf or nmfd.
"""


def add_arguments(actions: Any) -> None:
    """Add the action to the parser of ``phasewise nmf``."""
    parser = actions.add_parser(
        "inspect",
        help="draw atoms and activations",
        description="Draw the spectra of a dictionary or a factorisation, and when they sound.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "model", metavar="MODEL|PAIR", help="a dictionary (file or name), or a pair W and H (.npz)"
    )
    parser.add_argument(
        "audio",
        nargs="?",
        metavar="AUDIO",
        help="a track in which a dictionary's activations are found and drawn",
    )
    parser.add_argument(
        "-o", "--out", required=True, metavar="FILE", help="picture to write (.png, .svg, .pdf)"
    )
    parser.add_argument(
        "--sample-rate", type=float, metavar="HZ", help="of a pair (default: 44100); bins reach to its half"
    )
    parser.add_argument(
        "--hop", type=int, metavar="N", help="of a pair: samples between frames, for an axis in seconds"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Draw; return the exit code."""
    from phasewise.report.atoms import describe, draw

    out = Path(args.out)
    if out.suffix.lower() not in _FORMATS:
        raise ParameterError(f"--out must end in {', '.join(_FORMATS)}, got {args.out!r}.")
    if not out.parent.is_dir():
        raise ParameterError(f"--out: the folder {str(out.parent)!r} does not exist; make it first.")
    pair = args.model.lower().endswith(".npz")
    if pair and args.audio is not None:
        raise ParameterError("a pair brings its activations; leave AUDIO out, or give a dictionary.")
    for option in () if pair else ("sample_rate", "hop"):
        if getattr(args, option) is not None:
            raise ParameterError(
                f"--{option.replace('_', '-')} is for a pair; a dictionary knows it: leave it out."
            )
    sources, rate, hop = _pair(args) if pair else _dictionary(args)
    title = Path(args.model).name + (f", {Path(args.audio).name}" if args.audio else "")
    try:
        draw(sources, out, sample_rate=rate, hop_length=hop, title=title)
    except OSError as error:
        raise ParameterError(f"--out: cannot write {args.out!r}: {error.strerror}.") from None
    if args.json:
        write_json(args.json, {"sample_rate": rate, "hop_length": hop, "sources": describe(sources, rate)})
    if args.json != "-":
        print(f"{out}: " + ", ".join(f"{source.name} ({source.count} atoms)" for source in sources))
    return 0


def _dictionary(args: argparse.Namespace) -> tuple[list[Atoms], float, int | None]:
    import numpy as np

    from phasewise.dictionary import Dictionary
    from phasewise.report.atoms import Atoms

    dictionary = Dictionary.load(args.model)
    activations: list[NDArray[Any] | None] = [None] * len(dictionary.stems)
    if args.audio:
        parts = [dictionary.activations(V) for V in _magnitudes(args.audio, dictionary) if V.size]
        if not parts:
            raise AudioDecodeError(f"{args.audio}: has no samples.")
        borders = np.cumsum(list(dictionary.ranks.values()))[:-1]
        activations = list(np.split(np.concatenate(parts, axis=-1), borders))
    sources = [
        Atoms(stem, dictionary.W[stem], H) for stem, H in zip(dictionary.stems, activations, strict=True)
    ]
    return sources, dictionary.sample_rate, dictionary.hop_length


def _magnitudes(track: str, dictionary: Dictionary) -> Iterator[NDArray[Any]]:
    """Of the mean of the channels, at the dictionary's sample rate, block by block."""
    import numpy as np

    from phasewise.audio import AudioReader, Resampler
    from phasewise.streaming import StreamingSTFT

    analysis = StreamingSTFT(dictionary.n_fft, dictionary.hop_length, window=dictionary.window)
    with AudioReader(track) as reader:
        mono = (block.mean(axis=0, keepdims=True, dtype=np.float32) for block in reader.blocks())
        if reader.info.sample_rate != dictionary.sample_rate:
            resampler = Resampler(reader.info.sample_rate, dictionary.sample_rate, 1)
            mono = resampler.stream(mono)  # type: ignore[assignment]
        for block in mono:
            yield abs(analysis.push(block[0]))
    yield abs(analysis.flush())


def _pair(args: argparse.Namespace) -> tuple[list[Atoms], float, int | None]:
    import zipfile

    import numpy as np

    from phasewise._validate import integer, magnitudes, number
    from phasewise.report.atoms import Atoms

    rate = 44100.0 if args.sample_rate is None else number("--sample-rate", args.sample_rate, minimum=1000)
    hop = None if args.hop is None else integer("--hop", args.hop)
    try:
        with np.load(args.model, allow_pickle=False) as file:
            W, H = file["W"], file["H"]
    except OSError as error:
        raise DictionaryError(f"{args.model}: cannot be read: {error.strerror or error}.") from None
    except (KeyError, ValueError, zipfile.BadZipFile) as error:
        raise DictionaryError(
            f"{args.model}: is no pair ({error}); write one with numpy.savez(file, W=W, H=H)."
        ) from None
    W, H = magnitudes("W", W), magnitudes("H", H)
    atoms = Atoms(Path(args.model).stem, W, H)
    if W.ndim not in (2, 3) or H.ndim != 2 or atoms.count != len(H) or W.shape[-2] < 2 or not W.size * H.size:
        raise ParameterError(
            "W and H must have shapes (freq, k), or (k, freq, taps), and (k, frames), got "
            f"{W.shape} and {H.shape}; save one matrix of a batch."
        )
    return [atoms], rate, hop
