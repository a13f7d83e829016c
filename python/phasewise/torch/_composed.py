"""Layers composed of transforms and torch's operations: what runs where the core does not."""

from __future__ import annotations

from types import ModuleType

import torch
from torch import Tensor

from phasewise.torch import _bins
from phasewise.torch._unfolding import Problem, layer_names

__all__ = ["ComposedSteps"]


class ComposedSteps:
    """The layers of a problem; ``transforms`` has stft, istft and their adjoints."""

    def __init__(self, problem: Problem, transforms: ModuleType) -> None:
        self.problem = problem
        self.transforms = transforms
        self.names = layer_names(problem.update, problem.layers)
        self.of_X: Tensor | None = None
        self.of_V: Tensor | None = None
        self.of_weights: Tensor | None = None
        self.of_parameters = torch.zeros_like(problem.parameters, memory_format=torch.contiguous_format)

    def _layer(self, k: int) -> _bins.Layer:
        p = self.problem
        rows = p.parameters[k].unsqueeze(-1)
        weights = _bins.shares(p.V, rows[_bins.EXPONENT]) if p.weights is None else p.weights
        return _bins.Layer(self.names[k], p.X, p.V, weights, rows)

    def take(self, tensor: Tensor) -> Tensor:
        """Return the tensor."""
        return tensor

    def begin(self, out: Tensor | None) -> Tensor:
        """Return the signals of the start."""
        p = self.problem
        y = self.signals(_bins.magnitude(p.X.unsqueeze(-3), p.V) if p.start is None else p.start)
        return y if out is None else out.copy_(y)

    def signals(self, S: Tensor) -> Tensor:
        """Return the signals of spectra."""
        y: Tensor = self.transforms.istft(S, *self.problem.frames)
        return y

    def _spectra(self, y: Tensor) -> Tensor:
        f = self.problem.frames
        G: Tensor = self.transforms.stft(y, f.window, f.n_fft, f.hop, f.center, "constant")
        return G

    def step(
        self, k: int, S: Tensor | None, y: Tensor, state: bool, signal: bool, out: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        """Return the next spectra and their signals."""
        G = self._spectra(y)
        fresh = _bins.layer(self._layer(k), G if S is None else S, G)
        after = self.signals(fresh) if signal else None
        if out is not None:
            out.copy_(after if self.problem.by_signal and after is not None else fresh)
        return fresh if state else None, after

    def _whole(self, g: Tensor | None, z: Tensor | None) -> Tensor:
        """Add the two parts of a gradient."""
        if z is None:
            assert g is not None
            return g
        f, frames = self.problem.frames, self.problem.V.shape[-1]
        back: Tensor = self.transforms.istft_adjoint(z, f.window, f.n_fft, f.hop, f.center, frames)
        return back if g is None else g + back

    def step_backward(
        self, k: int, S: Tensor | None, y: Tensor, g: Tensor | None, z: Tensor | None
    ) -> tuple[Tensor | None, Tensor]:
        """Add to the gradients of the arguments; return the gradient of the state before."""
        p, at, G = self.problem, self._layer(k), self._spectra(y)
        found = _bins.layer_backward(at, self._whole(g, z), G if S is None else S, G, p.epsilon)
        of_V, of_exponent = found.V, torch.zeros_like(p.parameters[k, 0])
        if p.weights is None:
            more, of_exponent = _bins.shares_backward(
                found.weights, p.V, at.weights, at.parameters[_bins.EXPONENT], p.epsilon
            )
            of_V = of_V + more
        else:
            self.of_weights = _sum(self.of_weights, found.weights)
        found.parameters[_bins.EXPONENT] = of_exponent
        self.of_parameters[k] = found.parameters
        self.of_X, self.of_V = _sum(self.of_X, found.X), _sum(self.of_V, of_V)
        f = p.frames
        return found.S, self.transforms.stft_adjoint(
            found.G, f.window, f.n_fft, f.hop, f.center, "constant", f.length
        )

    def end(self, g: Tensor | None, z: Tensor | None) -> Tensor | None:
        """Turn the gradient of the start into that of what it was made of."""
        p, whole = self.problem, self._whole(g, z)
        if p.start is not None:
            return whole
        of_X, of_V = _bins.magnitude_backward(whole, p.X.unsqueeze(-3), p.V, p.epsilon)
        self.of_X, self.of_V = _sum(self.of_X, of_X.sum(-3)), _sum(self.of_V, of_V)
        return None

    def gradients(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
        """Return the gradients of X, V, the weights and the parameters."""
        assert self.of_X is not None
        assert self.of_V is not None
        return self.of_X, self.of_V, self.of_weights, self.of_parameters


def _sum(total: Tensor | None, term: Tensor) -> Tensor:
    return term if total is None else total + term
