"""What all operators have in common: an implementation per device, shapes, autocast, vmap and gradients.

Operators are defined on a `torch.library.Library` and not by ``torch.library.custom_op``, whose checks of
every call cost as much again as a short transform.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from phasewise.errors import ParameterError

__all__ = ["gradient", "operator"]

_library: Any = torch.library.Library("phasewise", "DEF")


def operator(
    name: str,
    signature: str,
    *,
    core: Callable[..., Any],
    native: Callable[..., Any],
    fake: Callable[..., Any],
    data: Mapping[int, int] = MappingProxyType({0: 0}),
    results: Sequence[int] | None = (0,),
) -> Any:
    """Register an operator, without gradients yet.

    Parameters
    ----------
    name : str
        Name within ``torch.ops.phasewise``.
    signature : str
        Arguments and results in torch's notation.
    core : callable
        Implementation for tensors of the host.
    native : callable
        Implementation by torch's own operations, for all other devices.
    fake : callable
        Returns empty results with the right shapes and strides.
    data : mapping of int to int
        Places of the arguments with batch axes, and where these axes begin. All others cannot be mapped over.
    results : sequence of int or None
        Where the batch axes of the results begin; None: the operator cannot be mapped over.

    Returns
    -------
    torch.ops.OpOverload
    """
    qualified = f"phasewise::{name}"
    _library.define(f"{name}{signature}")
    _library.impl(name, native, "CompositeExplicitAutograd")
    _library.impl(name, core, "CPU")
    torch.library.register_fake(qualified, fake, lib=_library)
    for device in ("cpu", "cuda"):
        torch.library.register_autocast(qualified, device, torch.float32, lib=_library)
    op = getattr(torch.ops.phasewise, name).default

    def mapped(info: Any, in_dims: Sequence[int | None], *arguments: Any) -> Any:
        if results is None:
            raise ParameterError(f"{qualified} cannot be mapped over; map the function without its gradient.")
        moved = list(arguments)
        for place, value in enumerate(arguments):
            axis = in_dims[place]
            if place in data and isinstance(value, Tensor):
                if axis is None:
                    value, axis = value.unsqueeze(0).expand(info.batch_size, *value.shape), 0
                moved[place] = value.movedim(axis, data[place])
            elif axis is not None:
                raise ParameterError(
                    f"{qualified} cannot be mapped over argument {place} (a window or a parameter): "
                    "pass in_dims=None for it."
                )
        result = op(*moved)
        return result, tuple(results) if isinstance(result, tuple) else results[0]

    torch.library.register_vmap(qualified, mapped, lib=_library)
    return op


def gradient(op: Any, backward: Callable[..., Any], setup_context: Callable[..., Any]) -> None:
    """Give an operator its gradient."""
    torch.library.register_autograd(op.name(), backward, setup_context=setup_context, lib=_library)
