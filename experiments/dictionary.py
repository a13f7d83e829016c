#!/usr/bin/env python3
"""Learn the dictionary ``nmf-music4`` that ships with the package, and score it.

    python experiments/dictionary.py --data DIR --work DIR -o nmf-music4.safetensors

DIR of --data holds ``train/``, ``dev/`` and ``render_stems.py``. In --work, songs are rendered (seed 2; the
first six are held out) and spectra kept: about 3 GB. Needs torch.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch

from discriminative import train
from evaluation_songs import SEEN, UNSEEN, development, held_out
from phasewise import metrics
from phasewise._bands import band_edges, pool
from phasewise.dictionary import Dictionary
from phasewise.dictionary_learning import fit_stem
from phasewise.filters import wiener
from phasewise.transform import STFT
from training_mixtures import RATE, STEMS, Mixtures, real_songs, rendered_songs

HELD_OUT = 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with train/, dev/ and render_stems.py"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for rendered songs and spectra")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--real", nargs="*", default=["lithium", "sodium", "caesium"], help="songs of train/")
    parser.add_argument("--rendered", type=int, default=60, help="rendered songs to train on")
    parser.add_argument(
        "--rank", type=int, nargs=4, default=[50, 100, 150, 150], help=f"of {', '.join(STEMS)}"
    )
    parser.add_argument("--n-fft", type=int, default=4096)
    parser.add_argument("--iterations", type=int, default=30, help="of the activations")
    parser.add_argument("--frames", type=int, default=12000, help="per stem for the start")
    parser.add_argument("--steps", type=int, default=1500, help="of the discriminative training")
    parser.add_argument("--report-every", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    torch.set_num_threads(1)

    rendered = rendered_songs(args.data, args.work / "songs", HELD_OUT + args.rendered)
    tested, trained = rendered[:HELD_OUT], rendered[HELD_OUT:] + real_songs(args.data, args.real)
    mixtures = Mixtures(trained, args.n_fft, args.work / "spectra")
    edges = band_edges(args.n_fft, RATE)

    def dictionary(spectra: list[np.ndarray]) -> Dictionary:
        widths = np.diff(edges)[:, None]
        return Dictionary(
            stems=STEMS,
            W={stem: w / widths for stem, w in zip(STEMS, spectra, strict=True)},
            sample_rate=RATE,
            n_fft=args.n_fft,
            hop_length=args.n_fft // 4,
            n_iter=args.iterations,
            edges=edges,
            metadata={
                "name": "nmf-music4",
                "licence": "CC0-1.0",
                "trained_on": ", ".join(args.real) + f" and {args.rendered} songs rendered with seed 2",
            },
        )

    sets = {
        "unseen": lambda: development(args.data, UNSEEN),
        "held out": lambda: held_out(tested),
        "lithium": lambda: development(args.data, SEEN[:1]),
        "sodium": lambda: development(args.data, SEEN[1:]),
    }

    def report(spectra: list[np.ndarray]) -> None:
        for name, songs in sets.items():
            print(f"  {name:9}", score(dictionary(spectra), songs()), flush=True)

    print("start: a factorisation per stem", flush=True)
    start = []
    for j, rank in enumerate(args.rank):
        V = pool(mixtures.isolated(j, args.frames, rng).T.astype(np.float32), edges)
        start.append(fit_stem(V, rank, n_iter=60, rng=rng))
    report(start)
    spectra = train(
        start, mixtures, edges, steps=args.steps, n_iter=args.iterations, rng=rng,
        report_every=args.report_every, validate=report,
    )  # fmt: skip
    dictionary(spectra).save(args.out, dtype="float16")
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB, {Dictionary.load(args.out).digest}")


def score(dictionary: Dictionary, songs: object) -> str:
    """Return mean SI-SDR and SDR of the Wiener estimates over the songs, and SDR per stem."""
    transform = STFT(dictionary.n_fft, dictionary.hop_length, window=dictionary.window)
    si, sdr, stem_sdr = [], [], {stem: [] for stem in dictionary.stems}
    for _, stems in songs:
        mixture = np.sum(list(stems.values()), axis=0)
        X = transform.analyze(mixture)
        estimates = transform.synthesize(wiener(X, dictionary.magnitudes(np.abs(X))), mixture.shape[-1])
        scores = {}
        for stem, reference in stems.items():
            estimate = estimates[:, dictionary.stems.index(stem)]
            scores[stem] = (
                metrics.si_sdr(reference.ravel(), estimate.ravel()),
                metrics.usdr(reference, estimate),
            )
            stem_sdr[stem].append(scores[stem][1])
        si.append(np.mean([s for s, _ in scores.values()]))
        sdr.append(np.mean([s for _, s in scores.values()]))
    parts = "  ".join(f"{stem} {np.mean(values):5.2f}" for stem, values in stem_sdr.items() if values)
    return f"SI-SDR {np.mean(si):5.2f}  SDR {np.mean(sdr):5.2f}  ({parts})"


if __name__ == "__main__":
    main()
