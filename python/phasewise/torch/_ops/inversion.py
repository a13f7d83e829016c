"""Iterations of the inversion family as one operator, whose way back computes them again.

Kept from the way there are a few states (`phasewise.torch._unfolding`); spectra of a layer live only while
it is computed. There are first derivatives, and an error for second ones that says what to use.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from phasewise.torch import _bridge, _native
from phasewise.torch._composed import ComposedSteps
from phasewise.torch._ops.registration import gradient, operator
from phasewise.torch._unfolding import Frames, Problem, backward, forward, kept_states

__all__ = ["unfold", "unfold_backward"]

_ARGUMENTS = (
    "Tensor mixture, Tensor magnitudes, Tensor? weights, Tensor? start, Tensor parameters, Tensor window, "
    "int n_fft, int hop, bool center, SymInt length, str update, float epsilon"
)


def _problem(
    mixture: Tensor,
    magnitudes: Tensor,
    weights: Tensor | None,
    start: Tensor | None,
    parameters: Tensor,
    window: Tensor,
    n_fft: int,
    hop: int,
    center: bool,
    length: int,
    update: str,
    epsilon: float,
) -> Problem:
    sources, bins, frames = magnitudes.shape[-3:]

    def folded(tensor: Tensor | None) -> Tensor | None:
        return None if tensor is None else tensor.reshape(-1, sources, bins, frames)

    V = folded(magnitudes)
    assert V is not None
    X = mixture.reshape(-1, bins, frames)
    framing = Frames(window, n_fft, hop, center, length)
    return Problem(X, V, folded(weights), folded(start), parameters, framing, update, epsilon)


def _unfolded(transforms: Any) -> Any:
    """Return the way there with these transforms."""

    def run(*arguments: Any) -> tuple[Tensor, Tensor]:
        keep = arguments[-1]
        problem = _problem(*arguments[:-1])
        result, states = forward(ComposedSteps(problem, transforms), problem, keep)
        batch = arguments[1].shape[:-3]
        kept = torch.stack(states) if states else _nothing_kept(problem)
        if problem.start is not None and result.data_ptr() == problem.start.data_ptr():
            result = result.clone()
        return _frame_major(result).reshape(arguments[1].shape), kept.reshape(
            kept.shape[0], *batch, *kept.shape[2:]
        )

    return run


def _nothing_kept(problem: Problem) -> Tensor:
    batch, sources = problem.V.shape[:2]
    if problem.by_signal:
        return problem.V.new_empty((0, batch, sources, problem.frames.length))
    return problem.X.new_empty((0, batch, sources, *problem.V.shape[2:]))


def _frame_major(spectra: Tensor) -> Tensor:
    """Return spectra (..., freq, frames) in the core's memory order."""
    return spectra.mT.contiguous().mT


def _unfolded_backward(transforms: Any) -> Any:
    """Return the way back with these transforms."""

    def run(grad: Tensor, states: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
        problem = _problem(*arguments)
        steps = ComposedSteps(problem, transforms)
        shape = arguments[1].shape
        kept = [state.reshape(problem.V.shape[0], *state.shape[len(shape) - 3 :]) for state in states]
        of_start = backward(steps, problem, grad.reshape(problem.V.shape), kept)
        of_X, of_V, of_weights, of_parameters = steps.gradients()
        missing = of_V.new_empty(0)
        return (
            _frame_major(of_X.reshape(arguments[0].shape)),
            _frame_major(of_V.reshape(shape)),
            missing if of_weights is None else _frame_major(of_weights.reshape(shape)),
            missing.to(grad.dtype) if of_start is None else _frame_major(of_start.reshape(shape)),
            of_parameters,
        )

    return run


def _like(tensor: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    *batch, bins, frames = tensor.shape
    return tensor.new_empty((*batch, frames, bins), dtype=dtype).transpose(-1, -2)


def _fake_unfold(mixture: Tensor, magnitudes: Tensor, *rest: Any) -> tuple[Tensor, Tensor]:
    parameters, length, update, keep = rest[2], rest[7], rest[8], rest[10]
    count = len(kept_states(update, parameters.shape[0])) if keep else 0
    *batch, sources, bins, frames = magnitudes.shape
    if update == "misi":
        kept = magnitudes.new_empty((count, *batch, sources, length))
    else:
        kept = mixture.new_empty((count, *batch, sources, bins, frames))
    return _like(magnitudes, mixture.dtype), kept


def _fake_backward(
    grad: Tensor, states: Tensor, mixture: Tensor, magnitudes: Tensor, *rest: Any
) -> tuple[Tensor, ...]:
    weights, start, parameters = rest[:3]
    return (
        _like(mixture),
        _like(magnitudes),
        magnitudes.new_empty(0) if weights is None else _like(magnitudes),
        mixture.new_empty(0) if start is None else _like(magnitudes, mixture.dtype),
        torch.empty_like(parameters, memory_format=torch.contiguous_format),
    )


unfold = operator(
    "unfold",
    f"({_ARGUMENTS}, bool keep) -> (Tensor, Tensor)",
    core=_unfolded(_bridge),
    native=_unfolded(_native),
    fake=_fake_unfold,
    data={0: 0, 1: 0, 2: 0, 3: 0},
    results=(0, 1),
)
unfold_backward = operator(
    "unfold_backward",
    f"(Tensor grad, Tensor states, {_ARGUMENTS}) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
    core=_unfolded_backward(_bridge),
    native=_unfolded_backward(_native),
    fake=_fake_backward,
    data={0: 0, 1: 1, 2: 0, 3: 0, 4: 0, 5: 0},
    results=None,
)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    tensors = [output[1], *inputs[:6]]
    ctx.given = [tensor is not None for tensor in tensors]
    ctx.save_for_backward(*(tensor for tensor in tensors if tensor is not None))
    ctx.options = inputs[6:-1]


def _backward(ctx: Any, grad: Tensor, _: Any) -> tuple[Any, ...]:
    saved = iter(ctx.saved_tensors)
    tensors = [next(saved) if given else None for given in ctx.given]
    of_X, of_V, of_weights, of_start, of_parameters = unfold_backward(grad, *tensors, *ctx.options)
    return (
        of_X,
        of_V,
        of_weights if ctx.given[3] else None,
        of_start if ctx.given[4] else None,
        of_parameters,
        *[None] * 8,
    )


def _no_second_derivative(ctx: Any, *grads: Any) -> Any:
    raise NotImplementedError(
        "unfolded inversion has no second derivatives; compose project_consistent, magnitude_projection and "
        "mixing_projection, which have them."
    )


gradient(unfold, _backward, _keep)
gradient(unfold_backward, _no_second_derivative, lambda ctx, inputs, output: None)
