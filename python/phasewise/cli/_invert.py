"""The work of ``phasewise invert``."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise import audio
from phasewise.audio.writing import make_folder
from phasewise.cli._options import write_json
from phasewise.errors import AudioDecodeError, ParameterError
from phasewise.metrics import spectral_convergence
from phasewise.phase.griffin_lim import griffinlim
from phasewise.phase.integration import pghi
from phasewise.phase.single_pass import spsi
from phasewise.transform import istft, stft

__all__ = ["invert_files"]

_WITHOUT_ITERATIONS = {"pghi": pghi, "spsi": spsi}


def invert_files(args: argparse.Namespace) -> int:
    """Invert every file; report those that fail and go on."""
    folder = Path(args.out)
    places = _places([Path(file) for file in args.files], folder)
    make_folder(folder)
    rows, failed = [], []
    for source, place in places.items():
        began = time.perf_counter()
        try:
            row = _invert(args, source, place)
        except (AudioDecodeError, OSError) as error:
            failed.append(str(source))
            print(f"phasewise invert: {source}: {error}", file=sys.stderr)
            continue
        rows.append({**row, "seconds": round(time.perf_counter() - began, 3)})
        if args.json != "-":
            print(
                f"{place}: spectral convergence {row['convergence_db']:.1f} dB, {rows[-1]['seconds']:.2f} s"
            )
    if args.json:
        write_json(args.json, rows)
    return 1 if failed else 0


def _places(sources: list[Path], folder: Path) -> dict[Path, Path]:
    places: dict[Path, Path] = {}
    for source in sources:
        place = folder / f"{source.stem}.wav"
        if place in places.values():
            raise ParameterError(f"{source} and another file would both become {place}; rename one.")
        if source.exists() and place.exists() and source.samefile(place):
            raise ParameterError(f"{place} would overwrite an input; choose another folder with -o.")
        places[source] = place
    return places


def _invert(args: argparse.Namespace, source: Path, place: Path) -> dict[str, Any]:
    options: dict[str, Any] = {"hop_length": args.hop_length, "window": args.window, "n_fft": args.n_fft}
    if source.suffix.lower() == ".npy":
        V, rate, length = _magnitudes(source), args.sample_rate or 44100, None
    else:
        if args.sample_rate is not None:
            raise ParameterError(f"--sample-rate is for NumPy files; {source} has its own.")
        y, rate = audio.read(source)
        options["n_fft"] = args.n_fft or 2048
        V, length = np.abs(stft(y, **options)), y.shape[-1]
    if args.algorithm in _WITHOUT_ITERATIONS:
        extra = {"rng": args.seed} if args.algorithm == "pghi" else {}
        y = istft(_WITHOUT_ITERATIONS[args.algorithm](V, **extra, **options), length=length, **options)
    else:
        y = griffinlim(
            V,
            algorithm=args.algorithm,
            init=None if args.init == "zero" else args.init,
            n_iter=args.n_iter,
            tol=args.tol,
            rng=args.seed,
            length=length,
            **options,
        )
    made = stft(y, **(options | {"n_fft": options["n_fft"] or 2 * (V.shape[-2] - 1)}))
    error = float(spectral_convergence(np.concatenate(list(V), axis=-1), np.concatenate(list(made), axis=-1)))
    audio.write(place, y, rate, bit_depth="32f")
    return {
        "file": str(source),
        "output": str(place),
        "algorithm": args.algorithm,
        "sample_rate": rate,
        "convergence_db": 20 * float(np.log10(max(error, 1e-15))),
    }


def _magnitudes(path: Path) -> NDArray[Any]:
    """Read (channels, freq, frames)."""
    try:
        values = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ParameterError(f"{path} is not a NumPy file of numbers: {error}") from None
    if values.ndim not in (2, 3) or values.dtype.kind not in "fciu":
        raise ParameterError(
            f"{path} must hold magnitudes of shape (freq, frames) or (channels, freq, frames), got "
            f"{values.dtype} {values.shape}."
        )
    if values.dtype.kind in "iu" or values.dtype.itemsize < 4:
        values = values.astype(np.float32)
    return np.asarray(np.abs(values[None] if values.ndim == 2 else values))
