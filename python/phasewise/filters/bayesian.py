r"""Anisotropic Wiener filter whose phases are learned with the mixture.

`phasewise.anisotropic_wiener` takes the phases that it expects from its own last frame. Here they are
unknowns with a prior: a Markov chain in which every phase is von Mises distributed, with concentration
:math:`\tau`, around that of the frame before, advanced by the sinusoidal model. Sources have Rayleigh
magnitudes of power :math:`v = V^2`:

.. math::
    m = \lambda V e^{i \mu}, \qquad \gamma = (1 - \lambda^2) V^2, \qquad c = \rho V^2 e^{2 i \mu}, \qquad
    \lambda = \frac{\sqrt \pi}{2} \frac{I_1(\kappa)}{I_0(\kappa)}, \qquad
    \rho = \frac{I_2(\kappa)}{I_0(\kappa)} - \lambda^2 .
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from phasewise._validate import choice, number
from phasewise.filters._phase_model import phase_turns, run, starting_phasors
from phasewise.filters.anisotropic import concentrations
from phasewise.phase._bins import Mixture

__all__ = ["bayesian_anisotropic_wiener"]


def bayesian_anisotropic_wiener(
    X: ArrayLike,
    V: ArrayLike,
    *,
    kappa: float | ArrayLike = 5.0,
    tau: float = 0.5,
    n_iter: int = 150,
    variance: str = "fixed",
    init: str | ArrayLike = "sinusoidal",
    onsets: ArrayLike | None = None,
    hop_length: int | None = None,
    n_fft: int | None = None,
    return_cost: bool = False,
) -> Any:
    r"""Bayesian anisotropic Gaussian model: phases by expectation-maximisation, sources by Wiener filtering.

    Parameters
    ----------
    X : array of shape (..., freq, frames), complex
        Spectrogram of the mixture.
    V : array of shape (..., source, freq, frames), nonnegative
        Magnitudes of the sources; channels and batches come before the source axis.
    kappa : float in [0, 500], or one per source
        Concentration of the sources around the learned phases; 0 gives `phasewise.wiener`.
    tau : float >= 0
        Concentration of the phases around those that the frame before makes of them. 0 frees them.
    n_iter : int >= 0
        Iterations.
    variance : {"fixed", "free"}
        Whether `V` is taken as it is, or is where the powers of the sources start from.
    init : {"sinusoidal", "mixture"} or array of shape (..., source, freq, frames)
        Phases to start from: those that `phasewise.anisotropic_wiener` finds, those of the mixture, or
        phases in radians, or complex values of which the angle counts.
    onsets : bool array of shape (..., source, frames), optional
        Frames in which a source starts anew, as made by `phasewise.detect_onsets`: the chain breaks there.
    hop_length : int > 0, optional
        Samples between frames, by default ``n_fft // 4``.
    n_fft : int > 0, optional
        Samples per frame, by default ``2 * (X.shape[-2] - 1)``.
    return_cost : bool
        Whether to return the criterion after each iteration too.

    Returns
    -------
    estimate : array of shape (..., source, freq, frames), complex
        Posterior means. They sum to `X` (to rounding).
    cost : array of shape (..., n_iter), float64
        Only with `return_cost`: the negative logarithm of likelihood times prior, less a constant. It never
        increases.

    Raises
    ------
    ParameterError
        If shapes do not match, values are negative or not finite, or a name is unknown.

    Notes
    -----
    The published phase step drops a term of second order, so that it may miss its aim; here phases stay
    where it would. The first and the last frame take part. About 150 operations per source, bin and
    iteration. The result depends neither on the number of threads nor on the batch.

    References
    ----------
    .. [1] P. Magron and T. Virtanen, "Bayesian anisotropic Gaussian model for audio source separation",
           ICASSP 2018.
    """
    problem = Mixture.check(X, V, ("X", "V"))
    free = choice("variance", variance, ("fixed", "free")) == "free"
    estimate, cost = run(
        problem,
        problem.V**2,
        starting_phasors(init, problem.X, problem.V, hop_length, n_fft, onsets),
        phase_turns(problem.V, hop_length, n_fft, onsets),
        n_iter,
        return_cost,
        coupling=number("tau", tau, minimum=0.0),
        concentrations=concentrations(kappa, problem.V.shape[-3]),
        posterior=True,
        free_levels=free,
    )
    return estimate if cost is None else (estimate, cost)
