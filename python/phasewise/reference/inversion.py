r"""Spectrograms from magnitudes: Griffin-Lim for one source, projections and reflections for several.

Each constraint has a projector: the right magnitude, the right sum, and being the STFT of a signal.

.. math::
    P_{mag}(S)_j = V_j S_j / |S_j|, \qquad
    P_{mix}(S)_j = S_j + \Lambda_j (X - \sum_k S_k), \qquad
    P_{cons}(S)_j = \mathrm{STFT}(\mathrm{iSTFT}(S_j))

with :math:`\Lambda_j \ge 0, \sum_j \Lambda_j = 1`. In the sums of squares below, weights of 2 stand for the
bins that a one-sided spectrum leaves out (``bin_weights``). With the consistency weight :math:`\sigma`, the
costs are made of

.. math::
    h = \|X - \sum_j S_j\|^2, \qquad i = \sum_j \|S_j - P_{cons}(S_j)\|^2, \qquad
    m = \sum_j \| |S_j| - V_j \|^2

===================  =======================================================  ================================
algorithm            iteration                                                cost
===================  =======================================================  ================================
AM                   none: magnitude V, phase of the mixture                  h
MISI                 Pmix(Pmag(Pcons(S)))                                     m of Pcons(S), non-increasing
Mix+Incons           (Pmix(S) + s L Pcons(S)) / (1 + s L)                     h + s i, non-increasing
Mix+Incons_hardMag   Pmag(Pmix(S) + s L Pcons(S))                             h + s i, non-increasing
Incons_hardMix       Pmix(Pcons(S)), once                                     i
Mag_hardMix          Pmix of AM, once                                         m
Mag(KL)_hardMix      V / sum V X, once                                        KL(|S|, V)
Mag+Incons_hardMix   Pmix((Pmag(S) + s Pcons(S)) / (1 + s))                   m + s i, non-increasing
RRR                  S + b (PA(2 PB(S) - S) - PB(S))                          m of PB(S)
RAAR                 b/2 (RA RB S + S) + (1 - b) PB(S), R = 2 P - identity    m of PB(S)
auto                 RAAR with feasible magnitudes, blended (`agreement`)     m of PB(S)
===================  =======================================================  ================================

with s = :math:`\sigma`, L = :math:`\Lambda`, PA = Pmag, PB(S) = Pmix(Pcons(S)). The result of RRR and RAAR
is PB(S). The monotone costs rely on zero padding.

Papers: Griffin & Lim 1984; Perraudin, Balazs & Sondergaard 2013 (fast Griffin-Lim); Gunawan & Sen 2010
(MISI); Magron & Virtanen, EUSIPCO 2023 (the Mix/Mag/Incons family); Luke 2005 (RAAR), Elser 2018 (RRR),
Peer et al. 2022 (reflections for one spectrogram). Reflections of all sources jointly with their mixture
are phasewise's own.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise.reference import agreement
from phasewise.reference.projections import Mixer, magnitude_projection, mixing_weights, unit_phasor
from phasewise.reference.transform import bin_weights, istft, project_consistent, stft

__all__ = [
    "DEFAULT_RELAXATION",
    "DEFAULT_WEIGHTS",
    "griffinlim",
    "spectrogram_inversion",
]

Array = NDArray[Any]

DEFAULT_WEIGHTS: dict[str, str | float] = {
    "AM": "equal",
    "MISI": "equal",
    "Mix+Incons": "magnitude",
    "Mix+Incons_hardMag": "magnitude",
    "Incons_hardMix": "equal",
    "Mag_hardMix": "equal",
    "Mag(KL)_hardMix": "magnitude",
    "Mag+Incons_hardMix": "equal",
    "RRR": "equal",
    "RAAR": 0.5,
    "auto": 0.5,
}
DEFAULT_RELAXATION = {"RRR": 0.8, "RAAR": 0.9, "auto": 0.85}


def griffinlim(
    S: ArrayLike,
    n_iter: int = 32,
    hop_length: int | None = None,
    win_length: int | None = None,
    n_fft: int | None = None,
    window: str | ArrayLike = "hann",
    center: bool = True,
    length: int | None = None,
    momentum: float = 0.99,
    init: ArrayLike | None = None,
) -> tuple[Array, Array]:
    """Waveform from magnitudes ``S`` by (fast) Griffin-Lim, from the phase ``init`` (radians; zero if None).

    With T_n = STFT(iSTFT(V phasor_n)), the next phasor is that of T_n - m/(1+m) T_{n-1}. ``momentum`` m = 0
    is the classical algorithm, whose cost ||abs(T) - V||^2 never increases. Returns the waveform and the
    cost after each iteration, ``(..., n_iter)``; the last belongs to the waveform.
    """
    V = np.asarray(S, dtype=np.float64)
    n_fft = n_fft or 2 * (V.shape[-2] - 1)
    a = bin_weights(n_fft)
    phasor = np.exp(1j * np.broadcast_to(0.0 if init is None else np.asarray(init), V.shape))
    costs = []

    def signal() -> Array:
        return istft(V * phasor, hop_length, win_length, n_fft, window, center, length)

    rebuilt = stft(signal(), n_fft, hop_length, win_length, window, center)
    previous = np.zeros_like(rebuilt)
    for _ in range(n_iter):
        phasor = unit_phasor(rebuilt - momentum / (1 + momentum) * previous)
        previous, rebuilt = rebuilt, stft(signal(), n_fft, hop_length, win_length, window, center)
        costs.append(np.sum(a * (np.abs(rebuilt) - V) ** 2, axis=(-2, -1)))
    return signal(), _stack(costs, V.shape[:-2])


def spectrogram_inversion(
    X: ArrayLike,
    V: ArrayLike,
    algo: str = "MISI",
    n_iter: int = 5,
    consistency_weight: float = 1.0,
    weights: str | float | ArrayLike | None = None,
    relaxation: float | None = None,
    init: ArrayLike | None = None,
    last: str = "mix",
    **transform: Any,
) -> tuple[Array, Array]:
    """Estimate sources ``(..., source, freq, frames)`` from the mixture ``X`` and magnitudes ``V``.

    The start is ``V`` with the phase of the mixture ("auto": the Wiener estimate), or ``init``: complex
    spectrograms, or phases (real, radians) that get the magnitudes ``V``. "auto" blends its result with a
    start that was given. ``weights`` and ``relaxation`` (b) default to the tables above.
    ``last="mag"`` makes MISI run mixing, consistency, magnitude in this order. ``transform`` holds the
    options of the STFT.

    Returns the estimate and the cost after each iteration, ``(..., n_iter)``: the last one is the estimate's.
    Algorithms without iterations return one cost.
    """
    X = np.asarray(X, dtype=np.complex128)
    V = np.asarray(V, dtype=np.float64)
    n_fft = transform.get("n_fft") or 2 * (V.shape[-2] - 1)
    a = bin_weights(n_fft)
    sigma = consistency_weight
    b = DEFAULT_RELAXATION.get(algo, 0.0) if relaxation is None else relaxation
    given = V
    if algo == "auto":
        V = agreement.feasible_magnitudes(X, V)
    mix = Mixer(X, V, DEFAULT_WEIGHTS[algo] if weights is None else weights)

    def mag(S: Array) -> Array:
        return magnitude_projection(S, V)

    def cons(S: Array) -> Array:
        return project_consistent(S, **transform)

    def both(S: Array) -> Array:
        return mix(cons(S))

    def mixing_error(S: Array) -> Array:
        return np.asarray(np.sum(a * np.abs(X - S.sum(axis=-3)) ** 2, axis=(-2, -1)))

    def inconsistency(S: Array) -> Array:
        return np.asarray(np.sum(a * np.abs(S - cons(S)) ** 2, axis=(-3, -2, -1)))

    def magnitude_error(S: Array) -> Array:
        return np.asarray(np.sum(a * (np.abs(S) - V) ** 2, axis=(-3, -2, -1)))

    def divergence(Y: Array) -> Array:
        with np.errstate(divide="ignore", invalid="ignore"):
            log = np.where((Y > 0) & (V > 0), np.log(Y / V), 0)
        return np.where(V > 0, Y * log - Y + V, 0)

    def step(S: Array) -> Array:
        if algo == "MISI":
            return mix(mag(cons(S))) if last == "mix" else mag(cons(mix(S)))
        if algo == "Mix+Incons":
            mixed = mix(S)
            return (mixed + sigma * mix.weights * cons(S)) / (1 + sigma * mix.weights)
        if algo == "Mix+Incons_hardMag":
            mixed = mix(S)
            return mag(mixed + sigma * mix.weights * cons(S))
        if algo == "Incons_hardMix":
            return both(S)
        if algo == "Mag+Incons_hardMix":
            return mix((mag(S) + sigma * cons(S)) / (1 + sigma))
        on_b = both(S)
        reflected = 2 * on_b - S
        if algo == "RRR":
            return S + b * (mag(reflected) - on_b)
        if algo in ("RAAR", "auto"):
            twice: Array = 2 * mag(reflected) - reflected
            return b / 2 * (twice + S) + (1 - b) * on_b
        raise ValueError(f"unknown algorithm {algo!r}")

    def cost(S: Array) -> Array:
        if algo == "MISI":
            return magnitude_error(cons(S) if last == "mix" else cons(mix(S)))
        if algo in ("Mix+Incons", "Mix+Incons_hardMag"):
            return mixing_error(S) + sigma * inconsistency(S)
        if algo == "Mag+Incons_hardMix":
            return magnitude_error(S) + sigma * inconsistency(S)
        if algo == "Incons_hardMix":
            return inconsistency(S)
        return magnitude_error(both(S))

    S = V * unit_phasor(X)[..., None, :, :]
    if algo == "auto":
        S = mixing_weights(given, 2.0) * X[..., None, :, :]
    if init is not None:
        start = np.asarray(init)
        S = start.astype(np.complex128) if np.iscomplexobj(start) else given * np.exp(1j * start)
    prior = S if init is not None and np.iscomplexobj(init) else None
    if algo == "Mag_hardMix":
        S = mix(S)
        return S, _stack([magnitude_error(S)], X.shape[:-2])
    if algo == "Mag(KL)_hardMix":
        S = mixing_weights(V, 1.0) * X[..., None, :, :]
        return S, _stack([np.sum(a * divergence(np.abs(S)), axis=(-3, -2, -1))], X.shape[:-2])
    if algo == "AM":
        return S, _stack([mixing_error(S)], X.shape[:-2])
    costs = []
    for _ in range(1 if algo == "Incons_hardMix" else n_iter):
        S = step(S)
        costs.append(cost(S))
    if algo in ("RRR", "RAAR", "auto"):
        S = both(S)
    if algo == "auto":
        S, _ = agreement.blend_with_prior(X, given, S, prior)
    return S, _stack(costs, X.shape[:-2])


def _stack(costs: list[Array], batch: tuple[int, ...]) -> Array:
    return np.stack(costs, axis=-1) if costs else np.zeros((*batch, 0))
