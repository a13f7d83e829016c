"""Iterations as layers: forwards, and backwards by computing them again from a few states that were kept.

MISI's next step depends on the signals of its state alone: signals are kept, a quarter of the memory of
spectra at 75 % overlap. The other algorithms keep spectra. Of K layers, every c-th state is kept and the
c - 1 in between are computed again when their turn comes, with c near the root of K (MISI: of K / 2).
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, Protocol

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
    """What computes one layer: torch's operations, or the core. It has its own form of arrays."""

    def take(self, tensor: Tensor) -> Any:
        """Return a tensor in that form, sharing memory where its layout allows."""

    def begin(self, out: Any) -> Any:
        """Return the signals of the start, (batch, source, samples); in ``out`` unless it is None."""

    def signals(self, S: Any) -> Any:
        """Return the signals of spectra."""

    def step(self, k: int, S: Any, y: Any, state: bool, signal: bool, out: Any) -> tuple[Any, Any]:
        """Return the next spectra and their signals, those that are asked for.

        ``out``, unless it is None, takes the signals if they are what is kept, else the spectra.
        """

    def step_backward(self, k: int, S: Any, y: Any, g: Any, z: Any) -> tuple[Any, Any]:
        """Add to the gradients of the arguments; return the gradient of the state before.

        It comes and goes in two parts that are to be added, of which one may be None: spectra ``g``, and what
        the synthesis hands back of a gradient of signals, kept as signals ``z``.
        """

    def end(self, g: Any, z: Any) -> Tensor | None:
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


def forward(steps: Steps, problem: Problem, kept: Tensor) -> Any:
    """Run all layers and return the result; write the states that the way back needs to ``kept``.

    An empty ``kept`` keeps none.
    """
    places = kept_states(problem.update, problem.layers) if len(kept) else []
    room = {k: steps.take(kept[i]) for i, k in enumerate(places)}
    S = None if problem.start is None else steps.take(problem.start)
    y = None if problem.layers == 0 else steps.begin(room.get(0))
    for k in range(problem.layers):
        last = k + 1 == problem.layers
        S, y = steps.step(k, S, y, last or not problem.by_signal, not last, room.get(k + 1))
    return S


def backward(steps: Steps, problem: Problem, grad: Tensor, kept: Tensor) -> Tensor | None:
    """Run all layers backwards; return the gradient of the start if it was given."""
    places = kept_states(problem.update, problem.layers)
    states = {k: steps.take(kept[i]) for i, k in enumerate(places)}
    if not problem.by_signal and problem.start is not None:
        states[0] = steps.take(problem.start)
    firsts = sorted(states)
    g, z = steps.take(grad), None
    for first, last in reversed(list(zip(firsts, [*firsts[1:], problem.layers], strict=True))):
        S, y = (None, states[first]) if problem.by_signal else (states[first], steps.signals(states[first]))
        path = [(S, y)]
        for k in range(first, last - 1):
            S, y = steps.step(k, S, y, not problem.by_signal, True, None)
            path.append((S, y))
        for k in reversed(range(first, last)):
            S, y = path.pop()
            g, z = steps.step_backward(k, S, y, g, z)
    return steps.end(g, z)
