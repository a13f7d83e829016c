"""Convolutive factorisation: components are short spectrograms, such as drum hits, that are played again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import _core
from phasewise._validate import generator, integer, magnitudes, number
from phasewise.errors import Cancelled, ParameterError
from phasewise.factorization.updates import divergence, factorize

__all__ = ["nmfd", "nmfd_parts"]

Array = NDArray[Any]


def nmfd(
    V: ArrayLike,
    n_components: int,
    n_taps: int,
    *,
    beta: float = 1.0,
    n_iter: int = 100,
    W: ArrayLike | None = None,
    H: ArrayLike | None = None,
    update_W: bool = True,
    update_H: bool = True,
    l1_H: float = 0.0,
    rng: Any = None,
    return_cost: bool = False,
    callback: Callable[[float], Any] | None = None,
) -> Any:
    r"""Factorise a spectrogram into templates of several frames and their activations (NMFD).

    The model is ``sum_k sum_tau W[k, :, tau] H[k, t - tau]``: component k plays its template ``W[k]``, from
    its first frame on, with the strength ``H[k, t]`` at frame t [1]_. For sounds that repeat with a course of
    their own, such as drums.

    Parameters
    ----------
    V : array of shape (freq, frames), nonnegative and finite
        Magnitudes or powers; factorised in its precision.
    n_components : int > 0
        Templates.
    n_taps : int > 0
        Frames of a template; with 1 this is `nmf`.
    beta : float
        Divergence: 2 Euclidean, 1 Kullback-Leibler, 0 Itakura-Saito, or any other number. For ``beta <= 0``
        values of V below 1e-10 of its mean count as that.
    n_iter : int >= 0
        Iterations: H, then W.
    W : array of shape (n_components, freq, n_taps), nonnegative, optional
        Start, or the templates if `update_W` is false. By default random.
    H : array of shape (n_components, frames), nonnegative, optional
        Start, or the activations if `update_H` is false. By default random.
    update_W, update_H : bool
        Whether to learn W and H.
    l1_H : float >= 0
        Weight of the penalty ``l1_H sum(H)``, for activations that are few. A smaller H and a larger W dodge
        it: of use with fixed templates above all.
    rng : None, int or numpy Generator
        Source of the random start, uniform with the mean of V.
    return_cost : bool
        Also return the cost after every iteration (one more product per iteration).
    callback : callable, optional
        Called with the fraction done; returning ``False`` stops with `phasewise.Cancelled`.

    Returns
    -------
    W : ndarray of shape (n_components, freq, n_taps)
        Every template is a small spectrogram.
    H : ndarray of shape (n_components, frames)
    cost : ndarray of float64, shape (n_iter,)
        Only with `return_cost`: divergence plus penalty. It never increases, for any `beta`.

    Raises
    ------
    ParameterError
        For negative or non-finite values, shapes that do not fit, or numbers out of range.
    Cancelled
        If the callback returned False.

    See Also
    --------
    nmfd_parts : The magnitudes of every component.

    Notes
    -----
    The model is linear in all values of H, and in all values of W: the updates are those of `nmf` [2]_ for
    all taps at once. (Averaging an update per tap, as in [1]_, may raise the cost.) Cost per iteration:
    ``10 freq frames n_components n_taps`` operations (14 for beta other than 1 and 2), V read several
    times; memory: about three times V. There are many local minima: try a few `rng`, or give the spectra of
    single hits as W.

    References
    ----------
    .. [1] P. Smaragdis, "Non-negative matrix factor deconvolution; extraction of multiple sound sources from
       monophonic inputs", ICA 2004.
    .. [2] C. Fevotte and J. Idier, "Algorithms for nonnegative matrix factorization with the
       beta-divergence", Neural Computation 23(9), 2011.
    """
    data = magnitudes("V", V)
    if data.ndim != 2 or data.size == 0:
        raise ParameterError(
            f"V must be one matrix of shape (freq, frames) that is not empty, got shape {data.shape}; pass "
            "one channel at a time."
        )
    rank, taps = integer("n_components", n_components), integer("n_taps", n_taps)
    iterations = integer("n_iter", n_iter, minimum=0)
    penalty = number("l1_H", l1_H, minimum=0)
    if not (update_W or update_H):
        raise ParameterError(
            "update_W and update_H are both false, so that nothing is left to learn; set one of them."
        )
    for name, factor, learnt in (("W", W, update_W), ("H", H, update_H)):
        if factor is None and not learnt:
            raise ParameterError(
                f"update_{name}=False keeps {name} as it is, so {name} must be given, got None."
            )
    random = generator(rng)
    freq, frames = data.shape
    scale = np.sqrt(4 * data.mean(dtype=np.float64) / (rank * taps))
    templates = _factor("W", W, (rank, freq, taps), scale, random, data.dtype)
    activations = _factor("H", H, (rank, frames), scale, random, data.dtype)

    problem = _Problem(data, number("beta", beta), penalty)
    # Columns in the order (tap, component), as in the stack of delayed activations.
    w = np.ascontiguousarray(templates.transpose(1, 2, 0)).reshape(freq, taps * rank)
    h = np.ascontiguousarray(activations.T)
    costs = np.zeros(iterations if return_cost else 0)
    for i in range(iterations):
        if update_H:
            h = problem.step_h(w, h)
        if update_W:
            problem.step_w(w, h)
        if return_cost:
            costs[i] = problem.cost(w, h)
        if callback is not None and callback((i + 1) / iterations) is False:
            raise Cancelled("nmfd was stopped by its callback.")
    templates = np.ascontiguousarray(w.reshape(freq, taps, rank).transpose(2, 0, 1))
    factors = templates, np.ascontiguousarray(h.T)
    return (*factors, costs) if return_cost else factors


def nmfd_parts(W: ArrayLike, H: ArrayLike) -> NDArray[Any]:
    """Return what every component of a convolutive factorisation plays.

    Parameters
    ----------
    W : array of shape (n_components, freq, n_taps), nonnegative
    H : array of shape (n_components, frames), nonnegative
        As `nmfd` returns them.

    Returns
    -------
    ndarray of shape (n_components, freq, frames)
        Magnitudes, ready for `wiener`; their sum is the model of V.

    Raises
    ------
    ParameterError
        For shapes that do not fit, negative or non-finite values.
    """
    templates, activations = magnitudes("W", W, min_ndim=3), magnitudes("H", H)
    if templates.ndim != 3 or activations.ndim != 2 or len(templates) != len(activations):
        raise ParameterError(
            "W and H must have shapes (n_components, freq, n_taps) and (n_components, frames), got "
            f"{templates.shape} and {activations.shape}."
        )
    stacks = (_delayed(activations[k : k + 1].T, templates.shape[2]) for k in range(len(templates)))
    return np.stack([W_k @ stack.T for W_k, stack in zip(templates, stacks, strict=True)])


class _Problem:
    """V in the core's frame-major memory, and the updates of its factors w (freq, ...), h."""

    def __init__(self, V: Array, beta: float, l1_h: float) -> None:
        self._v = np.array(V.T, order="C")
        self._beta, self._l1_h = beta, l1_h
        self._exponent = 1 / (2 - beta) if beta < 1 else 1.0 if beta <= 2 else 1 / (beta - 1)
        self._floor = V.dtype.type(1e-12 * (float(V.max()) or 1.0))
        if beta <= 0:
            np.maximum(self._v, V.dtype.type(1e-10 * (V.mean(dtype=np.float64) or 1.0)), out=self._v)

    def step_h(self, w: Array, h: Array) -> Array:
        model = np.maximum(_delayed(h, self._taps(w, h)) @ w.T, self._floor)
        if self._beta == 1:
            numerator = self._v / model @ w
            denominator = np.broadcast_to(w.sum(axis=0), numerator.shape)
        else:
            powers = model ** (self._beta - 2)
            numerator = (self._v * powers) @ w
            denominator = np.multiply(powers, model, out=model) @ w
        p, q = _advanced(numerator, h.shape), _advanced(denominator, h.shape) + h.dtype.type(self._l1_h)
        ratio = p / np.where(q > 0, q, 1)
        return np.asarray(h * (ratio if self._exponent == 1 else ratio**self._exponent))

    def step_w(self, w: Array, h: Array) -> None:
        """For fixed activations W is a plain factor of V, beside those of every delay."""
        options = _core.NmfOptions()
        options.beta, options.iterations, options.update_h = self._beta, 1, False
        factorize(self._v, w, _delayed(h, self._taps(w, h)), options)

    def cost(self, w: Array, h: Array) -> float:
        fit = float(divergence(self._v, w, _delayed(h, self._taps(w, h)), self._beta))
        return fit + self._l1_h * float(h.sum(dtype=np.float64))

    @staticmethod
    def _taps(w: Array, h: Array) -> int:
        return int(w.shape[1] // h.shape[1])


def _delayed(h: Array, taps: int) -> Array:
    """Activations (frames, rank) side by side with themselves 1 to taps - 1 frames later."""
    stack = np.zeros((len(h), taps, h.shape[1]), h.dtype)
    for tap in range(min(taps, len(h))):
        stack[tap:, tap] = h[: len(h) - tap]
    return stack.reshape(len(h), -1)


def _advanced(stack: Array, shape: tuple[int, ...]) -> Array:
    """The transpose of `_delayed`: the sum over the taps, each moved back by its delay."""
    frames, rank = shape
    parts = stack.reshape(frames, -1, rank)
    total = np.array(parts[:, 0])
    for tap in range(1, min(parts.shape[1], frames)):
        total[: frames - tap] += parts[tap:, tap]
    return total


def _factor(
    name: str,
    given: ArrayLike | None,
    shape: tuple[int, ...],
    scale: float,
    rng: np.random.Generator,
    dtype: Any,
) -> Array:
    if given is None:
        return np.asarray(scale * rng.random(shape), dtype)
    factor = magnitudes(name, given, min_ndim=0)
    if factor.shape != shape:
        axes = "(n_components, freq, n_taps)" if name == "W" else "(n_components, frames)"
        raise ParameterError(f"{name} must have shape {axes} = {shape}, got {factor.shape}.")
    return np.asarray(factor, dtype)
