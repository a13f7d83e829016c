"""Rules of beta divergences for the core, with steps that mean the same at every scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise import _core
from phasewise._validate import choice, number
from phasewise.errors import ParameterError

__all__ = ["Divergence", "checked_step"]

# Magnitudes below this share of the root mean square count as little more: zeros are infinitely far from
# anything. The Euclidean distance needs none.
_FLOOR = 1e-4


def checked_step(step: float) -> float:
    """Return a positive step."""
    step = number("step", step, minimum=0.0)
    if step == 0:
        raise ParameterError("step must be positive, got 0.")
    return step


@dataclass(frozen=True)
class Divergence:
    """A beta divergence between magnitudes (d = 1) or powers (d = 2)."""

    beta: float
    d: int
    direction: str

    @classmethod
    def check(cls, beta: float, d: int, direction: str) -> Divergence:
        """Check the three arguments."""
        if d not in (1, 2):
            raise ParameterError(f"d must be 1 (magnitudes) or 2 (powers), got {d!r}.")
        beta = number("beta", beta, minimum=-2.0, maximum=4.0)
        return cls(beta, int(d), choice("direction", direction, ("right", "left")))

    def default_step(self) -> float:
        """Return the step of the gradient for a root mean square of 1.

        It is the inverse of the curvature that the divergence has at magnitudes 40 dB above: on music, its
        minimum is then reached about as fast as by projections.
        """
        return float(100.0 ** (2 - self.d * self.beta) / self.d**2)

    def default_weight(self) -> float:
        """Return the weight of the squared distance for a root mean square of 1, found on music."""
        return float(self.d**2 * 10.0 ** (1.5 * self.d * self.beta - 4))

    def rule(self, V: NDArray[Any], step: float, *, proximal: bool = False) -> Any:
        """Return the rule for one sound of magnitudes `V`; `step` is that for a root mean square of 1.

        The divergence is homogeneous of degree d beta: a step of its gradient is measured in the power
        2 - d beta of the scale, the weight of a squared distance in the inverse.
        """
        scale = float(np.sqrt(np.mean(np.square(V, dtype=np.float64)))) or 1.0
        degree = (self.d * self.beta - 2) * (1 if proximal else -1)
        kind = _core.BregmanRule64 if V.dtype == np.float64 else _core.BregmanRule32
        return kind(
            beta=self.beta,
            squares=self.d == 2,
            left=self.direction == "left",
            floor=0.0 if self.d == 1 and self.beta == 2 else _FLOOR * scale,
            step=step * scale**degree,
        )
