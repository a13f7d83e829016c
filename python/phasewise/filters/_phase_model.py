"""What the models of magnitudes and phases share around the core's `phase_model`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import _core, _memory
from phasewise._validate import choice, complex_array, finite, integer, real_array
from phasewise.errors import ParameterError
from phasewise.filters.anisotropic import anisotropic_wiener
from phasewise.phase._bins import Mixture, fft_length, onset_frames
from phasewise.phase._problem import broadcasts, frame_major, phasors, unit_phasors
from phasewise.phase.sinusoidal import sinusoidal_phase

__all__ = ["factors", "phase_turns", "run", "starting_phasors"]


def factors(X: ArrayLike, W: ArrayLike, H: ArrayLike) -> tuple[Mixture, NDArray[Any], NDArray[Any]]:
    """Check a mixture and the factors of the levels of its sources; return the levels with the mixture."""
    mixture = complex_array("X", X)
    w, h = (real_array(name, f, min_ndim=3) for name, f in (("W", W), ("H", H)))
    batch, (freq, frames) = mixture.shape[:-2], mixture.shape[-2:]
    sources, rank = w.shape[-3], w.shape[-1]
    for name, f, last in (("W", w, (sources, freq, rank)), ("H", h, (sources, rank, frames))):
        if f.shape[-3:] != last or 0 in f.shape or not broadcasts(f.shape[:-3], batch):
            raise ParameterError(
                "W and H must have shapes (..., source, freq, rank) and (..., source, rank, frames) for X "
                f"(..., freq, frames) = {mixture.shape}; got {w.shape} and {h.shape}."
            )
        if f.min() < 0:
            raise ParameterError(f"{name} must be nonnegative, but its minimum is {f.min():g}.")
    dtype = np.result_type(mixture.real.dtype, w.dtype, h.dtype)
    w = np.array(np.broadcast_to(w, (*batch, *w.shape[-3:])), dtype=dtype)
    h = np.array(np.broadcast_to(h, (*batch, *h.shape[-3:])), dtype=dtype)
    return Mixture.check(mixture, w @ h, ("X", "W @ H")), w, h


def starting_phasors(
    init: str | ArrayLike,
    X: NDArray[Any],
    V: NDArray[Any],
    hop_length: int | None,
    n_fft: int | None,
    onsets: ArrayLike | None,
) -> NDArray[Any]:
    """Return phasors of the sources of magnitudes ``V`` to start from, frame-major and fresh."""
    if isinstance(init, str):
        if choice("init", init, ("sinusoidal", "mixture")) == "mixture":
            start = np.broadcast_to(unit_phasors(X)[..., None, :, :], V.shape)
        else:
            start = unit_phasors(anisotropic_wiener(X, V, hop_length=hop_length, n_fft=n_fft, onsets=onsets))
    else:
        given = np.asarray(init)
        if given.dtype.kind not in "fc" or not broadcasts(given.shape, V.shape):
            raise ParameterError(
                f"init must be a name, or phases in radians or complex values, of shape {V.shape}; "
                f"got {given.dtype} {given.shape}."
            )
        finite("init", given)
        start = np.broadcast_to(unit_phasors(given) if np.iscomplexobj(given) else phasors(given), V.shape)
    return np.array(frame_major(start, 3, X.dtype))


def phase_turns(
    V: NDArray[Any], hop_length: int | None, n_fft: int | None, onsets: ArrayLike | None
) -> NDArray[Any]:
    """Return how phases advance into each frame by the sinusoidal model, 0 at onsets; frame-major phasors."""
    n_fft = fft_length(n_fft, V.shape[-2], "X")
    hop_length = max(1, n_fft // 4) if hop_length is None else integer("hop_length", hop_length)
    advance = np.zeros(V.shape, V.dtype)
    for first in (0, 1):  # every other frame starts from phase 0: the others hold their advances
        starts = np.zeros((*V.shape[:-2], V.shape[-1]), dtype=bool)
        starts[..., first::2] = True
        phase = sinusoidal_phase(V, hop_length=hop_length, n_fft=n_fft, onsets=starts)
        advance[..., 1 - first :: 2] = phase[..., 1 - first :: 2]
    turns = phasors(frame_major(advance, 3, V.dtype))
    if onsets is not None:
        marks = onset_frames(onsets, V).reshape(turns.shape[:-1])
        turns[marks] = 0
    return turns


def run(
    problem: Mixture,
    levels: NDArray[Any],
    phasors: NDArray[Any],
    turns: NDArray[Any],
    n_iter: int,
    return_cost: bool,
    **options: Any,
) -> tuple[NDArray[Any], NDArray[Any] | None]:
    """Run the core's iterations from ``levels`` (..., source, freq, frames); estimates and costs."""
    estimate = problem.estimate()
    n_iter = integer("n_iter", n_iter, minimum=0)
    cost = _memory.empty((len(estimate), n_iter), np.dtype(np.float64)) if return_cost else None
    _core.phase_model(
        mixture=frame_major(problem.X, 2, problem.X.dtype),
        levels=np.array(frame_major(levels, 3, problem.V.dtype)),
        phasors=phasors,
        turns=turns,
        n_iter=n_iter,
        estimate=estimate,
        cost=cost,
        **options,
    )
    return problem.public(estimate), None if cost is None else cost.reshape(*problem.X.shape[:-2], n_iter)
