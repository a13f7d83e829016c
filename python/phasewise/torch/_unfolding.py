"""Iterations as layers: forwards, and backwards by computing them again from a few states that were kept.

MISI's next step depends on the signals of its state alone: signals are kept, a quarter of the memory of
spectra at 75 % overlap. The other algorithms keep spectra. Of K layers, every c-th state is kept and the
c - 1 in between are computed again when their turn comes, with c near the root of K (MISI: of K / 2).
"""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol

from torch import Tensor

__all__ = ["Frames", "Problem", "Steps", "backward", "forward", "kept_states", "layer_names"]


class Frames(NamedTuple):
    """The transform of the signals, with zeros beyond their ends."""

    window: Tensor
    n_fft: int
    hop: int
    center: bool
    length: int


class Problem(NamedTuple):
    """Arguments of all layers, with one batch axis."""

    X: Tensor  # (batch, freq, frames)
    V: Tensor  # (batch, source, freq, frames)
    weights: Tensor | None  # as V; None: from the exponents
    start: Tensor | None  # as V, complex; None, for MISI only: V with the phase of X
    parameters: Tensor  # (layers, 4, freq)
    frames: Frames
    update: str
    epsilon: float

    @property
    def layers(self) -> int:
        """Number of layers."""
        return len(self.parameters)

    @property
    def by_signal(self) -> bool:
        """Whether the signals of a state say all that the next layer needs."""
        return self.update == "misi"


class Steps(Protocol):
    """What computes one layer: torch's operations, or the core."""

    def begin(self) -> Tensor:
        """Return the signals of the start, (batch, source, samples)."""

    def signals(self, S: Tensor) -> Tensor:
        """Return the signals of spectra."""

    def step(
        self, k: int, S: Tensor | None, y: Tensor, state: bool, signal: bool
    ) -> tuple[Tensor | None, Tensor | None]:
        """Return the next spectra and their signals, those that are asked for."""

    def step_backward(
        self, k: int, S: Tensor | None, y: Tensor, g: Tensor | None, z: Tensor | None
    ) -> tuple[Tensor | None, Tensor]:
        """Add to the gradients of the arguments; return the gradient of the state before.

        It comes and goes in two parts that are to be added: spectra ``g``, and what the synthesis hands
        back of a gradient of signals, kept as signals ``z``.
        """

    def end(self, g: Tensor | None, z: Tensor | None) -> Tensor | None:
        """Turn the gradient of the start into that of what it was made of; return its own if it was given."""

    def gradients(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
        """Return the gradients of X, V, the weights and the parameters."""


def layer_names(update: str, layers: int) -> list[str]:
    """Return the update of every layer; reflections end with the projection on consistent mixtures."""
    if update in ("rrr", "raar"):
        return [update] * (layers - 1) + ["mix"]
    return [update] * layers


def kept_states(update: str, layers: int) -> list[int]:
    """Return before which layers the state is kept. Spectra of the start are at hand anyway."""
    if update == "misi":
        return list(range(0, layers, max(1, math.isqrt(layers // 2))))
    return list(range(math.isqrt(layers), layers, math.isqrt(layers)))


def forward(steps: Steps, problem: Problem, keep: bool) -> tuple[Tensor, list[Tensor]]:
    """Run all layers; return the result and, if asked for, the states that the way back needs."""
    kept = kept_states(problem.update, problem.layers) if keep else []
    states: list[Tensor] = []
    S, y = problem.start, None
    for k in range(problem.layers):
        if y is None:
            y = steps.begin()
        if k in kept:
            states.append(y if problem.by_signal else _known(S))
        last = k + 1 == problem.layers
        S, y = steps.step(k, S, y, last or not problem.by_signal, not last)
    return _known(S), states


def backward(steps: Steps, problem: Problem, grad: Tensor, states: list[Tensor]) -> Tensor | None:
    """Run all layers backwards; return the gradient of the start if it was given."""
    kept = kept_states(problem.update, problem.layers)
    firsts = kept if problem.by_signal else [0, *kept]
    g: Tensor | None = grad
    z: Tensor | None = None
    S: Tensor | None
    for first, last in reversed(list(zip(firsts, [*firsts[1:], problem.layers], strict=True))):
        state = problem.start if first == 0 and not problem.by_signal else states.pop()
        S, y = (None, _known(state)) if problem.by_signal else (state, steps.signals(_known(state)))
        path = [(S, y)]
        for k in range(first, last - 1):
            S, fresh = steps.step(k, S, y, not problem.by_signal, True)
            y = _known(fresh)
            path.append((S, y))
        for k in reversed(range(first, last)):
            S, y = path.pop()
            g, z = steps.step_backward(k, S, y, g, z)
    return steps.end(g, z)


def _known(value: Tensor | None) -> Tensor:
    assert value is not None
    return value
