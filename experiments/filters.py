"""What phases, consistency and places in the stereo image add to the Wiener filter.

    python experiments/filters.py --data DIR [--results experiments/RESULTS.md]

DIR holds ``dev/`` and ``train/``. Mixes of the first ten seconds of the songs; the weights are those of the
papers and a larger one, none chosen by these songs.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import phasewise as pw
from evaluation_songs import SEEN, UNSEEN, development
from results_file import replace_section
from training_mixtures import RATE, STEMS, real_songs

FRAMING = {"n_fft": 4096, "hop_length": 1024}
WEIGHTS = (1.0, 4.0, 10.0, 100.0)
RANK = 50
TRAINING = ("caesium", "hydrogen", "lithium", "sodium")
Table = dict[str, dict[str, float]]


def fitted_concentrations(data: Path) -> dict[str, float]:
    """Return the most likely concentration of every stem in a minute of each training song."""
    result = {}
    for stem in STEMS:
        sounds = (song.stem(stem) for song in real_songs(data, list(TRAINING)))
        spectra = [
            pw.stft(sound.mean(axis=0)[: 60 * RATE], **FRAMING)[None] for sound in sounds if sound is not None
        ]
        result[stem] = float(pw.fit_concentrations(spectra, **FRAMING)[0])
    return result


def known(length: int, fitted: Sequence[float]) -> dict[str, Callable[..., Any]]:
    """Return the filters for known magnitudes by the name of their row."""
    rows: dict[str, Callable[..., Any]] = {"wiener": pw.wiener}
    for name, kappa in (("1", 1.0), ("1.6", 1.6), ("fitted", fitted)):
        rows[f"anisotropic, kappa {name}"] = lambda X, V, kappa=kappa: pw.anisotropic_wiener(
            X, V, kappa=kappa, **FRAMING
        )
    for weight in WEIGHTS:
        rows[f"consistent, gamma {weight:g}"] = lambda X, V, weight=weight: pw.consistent_wiener(
            X, V, gamma=weight, length=length, **FRAMING
        )
    for name, kappa, weights in (("1", 1.0, WEIGHTS), ("fitted", fitted, WEIGHTS[-2:])):
        for weight in weights:
            rows[f"consistent anisotropic, kappa {name}, delta {weight:g}"] = (
                lambda X, V, kappa=kappa, weight=weight: pw.consistent_anisotropic_wiener(
                    X, V, kappa=kappa, delta=weight, length=length, **FRAMING
                )
            )
    rows["Bayesian anisotropic, kappa 5, tau 0.5"] = lambda X, V: pw.bayesian_anisotropic_wiener(
        X, V, **FRAMING
    )
    rows["the same, from the mixture's phase"] = lambda X, V: pw.bayesian_anisotropic_wiener(
        X, V, init="mixture", **FRAMING
    )
    return rows


def stereo(fitted: Sequence[float]) -> dict[str, Callable[..., Any]]:
    """Return the filters for two channels, X (channel, freq, frames), V (channel, source, freq, frames)."""
    return {
        "wiener, each channel": pw.wiener,
        "anisotropic, kappa 1, each channel": lambda X, V: pw.anisotropic_wiener(X, V, **FRAMING),
        "multichannel, 1 iteration": pw.multichannel_wiener,
        "multichannel, 1 iteration from the mixture's phase": lambda X, V: pw.multichannel_wiener(
            X, V, init="mixture"
        ),
        "multichannel, 5 iterations": lambda X, V: pw.multichannel_wiener(X, V, n_iter=5),
        "multichannel, posterior, 5 iterations": lambda X, V: pw.multichannel_wiener(
            X, V, n_iter=5, update="posterior"
        ),
        "multichannel, posterior, 30 iterations": lambda X, V: pw.multichannel_wiener(
            X, V, n_iter=30, update="posterior"
        ),
        "multichannel, 1 iteration, from the anisotropic filter": lambda X, V: pw.multichannel_wiener(
            X, V, init=pw.anisotropic_wiener(X, V, **FRAMING)
        ),
    }


def factorised() -> dict[str, Callable[..., Any]]:
    """Return the methods that know spectra of the true sources and learn activations from the mixture."""

    def activations(X: Any, W: Any, power: int) -> Any:
        sources, _, rank = W.shape
        joined = np.concatenate(list(W), axis=1)
        beta = 0.0 if power == 2 else 1.0
        _, H = pw.nmf(
            np.abs(X) ** power, sources * rank, W=joined, beta=beta, update_W=False, n_iter=50, rng=0
        )
        return H.reshape(sources, rank, -1)

    def method(power: int, run: Callable[..., Any]) -> Callable[..., Any]:
        return lambda X, spectra: run(X, spectra[power], activations(X, spectra[power], power))

    def complex_is(kappa: float, tau: float) -> Callable[..., Any]:
        return method(2, lambda X, W, H: pw.complex_isnmf(X, W, H, kappa=kappa, tau=tau, **FRAMING))

    def complex_squares(sigma: float) -> Callable[..., Any]:
        return method(1, lambda X, W, H: pw.complex_nmf(X, W, H, sigma=sigma, **FRAMING))

    return {
        "KL-NMF, wiener": method(1, lambda X, W, H: pw.wiener(X, W @ H)),
        "KL-NMF, anisotropic, kappa 1": method(1, lambda X, W, H: pw.anisotropic_wiener(X, W @ H, **FRAMING)),
        "IS-NMF, wiener (complex IS-NMF, kappa 0)": complex_is(0.0, 0.0),
        "complex IS-NMF, kappa 0.5, tau 1": complex_is(0.5, 1.0),
        "complex IS-NMF, kappa 1, tau 1": complex_is(1.0, 1.0),
        "complex NMF, sigma 0": complex_squares(0.0),
        "complex NMF, sigma 0.01": complex_squares(0.01),
        "complex NMF, sigma 1": complex_squares(1.0),
    }


def mean_score(stems: np.ndarray, estimate: np.ndarray) -> float:
    """Return the mean SI-SDR over the stems (and channels) of spectra (..., freq, frames)."""
    sound = pw.istft(estimate, length=stems.shape[-1], **FRAMING)
    return float(np.nanmean(pw.metrics.si_sdr(stems, sound)))


def scores(stems: np.ndarray, fitted: list[float], tables: dict[str, Table], song: str) -> None:
    """Enter what the methods make of the stems (source, channel, samples) of a song."""
    mono = stems.mean(axis=1)
    S = pw.stft(mono, **FRAMING)
    X = S.sum(axis=0)
    for name, method in known(stems.shape[-1], fitted).items():
        tables["known"].setdefault(name, {})[song] = mean_score(mono, method(X, np.abs(S)))
    spectra = {
        power: pw.nmf(np.abs(S) ** power, RANK, beta=beta, n_iter=100, rng=0)[0]
        for power, beta in ((1, 1.0), (2, 0.0))
    }
    for name, method in factorised().items():
        tables["factorised"].setdefault(name, {})[song] = mean_score(mono, method(X, spectra))
    if stems.shape[1] < 2 or np.array_equal(stems[:, 0], stems[:, 1]):
        return
    images = np.swapaxes(stems, 0, 1)
    S = pw.stft(images, **FRAMING)
    for name, method in stereo(fitted).items():
        tables["stereo"].setdefault(name, {})[song] = mean_score(images, method(S.sum(axis=1), np.abs(S)))


def mean(table: Table, row: str) -> float:
    """Return the mean of a row."""
    return float(np.mean(list(table[row].values())))


def markdown(table: Table) -> list[str]:
    """Return the lines of a table."""
    songs = list(next(iter(table.values())))
    return [
        "| filter | " + " | ".join(songs) + " | mean |",
        "|---|" + "---:|" * (len(songs) + 1),
        *(
            f"| {row} | " + " | ".join(f"{v:.2f}" for v in (*cells.values(), mean(table, row))) + " |"
            for row, cells in table.items()
        ),
        "",
    ]


def statements(tables: dict[str, Table]) -> list[str]:
    """Return what was expected, and whether it holds."""
    expected = []
    table = tables["known"]
    for weight in WEIGHTS:
        rows = (
            f"consistent anisotropic, kappa 1, delta {weight:g}",
            f"consistent, gamma {weight:g}",
            "wiener",
        )
        text = f"consistent anisotropic above consistent above Wiener, weight {weight:g}"
        expected.append((table, text, rows))
    expected.append((table, "anisotropic above Wiener", ("anisotropic, kappa 1", "wiener")))
    expected.append(
        (table, "fitted concentrations above kappa 1", ("anisotropic, kappa fitted", "anisotropic, kappa 1"))
    )
    bayesian = "Bayesian anisotropic, kappa 5, tau 0.5"
    expected.append((table, "Bayesian anisotropic above Wiener", (bayesian, "wiener")))
    table = tables["stereo"]
    expected.append(
        (
            table,
            "multichannel above each channel for itself",
            ("multichannel, 1 iteration", "wiener, each channel"),
        )
    )
    table = tables["factorised"]
    no_phases = "IS-NMF, wiener (complex IS-NMF, kappa 0)"
    expected.append((table, "complex IS-NMF above IS-NMF", ("complex IS-NMF, kappa 0.5, tau 1", no_phases)))
    expected.append((table, "complex NMF below IS-NMF", (no_phases, "complex NMF, sigma 0.01")))
    lines = []
    for table, text, rows in expected:
        values = [mean(table, row) for row in rows]
        holds = all(a > b for a, b in pairwise(values))
        margins = ", ".join(f"{a - b:+.2f}" for a, b in pairwise(values))
        lines.append(f"- {'holds' if holds else 'does not hold'}: {text} ({margins} dB)")
    return lines


def main(argv: Sequence[str] | None = None) -> None:
    """Run the experiment."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=os.environ.get("PHASEWISE_DATA"), help="default: $PHASEWISE_DATA")
    parser.add_argument("--results", type=Path, help="file whose section is replaced")
    args = parser.parse_args(argv)
    if args.data is None:
        parser.error("--data is needed, or the environment variable PHASEWISE_DATA")

    fitted = fitted_concentrations(Path(args.data))
    print(fitted, flush=True)
    tables: dict[str, Table] = {"known": {}, "stereo": {}, "factorised": {}}
    for name, song in development(Path(args.data), (*UNSEEN, *SEEN)):
        cut = {stem: sound[:, : 10 * RATE] for stem, sound in song.items() if sound[:, : 10 * RATE].any()}
        scores(np.array(list(cut.values())), [fitted[stem] for stem in cut], tables, name)
        print(name, {row: cells[name] for t in tables.values() for row, cells in t.items()}, flush=True)
    concentrations = ", ".join(f"{stem} {kappa:.2f}" for stem, kappa in fitted.items())
    lines = [
        "## Filters: what phases, consistency and places add",
        "",
        "Mean SI-SDR in dB over the stems that sound, first ten seconds, STFT 4096/1024, no onsets.",
        "Kappa, tau, sigma and the weights up to 10 are those of the papers; *fitted* are the most likely",
        f"concentrations in {', '.join(TRAINING)} (train): {concentrations};",
        "two of these songs are in the table with other seconds.",
        "Command: `python experiments/filters.py --data DIR --results experiments/RESULTS.md`.",
        "",
        "### Known magnitudes, mono",
        "",
        *markdown(tables["known"]),
        "### Known magnitudes, stereo",
        "",
        "Mean over stems and channels.",
        "",
        *markdown(tables["stereo"]),
        "### Known spectra, mono",
        "",
        f"Spectra are the {RANK} of an NMF of each true source (100 iterations), activations 50 iterations",
        "of NMF of the mixture; complex models go on for 100.",
        "",
        *markdown(tables["factorised"]),
        *statements(tables),
    ]
    if args.results:
        replace_section(args.results, "filters", "\n".join(lines))


if __name__ == "__main__":
    main()
