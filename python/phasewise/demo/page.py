"""The demo's results as a report."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

import phasewise
from phasewise.demo.experiments import BLIND, CONSISTENT, INFORMED, MIXTURE_ONSETS, TRUE_ONSETS
from phasewise.demo.setting import Estimate, Experiment
from phasewise.demo.song import Song
from phasewise.report.items import (
    Curve,
    Highlight,
    NullTest,
    Player,
    Plot,
    Report,
    Residual,
    Section,
    Track,
    TrackGroup,
    measure_residual,
)

__all__ = ["build_report"]


def build_report(song: Song, known: Experiment, estimated: Experiment, written: Sequence[Residual]) -> Report:
    """Describe the page; ``written`` are the null tests of the stems' files."""
    return Report(
        title=f"{song.title}, taken apart",
        subtitle=f"{song.seconds:.0f} seconds of a song by {song.origin}. Hearing each part on its own "
        "takes a magnitude and a phase for every source; this page is about the phase.",
        highlights=_highlights(known, written),
        sections=[
            _known_section(song, known),
            _estimated_section(song, estimated),
            _sums(song, known, estimated, written),
        ],
        facts={
            "Song": f"{song.title}, {song.origin}; {song.seconds:.1f} s, mono, {song.sample_rate} Hz",
            **known.facts,
            **estimated.facts,
            **_versions(),
        },
    )


def _highlights(known: Experiment, written: Sequence[Residual]) -> list[Highlight]:
    # Without the true phase in onset frames: what every estimate here could have known.
    mixture, sinusoidal = known.find("Mixture phase", MIXTURE_ONSETS), _last(known, MIXTURE_ONSETS)
    best = max(known.estimates, key=lambda e: e.mean)
    worst = max(residual.peak for residual in written)
    return [
        Highlight(f"{mixture.mean:.1f} dB", "every magnitude right, the phase taken from the mixture"),
        Highlight(f"{sinusoidal.mean:.1f} dB", "from a sinusoidal start, looking at one bin at a time"),
        Highlight(
            f"{best.mean:.1f} dB",
            f"{best.label.replace('it.', 'iterations')}, which also tie the bins together",
        ),
        Highlight(
            "exact" if worst == 0 else f"{worst:.1e}",
            "sum of the written stems against the mixture, sample for sample",
        ),
    ]


def _known_section(song: Song, known: Experiment) -> Section:
    starts = [e for e in known.estimates if e.group == TRUE_ONSETS and e.cost is not None]
    energy = known.mixture_energy
    plots = [
        Plot(
            "Mixing error within the bins",
            [Curve(e.label.split(",")[0], e.cost / energy) for e in starts if e.cost is not None],
            y_label="|X − Σ S|², share of the mixture's",
            log_y=True,
            caption="It never rises. Yet a smaller error is not a better separation: many sets of phases "
            "add up to the mixture, and the start decides which one is found.",
        )
    ]
    consistent = [e for e in known.estimates if e.group == CONSISTENT and e.cost is not None]
    longest = {
        e.label.split(",")[0]: e for e in consistent
    }  # the later, longer run of MISI replaces the shorter
    plots.append(
        Plot(
            "Magnitude error across the bins",
            [Curve(name, e.cost / energy) for name, e in longest.items() if e.cost is not None],
            y_label="(|S| − V)², share of the mixture's",
            log_y=True,
            caption="How far the estimates' spectrograms are from the given magnitudes. MISI never rises; "
            "the reflections may, and get further in as many steps.",
        )
    )
    traced = [(name, e.trace) for name, e in longest.items() if e.trace]
    if traced:
        plots.append(
            Plot(
                "Quality over the iterations",
                [Curve(name, list(trace.values()), list(trace)) for name, trace in traced],
                y_label="mean SI-SDR, dB",
                caption="All three start from the phase of the mixture; their iterations cost the same.",
            )
        )
    # Iterating from the phase of the mixture changes next to nothing: one of the two is enough to hear.
    heard = [known.estimates[0], *starts[1:], *longest.values()]
    return Section(
        "What the phase is worth",
        [
            known.table,
            *plots,
            _player("Listen: known magnitudes", song, known, [(e.label, e) for e in heard]),
        ],
        lead="Here every source's magnitude is given, exactly, so whatever you hear go wrong is its phase. "
        "Updating the bins one by one, a sinusoidal model is a better start than chance, and chance is "
        "better than the phase of the mixture. Algorithms that tie the bins together go further still.",
    )


def _estimated_section(song: Song, estimated: Experiment) -> Section:
    short = {BLIND: "blind", INFORMED: "informed"}
    heard = [
        (f"{e.label.split(',')[0]}, {short[e.group]}", e) for e in estimated.estimates if e.group in short
    ]
    costs = [e for e in estimated.estimates if e.cost is not None and "Sinusoidal" not in e.label]
    plots = [
        Plot(
            "Magnitude error, informed",
            [
                Curve(e.label.split(",")[0], e.cost / estimated.mixture_energy)
                for e in costs
                if e.cost is not None
            ],
            y_label="(|S| − V)², share of the mixture's",
            log_y=True,
            caption="Magnitudes that are only nearly right cannot all be met: the error levels out.",
        )
    ]
    return Section(
        "With magnitudes from NMF",
        [estimated.table, *plots, _player("Listen: estimated magnitudes", song, estimated, heard)],
        lead="In everyday separation the magnitudes are estimates, and they set the limit. Good "
        "ones make phase recovery worth its while; rough ones leave it little to recover.",
    )


def _sums(song: Song, known: Experiment, estimated: Experiment, written: Sequence[Residual]) -> Section:
    chosen = [
        ("Mixture phase, magnitudes kept", known.estimates[0]),
        ("Sinusoidal start, magnitudes kept", _last(known, TRUE_ONSETS)),
        ("MISI", _last(known, CONSISTENT, "MISI")),
        ("RAAR", _last(known, CONSISTENT, "RAAR")),
        ("Wiener, informed", _last(estimated, INFORMED, "Wiener")),
    ]
    rows = [measure_residual(label, song.mixture, list(e.signals)) for label, e in chosen]
    return Section(
        "Do the stems add up?",
        [
            NullTest(
                "Null test",
                [*rows, *written],
                caption="Methods that keep the magnitudes exactly leave something of the mixture over. "
                "MISI, RAAR and the Wiener filter share out what is missing, up to rounding; in the "
                "written files the rounding is shared out as well.",
            )
        ],
    )


def _player(title: str, song: Song, experiment: Experiment, heard: Sequence[tuple[str, Estimate]]) -> Player:
    rate = song.sample_rate
    groups = []
    for j, name in enumerate(experiment.names):
        estimates = [Track(label, e.signals[j], rate, score=float(e.scores[j])) for label, e in heard]
        truth: NDArray[Any] = song.stems[name]
        tracks = [Track("Mixture", song.mixture, rate, "mixture"), Track("True", truth, rate, "reference")]
        groups.append(TrackGroup(name, [*tracks, *estimates]))
    return Player(
        title,
        groups,
        caption="All versions of a source play in step: switch while they play, and the position stays. "
        "Blind hides the names. The picture shows the sound you hear, or what is wrong with it.",
    )


def _last(experiment: Experiment, group: str, start: str = "") -> Estimate:
    return [e for e in experiment.estimates if e.group == group and e.label.startswith(start)][-1]


def _versions() -> dict[str, str]:
    build = phasewise.build_info()
    return {
        "phasewise": f"{build['version']}, instruction set {build['isa']}, {build['threads']} threads",
        "Python, numpy": f"{platform.python_version()}, {np.__version__}",
    }
