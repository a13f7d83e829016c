"""One source from its magnitudes: Griffin-Lim, its accelerations and reflections.

The magnitudes V are projected in turn on the set of consistent spectrograms (transforms of signals) and on
the set of spectrograms with these magnitudes: S <- V T/|T|, T = STFT(iSTFT(S)).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from phasewise import _core
from phasewise._framing import framing
from phasewise._validate import choice, complex_array, integer, magnitudes, number
from phasewise.errors import ParameterError
from phasewise.phase._problem import (
    frame_major,
    generator,
    length_for,
    random_start,
    reflection_parameters,
    starting_point,
    unit_phasors,
    update_named,
)
from phasewise.phase.registry import SINGLE_SOURCE
from phasewise.windows import WindowSpec

__all__ = ["griffinlim"]


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
    init: str | ArrayLike | None = "random",
    rng: Any = None,
    random_state: Any = None,
    algorithm: str = "fgla",
    relaxation: float | None = None,
    return_cost: bool = False,
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
        Momentum of "fgla", by default 0.99, as librosa and torchaudio count it: the step uses
        ``momentum / (1 + momentum)``.
    alpha : float >= 0, optional
        The paper's name for the same number: its extrapolation ``T + alpha (T - T_previous)`` has the phase
        of ``T - alpha / (1 + alpha) T_previous``. Give one of the two.
    init : {"random", None} or array of shape of `S`
        Start: random phase, the phase of `S` (zero for magnitudes), complex values, or phases in radians.
    rng : None, int or numpy.random.Generator
        Source of the random phase.
    random_state : None, int or numpy.random.RandomState
        The older spelling, for librosa's seeds; give one of the two.
    algorithm : {"fgla", "gla", "admm", "rrr", "raar"}
        See `phasewise.phase.registry.SINGLE_SOURCE`.
    relaxation : float in (0, 2), optional
        Relaxation of "admm", "rrr" and "raar".
    return_cost : bool
        Whether to return the cost of every iteration too.

    Returns
    -------
    y : array of shape (..., samples), real
    cost : array of shape (..., n_iter), float64
        Squared distance of the magnitudes, ``sum a_k (|STFT(y)| - S)**2`` with weights 2 for the bins that a
        one-sided spectrum leaves out. Only with `return_cost`.

    Raises
    ------
    ParameterError
        For negative or non-finite magnitudes, unknown names, or shapes that do not fit.

    Notes
    -----
    Cost: two transforms of every frame per iteration, and one complex array of the size of `S` (two with
    momentum). The result does not depend on the number of threads. Ctrl-C stops between iterations.

    References
    ----------
    .. [1] D. Griffin and J. Lim, "Signal estimation from modified short-time Fourier transform", IEEE TASSP
           32(2), 1984.
    .. [2] N. Perraudin, P. Balazs and P. Sondergaard, "A fast Griffin-Lim algorithm", WASPAA 2013.
    .. [3] T. Peer, S. Welker and T. Gerkmann, "Beyond Griffin-Lim: improved iterative phase retrieval for
           speech", 2022.
    """
    given = np.asarray(S)
    S = complex_array("S", S) if np.iscomplexobj(given) else magnitudes("S", S)
    V = np.abs(S)
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

    parameters: dict[str, Any] = {}
    if entry.update == "reflection":
        parameters = reflection_parameters(algorithm, _relaxation(relaxation, entry.relaxation))
        if momentum is not None or alpha is not None:
            raise ParameterError(f"momentum and alpha belong to algorithm='fgla', not to {algorithm!r}.")
    elif algorithm == "fgla":
        parameters = {"momentum": _momentum(momentum, alpha)}
    elif momentum is not None or alpha is not None:
        raise ParameterError("algorithm='gla' has no momentum; use algorithm='fgla'.")

    cplx = np.result_type(V.dtype, np.complex64)
    start = _start(S, V, init, rng, random_state, cplx)
    signal = np.empty((*V.shape[:-2], samples), V.dtype)
    batch = frame_major(V, 2, V.dtype)[:, None]
    cost = np.empty((batch.shape[0], n_iter)) if return_cost else None
    _core.invert(
        frames_of.plan(V.dtype),
        mixture=None,
        magnitudes=batch,
        weights=None,
        update=update_named(entry.update),
        n_iter=n_iter,
        length=samples,
        estimate=frame_major(start, 2, cplx)[:, None],
        signal=signal.reshape(-1, 1, samples),
        cost=cost,
        **parameters,
    )
    return signal if cost is None else (signal, cost.reshape(*V.shape[:-2], n_iter))


def _relaxation(given: float | None, default: float | None) -> float:
    return float(default or 0) if given is None else number("relaxation", given, minimum=0.0, maximum=2.0)


def _momentum(momentum: float | None, alpha: float | None) -> float:
    """Return the factor of the previous consistent point."""
    if momentum is not None and alpha is not None:
        raise ParameterError("momentum and alpha are two ways to say the same: give one of them.")
    name, given = ("momentum", momentum) if alpha is None else ("alpha", alpha)
    value = 0.99 if given is None else number(name, given, minimum=0.0)
    return value / (1 + value)


def _start(
    S: NDArray[Any], V: NDArray[Any], init: Any, rng: Any, random_state: Any, dtype: Any
) -> NDArray[Any]:
    if init is None:
        return np.asarray(V * unit_phasors(S) if np.iscomplexobj(S) else V.astype(dtype))
    if not isinstance(init, str):
        return starting_point(init, V, dtype)
    choice("init", init, ("random",))
    if rng is not None and random_state is not None:
        raise ParameterError("rng and random_state are two ways to say the same: give one of them.")
    source = generator(rng)
    if isinstance(random_state, (int, np.integer)):
        source = np.random.RandomState(seed=random_state)  # type: ignore[assignment]
    elif random_state is not None:
        source = random_state
    return random_start(source, V)
