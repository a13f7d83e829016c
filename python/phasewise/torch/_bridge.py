"""Tensors of the host in, tensors of the host out: the one place where torch meets the compiled core.

Memory is shared both ways and nothing is copied on the way in, unless the layout of a gradient demands it.
Results lie in the core's recycled memory, whose pages are warm. Calls keep to torch's number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from phasewise import _core
from phasewise._arrays import COMPLEX_OF, REAL_OF, flat
from phasewise._framing import Framing, framing
from phasewise._memory import empty
from phasewise.torch._unfolding import Problem, layer_names

__all__ = [
    "MOST_SOURCES",
    "CoreSteps",
    "istft",
    "istft_adjoint",
    "magnitude_projection",
    "mixing_iterations",
    "project_consistent",
    "spectra_of_rows",
    "stft",
    "stft_adjoint",
]

#: Sources that the core's layers take at most.
MOST_SOURCES: int = _core.most_unfolded_sources

# torch's names of the paddings that the core makes
_PADDINGS = {"constant": "constant", "reflect": "reflect", "replicate": "edge"}


def host(tensor: Tensor) -> NDArray[Any]:
    """Return the array that shares the memory of a tensor.

    Not by DLPack: it drops the negation of views such as ``z.conj().imag``.
    """
    array: NDArray[Any] = tensor.detach().resolve_conj().resolve_neg().numpy()
    return array


def run(function: Callable[..., Any], *arguments: Any, **options: Any) -> None:
    """Call the core with as many threads as torch may use, and leave other callers' numbers alone."""
    _core.limit_threads(torch.get_num_threads())
    try:
        function(*arguments, **options)
    finally:
        _core.limit_threads(0)


def frames_of(window: Tensor, n_fft: int, hop: int, center: bool, pad_mode: str = "constant") -> Framing:
    """Return the framing of a window of ``n_fft`` values; equal windows share their plans."""
    values = host(window)
    return _framing(values.tobytes(), values.dtype.char, n_fft, hop, center, _PADDINGS[pad_mode])


@lru_cache(maxsize=64)
def _framing(values: bytes, kind: str, n_fft: int, hop: int, center: bool, pad_mode: str) -> Framing:
    window = np.frombuffer(values, kind).astype(np.float64)
    return framing(n_fft, hop, None, window, center, pad_mode)


def stft(signal: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, pad_mode: str) -> Tensor:
    """Transform (..., samples) to (..., freq, frames)."""
    y = host(signal)
    f = frames_of(window, n_fft, hop, center, pad_mode)
    memory = empty((*y.shape[:-1], f.frames(y.shape[-1]), f.bins), COMPLEX_OF[y.dtype])
    run(f.plan(y.dtype).analyze, y, memory)
    return torch.from_numpy(memory).transpose(-1, -2)


def stft_adjoint(
    spectrum: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, pad_mode: str, samples: int
) -> Tensor:
    """Apply the adjoint of `stft` to (..., freq, frames)."""
    S = host(spectrum)
    f = frames_of(window, n_fft, hop, center, pad_mode)
    memory = empty((*S.shape[:-2], samples), REAL_OF[S.dtype])
    run(f.plan(memory.dtype).analyze_adjoint, flat(np.swapaxes(S, -1, -2), 2), flat(memory, 1))
    return torch.from_numpy(memory)


def istft(spectrum: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, length: int) -> Tensor:
    """Synthesise (..., length) from (..., freq, frames)."""
    S = host(spectrum)
    memory = empty((*S.shape[:-2], length), REAL_OF[S.dtype])
    run(frames_of(window, n_fft, hop, center).plan(memory.dtype).synthesize, S, memory)
    return torch.from_numpy(memory)


def istft_adjoint(signal: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, frames: int) -> Tensor:
    """Apply the adjoint of `istft` to (..., length)."""
    y = host(signal)
    f = frames_of(window, n_fft, hop, center)
    memory = empty((*y.shape[:-1], frames, f.bins), COMPLEX_OF[y.dtype])
    run(f.plan(y.dtype).synthesize_adjoint, flat(y, 1), flat(memory, 2))
    return torch.from_numpy(memory).transpose(-1, -2)


def project_consistent(
    spectrum: Tensor, window: Tensor, n_fft: int, hop: int, center: bool, length: int
) -> Tensor:
    """Return the transform of the signal of (..., freq, frames), zeros beyond its ends."""
    S = host(spectrum)
    memory = empty((*S.shape[:-2], S.shape[-1], S.shape[-2]), S.dtype)
    run(frames_of(window, n_fft, hop, center).plan(REAL_OF[S.dtype]).project, S, length, memory)
    return torch.from_numpy(memory).transpose(-1, -2)


def mixing_iterations(
    mixture: Tensor, magnitudes: Tensor, start: Tensor, weights: Tensor, n_iter: int
) -> Tensor:
    """Iterate mixing and magnitudes in the bins of (..., source, freq, frames), from a given phase."""
    X, V, Z, L = (np.swapaxes(host(t), -1, -2) for t in (mixture, magnitudes, start, weights))
    return _iterated(flat(X, 2), flat(V, 3), flat(Z, 3), flat(L, 3), n_iter, V.shape)


def magnitude_projection(spectrum: Tensor, magnitudes: Tensor) -> Tensor:
    """Give (..., freq, frames) the magnitudes: no mixing iteration of one source."""
    Y, V = (np.swapaxes(host(t), -1, -2) for t in (spectrum, magnitudes))
    rows = flat(Y, 2)
    return _iterated(rows, flat(V, 2)[:, None], rows[:, None], None, 0, V.shape)


def _iterated(
    X: NDArray[Any],
    V: NDArray[Any],
    Z: NDArray[Any],
    L: NDArray[Any] | None,
    n_iter: int,
    shape: tuple[int, ...],
) -> Tensor:
    estimate = empty(V.shape, Z.dtype)
    run(
        _core.mixing_iterations,
        mixture=X,
        magnitudes=V,
        weights=L,
        weighting=_core.Weighting.equal if L is None else _core.Weighting.given,
        refresh=False,
        n_iter=n_iter,
        n_fft=max(1, 2 * (V.shape[-1] - 1)),
        estimate=estimate,
        hop=0,
        anchor=0.0,
        start_values=Z,
        onset_values=Z,
    )
    return torch.from_numpy(estimate.reshape(shape)).transpose(-1, -2)


def rows_of_spectra(tensor: Tensor) -> NDArray[Any]:
    """Return spectra (batch, ..., freq, frames) as C-ordered (batch, ..., frames, freq)."""
    return np.ascontiguousarray(np.swapaxes(host(tensor), -1, -2))


def spectra_of_rows(rows: NDArray[Any]) -> Tensor:
    """Undo `rows_of_spectra`."""
    return torch.from_numpy(rows).transpose(-1, -2)


class CoreSteps:
    """The layers of a problem in the core; spectra are arrays (batch, source, frames, freq)."""

    def __init__(self, problem: Problem, learn: bool) -> None:
        p, f = problem, problem.frames
        self.problem = p
        self.V = rows_of_spectra(p.V)
        self.X = rows_of_spectra(p.X)
        self.plan = frames_of(f.window, f.n_fft, f.hop, f.center).plan(self.V.dtype)
        kind: Any = _core.Layers64 if self.V.dtype == np.float64 else _core.Layers32
        self.layers = kind(
            self.plan,
            length=f.length,
            epsilon=p.epsilon,
            mixture=self.X,
            magnitudes=self.V,
            weights=None if p.weights is None else rows_of_spectra(p.weights),
        )
        self.parameters = np.ascontiguousarray(host(p.parameters))
        self.names = [getattr(_core.Layer, name) for name in layer_names(p.update, p.layers)]
        self.learn = learn
        self.of: dict[str, NDArray[Any]] = {}

    def _signal(self, out: NDArray[Any] | None = None) -> NDArray[Any]:
        return empty((*self.V.shape[:2], self.problem.frames.length), self.V.dtype) if out is None else out

    def _spectra(self, out: NDArray[Any] | None = None) -> NDArray[Any]:
        return empty(self.V.shape, self.X.dtype) if out is None else out

    def take(self, tensor: Tensor) -> NDArray[Any]:
        """Return spectra or signals as an array."""
        return np.ascontiguousarray(host(tensor)) if tensor.ndim == 3 else rows_of_spectra(tensor)

    def begin(self, out: NDArray[Any] | None) -> NDArray[Any]:
        """Return the signals of the start."""
        y = self._signal(out)
        if self.problem.start is None:
            run(self.layers.start, y)
        else:
            run(self.plan.synthesize, host(self.problem.start), y)
        return y

    def signals(self, S: NDArray[Any]) -> NDArray[Any]:
        """Return the signals of spectra."""
        y = self._signal()
        run(self.plan.synthesize, np.swapaxes(S, -1, -2), y)
        return y

    def _state(self, k: int, S: NDArray[Any] | None) -> NDArray[Any] | None:
        return None if self.problem.by_signal or self.names[k] == _core.Layer.mix else S

    def step(
        self,
        k: int,
        S: NDArray[Any] | None,
        y: NDArray[Any],
        state: bool,
        signal: bool,
        out: NDArray[Any] | None,
    ) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
        """Return the next spectra and their signals."""
        by_signal = self.problem.by_signal
        fresh = self._spectra(None if by_signal else out) if state else None
        after = self._signal(out if by_signal else None) if signal else None
        run(
            self.layers.step,
            self.names[k],
            parameters=self.parameters[k],
            state=self._state(k, S),
            signal=y,
            next=fresh,
            next_signal=after,
        )
        return fresh, after

    def _gradient(self, name: str, like: NDArray[Any]) -> NDArray[Any]:
        """Return the gradient that is added to."""
        if name not in self.of:
            self.of[name] = empty(like.shape, like.dtype)
            self.of[name].fill(0)
        return self.of[name]

    def step_backward(
        self, k: int, S: NDArray[Any] | None, y: NDArray[Any], g: NDArray[Any] | None, z: NDArray[Any] | None
    ) -> tuple[NDArray[Any] | None, NDArray[Any]]:
        """Add to the gradients of the arguments; return the gradient of the state before."""
        state = self._state(k, S)
        before = None
        if state is not None:  # the first gradient is not ours to overwrite
            before = g if g is not None and k + 1 < self.problem.layers else self._spectra()
        after = self._signal()
        of_parameters = self._gradient("parameters", self.parameters)
        run(
            self.layers.step_backward,
            self.names[k],
            parameters=self.parameters[k],
            state=state,
            signal=y,
            spectra_in=g,
            signal_in=z,
            spectra_out=before,
            signal_out=after,
            of_mixture=self._gradient("X", self.X),
            of_magnitudes=self._gradient("V", self.V),
            of_weights=None if self.problem.weights is None else self._gradient("weights", self.V),
            of_parameters=of_parameters[k] if self.learn else None,
        )
        return before, after

    def end(self, g: NDArray[Any] | None, z: NDArray[Any] | None) -> Tensor | None:
        """Turn the gradient of the start into that of what it was made of."""
        if self.problem.start is not None:
            whole = self._spectra()
            run(self.layers.sum, spectra_in=g, signal_in=z, out=whole)
            return spectra_of_rows(whole)
        run(
            self.layers.start_backward,
            spectra_in=g,
            signal_in=z,
            of_mixture=self._gradient("X", self.X),
            of_magnitudes=self._gradient("V", self.V),
        )
        return None

    def gradients(self) -> tuple[Tensor, Tensor, Tensor | None, Tensor]:
        """Return the gradients of X, V, the weights and the parameters."""
        of_weights = self.of.get("weights")
        return (
            spectra_of_rows(self._gradient("X", self.X)),
            spectra_of_rows(self._gradient("V", self.V)),
            None if of_weights is None else spectra_of_rows(of_weights),
            torch.from_numpy(self._gradient("parameters", self.parameters)),
        )
