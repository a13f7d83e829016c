"""Iterations of the inversion family that stop when they do not pay any more."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise import _core

__all__ = ["run_until"]

# Iterations between two looks at the cost.
_LOOK = 10


def run_until(
    tol: float,
    plan: Any,
    arrays: dict[str, Any],
    options: dict[str, Any],
    from_mixture: bool,
    estimate: NDArray[Any],
    state: NDArray[Any] | None,
    cost: Any,
) -> None:
    """Run at most as many iterations as `cost` (batch, iterations) can hold, while they pay.

    An item stops when ten iterations lower the root of its cost by less than `tol` times its first value; its
    later costs are NaN. ``arrays`` and ``options`` are arguments of the core's `invert`; ``estimate`` holds
    the start, then the result, and ``state`` the iterate of reflections.
    """
    n_iter = cost.shape[1]
    point = estimate if state is None else state
    if state is not None:
        state[...] = estimate
    cost[...] = np.nan
    active, done = np.arange(len(estimate)), 0
    while len(active):
        steps = min(_LOOK, n_iter - done)
        part = point[active]
        moved = None if state is None else np.empty_like(part)
        found = np.empty((len(active), steps))
        own: dict[str, Any] = {name: None if a is None else a[active] for name, a in arrays.items()}
        _core.invert(
            plan,
            **own,
            **options,
            from_mixture=from_mixture and done == 0,
            n_iter=steps,
            estimate=part,
            iterate=moved,
            cost=found,
        )
        estimate[active], cost[active, done : done + steps] = part, found
        if state is not None:
            state[active] = moved
        done += steps
        if done >= n_iter:
            break
        distance = np.sqrt(np.maximum(cost[active, :done], 0))
        active = active[distance[:, max(0, done - 1 - _LOOK)] - distance[:, -1] > tol * distance[:, 0]]
