r"""Wiener filters whose results are nearly transforms of signals.

Frames overlap, so most spectrograms are transforms of no signal, nor is what a filter makes of every bin for
itself. The consistent filters minimise, over sources that sum to the mixture,

.. math:: \sum_j \Big[ Q_j(S_j - W_j) + \frac{\delta}{2 N} \| S_j - G S_j \|^2 \Big]

where W are the posterior means of the Wiener filter (isotropic or anisotropic), :math:`Q_j` the quadratic
forms of its Gaussians (:math:`|S_j - W_j|^2 / V_j^2` for isotropic ones), G = STFT(iSTFT(.)) and N the frame
length: the published weights belong to transforms divided by :math:`\sqrt N`. Sums count the bins that a
one-sided spectrum leaves out. For two sources this is the published criterion; more sources are
treated alike, where the published method splits them off one after the other.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from phasewise import _core, _memory
from phasewise._framing import framing
from phasewise._validate import choice, integer, number
from phasewise.filters.anisotropic import prior_options
from phasewise.phase._bins import Mixture
from phasewise.phase._problem import length_for
from phasewise.windows import WindowSpec

__all__ = ["consistent_anisotropic_wiener", "consistent_wiener"]


def consistent_wiener(
    X: ArrayLike,
    V: ArrayLike,
    *,
    gamma: float = 4.0,
    n_iter: int = 60,
    tol: float = 1e-6,
    solver: str = "cg",
    return_cost: bool = False,
    hop_length: int | None = None,
    win_length: int | None = None,
    n_fft: int | None = None,
    window: WindowSpec = "hann",
    center: bool = True,
    length: int | None = None,
) -> Any:
    r"""Consistent Wiener filter: `consistent_anisotropic_wiener` that knows nothing of the phases.

    Parameters
    ----------
    X, V, n_iter, tol, solver, return_cost, hop_length, win_length, n_fft, window, center, length
        As in `consistent_anisotropic_wiener`.
    gamma : float >= 0
        Weight of the inconsistency, there `delta`. 0 gives the Wiener filter; 4 suits four sources, 1 to 10
        voice and accompaniment.

    Returns
    -------
    estimate : array of shape (..., source, freq, frames), complex
        Sources that sum to `X` (to rounding).
    cost : array of shape (..., n_iter), float64
        Only with `return_cost`: the criterion after each iteration. It never increases.

    Raises
    ------
    ParameterError
        If shapes do not match, values are negative or not finite, or a name is unknown.

    Notes
    -----
    The method of [1]_ is the subject of a Japanese patent application of its authors (JP 2011-170190); this
    is an independent implementation. Find out whether that concerns you before you ship it. No
    other function of this package calls it.

    References
    ----------
    .. [1] J. Le Roux and E. Vincent, "Consistent Wiener filtering for audio source separation", IEEE SPL
           20(3), 2013.
    """
    return consistent_anisotropic_wiener(
        X,
        V,
        kappa=0.0,
        delta=number("gamma", gamma, minimum=0.0),
        n_iter=n_iter,
        tol=tol,
        solver=solver,
        return_cost=return_cost,
        hop_length=hop_length,
        win_length=win_length,
        n_fft=n_fft,
        window=window,
        center=center,
        length=length,
    )


def consistent_anisotropic_wiener(
    X: ArrayLike,
    V: ArrayLike,
    *,
    kappa: float | ArrayLike = 1.0,
    delta: float = 1.0,
    phase: str | ArrayLike = "sinusoidal",
    onsets: ArrayLike | None = None,
    onset_phase: ArrayLike | None = None,
    n_iter: int = 60,
    tol: float = 1e-6,
    solver: str = "cg",
    return_cost: bool = False,
    hop_length: int | None = None,
    win_length: int | None = None,
    n_fft: int | None = None,
    window: WindowSpec = "hann",
    center: bool = True,
    length: int | None = None,
) -> Any:
    r"""Anisotropic Wiener filter with results that are nearly transforms of signals.

    Parameters
    ----------
    X : array of shape (..., freq, frames), complex
        Spectrogram of the mixture, made with zero padding.
    V : array of shape (..., source, freq, frames), nonnegative
        Magnitudes of the sources; channels and batches come before the source axis.
    kappa, phase, onsets, onset_phase
        What is known of the phases, see `phasewise.anisotropic_wiener`. ``kappa=0`` makes
        `phasewise.consistent_wiener`.
    delta : float >= 0
        Weight of the inconsistency; 0 gives the anisotropic Wiener filter. It belongs to signals of full
        scale 1: those of a level c need delta / c\ :sup:`2` for the same result. The published weights lie
        between 1 and 10; with known magnitudes 100 is better still (``experiments/RESULTS.md``).
    n_iter : int >= 0
        Iterations at most.
    tol : float >= 0
        The iterations stop when one changes the estimate by less than this share of its energy.
    solver : {"cg", "mm"}
        Preconditioned conjugate gradients, or majorisation-minimisation: slower, and without step lengths.
    return_cost : bool
        Whether to return the criterion after each iteration too.
    hop_length, win_length, n_fft, window, center
        Parameters of the transform, see `phasewise.stft`.
    length : int > 0, optional
        Samples of the analysed signal; by default what the frames determine.

    Returns
    -------
    estimate : array of shape (..., source, freq, frames), complex
        Sources that sum to `X` (to rounding).
    cost : array of shape (..., n_iter), float64
        Only with `return_cost`: the criterion after each iteration, less its value without inconsistency. It
        never increases; after the end of the iterations it stays.

    Raises
    ------
    ParameterError
        If shapes do not match, values are negative or not finite, or a name is unknown.

    Notes
    -----
    One iteration costs two transforms of every frame of every source and three passes over the bins. The
    result depends neither on the number of threads nor on the batch. With ``kappa=0`` see the note on
    patents in `phasewise.consistent_wiener`; this function builds on that method.

    References
    ----------
    .. [1] P. Magron, J. Le Roux and T. Virtanen, "Consistent anisotropic Wiener filtering for audio source
           separation", WASPAA 2017.
    """
    problem = Mixture.check(X, V, ("X", "V"))
    n_iter = integer("n_iter", n_iter, minimum=0)
    delta, tol = number("delta", delta, minimum=0.0), number("tol", tol, minimum=0.0)
    majorise = choice("solver", solver, ("cg", "mm")) == "mm"
    n_fft = max(1, 2 * (problem.X.shape[-2] - 1)) if n_fft is None else n_fft
    frames_of = framing(n_fft, hop_length, win_length, window, center)
    options = prior_options(problem, kappa, phase, onsets, onset_phase, frames_of.hop_length, frames_of.n_fft)
    samples = length_for(frames_of, problem.X.shape[-1], length)

    estimate = problem.estimate()
    prior = _memory.empty(estimate.shape, estimate.dtype) if options["concentrations"].any() else None
    _core.anisotropic_wiener(**options, estimate=estimate, prior=prior)
    cost = np.empty((len(estimate), n_iter)) if return_cost else None
    _core.consistent_wiener(
        frames_of.plan(problem.V.dtype),
        magnitudes=options["magnitudes"],
        concentrations=options["concentrations"],
        prior=prior,
        weight=delta / (2 * frames_of.n_fft),
        majorise=majorise,
        n_iter=n_iter,
        tolerance=tol,
        length=samples,
        estimate=estimate,
        cost=cost,
    )
    result = problem.public(estimate)
    return result if cost is None else (result, cost.reshape(*problem.X.shape[:-2], n_iter))
