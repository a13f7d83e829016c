r"""PU-Iter, and the bin-wise mixing iterations on which it rests.

Sources of given magnitudes are to sum to the mixture,

.. math:: \min_S h = \|X - \sum_j S_j\|^2 \text{ such that } |S_j| = V_j,

which every bin solves for itself by iterating

.. math:: Y_j = S_j + \Lambda_j (X - \sum_k S_k), \qquad S_j \leftarrow V_j Y_j / |Y_j|

with mixing weights :math:`\Lambda_j \ge 0` that sum to 1. Three or more sources have infinitely many
solutions: the start decides. From the phase of the mixture the iterations cannot leave the line through 0
and X; from the phase of the previous frame, advanced by the sinusoidal model, they find good solutions.

The constrained form does not trust the mixture alone. With Z for the start, it minimises :math:`h + \sigma
\sum_j \|S_j - Z_j\|^2` by putting :math:`Y_j + \sigma \Lambda_j Z_j` in place of :math:`Y_j`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import _core
from phasewise._validate import choice, integer, number
from phasewise.phase._bins import Mixture, fft_length, onset_frames, phase_argument
from phasewise.phase._problem import generator

__all__ = ["mixing_iterations", "pu_iter"]

_INITS = ("sinusoidal", "mixture", "random")


def pu_iter(
    mixture: ArrayLike,
    magnitudes: ArrayLike,
    *,
    n_iter: int = 50,
    onsets: ArrayLike | None = None,
    onset_phase: ArrayLike | None = None,
    hop_length: int | None = None,
    n_fft: int | None = None,
    init: str | ArrayLike = "sinusoidal",
    mixing_weights: str | float | ArrayLike = "wiener",
    model_weight: float = 0.0,
    rng: Any = None,
    return_cost: bool = False,
) -> Any:
    r"""Sources of given magnitudes from their mixture, started from the sinusoidal phase model (PU-Iter).

    Frames are processed in order. Each starts from the phases of the finished frame before it, advanced by
    the frequencies of its own spectral peaks, and is then refined by mixing iterations.

    Parameters
    ----------
    mixture : array of shape (..., freq, frames), complex
        Spectrogram X of the mixture.
    magnitudes : array of shape (..., source, freq, frames), nonnegative
        Magnitudes V of the sources; channels and batches come before the source axis.
    n_iter : int >= 0
        Mixing iterations in each frame.
    onsets : bool array of shape (..., source, frames), optional
        Frames in which a source starts anew, as made by `phasewise.detect_onsets`. Frame 0 always is one.
    onset_phase : array of shape (..., source, freq, frames), optional
        What the sources start from in these frames: phases in radians, or complex values of which the angle
        counts. By default the phase of the mixture.
    hop_length : int > 0, optional
        Samples between frames, by default ``n_fft // 4``.
    n_fft : int > 0, optional
        Samples per frame, by default ``2 * (mixture.shape[-2] - 1)``.
    init : {"sinusoidal", "mixture", "random"} or array of shape of `magnitudes`
        What the other frames start from: the sinusoidal model or, to compare with it, the phase of the
        mixture, random phases, phases in radians, or complex values of which the angle counts.
    mixing_weights : str, float or array
        Shares of the mixing error: "wiener" (V\ :sup:`2`), "magnitude" (V), "equal" (1/J), "refreshed"
        (proportional to how far the last iteration moved the sources), an exponent p (V\ :sup:`p`), one
        weight per source, or an array like `magnitudes`.
    model_weight : float >= 0
        Weight of the squared distance from what a frame starts from, against the mixing error: the
        constrained form. Small weights only decide what the mixture leaves open; infinite ones would keep
        the start.
    rng : None, int or numpy.random.Generator
        Source of the random start.
    return_cost : bool
        Whether to return the mixing error after each iteration too.

    Returns
    -------
    estimate : array of shape (..., source, freq, frames), complex
        Sources with exactly the given magnitudes. Where Y is zero, its phase is that of the mixture; the
        phase of zero is 0. Silence carries the phase of a source on.
    cost : array of shape (..., n_iter), float64
        Only with `return_cost`: the error h after each iteration, plus `model_weight` times the squared
        distance from the start, summed over all frames and over both halves of the spectrum. It never
        increases.

    Raises
    ------
    ParameterError
        If shapes do not match, values are negative or not finite, or a name is unknown.

    Notes
    -----
    Cost: about 14 operations per value and iteration, without leaving the registers for up to four sources.
    Thread-safe; the result does not depend on the number of threads, nor on the batch.

    References
    ----------
    .. [1] P. Magron, R. Badeau and B. David, "Model-based STFT phase recovery for audio source
           separation", IEEE/ACM TASLP 26(6), 2018.
    """
    problem = Mixture.check(mixture, magnitudes, ("mixture", "magnitudes"))
    n_fft = fft_length(n_fft, problem.V.shape[-2], "mixture")
    hop_length = max(1, n_fft // 4) if hop_length is None else integer("hop_length", hop_length)
    options: dict[str, Any] = {"anchor": number("model_weight", model_weight, minimum=0.0)}
    if onsets is not None:
        marks = onset_frames(onsets, problem.V)
        options["onsets"] = marks.reshape(-1, problem.V.shape[-3], marks.shape[-1])
    if onset_phase is not None:
        options |= _phases("onset", "onset_phase", onset_phase, problem)
    options["hop"] = 0
    if not isinstance(init, str):
        options |= _phases("start", "init", init, problem)
    elif choice("init", init, _INITS) == "random":
        angles = generator(rng).uniform(-np.pi, np.pi, problem.V.shape)
        options |= _phases("start", "init", angles, problem)
    elif init == "sinusoidal":
        options["hop"] = hop_length
    return _solve(problem, n_iter, n_fft, mixing_weights, return_cost, options)


def mixing_iterations(
    mixture: ArrayLike,
    magnitudes: ArrayLike,
    initial: ArrayLike | None = None,
    *,
    n_iter: int = 50,
    mixing_weights: str | float | ArrayLike = "wiener",
    model_weight: float = 0.0,
    n_fft: int | None = None,
    return_cost: bool = False,
) -> Any:
    """Sources of given magnitudes whose sum comes near the mixture, bin by bin from a start of your own.

    Parameters
    ----------
    mixture : array of shape (..., freq, frames), complex
        Spectrogram of the mixture.
    magnitudes : array of shape (..., source, freq, frames), nonnegative
        Magnitudes of the sources.
    initial : array of shape (..., source, freq, frames), optional
        Start: phases in radians, or complex values of which the angle counts; by default the phase of the
        mixture.
    n_iter : int >= 0
        Iterations.
    mixing_weights : str, float or array
        Shares of the mixing error, see `pu_iter`.
    model_weight : float >= 0
        Weight of the squared distance from the start, see `pu_iter`.
    n_fft : int > 0, optional
        Samples per frame, by default ``2 * (mixture.shape[-2] - 1)``; it only tells whether the last bin is
        the Nyquist frequency.
    return_cost : bool
        Whether to return the mixing error after each iteration too.

    Returns
    -------
    estimate : array of shape (..., source, freq, frames), complex
        Sources with exactly the given magnitudes.
    cost : array of shape (..., n_iter), float64
        Only with `return_cost`: the error after each iteration, over both halves of the spectrum, plus
        `model_weight` times the squared distance from the start. It never increases.

    Raises
    ------
    ParameterError
        If shapes do not match, values are negative or not finite, or a name is unknown.

    Notes
    -----
    All bins are independent. Cost and threads as for `pu_iter`.
    """
    problem = Mixture.check(mixture, magnitudes, ("mixture", "magnitudes"))
    n_fft = fft_length(n_fft, problem.V.shape[-2], "mixture")
    options: dict[str, Any] = {"hop": 0, "anchor": number("model_weight", model_weight, minimum=0.0)}
    if initial is not None:
        start = _phases("start", "initial", initial, problem)
        options |= start | {key.replace("start", "onset"): value for key, value in start.items()}
    return _solve(problem, n_iter, n_fft, mixing_weights, return_cost, options)


def _phases(prefix: str, name: str, phase: ArrayLike, problem: Mixture) -> dict[str, NDArray[Any] | None]:
    angles, values = phase_argument(name, phase, problem.V, 3)
    return {f"{prefix}_angles": angles, f"{prefix}_values": values}


def _solve(
    problem: Mixture,
    n_iter: int,
    n_fft: int,
    mixing_weights: str | float | ArrayLike,
    return_cost: bool,
    options: dict[str, Any],
) -> Any:
    n_iter = integer("n_iter", n_iter, minimum=0)
    estimate = problem.estimate()
    cost = np.empty((len(estimate), n_iter)) if return_cost else None
    _core.mixing_iterations(
        **problem.arrays(mixing_weights),
        refresh=isinstance(mixing_weights, str) and mixing_weights == "refreshed",
        n_iter=n_iter,
        n_fft=n_fft,
        estimate=estimate,
        cost=cost,
        **options,
    )
    result = problem.public(estimate)
    return result if cost is None else (result, cost.reshape(*problem.X.shape[:-2], n_iter))
