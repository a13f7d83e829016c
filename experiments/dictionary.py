"""Learn the dictionary ``nmf-music4`` that ships with the package, and score it on songs held out.

    python experiments/dictionary.py --data DIR --work DIR -o nmf-music4.safetensors

DIR of --data holds ``train/`` and ``render_stems.py``. In --work, songs are rendered (seed 2; the first
twelve are held out) and kept decoded: about 6 GB. ``--test sodium hydrogen --real lithium caesium`` holds out
real songs too. Needs torch.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import torch

import phasewise as pw
from discriminative import Factors, train
from evaluation_songs import held_out
from phasewise._bands import band_edges
from phasewise._context import Neighbours
from phasewise.dictionary import Dictionary
from phasewise.filters import wiener
from phasewise.transform import STFT
from training_mixtures import LEFT_OUT, RATE, STEMS, Layout, Mixtures, Song, real_songs, rendered_songs

Excerpt = tuple[str, dict[str, np.ndarray]]

HELD_OUT = 12
COARSE_BANDS = 48
POWERS = (1.0, 1.5, 2.0)
QUIET = 0.05  # of the mixture's energy: stems below it are not scored


def coarse_edges(n_fft: int, bands: int = COARSE_BANDS) -> np.ndarray:
    """Return edges of bands of equal width in log(1 + f / 500 Hz), two bins at least."""
    bins = n_fft // 2 + 1
    position = np.log1p(np.arange(bins) * RATE / n_fft / 500)
    edges = [0]
    for point in np.linspace(0, position[-1], bands + 1)[1:]:
        edges.append(min(bins, max(int(np.searchsorted(position, point)), edges[-1] + 2)))
    return np.array([*edges[:-1], bins])


def surroundings(n_fft: int) -> list[Neighbours]:
    """Return the two frames before and after in coarse bands, and 0.2 s on either side in fine ones."""
    coarse, fine = coarse_edges(n_fft), band_edges(n_fft, RATE)
    near = [Neighbours(shift, shift, coarse) for shift in (-1, 1, -2, 2)]
    return [*near, Neighbours(-8, -1, fine), Neighbours(1, 8, fine)]


def main() -> None:
    """Learn and save."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with train/ and render_stems.py")
    parser.add_argument("--work", type=Path, required=True, help="folder for rendered and decoded songs")
    parser.add_argument("-o", "--out", type=Path, required=True)
    parser.add_argument("--real", nargs="*", default=["hydrogen", "lithium", "sodium", "caesium"])
    parser.add_argument("--test", nargs="*", default=[], help="songs of train/ to score on")
    parser.add_argument("--rendered", type=int, default=114, help="rendered songs to train on")
    parser.add_argument(
        "--rank", type=int, nargs=4, default=[50, 100, 150, 150], help=f"of {', '.join(STEMS)}"
    )
    parser.add_argument("--n-fft", type=int, default=4096)
    parser.add_argument("--alone", action="store_true", help="frames without their surroundings")
    parser.add_argument("--iterations", type=int, default=15, help="of the activations")
    parser.add_argument("--power", type=float, default=1.5, help="of the filter in use; training has 2")
    parser.add_argument("--frames", type=int, default=6000, help="per stem for the start")
    parser.add_argument(
        "--steps", type=int, nargs="+", default=[500, 400], help="of the cycles of discriminative training"
    )
    parser.add_argument("--report-every", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    torch.set_num_threads(1)

    songs = rendered_songs(args.data, args.work / "songs", HELD_OUT + args.rendered)
    layout = Layout(args.n_fft, [] if args.alone else surroundings(args.n_fft))
    mixtures = Mixtures(songs[HELD_OUT:] + real_songs(args.data, args.real), layout, args.work / "audio")
    factors = Factors(start(mixtures, args.rank, args.frames, rng), layout, args.iterations)

    def dictionary(power: float = args.power) -> Dictionary:
        return as_dictionary(
            factors, power, f"{', '.join(args.real)} and {args.rendered} songs rendered with seed 2"
        )

    def report(_: object) -> None:
        print("  weights of the surroundings", factors.weights[1:].detach().numpy().round(2))
        for power in POWERS:
            print(f"  power {power:g}: rendered", score(dictionary(power), held_out(songs[:HELD_OUT])))
            for name in args.test:
                excerpts = excerpts_of(real_songs(args.data, [name])[0])
                print(f"  power {power:g}: {name}", score(dictionary(power), excerpts), flush=True)

    report(factors)
    for cycle, steps in enumerate(args.steps):
        if cycle:
            factors = factors.restarted()
            rng = np.random.default_rng(args.seed + cycle)
        train(factors, mixtures, steps=steps, rng=rng, report_every=args.report_every, validate=report)
    dictionary().save(args.out, dtype="float16")
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB, {Dictionary.load(args.out).digest}")


def start(mixtures: Mixtures, ranks: list[int], frames: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Return spectra of every stem alone: KL factorisations from k-means, with accelerated updates."""
    spectra = []
    for j, rank in enumerate(ranks):
        V = mixtures.isolated(j, frames, rng).T.astype(np.float32)
        W = pw.nmf(V, rank, n_iter=40, accelerate=True, init="kmeans", rng=rng)[0]
        spectra.append(W / W.sum(axis=0))
    return spectra


def as_dictionary(factors: Factors, power: float, songs: str) -> Dictionary:
    """Return what was learnt as a dictionary."""
    layout = factors.layout
    weights = factors.weights.detach().numpy().astype(np.float64)
    neighbours = [
        Neighbours(group.first, group.last, group.edges, float(weight))
        for group, weight in zip(layout.neighbours, weights[1:], strict=True)
    ]
    widths = np.concatenate([layout.widths, *(np.diff(group.edges) for group in neighbours)])
    rows = [spectra / widths[:, None] for spectra in factors.spectra()]
    own = layout.bands[0]
    return Dictionary(
        stems=STEMS,
        W={stem: values[:own] for stem, values in zip(STEMS, rows, strict=True)},
        sample_rate=RATE,
        n_fft=layout.n_fft,
        hop_length=layout.hop_length,
        n_iter=factors.n_iter,
        edges=layout.edges,
        metadata={"name": "nmf-music4", "licence": "CC0-1.0", "trained_on": songs},
        neighbours=neighbours,
        context={stem: values[own:] for stem, values in zip(STEMS, rows, strict=True)} if neighbours else {},
        power=power,
    )


def excerpts_of(song: Song, seconds: float = 10.0, count: int = 6) -> Iterator[Excerpt]:
    """Yield the excerpts of a long song in which most stems sound; those left out for training count."""
    audio = {stem: song.stem(stem, complete=True) for stem in STEMS}
    audio = {stem: signal for stem, signal in audio.items() if signal is not None}
    samples = int(seconds * RATE)
    length = min(signal.shape[-1] for signal in audio.values())
    places = []
    for begin in range(0, length - samples, samples):
        if all((begin + samples) / RATE < a or begin / RATE > b for a, b in song.exclude):
            energy = np.array([np.mean(a[:, begin : begin + samples : 4] ** 2) for a in audio.values()])
            share = energy / max(energy.sum(), 1e-12)
            places.append(((share > QUIET).sum() + share.min(), begin))
    for _, begin in sorted(places, reverse=True)[:count]:
        yield song.name, {stem: signal[:, begin : begin + samples] for stem, signal in audio.items()}


def score(dictionary: Dictionary, songs: Iterable[Excerpt]) -> str:
    """Return the mean SI-SDR of the Wiener estimates over the stems that are not quiet, and of every stem."""
    transform = STFT(dictionary.n_fft, dictionary.hop_length, window=dictionary.window)
    found: dict[str, list[float]] = {stem: [] for stem in dictionary.stems}
    for name, stems in songs:
        mixture = np.sum(list(stems.values()), axis=0)
        X = transform.analyze(mixture)
        V = dictionary.magnitudes(np.abs(X).mean(axis=0, keepdims=True))
        S = wiener(X, np.broadcast_to(V, (len(X), *V.shape[1:])), power=dictionary.power)
        estimates = transform.synthesize(S, mixture.shape[-1])
        total = sum(float(np.sum(reference**2)) for reference in stems.values())
        for stem, reference in stems.items():
            if np.sum(reference**2) > QUIET * total and (name, stem) not in LEFT_OUT:
                estimate = estimates[:, dictionary.stems.index(stem)]
                found[stem].append(float(np.nanmean(pw.metrics.si_sdr(reference, estimate))))
    means = {stem: float(np.mean(values)) for stem, values in found.items() if values}
    parts = "  ".join(f"{stem} {mean:5.2f}" for stem, mean in means.items())
    return f"SI-SDR {np.mean(list(means.values())):5.2f}  ({parts})"


if __name__ == "__main__":
    main()
