"""Arguments of the factorisation, checked and in the form that the core takes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import _core
from phasewise._validate import magnitudes, number
from phasewise.errors import ParameterError

__all__ = [
    "check_penalties",
    "entry_weights",
    "group_numbers",
    "learnt_columns",
    "mean_of_known",
    "normalize",
    "starting_factor",
]


def learnt_columns(update_W: bool | ArrayLike, rank: int) -> NDArray[np.bool_]:
    """Which columns of W are learnt."""
    learnt = np.asarray(update_W)
    if learnt.dtype != bool or learnt.shape not in ((), (rank,)):
        raise ParameterError(
            f"update_W must be a bool, or one for each of the {rank} columns of W, got {learnt.dtype} of "
            f"shape {learnt.shape}."
        )
    return np.array(np.broadcast_to(learnt, rank))


def check_penalties(options: _core.NmfOptions, groups: ArrayLike | None) -> None:
    """Refuse penalties that miss something or do not go together."""
    if options.group_h > 0 and groups is None:
        raise ParameterError("group_H needs groups, the source of each component, got None.")
    clash = {"l2_H": options.l2_h, "smooth_H": options.smooth_h, "group_H": options.group_h}
    given = [name for name, weight in clash.items() if options.normalize_w and weight > 0]
    if given:
        raise ParameterError(
            f"normalize_W goes with l1_H only, got {given[0]}={clash[given[0]]:g}; keep W fixed, or penalise "
            "it by l1_W instead."
        )


def group_numbers(
    groups: ArrayLike, scale: float | None, H: NDArray[Any]
) -> tuple[NDArray[np.uint32], float]:
    """Numbers of the groups from 0 on, and the scale of their sums; H is frame-major."""
    labels = np.asarray(groups)
    if labels.shape != H.shape[-1:]:
        raise ParameterError(
            f"groups must have a label for each of the {H.shape[-1]} components, got shape {labels.shape}."
        )
    names, members = np.unique(labels, return_inverse=True)
    if scale is None:
        usual = 0.1 * H.mean(dtype=np.float64) * H.shape[-1] / len(names)
        return members.astype(np.uint32), usual if usual > 0 else 1.0
    return members.astype(np.uint32), number("group_scale", scale, minimum=np.finfo(np.float32).tiny)


def normalize(W: NDArray[Any], H: NDArray[Any], learnt: NDArray[np.bool_]) -> None:
    """Make the learnt columns of W sum to 1, in place; H is frame-major."""
    sums = W.sum(axis=-2, keepdims=True, dtype=np.float64)
    scale = np.where((sums > 0) & learnt, sums, 1.0)
    np.divide(W, scale, out=W, casting="same_kind")
    np.multiply(H, scale, out=H, casting="same_kind")


def entry_weights(given: ArrayLike, V: NDArray[Any]) -> NDArray[Any]:
    """Weights for the core: (matrices or 1, frames or 1, freq)."""
    weights = magnitudes("weights", given, min_ndim=0)
    try:
        np.broadcast_to(weights, V.shape)
    except ValueError:
        raise ParameterError(
            f"weights must broadcast to the shape of V, {V.shape}, got {weights.shape}; a weight per "
            "frequency has shape (freq, 1), one per frame (frames,)."
        ) from None
    weights = weights.reshape((1,) * (V.ndim - weights.ndim) + weights.shape)
    *batch, freq, _ = V.shape
    if weights[..., 0, 0].size > 1:  # of matrices
        weights = np.broadcast_to(weights, (*batch, *weights.shape[-2:]))
    weights = np.broadcast_to(weights, (*weights.shape[:-2], freq, weights.shape[-1]))
    weights = weights.reshape(-1, *weights.shape[-2:])
    return np.ascontiguousarray(np.swapaxes(weights, -1, -2), dtype=V.dtype)


def mean_of_known(V: NDArray[Any], known: Any) -> NDArray[Any]:
    """Mean of the known entries of every matrix."""
    if known is True:
        return np.asarray(V.mean(axis=(-2, -1), keepdims=True, dtype=np.float64))
    count = np.maximum(np.count_nonzero(known, axis=(-2, -1), keepdims=True), 1)
    return np.asarray(V.sum(axis=(-2, -1), keepdims=True, dtype=np.float64, where=known) / count)


def starting_factor(
    name: str,
    given: ArrayLike | None,
    shape: tuple[int, ...],
    scale: NDArray[Any] | None,
    rng: np.random.Generator,
    dtype: Any,
    *,
    transposed: bool = False,
) -> NDArray[Any]:
    """A C-contiguous copy of a factor, broadcast to `shape`, or a random one; transposed on demand."""
    if given is None:
        assert scale is not None
        return _random_factor(shape, scale, rng, dtype, transposed)
    factor = magnitudes(name, given)
    if factor.shape[-2:] != shape[-2:] or factor.ndim > len(shape):
        axes = "(..., freq, n_components)" if name == "W" else "(..., n_components, frames)"
        raise ParameterError(f"{name} must have shape {axes} = {shape}, got {factor.shape}.")
    try:
        factor = np.broadcast_to(factor, shape)
    except ValueError:
        raise ParameterError(
            f"{name} must have leading axes that broadcast to those of V, got {factor.shape} for {shape}."
        ) from None
    return np.array(np.swapaxes(factor, -1, -2) if transposed else factor, dtype, order="C")


def _random_factor(
    shape: tuple[int, ...], scale: NDArray[Any], rng: np.random.Generator, dtype: Any, transposed: bool
) -> NDArray[Any]:
    """Uniform values below `scale`, made in parts: the generator's float64 never stands beside the whole."""
    *batch, rows, columns = shape
    memory = np.empty((*batch, columns, rows) if transposed else shape, dtype)
    factor = np.swapaxes(memory, -1, -2) if transposed else memory
    step = max(1, 2**16 // columns)
    for index in np.ndindex(*batch):
        for row in range(0, rows, step):
            count = min(step, rows - row)
            factor[index][row : row + count] = scale[index] * rng.random((count, columns))
    return memory
