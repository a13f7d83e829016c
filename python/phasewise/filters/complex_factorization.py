r"""Nonnegative factorisations with phases: complex NMF and complex Itakura-Saito NMF.

Source j has levels :math:`W_j H_j` and a phase in every bin, which follows the sinusoidal model from frame to
frame as far as that is trusted. Complex NMF means magnitudes and least squares, complex IS-NMF
powers and the likelihood of anisotropic Gaussians. Factors and phases are learned together from the
complex mixture; each step minimises an upper bound of the criterion, which therefore never increases.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._validate import choice, number
from phasewise.filters._phase_model import factors, phase_turns, run, starting_phasors
from phasewise.filters.anisotropic import concentrations

__all__ = ["complex_isnmf", "complex_nmf"]


def complex_isnmf(
    X: ArrayLike,
    W: ArrayLike,
    H: ArrayLike,
    *,
    kappa: float | ArrayLike = 0.5,
    tau: float = 1.0,
    n_iter: int = 100,
    update: str = "mm",
    update_W: bool = False,
    init: str | ArrayLike = "sinusoidal",
    onsets: ArrayLike | None = None,
    hop_length: int | None = None,
    n_fft: int | None = None,
    return_factors: bool = False,
    return_cost: bool = False,
) -> Any:
    r"""Complex Itakura-Saito NMF: powers that factorise and phases that advance, from a complex mixture.

    Parameters
    ----------
    X : array of shape (..., freq, frames), complex
        Spectrogram of the mixture.
    W : array of shape (..., source, freq, rank), nonnegative
        Spectra of the sources: of powers, as ``phasewise.nmf(abs(S)**2, rank, beta=0)`` learns them. One for
        all the batch, or with its axes before the sources.
    H : array of shape (..., source, rank, frames), nonnegative
        Activations to start from, for example from `phasewise.nmf` with the spectra of all sources.
    kappa : float in [0, 500], or one per source
        Concentration of the sources around their phases; 0 gives the iterations of Itakura-Saito NMF, and
        `phasewise.wiener` with what they find.
    tau : float >= 0
        Concentration of the phases around those that the frame before makes of them.
    n_iter : int >= 0
        Iterations.
    update : {"mm", "em"}
        Bound that is minimised: expectation-maximisation, as published, or a tighter one that gets further
        with every iteration, at the same price.
    update_W : bool
        Whether to learn `W` too.
    init : {"sinusoidal", "mixture"} or array of shape (..., source, freq, frames)
        Phases to start from: those that `phasewise.anisotropic_wiener` finds, those of the mixture, or
        phases in radians, or complex values of which the angle counts.
    onsets : bool array of shape (..., source, frames), optional
        Frames in which a source starts anew, as made by `phasewise.detect_onsets`.
    hop_length : int > 0, optional
        Samples between frames, by default ``n_fft // 4``.
    n_fft : int > 0, optional
        Samples per frame, by default ``2 * (X.shape[-2] - 1)``.
    return_factors : bool
        Whether to return `W` and `H` as they were learned too.
    return_cost : bool
        Whether to return the criterion after each iteration too.

    Returns
    -------
    estimate : array of shape (..., source, freq, frames), complex
        Posterior means. They sum to `X` (to rounding).
    W, H : arrays as given
        Only with `return_factors`.
    cost : array of shape (..., n_iter), float64
        Only with `return_cost`: the negative logarithm of likelihood times prior, less a constant. It never
        increases. With ``kappa=0``, without tau, it is the Itakura-Saito divergence and a constant.

    Raises
    ------
    ParameterError
        If shapes do not match, values are negative or not finite, or a name is unknown.

    Notes
    -----
    Frequencies come from the levels at the start, once. The published method sets to zero a term of the
    update of H that may have the wrong sign; here it has a place in numerator and denominator, and the
    criterion never increases. The result depends neither on the number of threads nor on the batch.

    References
    ----------
    .. [1] P. Magron and T. Virtanen, "Complex ISNMF: a phase-aware model for monaural audio source
           separation", IEEE/ACM TASLP 27(1), 2019.
    """
    problem, w, h = factors(X, W, H)
    posterior = choice("update", update, ("mm", "em")) == "em"
    options = {
        "coupling": number("tau", tau, minimum=0.0),
        "concentrations": concentrations(kappa, problem.V.shape[-3]),
        "posterior": posterior,
    }
    framing = hop_length, n_fft, onsets
    V = np.sqrt(problem.V)
    phases = starting_phasors(init, problem.X, V, *framing), phase_turns(V, *framing)
    return _factorize(problem, w, h, phases, n_iter, update_W, return_factors, return_cost, options)


def complex_nmf(
    X: ArrayLike,
    W: ArrayLike,
    H: ArrayLike,
    *,
    sigma: float = 0.01,
    n_iter: int = 100,
    update_W: bool = False,
    init: str | ArrayLike = "sinusoidal",
    onsets: ArrayLike | None = None,
    hop_length: int | None = None,
    n_fft: int | None = None,
    return_factors: bool = False,
    return_cost: bool = False,
) -> Any:
    r"""Complex NMF with phase constraints: magnitudes that factorise, least squares on a complex mixture.

    .. math:: \Big\| X - \sum_j (W_j H_j) u_j \Big\|^2
              + \sigma \sum_{j, f, t} |X(f, t)|^2 \big| u_j(f, t) - e^{2 i \pi \ell \nu} u_j(f, t-1) \big|^2

    Parameters
    ----------
    X : array of shape (..., freq, frames), complex
        Spectrogram of the mixture.
    W : array of shape (..., source, freq, rank), nonnegative
        Spectra of the sources: of magnitudes, as ``phasewise.nmf(abs(S), rank)`` learns them. One for all the
        batch, or with its axes before the sources.
    H : array of shape (..., source, rank, frames), nonnegative
        Activations to start from.
    sigma : float >= 0
        Weight of the phases following the sinusoidal model; 0 frees them. Published: 0.01.
    n_iter, update_W, init, onsets, hop_length, n_fft, return_factors, return_cost
        As in `phasewise.complex_isnmf`.

    Returns
    -------
    estimate : array of shape (..., source, freq, frames), complex
        Sources that sum to `X` (to rounding): what the model leaves of it is shared out by magnitude.
    W, H : arrays as given
        Only with `return_factors`.
    cost : array of shape (..., n_iter), float64
        Only with `return_cost`: the criterion after each iteration. It never increases.

    Raises
    ------
    ParameterError
        If shapes do not match, values are negative or not finite, or a name is unknown.

    Notes
    -----
    Without constraint the model explains any mixture in many ways, and start and factors decide. The result
    depends neither on the number of threads nor on the batch.

    References
    ----------
    .. [1] B. King and L. Atlas, "Single-channel source separation using complex matrix factorization", IEEE
           TASLP 19(8), 2011.
    .. [2] P. Magron, R. Badeau and B. David, "Complex NMF under phase constraints based on signal modeling:
           application to audio source separation", ICASSP 2016.
    """
    problem, w, h = factors(X, W, H)
    framing = hop_length, n_fft, onsets
    phases = starting_phasors(init, problem.X, problem.V, *framing), phase_turns(problem.V, *framing)
    options = {"coupling": number("sigma", sigma, minimum=0.0)}
    return _factorize(problem, w, h, phases, n_iter, update_W, return_factors, return_cost, options)


def _factorize(
    problem: Any,
    w: NDArray[Any],
    h: NDArray[Any],
    phases: tuple[NDArray[Any], NDArray[Any]],
    n_iter: int,
    update_W: bool,
    return_factors: bool,
    return_cost: bool,
    options: dict[str, Any],
) -> Any:
    dtype = problem.V.dtype
    memory_w = np.ascontiguousarray(w, dtype=dtype).reshape(-1, *w.shape[-3:])
    memory_h = np.ascontiguousarray(np.swapaxes(h, -1, -2), dtype=dtype)
    memory_h = memory_h.reshape(-1, *memory_h.shape[-3:])
    estimate, cost = run(
        problem,
        problem.V,
        *phases,
        n_iter,
        return_cost,
        w=memory_w,
        h=memory_h,
        update_w=bool(update_W),
        **options,
    )
    results = [estimate]
    if return_factors:
        turned = memory_h.reshape(*h.shape[:-2], h.shape[-1], h.shape[-2])
        results += [memory_w.reshape(w.shape), np.swapaxes(turned, -1, -2)]
    if cost is not None:
        results.append(cost)
    return results[0] if len(results) == 1 else tuple(results)
