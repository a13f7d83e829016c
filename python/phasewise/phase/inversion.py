r"""Several sources from their magnitudes and their mixture.

Three constraints, each with a projector: the given magnitudes, the sum, and being transforms of signals,

.. math::
    P_{mag}(S)_j = V_j S_j / |S_j|, \qquad
    P_{mix}(S)_j = S_j + \Lambda_j (X - \sum_k S_k), \qquad
    P_{cons}(S)_j = STFT(iSTFT(S_j)),

with mixing weights :math:`\Lambda_j \ge 0` that sum to 1. The algorithms of
`phasewise.phase.registry.ALGORITHMS` combine them. Their costs are made of the mixing error :math:`h = \|X
- \sum_j S_j\|^2`, the inconsistency :math:`i = \sum_j \|S_j - P_{cons}(S_j)\|^2` and the magnitude error
:math:`m = \sum_j \||S_j| - V_j\|^2`, where the bins that a one-sided spectrum leaves out count too (weights
2).
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import _core, _memory
from phasewise._framing import framing
from phasewise._validate import choice, complex_array, integer, magnitudes, number
from phasewise.errors import ParameterError
from phasewise.phase._problem import (
    bins_first,
    frame_major,
    generator,
    length_for,
    random_start,
    reflection_parameters,
    starting_point,
    unit_phasors,
    update_named,
)
from phasewise.phase._stopping import run_until
from phasewise.phase._without_iterations import solve_bins
from phasewise.phase.agreement import blend_with_prior, feasible_magnitudes
from phasewise.phase.registry import mixture_algorithm
from phasewise.phase.weights import core_weights
from phasewise.windows import WindowSpec

__all__ = ["misi", "spectrogram_inversion"]

_INITS = ("mixture", "wiener", "random", "sinusoidal", "auto")


def spectrogram_inversion(
    mixture: ArrayLike,
    magnitudes: ArrayLike,
    algo: str = "MISI",
    *,
    n_iter: int = 5,
    consistency_weight: float = 1.0,
    init: str | ArrayLike = "auto",
    mixing_weights: str | float | ArrayLike | None = None,
    relaxation: float | None = None,
    tol: float = 0.0,
    return_cost: bool = False,
    return_state: bool = False,
    hop_length: int | None = None,
    win_length: int | None = None,
    n_fft: int | None = None,
    window: WindowSpec = "hann",
    center: bool = True,
    length: int | None = None,
    rng: Any = None,
) -> Any:
    r"""Estimate the spectrograms of sources from their magnitudes and the spectrogram of their mixture.

    Parameters
    ----------
    mixture : array of shape (..., freq, frames), complex
        Spectrogram X of the mixture, made with zero padding.
    magnitudes : array of shape (..., source, freq, frames), nonnegative
        Magnitudes V of the sources; channels and batches come before the source axis.
    algo : str
        "AM", "MISI", "Mix+Incons", "Mix+Incons_hardMag", "Incons_hardMix", "Mag_hardMix",
        "Mag(KL)_hardMix", "Mag+Incons_hardMix", "RRR", "RAAR" or "auto"; `phasewise.ALGORITHMS`
        describes them. "auto" is for known and for estimated magnitudes alike, see Notes.
    n_iter : int >= 0
        Iterations. "AM", "Mag_hardMix", "Mag(KL)_hardMix" and "Incons_hardMix" have none to repeat. RRR,
        RAAR and "auto" take one projection more than iterations.
    consistency_weight : float >= 0
        Weight of the inconsistency in the three "+Incons" algorithms.
    init : {"mixture", "wiener", "random", "sinusoidal", "auto"} or array of shape of `magnitudes`
        Start: V with the phase of the mixture, the Wiener estimate, V with random phase, the estimate of
        `phasewise.pu_iter`, complex values, or phases in radians. "auto" is "wiener" for ``algo="auto"``, and
        "mixture" for the others.
    mixing_weights : str, float, array, optional
        Shares of the mixing error: "equal" (1/J), "magnitude" (V), "wiener" (V\ :sup:`2`), "refreshed"
        (proportional to the distance of the last mixing from the point to mix), an exponent p (V\
        :sup:`p`), one weight per source, or an array like `magnitudes`. By default the algorithm's own.
    relaxation : float in [0, 2], optional
        Relaxation b of RRR, RAAR and "auto".
    tol : float >= 0
        Stop when ten iterations lower the root of the cost by less than `tol` times its first value. Every
        item of the batch stops for itself, the test comes every ten iterations.
    return_cost : bool
        Whether to return the cost after each iteration too; it takes one projection more.
    hop_length, win_length, n_fft, window, center
        Parameters of the transform, see `phasewise.stft`.
    length : int > 0, optional
        Samples of the analysed signal; by default what the frames determine.
    rng : None, int or numpy.random.Generator
        Source of the random start.

    Returns
    -------
    estimate : array of shape (..., source, freq, frames), complex
    cost : array of shape (..., n_iter), float64
        Only with `return_cost`: the algorithm's cost after each iteration (one value for those
        without iterations). Values after a stop by `tol` are NaN.
    state : array of shape (..., source, freq, frames), complex
        Only with `return_state`: the point from which the next iteration would start. As `init` it continues
        where the iterations ended, exactly but for rounding. RRR and RAAR move another point than their
        result; for the other algorithms it is the estimate itself. Not for refreshed weights, which also
        depend on the last mixing, nor for "auto", whose result is a blend with its start.

    Raises
    ------
    ParameterError
        If shapes do not match, magnitudes are negative or not finite, or a name is unknown.

    Notes
    -----
    One iteration costs two transforms of every frame of every source and a bin-wise update fused with them.
    Memory beyond the estimate: the signals of the sources, and for "auto" its magnitudes too; for "MISI"
    nothing, unless it returns its costs or frames overlap by less than half. The result does not depend on
    the number of threads, nor on the batch.

    ``algo="auto"`` tells good magnitudes from bad ones by how they fit the mixture, in each item of the batch
    for itself. (1) Magnitudes that cannot sum to the mixture are moved to the nearest that can
    (`phasewise.phase.feasible_magnitudes`); true ones stay. (2) RAAR with weights V\ :sup:`0.5` starts from
    the Wiener estimate. (3) Every bin of its result S is blended with the start P (the Wiener estimate W or
    the complex `init`) as :math:`S + c (P - S)`, :math:`1 - c = t\, e / (e + 2 m)`, where :math:`m = \sum_j
    (|S_j| - V_j)^2` is the mismatch and :math:`e = \sum_j V_j^2 (1 - w_j)`, :math:`w_j = V_j^2 / \sum_k
    V_k^2`, the error that the Gaussian model expects of W. The error of an `init` is taken from what it lacks
    of the mixture, :math:`|X - \sum_j P_j|^2 \sum_j w_j (1 - w_j)`. With known magnitudes m vanishes and
    RAAR's result stays. The trust t belongs to the whole item. Unless the magnitudes are met (:math:`\sum m`
    far below 0.01 of :math:`\sum e`), it is the product of two factors: one rises from 0 to 1 while
    :math:`\sum |S - W|^2` rises from 0.5 to 0.75 of :math:`\sum e`; the other is 1 while :math:`\sum V^2` is
    0.9 to 1.1 of :math:`\sum |X|^2`, and 0 below 0.75 and above 1.25. Blurred magnitudes fail: then the
    result is P, the Wiener filter.

    References
    ----------
    .. [1] D. Gunawan and D. Sen, "Iterative phase estimation for the synthesis of separated sources from
           single-channel mixtures", IEEE SPL 17(5), 2010.
    .. [2] P. Magron and T. Virtanen, "Spectrogram inversion for audio source separation via consistency,
           mixing, and magnitude constraints", EUSIPCO 2023.
    """
    transform = {
        "hop_length": hop_length,
        "win_length": win_length,
        "n_fft": n_fft,
        "window": window,
        "center": center,
    }
    problem = _Problem(mixture, magnitudes, transform, length)
    return problem.solve(
        algo,
        n_iter,
        consistency_weight,
        init,
        mixing_weights,
        relaxation,
        return_cost,
        rng,
        tol=number("tol", tol, minimum=0.0),
        return_state=return_state,
    )


def misi(
    mixture: ArrayLike,
    magnitudes: ArrayLike,
    *,
    n_iter: int = 5,
    init: str | ArrayLike = "mixture",
    mixing_weights: str | float | ArrayLike | None = None,
    last: str = "mix",
    return_cost: bool = False,
    hop_length: int | None = None,
    win_length: int | None = None,
    n_fft: int | None = None,
    window: WindowSpec = "hann",
    center: bool = True,
    length: int | None = None,
    rng: Any = None,
) -> Any:
    """Multiple input spectrogram inversion: `spectrogram_inversion` with ``algo="MISI"``.

    Parameters
    ----------
    mixture, magnitudes, n_iter, init, mixing_weights, return_cost, hop_length, win_length, n_fft, window,
    center, length, rng
        As in `spectrogram_inversion`.
    last : {"mix", "mag"}
        The last projection of an iteration: with "mix" the estimates sum to the mixture exactly; with "mag"
        they have the given magnitudes exactly and the order is mixing, consistency, magnitude (as in
        asteroid-filterbanks).

    Returns
    -------
    estimate : array of shape (..., source, freq, frames), complex
    cost : array of shape (..., n_iter), float64
        Only with `return_cost`; it never increases.

    References
    ----------
    .. [1] D. Gunawan and D. Sen, "Iterative phase estimation for the synthesis of separated sources from
           single-channel mixtures", IEEE SPL 17(5), 2010.
    """
    transform = {
        "hop_length": hop_length,
        "win_length": win_length,
        "n_fft": n_fft,
        "window": window,
        "center": center,
    }
    problem = _Problem(mixture, magnitudes, transform, length)
    mix_first = choice("last", last, ("mix", "mag")) == "mag"
    return problem.solve("MISI", n_iter, 1.0, init, mixing_weights, None, return_cost, rng, mix_first)


class _Problem:
    """A mixture and the magnitudes of its sources, checked and of one precision."""

    def __init__(
        self, mixture: ArrayLike, V: ArrayLike, transform: dict[str, Any], length: int | None
    ) -> None:
        X = complex_array("mixture", mixture)
        V = magnitudes("magnitudes", V, min_ndim=3)
        if V.shape[:-3] != X.shape[:-2] or V.shape[-2:] != X.shape[-2:] or V.shape[-3] == 0:
            raise ParameterError(
                f"magnitudes must have the shape (..., source, freq, frames) of the mixture's {X.shape} with "
                f"a source axis at -3, got {V.shape}."
            )
        if transform["n_fft"] is None:
            transform["n_fft"] = max(1, 2 * (X.shape[-2] - 1))
        self.framing = framing(**transform)
        if X.shape[-2] != self.framing.bins:
            raise ParameterError(
                f"mixture must have 1 + n_fft // 2 = {self.framing.bins} bins on axis -2, got {X.shape}."
            )
        self.samples = length_for(self.framing, X.shape[-1], length)
        self.complex = np.result_type(X.dtype, V.dtype, np.complex64)
        self.real = np.empty(0, self.complex).real.dtype
        self.X = X.astype(self.complex, copy=False)
        self.V = V.astype(self.real, copy=False)

    def solve(
        self,
        algo: str,
        n_iter: int,
        consistency_weight: float,
        init: str | ArrayLike,
        weights: str | float | ArrayLike | None,
        relaxation: float | None,
        return_cost: bool,
        rng: Any,
        mix_first: bool = False,
        tol: float = 0.0,
        return_state: bool = False,
    ) -> Any:
        """Run an algorithm; see `spectrogram_inversion`."""
        entry = mixture_algorithm(algo)
        n_iter = integer("n_iter", n_iter, minimum=0) if entry.iterative else 1
        parameters = _parameters(entry.name, entry.relaxation, relaxation, consistency_weight)
        start_from = entry.start if isinstance(init, str) and init == "auto" else init
        # The core takes the phase of the mixture itself, on the way to its first iteration.
        from_mixture = isinstance(start_from, str) and start_from == "mixture" and n_iter > 0
        batch_shape = self.X.shape[:-2]
        kind = entry.weights if weights is None else weights
        if entry.calls == "0":
            start_now = partial(self.start, start_from, rng)
            S, total = solve_bins(entry.name, self.X, self.V, start_now, kind, self.counts())
            return _results(S, total[..., None] if return_cost else None, S, return_state)
        start = self.empty() if from_mixture else self.start(start_from, rng)

        V = feasible_magnitudes(self.X, self.V) if entry.name == "auto" else self.V
        refresh = isinstance(kind, str) and kind == "refreshed"
        if return_state and (refresh or entry.name == "auto"):
            raise ParameterError(
                'return_state is not for mixing_weights="refreshed", which depend on the last mixing too, '
                'nor for algo="auto", which would blend with it: use algo="RAAR", relaxation=0.85, with '
                "phasewise.phase.feasible_magnitudes."
            )
        estimate = frame_major(start, 3, self.complex)
        cost = np.empty((estimate.shape[0], n_iter)) if return_cost or tol > 0 else None
        state = (
            np.empty_like(estimate) if entry.update == "reflection" and (return_state or tol > 0) else None
        )
        arrays: dict[str, Any] = {
            "mixture": frame_major(self.X, 2, self.complex),
            "magnitudes": frame_major(V, 3, self.real),
        }
        weighting = core_weights(V, kind)
        arrays["weights"] = weighting["weights"]
        options: dict[str, Any] = parameters | {
            "exponent": weighting["exponent"],
            "refresh_weights": refresh,
            "update": update_named(entry.update),
            "mix_first": mix_first,
            "length": self.samples,
        }
        plan = self.framing.plan(self.real)
        if tol > 0:
            if refresh:
                raise ParameterError('tol needs weights that stay; mixing_weights="refreshed" has none.')
            run_until(tol, plan, arrays, options, from_mixture, estimate, state, cost)
        else:
            options["from_mixture"] = from_mixture
            _core.invert(
                plan, **arrays, **options, n_iter=n_iter, estimate=estimate, iterate=state, cost=cost
            )
        if entry.name == "auto":
            complete = not isinstance(init, str) and np.iscomplexobj(init)
            blend_with_prior(
                frame_major(self.X, 2, self.complex),
                frame_major(self.V, 3, self.real),
                estimate,
                frame_major(self.start(init, rng), 3, self.complex) if complete else None,
            )
        costs = cost.reshape(*batch_shape, n_iter) if cost is not None and return_cost else None
        return _results(
            self.public(estimate), costs, self.public(estimate if state is None else state), return_state
        )

    def counts(self) -> NDArray[Any]:
        """Return how many bins of the full spectrum each bin stands for, (freq, 1)."""
        a = np.full((self.framing.bins, 1), 2.0)
        a[0] = 1
        if self.framing.n_fft % 2 == 0:
            a[-1] = 1
        return a

    def public(self, spectra: NDArray[Any]) -> NDArray[Any]:
        """Return the core's (batch, source, frames, freq) as (..., source, freq, frames), a view."""
        return bins_first(spectra, self.V.shape)

    def empty(self) -> NDArray[Any]:
        """Return memory for the estimate."""
        *batch, freq, frames = self.V.shape
        return np.swapaxes(_memory.empty((*batch, frames, freq), self.complex), -1, -2)

    def start(self, init: str | ArrayLike, rng: Any) -> NDArray[Any]:
        """Return the starting point, an array of our own."""
        if not isinstance(init, str):
            return starting_point(init, self.V, self.complex)
        choice("init", init, _INITS)
        if init == "random":
            return random_start(generator(rng), self.V)
        if init == "wiener":
            from phasewise.filters import wiener

            return np.asarray(wiener(self.X, self.V))
        if init == "sinusoidal":
            from phasewise.phase.unwrapping import pu_iter

            f = self.framing
            return np.asarray(pu_iter(self.X, self.V, hop_length=f.hop_length, n_fft=f.n_fft))
        return np.asarray(self.V * unit_phasors(self.X)[..., None, :, :])


def _results(estimate: Any, cost: Any, state: Any, return_state: bool) -> Any:
    found = [estimate, *([] if cost is None else [cost]), *([state] if return_state else [])]
    return found[0] if len(found) == 1 else tuple(found)


def _parameters(
    algo: str, default: float | None, relaxation: float | None, consistency_weight: float
) -> dict[str, Any]:
    sigma = number("consistency_weight", consistency_weight, minimum=0.0)
    if default is None:
        if relaxation is not None:
            raise ParameterError(f"relaxation belongs to 'RRR', 'RAAR' and 'auto', not to {algo!r}.")
        return {"sigma": sigma}
    b = default if relaxation is None else number("relaxation", relaxation, minimum=0.0, maximum=2.0)
    return reflection_parameters(algo, b)
