"""The iterations of `griffinlim`: starts, states to go on from, early stops."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise import _core
from phasewise._framing import Framing
from phasewise._validate import choice
from phasewise.errors import ParameterError
from phasewise.phase._problem import (
    generator,
    phasors,
    random_start,
    starting_point,
    unit_phasors,
    update_named,
)

__all__ = ["GriffinLimState", "Iterations", "start"]

# Iterations between two looks at the cost.
_LOOK = 10


@dataclass(frozen=True)
class GriffinLimState:
    """Where the iterations of `griffinlim` stopped; with it as ``init`` they go on as if they had not.

    Attributes
    ----------
    algorithm : str
        The algorithm that it belongs to.
    estimate : array of shape (..., freq, frames), complex
        The point from which the next iteration starts. Not the transform of the returned signal for "admm",
        "rrr", "raar" and "bregman_admm", whose iterations move another point than their result.
    previous : array of shape (..., samples), real, optional
        The signal that momentum remembers.
    """

    algorithm: str
    estimate: NDArray[Any]
    previous: NDArray[Any] | None = None


def start(
    S: NDArray[Any], V: NDArray[Any], init: Any, f: Framing, rng: Any, random_state: Any, dtype: Any
) -> NDArray[Any]:
    """Return the start (..., freq, frames) that `init` names."""
    if init is None:
        return np.asarray(V * unit_phasors(S) if np.iscomplexobj(S) else V.astype(dtype))
    if not isinstance(init, str):
        return starting_point(init, V, dtype)
    choice("init", init, ("random", "pghi", "spsi", "sinusoidal"))
    if rng is not None and random_state is not None:
        raise ParameterError("rng and random_state are two ways to say the same: give one of them.")
    transform: dict[str, Any] = {
        "n_fft": f.n_fft,
        "hop_length": f.hop_length,
        "win_length": f.n_fft,
        "window": f.window,
    }
    if init == "pghi":
        from phasewise.phase.integration import pghi

        return pghi(V, rng=rng if random_state is None else random_state, **transform)
    if init == "spsi":
        from phasewise.phase.single_pass import spsi

        return spsi(V, **transform)
    if init == "sinusoidal":
        from phasewise.phase.sinusoidal import sinusoidal_phase

        return np.asarray(V * phasors(sinusoidal_phase(V, hop_length=f.hop_length, n_fft=f.n_fft)))
    source = generator(rng)
    if isinstance(random_state, (int, np.integer)):
        source = np.random.RandomState(seed=random_state)  # type: ignore[assignment]
    elif random_state is not None:
        source = random_state
    return random_start(source, V)


@dataclass
class Iterations:
    """Iterations of one algorithm on a batch.

    Magnitudes and estimates are (batch, 1, frames, freq); ``previous`` is (batch, 1, samples), of use only if
    ``resume``.
    """

    plan: Any
    update: str
    parameters: dict[str, Any]
    rule: Callable[[NDArray[Any]], Any] | None  # of the magnitudes of one sound, where it depends on them
    samples: int
    magnitudes: NDArray[Any]
    estimate: NDArray[Any]
    previous: NDArray[Any] | None
    resume: bool
    keep: bool  # whether the state is wanted

    def run(self, n_iter: int, return_cost: bool) -> tuple[NDArray[Any], NDArray[np.float64] | None]:
        """Return the signals (batch, samples) and costs (batch, n_iter); leave the state in the arrays."""
        batch = len(self.magnitudes)
        signal = np.empty((batch, self.samples), self.magnitudes.dtype)
        cost = np.empty((batch, n_iter)) if return_cost else None
        if self.rule is None:
            self._run(np.s_[:], n_iter, signal, cost, {})
        else:
            for item in range(batch):
                one = np.s_[item : item + 1]
                self._run(one, n_iter, signal, cost, {"rule": self.rule(self.magnitudes[item])})
        return signal, cost

    def run_until(self, tol: float, n_iter: int) -> tuple[NDArray[Any], NDArray[np.float64]]:
        """Run until ten iterations lower the root of the cost by less than `tol` times its first value.

        Every sound stops for itself; its later costs are NaN.
        """
        batch = len(self.magnitudes)
        signal = np.empty((batch, self.samples), self.magnitudes.dtype)
        cost = np.full((batch, n_iter), np.nan)
        active = np.arange(batch)
        done = 0
        self.keep = True
        while len(active):
            steps = min(_LOOK, n_iter - done)
            part = replace(
                self,
                magnitudes=self.magnitudes[active],
                estimate=self.estimate[active],
                previous=None if self.previous is None else self.previous[active],
            )
            signal[active], cost[active, done : done + steps] = part.run(steps, True)
            self.estimate[active] = part.estimate
            if self.previous is not None:
                self.previous[active] = part.previous
                self.resume = True
            done += steps
            if done >= n_iter:
                break
            distance = np.sqrt(np.maximum(cost[active, :done], 0))
            fallen = distance[:, max(0, done - 1 - _LOOK)] - distance[:, -1]
            active = active[fallen > tol * distance[:, 0]]
        return signal, cost

    def _run(self, part: Any, n_iter: int, signal: Any, cost: Any, options: dict[str, Any]) -> None:
        _core.invert(
            self.plan,
            mixture=None,
            magnitudes=self.magnitudes[part],
            update=update_named(self.update),
            n_iter=n_iter,
            length=self.samples,
            estimate=self.estimate[part],
            # Reflections leave in it the point that they go on from.
            signals_only="reflection" in self.update or not self.keep,
            previous=None if self.previous is None else self.previous[part],
            resume=self.resume,
            signal=signal[part][:, None],
            cost=None if cost is None else cost[part],
            **self.parameters,
            **options,
        )
