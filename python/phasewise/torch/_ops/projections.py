"""The projections on magnitudes and on the mixture, and their iteration in each bin."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from phasewise.torch import _bins, _bridge
from phasewise.torch._ops.registration import gradient, operator

__all__ = ["magnitude_projection", "mixing_iterations", "mixing_projection", "mixing_shares"]


def _frame_major(spectra: Tensor) -> Tensor:
    return spectra.mT.contiguous().mT


def _like(tensor: Tensor, *_: Any) -> Tensor:
    *batch, bins, frames = tensor.shape
    return tensor.new_empty((*batch, frames, bins)).transpose(-1, -2)


def _magnitude(Y: Tensor, V: Tensor, epsilon: float) -> Tensor:
    return _frame_major(_bins.magnitude(Y, V))


def _magnitude_on_host(Y: Tensor, V: Tensor, epsilon: float) -> Tensor:
    return _bridge.magnitude_projection(Y, V)


def _mixing(S: Tensor, X: Tensor, weights: Tensor) -> Tensor:
    return _frame_major(_bins.mix(S, X, weights))


magnitude_projection = operator(
    "magnitude_projection",
    "(Tensor spectrum, Tensor magnitudes, float epsilon) -> Tensor",
    core=_magnitude_on_host,
    native=_magnitude,
    fake=_like,
    data={0: 0, 1: 0},
)
mixing_projection = operator(
    "mixing_projection",
    "(Tensor spectra, Tensor mixture, Tensor weights) -> Tensor",
    core=_mixing,
    native=_mixing,
    fake=_like,
    data={0: 0, 1: 0, 2: 0},
)


def _shares(V: Tensor, exponent: Tensor, epsilon: float) -> Tensor:
    return _frame_major(_bins.shares(V, exponent.unsqueeze(-1)))


mixing_shares = operator(
    "mixing_shares",
    "(Tensor magnitudes, Tensor exponent, float epsilon) -> Tensor",
    core=_shares,
    native=_shares,
    fake=_like,
)


def _keep_all(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.tensors = sum(isinstance(value, Tensor) for value in inputs)
    ctx.save_for_backward(*inputs[: ctx.tensors])
    ctx.options = inputs[ctx.tensors :]


# The formulas consist of torch's operations: they have derivatives themselves.
def _magnitude_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    return *_bins.magnitude_backward(grad, *ctx.saved_tensors, *ctx.options), None


def _mixing_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    return _bins.mix_backward(grad, *ctx.saved_tensors)


def _shares_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    V, exponent = ctx.saved_tensors
    rows = exponent.unsqueeze(-1)
    return *_bins.shares_backward(grad, V, _bins.shares(V, rows), rows, *ctx.options), None


gradient(mixing_shares, _shares_backward, _keep_all)
gradient(magnitude_projection, _magnitude_backward, _keep_all)
gradient(mixing_projection, _mixing_backward, _keep_all)

# Frames that the way back of the mixing iterations unrolls at a time.
_UNROLLED_BYTES = 1 << 24


def _iterate(X: Tensor, V: Tensor, start: Tensor, weights: Tensor, n_iter: int, epsilon: float) -> Tensor:
    S = _bins.magnitude(start, V)
    for _ in range(n_iter):
        S = _bins.magnitude(_bins.mix(S, X, weights), V)
    return _frame_major(S)


def _iterate_on_host(
    X: Tensor, V: Tensor, start: Tensor, weights: Tensor, n_iter: int, epsilon: float
) -> Tensor:
    return _bridge.mixing_iterations(X, V, start, weights, n_iter)


def _iterate_backward(
    grad: Tensor, X: Tensor, V: Tensor, start: Tensor, weights: Tensor, n_iter: int, epsilon: float
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    results = tuple(torch.zeros_like(t) for t in (X, V, start, weights))
    per_frame = max(1, start[..., 0].numel() * start.element_size() * (n_iter + 1))
    chunk = max(1, _UNROLLED_BYTES // per_frame)
    for first in range(0, V.shape[-1], chunk):
        frames = slice(first, first + chunk)
        x, v, z, w, g = (t[..., frames] for t in (X, V, start, weights, grad))
        points = [z]  # what the magnitudes are given to
        for _ in range(n_iter):
            points.append(_bins.mix(_bins.magnitude(points[-1], v), x, w))
        of_x, of_v, of_z, of_w = (t[..., frames] for t in results)
        while points:
            Y = points.pop()
            of_Y, of_magnitude = _bins.magnitude_backward(g, Y, v, epsilon)
            of_v += of_magnitude
            if points:
                g, of_mixture, of_weights = _bins.mix_backward(of_Y, _bins.magnitude(points[-1], v), x, w)
                of_x += of_mixture
                of_w += of_weights
            else:
                of_z += of_Y
    return results[0], results[1], results[2], results[3]


def _fake_iterate(X: Tensor, V: Tensor, start: Tensor, *_: Any) -> Tensor:
    return _like(start)


def _fake_iterate_backward(grad: Tensor, *tensors: Any) -> tuple[Tensor, ...]:
    return tuple(torch.empty_like(t) for t in tensors[:4])


_ITERATIONS = "Tensor mixture, Tensor magnitudes, Tensor start, Tensor weights, int n_iter, float epsilon"

mixing_iterations = operator(
    "mixing_iterations",
    f"({_ITERATIONS}) -> Tensor",
    core=_iterate_on_host,
    native=_iterate,
    fake=_fake_iterate,
    data={0: 0, 1: 0, 2: 0, 3: 0},
)
_mixing_iterations_backward = operator(
    "mixing_iterations_backward",
    f"(Tensor grad, {_ITERATIONS}) -> (Tensor, Tensor, Tensor, Tensor)",
    core=_iterate_backward,
    native=_iterate_backward,
    fake=_fake_iterate_backward,
    results=None,
)


def _iterations_backward(ctx: Any, grad: Tensor) -> tuple[Any, ...]:
    return *_mixing_iterations_backward(grad, *ctx.saved_tensors, *ctx.options), None, None


def _no_second_derivative(ctx: Any, *grads: Any) -> Any:
    raise NotImplementedError(
        "mixing_iterations has no second derivatives; compose magnitude_projection and mixing_projection, "
        "which have them."
    )


gradient(mixing_iterations, _iterations_backward, _keep_all)
gradient(_mixing_iterations_backward, _no_second_derivative, lambda ctx, inputs, output: None)
