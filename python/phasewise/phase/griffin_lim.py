"""One source from its magnitudes: Griffin-Lim, its accelerations, reflections and divergences.

The magnitudes V are projected in turn on the set of consistent spectrograms (transforms of signals) and on
the set of spectrograms with these magnitudes: S <- V T/|T|, T = STFT(iSTFT(S)). Instead of the second
projection, "bregman" descends the gradient of a beta divergence between the magnitudes, or powers, of T and
those given, and "bregman_admm" takes its proximal point.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from phasewise._framing import framing
from phasewise._validate import choice, complex_array, integer, magnitudes, number
from phasewise.errors import ParameterError
from phasewise.phase._bregman import Divergence, checked_step
from phasewise.phase._one_source import GriffinLimState, Iterations, start
from phasewise.phase._problem import bins_first, frame_major, length_for, reflection_parameters
from phasewise.phase.registry import SINGLE_SOURCE
from phasewise.windows import WindowSpec

__all__ = ["GriffinLimState", "griffinlim"]

_DIVERGENCES = ("bregman", "bregman_admm")


def griffinlim(
    S: ArrayLike,
    *,
    n_iter: int = 32,
    hop_length: int | None = None,
    win_length: int | None = None,
    n_fft: int | None = None,
    window: WindowSpec = "hann",
    center: bool = True,
    dtype: DTypeLike | None = None,
    length: int | None = None,
    pad_mode: str = "constant",
    momentum: float | None = None,
    alpha: float | None = None,
    init: str | ArrayLike | GriffinLimState | None = "random",
    rng: Any = None,
    random_state: Any = None,
    algorithm: str = "fgla",
    relaxation: float | None = None,
    beta: float | None = None,
    d: int | None = None,
    direction: str | None = None,
    step: float | None = None,
    tol: float = 0.0,
    return_cost: bool = False,
    return_state: bool = False,
) -> Any:
    """Signal from the magnitudes of its transform.

    Parameters
    ----------
    S : array of shape (..., 1 + n_fft // 2, frames), nonnegative
        Magnitudes. A complex array gives its magnitudes, and its phase when ``init=None``.
    n_iter : int >= 0
        Iterations.
    hop_length, win_length, n_fft, window, center, pad_mode
        Parameters of the transform, see `phasewise.stft`. The cost of "gla" is sure to fall only with
        ``pad_mode="constant"``.
    dtype : float32 or float64, optional
        Precision, by default that of `S`.
    length : int > 0, optional
        Samples of the result; it must make as many frames as `S` has.
    momentum : float >= 0, optional
        Momentum of "fgla" and "bregman", by default 0.99, as librosa and torchaudio count it: the step of
        "fgla" uses ``momentum / (1 + momentum)``.
    alpha : float >= 0, optional
        The paper's name for the same number: its extrapolation ``T + alpha (T - T_previous)`` has the phase
        of ``T - alpha / (1 + alpha) T_previous``. Give one of the two.
    init : {"random", "pghi", "spsi", "sinusoidal", None}, array of shape of `S`, or GriffinLimState
        Start: random phase; the phase of `phasewise.pghi` (the best of these: 6 to 13 dB ahead of random
        phase after 30 iterations on music), `phasewise.spsi` or `phasewise.sinusoidal_phase`; the phase of
        `S` (zero for magnitudes); complex values, or phases in radians. With the state of an earlier call,
        its iterations go on: n and m of them give the bits of n + m.
    rng : None, int or numpy.random.Generator
        Source of random phases.
    random_state : None, int or numpy.random.RandomState
        The older spelling, for librosa's seeds; give one of the two.
    algorithm : {"fgla", "gla", "admm", "rrr", "raar", "bregman", "bregman_admm"}
        See `phasewise.phase.registry.SINGLE_SOURCE`.
    relaxation : float in (0, 2), optional
        Relaxation of "admm", "rrr", "raar" and "bregman_admm".
    beta : float in [-2, 4], optional
        Divergence of the two "bregman" algorithms: 2 Euclidean, 1 Kullback-Leibler (the default), 0
        Itakura-Saito.
    d : {1, 2}, optional
        Whether that compares magnitudes (1, the default) or powers (2).
    direction : {"right", "left"}, optional
        Whether the estimate is its second argument (the default) or its first.
    step : float > 0, optional
        Step of the gradient, or weight of the squared distance for "bregman_admm", for magnitudes whose root
        mean square is 1; it is scaled to those given. With ``beta=2``, ``d=1``, ``step=1`` and no momentum,
        "bregman" is "gla".
    tol : float >= 0
        Stop when ten iterations lower the root of the cost by less than `tol` times its first value. Every
        sound of a batch stops for itself.
    return_cost : bool
        Whether to return the cost of every iteration too.
    return_state : bool
        Whether to return what later iterations need to go on from here.

    Returns
    -------
    y : array of shape (..., samples), real
    cost : array of shape (..., n_iter), float64
        Squared distance of the magnitudes, ``sum a_k (|STFT(y)| - S)**2`` with weights 2 for the bins that a
        one-sided spectrum leaves out; the divergence for the "bregman" algorithms (for ``beta=2`` half the
        squared distance). Values after a stop by `tol` are NaN. Only with `return_cost`.
    state : GriffinLimState
        Only with `return_state`.

    Raises
    ------
    ParameterError
        For negative or non-finite magnitudes, unknown names, or shapes that do not fit.

    Notes
    -----
    Cost: two transforms of every frame per iteration, and a third for the cost of "fgla". The divergences
    cost as much again, "bregman_admm" several times that where its proximal point has no formula. Memory:
    that of the start, a complex array of the size of `S`, and with momentum a second signal. The result does
    not depend on the number of threads. Ctrl-C stops between iterations.

    References
    ----------
    .. [1] D. Griffin and J. Lim, "Signal estimation from modified short-time Fourier transform", IEEE TASSP
           32(2), 1984.
    .. [2] N. Perraudin, P. Balazs and P. Sondergaard, "A fast Griffin-Lim algorithm", WASPAA 2013.
    .. [3] T. Peer, S. Welker and T. Gerkmann, "Beyond Griffin-Lim: improved iterative phase retrieval for
           speech", 2022.
    .. [4] P.-H. Vial, P. Magron, T. Oberlin and C. Fevotte, "Phase retrieval with Bregman divergences and
           application to audio signal recovery", IEEE JSTSP 15(1), 2021.
    """
    given = np.asarray(S)
    S = complex_array("S", S) if np.iscomplexobj(given) else magnitudes("S", S)
    V = np.abs(S) if np.iscomplexobj(S) else S
    if dtype is not None:
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise ParameterError(f"dtype must be float32 or float64, got {np.dtype(dtype)}.")
        V = V.astype(dtype, copy=False)
    entry = SINGLE_SOURCE[choice("algorithm", algorithm, SINGLE_SOURCE)]
    n_iter = integer("n_iter", n_iter, minimum=0)
    n_fft = max(1, 2 * (V.shape[-2] - 1)) if n_fft is None else n_fft
    frames_of = framing(n_fft, hop_length, win_length, window, center, pad_mode)
    if V.shape[-2] != frames_of.bins:
        raise ParameterError(
            f"S must have 1 + n_fft // 2 = {frames_of.bins} bins on axis -2, got shape {V.shape}."
        )
    samples = length_for(frames_of, V.shape[-1], length)

    parameters, rule = _options(algorithm, momentum, alpha, relaxation, beta, d, direction, step)
    cplx = np.result_type(V.dtype, np.complex64)
    if isinstance(init, GriffinLimState):
        begin, before = _resumed(init, algorithm, V, samples)
    else:
        begin, before = start(S, V, init, frames_of, rng, random_state, cplx), None
    estimate = frame_major(begin, 2, cplx)[:, None]
    previous = None
    if before is not None:
        previous = before.reshape(-1, 1, samples)
    elif parameters.get("momentum") and (return_state or tol > 0):
        previous = np.zeros((len(estimate), 1, samples), V.dtype)
    iterations = Iterations(
        frames_of.plan(V.dtype),
        entry.update,
        parameters,
        rule,
        samples,
        frame_major(V, 2, V.dtype)[:, None],
        estimate,
        previous,
        before is not None,
        return_state,
    )
    early = number("tol", tol, minimum=0.0) > 0
    signal, cost = iterations.run_until(tol, n_iter) if early else iterations.run(n_iter, return_cost)
    results: list[Any] = [signal.reshape(*V.shape[:-2], samples)]
    if return_cost:
        results.append(np.asarray(cost).reshape(*V.shape[:-2], n_iter))
    if return_state:
        # Without an iteration there is nothing to remember.
        kept = None
        if previous is not None and (n_iter > 0 or before is not None):
            kept = previous.reshape(*V.shape[:-2], samples)
        results.append(GriffinLimState(algorithm, bins_first(estimate, V.shape), kept))
    return results[0] if len(results) == 1 else tuple(results)


def _options(
    algorithm: str,
    momentum: float | None,
    alpha: float | None,
    relaxation: float | None,
    beta: float | None,
    d: int | None,
    direction: str | None,
    step: float | None,
) -> tuple[dict[str, Any], Any]:
    """Return the parameters of the update, and the rule of the divergence for given magnitudes."""
    entry = SINGLE_SOURCE[algorithm]
    parameters: dict[str, Any] = {}
    if entry.relaxation is not None:
        parameters = reflection_parameters(algorithm, _relaxation(relaxation, entry.relaxation))
        if momentum is not None or alpha is not None:
            raise ParameterError(f"momentum and alpha belong to algorithm='fgla', not to {algorithm!r}.")
    elif relaxation is not None:
        raise ParameterError(f"relaxation belongs to the reflections, not to {algorithm!r}.")
    elif algorithm in ("fgla", "bregman"):
        value = _momentum(momentum, alpha)
        parameters = {"momentum": value / (1 + value) if algorithm == "fgla" else value}
    elif momentum is not None or alpha is not None:
        raise ParameterError("algorithm='gla' has no momentum; use algorithm='fgla'.")
    if algorithm not in _DIVERGENCES:
        given = {"beta": beta, "d": d, "direction": direction, "step": step}
        for name, argument in given.items():
            if argument is not None:
                raise ParameterError(f"{name} belongs to {_DIVERGENCES}, not to algorithm={algorithm!r}.")
        return parameters, None
    divergence = Divergence.check(
        1.0 if beta is None else beta, 1 if d is None else d, "right" if direction is None else direction
    )
    proximal = algorithm == "bregman_admm"
    if step is not None:
        scaled = checked_step(step)
    else:
        scaled = divergence.default_weight() if proximal else divergence.default_step()
    return parameters, lambda V: divergence.rule(V, scaled, proximal=proximal)


def _relaxation(given: float | None, default: float) -> float:
    return default if given is None else number("relaxation", given, minimum=0.0, maximum=2.0)


def _momentum(momentum: float | None, alpha: float | None) -> float:
    if momentum is not None and alpha is not None:
        raise ParameterError("momentum and alpha are two ways to say the same: give one of them.")
    name, given = ("momentum", momentum) if alpha is None else ("alpha", alpha)
    return 0.99 if given is None else number(name, given, minimum=0.0)


def _resumed(
    state: GriffinLimState, algorithm: str, V: NDArray[Any], samples: int
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    if state.algorithm != algorithm:
        raise ParameterError(
            f"init is a state of algorithm={state.algorithm!r}, not of {algorithm!r}; pass "
            "init=state.estimate to start another algorithm there."
        )
    dtype, signals = np.result_type(V.dtype, np.complex64), (*V.shape[:-2], samples)
    if state.estimate.shape != V.shape or state.estimate.dtype != dtype:
        raise ParameterError(
            f"init must be a state of magnitudes like S, {dtype} {V.shape}; got {state.estimate.dtype} "
            f"{state.estimate.shape}."
        )
    if state.previous is not None and (state.previous.shape != signals or state.previous.dtype != V.dtype):
        raise ParameterError(
            f"init must be a state of signals of {samples} samples, {V.dtype} {signals}; got "
            f"{state.previous.dtype} {state.previous.shape}. Pass the same length as before."
        )
    # The iterations work in place: the state may be used again.
    return state.estimate.copy(), None if state.previous is None else state.previous.copy()
