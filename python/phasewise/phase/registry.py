"""The inversion algorithms, one entry each: functions, commands, reports and docs are made from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from phasewise._validate import choice

__all__ = ["ALGORITHMS", "SINGLE_SOURCE", "Algorithm", "MixingWeights", "mixture_algorithm"]

MixingWeights: TypeAlias = "str | float"


@dataclass(frozen=True)
class Algorithm:
    """What is worth knowing of an algorithm before choosing it.

    Attributes
    ----------
    name : str
        The name that functions and commands accept.
    summary : str
        One iteration in words.
    paper : str
        Where it comes from.
    cost : str
        The quantity that `return_cost` gives for every iteration; h, i and m are the mixing error, the
        inconsistency and the magnitude error (`spectrogram_inversion`).
    monotone : bool
        Whether that quantity never increases (with zero padding).
    iterative : bool
        Whether more iterations change the result.
    update : str
        Name of the core's update.
    weights : str or float
        Default mixing weights: "equal", "magnitude", "wiener" or an exponent of the magnitudes.
    relaxation : float, optional
        Default relaxation b of the reflections.
    start : str
        Where it starts by default.
    calls : str
        Projections on consistent spectrograms, the costly part, in n iterations.
    latency : str
        How much of the signal it waits for before a result.
    online : bool
        Whether `OnlineInversion` or, for one source, `RTISILA` iterates it on streams.
    exact_mixture : bool
        Whether the estimates sum to the mixture exactly.
    exact_magnitude : bool
        Whether the estimates have the given magnitudes exactly.
    """

    name: str
    summary: str
    paper: str
    cost: str
    monotone: bool
    iterative: bool = True
    update: str = ""
    weights: MixingWeights = "equal"
    relaxation: float | None = None
    start: str = "mixture"
    calls: str = "n"
    latency: str = "the whole signal"
    online: bool = False
    exact_mixture: bool = False
    exact_magnitude: bool = False


def _table(*entries: Algorithm) -> dict[str, Algorithm]:
    return {entry.name: entry for entry in entries}


_EUSIPCO = "Magron and Virtanen, EUSIPCO 2023"
_BREGMAN = "Vial, Magron, Oberlin and Fevotte, IEEE JSTSP 2021"
_REFLECTIONS = "phasewise; for one source Peer, Welker and Gerkmann, 2022"

#: Several sources from their magnitudes and their mixture.
ALGORITHMS: dict[str, Algorithm] = _table(
    Algorithm(
        "AM",
        "magnitudes with the phase of the mixture",
        "the usual practice",
        cost="h",
        monotone=True,
        iterative=False,
        calls="0",
        latency="one frame",
        exact_magnitude=True,
    ),
    Algorithm(
        "MISI",
        "consistency, magnitude, mixing",
        "Gunawan and Sen, IEEE SPL 2010",
        cost="m of the consistent point",
        monotone=True,
        update="misi",
        exact_mixture=True,
        online=True,
    ),
    Algorithm(
        "Mix+Incons",
        "compromise of mixing and consistency",
        _EUSIPCO,
        cost="h + consistency_weight i",
        monotone=True,
        update="mix_incons",
        weights="magnitude",
        online=True,
    ),
    Algorithm(
        "Mix+Incons_hardMag",
        "compromise of mixing and consistency, then magnitude",
        _EUSIPCO,
        cost="h + consistency_weight i",
        monotone=True,
        update="mix_incons_hard_mag",
        weights="magnitude",
        exact_magnitude=True,
        online=True,
    ),
    Algorithm(
        "Incons_hardMix",
        "consistency, then mixing; one step reaches the optimum",
        _EUSIPCO,
        cost="i",
        monotone=True,
        iterative=False,
        calls="1",
        update="incons_hard_mix",
        exact_mixture=True,
    ),
    Algorithm(
        "Mag_hardMix",
        "magnitudes with the phase of the mixture, then mixing: the nearest that sum to it",
        _EUSIPCO,
        cost="m",
        monotone=True,
        iterative=False,
        calls="0",
        latency="one frame",
        exact_mixture=True,
    ),
    Algorithm(
        "Mag(KL)_hardMix",
        "shares of the mixture in proportion to the magnitudes: the nearest in KL divergence that sum to it",
        _EUSIPCO,
        cost="the KL divergence of its magnitudes from those given",
        monotone=True,
        iterative=False,
        weights="magnitude",
        calls="0",
        latency="one frame",
        exact_mixture=True,
    ),
    Algorithm(
        "Mag+Incons_hardMix",
        "compromise of magnitude and consistency, then mixing",
        _EUSIPCO,
        cost="m + consistency_weight i",
        monotone=True,
        update="mag_incons_hard_mix",
        exact_mixture=True,
        online=True,
    ),
    Algorithm(
        "RRR",
        "relaxed reflect-reflect between the magnitude set and the consistent mixtures",
        _REFLECTIONS,
        cost="m of the result",
        monotone=False,
        update="reflection",
        relaxation=0.8,
        calls="n + 1",
        exact_mixture=True,
        online=True,
    ),
    Algorithm(
        "RAAR",
        "relaxed averaged alternating reflections between the same sets",
        _REFLECTIONS,
        cost="m of the result",
        monotone=False,
        update="reflection",
        weights=0.5,
        relaxation=0.9,
        calls="n + 1",
        exact_mixture=True,
        online=True,
    ),
    Algorithm(
        "auto",
        "RAAR from the Wiener estimate with feasible magnitudes; at the end a blend with the start by trust",
        "phasewise",
        cost="m before the blend",
        monotone=False,
        update="reflection",
        weights=0.5,
        relaxation=0.85,
        start="wiener",
        calls="n + 1",
        exact_mixture=True,
    ),
)

#: One source from its magnitudes (`griffinlim`).
SINGLE_SOURCE: dict[str, Algorithm] = _table(
    Algorithm(
        "gla",
        "consistency, magnitude",
        "Griffin and Lim, IEEE TASSP 1984",
        cost="m of the consistent point",
        monotone=True,
        update="griffin_lim",
        start="random",
        exact_magnitude=True,
        online=True,
    ),
    Algorithm(
        "fgla",
        "the same with momentum on the consistent point",
        "Perraudin, Balazs and Sondergaard, WASPAA 2013",
        cost="m of the consistent point",
        monotone=False,
        update="griffin_lim",
        start="random",
        exact_magnitude=True,
        online=True,
    ),
    Algorithm(
        "admm",
        "alternating direction method of multipliers (Douglas-Rachford)",
        "Masuyama, Yatabe and Oikawa, IEEE SPL 2019",
        cost="m of the consistent point",
        monotone=False,
        update="reflection",
        start="random",
        calls="n + 1",
        relaxation=1.0,
        online=True,
    ),
    Algorithm(
        "rrr",
        "relaxed reflect-reflect",
        "Peer, Welker and Gerkmann, 2022",
        cost="m of the consistent point",
        monotone=False,
        update="reflection",
        start="random",
        calls="n + 1",
        relaxation=0.8,
        online=True,
    ),
    Algorithm(
        "raar",
        "relaxed averaged alternating reflections",
        "Luke 2005; Peer, Welker and Gerkmann, 2022",
        cost="m of the consistent point",
        monotone=False,
        update="reflection",
        start="random",
        calls="n + 1",
        relaxation=0.9,
        online=True,
    ),
    Algorithm(
        "bregman",
        "consistency, a step down the gradient of a beta divergence, momentum",
        _BREGMAN,
        cost="the divergence",
        monotone=False,
        update="bregman",
        start="random",
    ),
    Algorithm(
        "bregman_admm",
        "ADMM with the proximal point of a beta divergence",
        _BREGMAN,
        cost="the divergence",
        monotone=False,
        update="bregman_reflection",
        start="random",
        calls="n + 1",
        relaxation=1.0,
    ),
)


def mixture_algorithm(name: str) -> Algorithm:
    """Return the entry of ``name``, or explain which names exist."""
    return ALGORITHMS[choice("algo", name, ALGORITHMS)]
