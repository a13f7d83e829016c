"""Iterations of the inversion family as one operator, whose way back computes them again.

Kept from the way there are a few states (`phasewise.torch._unfolding`); spectra of a layer live only while
it is computed. There are first derivatives, and an error for second ones that says what to use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from phasewise.torch import _bridge, _native
from phasewise.torch._composed import ComposedSteps
from phasewise.torch._ops.registration import gradient, operator
from phasewise.torch._unfolding import Frames, Problem, Steps, backward, forward, kept_states

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


def _room(problem: Problem, keep: bool) -> Tensor:
    """Return memory for the states that are kept."""
    count = len(kept_states(problem.update, problem.layers)) if keep else 0
    batch, sources, bins, frames = problem.V.shape
    if problem.by_signal:
        return problem.V.new_empty((count, batch, sources, problem.frames.length))
    return problem.X.new_empty((count, batch, sources, frames, bins)).mT


def _frame_major(spectra: Tensor) -> Tensor:
    """Return spectra (..., freq, frames) in the core's memory order."""
    return spectra.mT.contiguous().mT


def _composed(transforms: Any, problem: Problem) -> tuple[Steps, Callable[[Any], Tensor]]:
    return ComposedSteps(problem, transforms), _frame_major


def _on_host(problem: Problem, learn: bool) -> tuple[Steps, Callable[[Any], Tensor]]:
    """Return the core's layers, or those composed of its transforms for more sources than it takes."""
    if problem.V.shape[1] > _bridge.MOST_SOURCES or problem.V.numel() == 0:
        return _composed(_bridge, problem)
    return _bridge.CoreSteps(problem, learn), _bridge.spectra_of_rows


def _elsewhere(problem: Problem, learn: bool) -> tuple[Steps, Callable[[Any], Tensor]]:
    return _composed(_native, problem)


def _unfolded(choose: Any) -> Any:
    """Return the way there with these layers."""

    def run(*arguments: Any) -> tuple[Tensor, Tensor]:
        problem = _problem(*arguments[:-1])
        kept = _room(problem, arguments[-1])
        steps, public = choose(problem, False)
        result = public(forward(steps, problem, kept))
        shape = arguments[1].shape
        return _batched(result, shape), kept.reshape(kept.shape[0], *shape[:-3], *kept.shape[2:])

    return run


def _unfolded_backward(choose: Any) -> Any:
    """Return the way back with these layers."""

    def run(grad: Tensor, states: Tensor, *arguments: Any) -> tuple[Tensor, ...]:
        problem, shape = _problem(*arguments[:-1]), arguments[1].shape
        steps, _ = choose(problem, arguments[-1])
        kept = states.reshape(states.shape[0], problem.V.shape[0], *states.shape[len(shape) - 2 :])
        of_start = backward(steps, problem, grad.reshape(problem.V.shape), kept)
        of_X, of_V, of_weights, of_parameters = steps.gradients()
        missing = of_V.new_empty(0)
        return (
            _batched(_frame_major(of_X), arguments[0].shape),
            _batched(_frame_major(of_V), shape),
            missing if of_weights is None else _batched(_frame_major(of_weights), shape),
            missing.to(grad.dtype) if of_start is None else _batched(_frame_major(of_start), shape),
            of_parameters,
        )

    return run


def _batched(spectra: Tensor, shape: torch.Size) -> Tensor:
    """Unfold the batch axes of a frame-major tensor, which stays so."""
    *leading, bins, frames = shape
    return spectra.mT.reshape(*leading, frames, bins).mT


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
        kept = mixture.new_empty((count, *batch, sources, frames, bins)).mT
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
    core=_unfolded(_on_host),
    native=_unfolded(_elsewhere),
    fake=_fake_unfold,
    data={0: 0, 1: 0, 2: 0, 3: 0},
    results=(0, 1),
)
unfold_backward = operator(
    "unfold_backward",
    f"(Tensor grad, Tensor states, {_ARGUMENTS}, bool learn) -> (Tensor, Tensor, Tensor, Tensor, Tensor)",
    core=_unfolded_backward(_on_host),
    native=_unfolded_backward(_elsewhere),
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
    learn = ctx.needs_input_grad[4]
    of_X, of_V, of_weights, of_start, of_parameters = unfold_backward(grad, *tensors, *ctx.options, learn)
    return (
        of_X,
        of_V,
        of_weights if ctx.given[3] else None,
        of_start if ctx.given[4] else None,
        of_parameters if learn else None,
        *[None] * 8,
    )


def _no_second_derivative(ctx: Any, *grads: Any) -> Any:
    raise NotImplementedError(
        "unfolded inversion has no second derivatives; compose project_consistent, magnitude_projection and "
        "mixing_projection, which have them."
    )


gradient(unfold, _backward, _keep)
gradient(unfold_backward, _no_second_derivative, lambda ctx, inputs, output: None)
