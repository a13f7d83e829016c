r"""PU-Iter: sources with given magnitudes and a mixture, started from the sinusoidal phase model.

.. math:: \min_S \|X - \sum_j S_j\|^2 \text{ such that } |S_j| = V_j

is solved bin by bin with the updates

.. math::
    Y_j = S_j + \Lambda_j (X - \sum_k S_k), \qquad S_j \leftarrow V_j Y_j / |Y_j|, \qquad
    \Lambda_j = V_j^2 / \sum_k V_k^2

The error never increases, in any bin and for any weights that are positive and sum to 1. The problem has
many solutions, and the start decides which one is found: frames are processed in order, and each starts
from the phase of the *finished* previous frame, advanced by the frequencies of its own peaks. Onset frames
start from a given phase.

Paper: Magron, Badeau & David, "Model-based STFT phase recovery for audio source separation", IEEE/ACM TASLP
2018.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise.reference.projections import Mixer, magnitude_projection
from phasewise.reference.sinusoidal import frequencies, phase_values
from phasewise.reference.transform import bin_weights

__all__ = ["mixing_iterations", "pu_iter"]

Array = NDArray[Any]


def mixing_iterations(
    X: ArrayLike,
    V: ArrayLike,
    S0: ArrayLike,
    n_iter: int = 50,
    weights: str | float | ArrayLike = "wiener",
    n_fft: int | None = None,
    model_weight: float = 0.0,
) -> tuple[Array, Array]:
    """Run the updates from ``S0`` (..., source, freq, frames), all frames at once; also for a single frame.

    With ``model_weight`` s > 0, Y + s L S0 takes the place of Y, which keeps S near its start. Returns the
    sources and, after each iteration, the mixing error plus s |S - S0|^2, ``(..., n_iter)``.
    """
    X = np.asarray(X, dtype=np.complex128)
    V = np.asarray(V, dtype=np.float64)
    start = S = np.asarray(S0, dtype=np.complex128)
    a = bin_weights(n_fft or 2 * (V.shape[-2] - 1))
    mix = Mixer(X, V, weights)
    cost = np.zeros((*X.shape[:-2], n_iter))
    for i in range(n_iter):
        S = magnitude_projection(mix(S) + model_weight * mix.weights * start, V)
        away = np.sum(np.abs(S - start) ** 2, axis=-3)
        cost[..., i] = np.sum(a * (np.abs(X - S.sum(axis=-3)) ** 2 + model_weight * away), axis=(-2, -1))
    return S, cost


def pu_iter(
    X: ArrayLike,
    V: ArrayLike,
    hop_length: int,
    n_iter: int = 50,
    onsets: ArrayLike | None = None,
    onset_phase: ArrayLike | None = None,
    n_fft: int | None = None,
    init: str | ArrayLike = "sinusoidal",
    weights: str | float | ArrayLike = "wiener",
    model_weight: float = 0.0,
) -> tuple[Array, Array]:
    """Estimate sources ``(..., source, freq, frames)`` from the mixture ``X`` and magnitudes ``V``.

    Frame 0, and for each source the frames marked in ``onsets`` (..., source, frames), start from
    ``onset_phase`` (radians or complex, broadcast to ``V``), or from the phase of the mixture if None. The
    other frames start from the sinusoidal model, or, for comparison, from ``init="mixture"`` or an array of
    phases (radians or complex). Where a source is silent, its phase is carried on as it started.

    Phases are taken relative to the mixture's: then a start from the phase of the mixture is real, and stays
    on its line whatever the rounding.

    Returns the sources and the mixing error after each iteration, summed over the frames, ``(..., n_iter)``.
    """
    X = np.asarray(X, dtype=np.complex128)
    V = np.asarray(V, dtype=np.float64)
    n_fft = n_fft or 2 * (V.shape[-2] - 1)
    n_frames = V.shape[-1]
    mixture_phase = np.broadcast_to(np.angle(X)[..., None, :, :], V.shape)
    given = mixture_phase if onset_phase is None else np.broadcast_to(phase_values(onset_phase), V.shape)
    restart = np.zeros((*V.shape[:-2], n_frames), dtype=bool)
    if onsets is not None:
        restart[...] = onsets
    restart[..., 0] = True

    S = np.zeros(V.shape, dtype=np.complex128)
    finished = np.zeros(V.shape[:-1])
    cost = np.zeros((*X.shape[:-2], n_iter))
    for t in range(n_frames):
        if isinstance(init, str) and init == "sinusoidal":
            nu = np.apply_along_axis(frequencies, -1, V[..., t]) / n_fft
            start = finished + 2 * np.pi * hop_length * nu
        elif isinstance(init, str):
            start = mixture_phase[..., t]
        else:
            start = np.broadcast_to(phase_values(init), V.shape)[..., t]
        phase = np.where(restart[..., t, None], given[..., t], start)
        turn = mixture_phase[..., t]
        frame = slice(t, t + 1)
        S0 = V[..., frame] * np.exp(1j * (phase - turn)[..., None])
        relative, errors = mixing_iterations(
            np.abs(X[..., frame]), V[..., frame], S0, n_iter, weights, n_fft, model_weight
        )
        relative = relative[..., 0]
        S[..., t] = relative * np.exp(1j * turn)
        finished = np.where(V[..., t] > 0, np.angle(relative) + turn, phase)
        cost += errors
    return S, cost
