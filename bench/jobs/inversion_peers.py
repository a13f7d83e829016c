"""Phase recovery with other libraries: loops of torch users, published numpy loops, asteroid-filterbanks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import librosa
import numpy as np
import torch

from phasewise.reference.sinusoidal import frequencies

__all__ = [
    "Asteroid",
    "numpy_inversion",
    "numpy_pu_iter",
    "torch_griffinlim",
    "torch_misi",
    "torch_transforms",
]

Array = np.ndarray
Tensors = Callable[[torch.Tensor], torch.Tensor]


# ---- torch -----------------------------------------------------------------------------------------


def torch_transforms(n_fft: int, hop: int, length: int) -> tuple[Tensors, Tensors]:
    """Return STFT and its inverse as functions of one tensor."""
    window = torch.hann_window(n_fft)

    def forward(y: torch.Tensor) -> torch.Tensor:
        return torch.stft(y, n_fft, hop, window=window, pad_mode="constant", return_complex=True)

    def back(S: torch.Tensor) -> torch.Tensor:
        return torch.istft(S, n_fft, hop, window=window, length=length)

    return forward, back


def torch_griffinlim(
    transforms: tuple[Tensors, Tensors], V: torch.Tensor, start: torch.Tensor, n_iter: int, momentum: float
) -> torch.Tensor:
    """Fast Griffin-Lim as torch users write it (torchaudio's loop)."""
    forward, back = transforms
    angles, previous = start, torch.zeros_like(start)
    for _ in range(n_iter):
        rebuilt = forward(back(V * angles))
        angles = rebuilt
        if momentum:
            angles = angles - previous.mul(momentum / (1 + momentum))
        angles = angles.div(angles.abs().add(1e-16))
        previous = rebuilt
    return back(V * angles)


def torch_misi(
    transforms: tuple[Tensors, Tensors], X: torch.Tensor, V: torch.Tensor, n_iter: int
) -> torch.Tensor:
    """MISI as torch users write it: consistency, magnitude, mixing."""
    forward, back = transforms
    S = V * torch.sgn(X)
    for _ in range(n_iter):
        G = forward(back(S))
        S = V * G / G.abs().clamp_min(1e-16)
        S = S + (X - S.sum(0)) / len(S)
    return S


class Asteroid:
    """`asteroid_filterbanks.misi`, from the phase of the mixture."""

    def __init__(self, sources: Array, n_fft: int, hop: int) -> None:
        from asteroid_filterbanks import STFTFB, Encoder, transforms
        from asteroid_filterbanks.griffin_lim import misi

        encoder = Encoder(STFTFB(n_fft, n_fft, hop))
        y = torch.from_numpy(sources)
        with torch.inference_mode():
            magnitudes = transforms.mag(encoder(y[:, None]))[None]
            angles = transforms.angle(encoder(y.sum(0)[None, None])).expand_as(magnitudes)
            self.run = partial(misi, y.sum(0)[None], magnitudes, encoder, angles=angles)

    def __call__(self, n_iter: int) -> torch.Tensor:
        """Return the waveforms (source, samples) after ``n_iter`` iterations."""
        with torch.inference_mode():
            return self.run(n_iter=n_iter)[0]  # type: ignore[no-any-return]


# ---- numpy and librosa -----------------------------------------------------------------------------


def numpy_inversion(
    algo: str,
    X: Array,
    V: Array,
    n_iter: int,
    hop: int,
    length: int,
    *,
    sigma: float = 1.0,
    power: float = 0.0,
    relaxation: float = 0.9,
) -> Array:
    """One of the inversion algorithms as published code does it: transforms by librosa, the rest by numpy.

    Mixing weights are V to the ``power``, over their sum.
    """
    weights = V**power
    weights /= np.maximum(weights.sum(axis=0), 1e-12)

    def consistent(S: Array) -> Array:
        y = librosa.istft(S, hop_length=hop, length=length)
        return librosa.stft(y, n_fft=2 * (S.shape[-2] - 1), hop_length=hop, pad_mode="constant")

    def with_magnitude(S: Array) -> Array:
        return V * S / np.maximum(np.abs(S), 1e-16)

    def mixed(S: Array) -> Array:
        return S + weights * (X - S.sum(axis=0))

    S = V * np.exp(1j * np.angle(X))
    for _ in range(n_iter):
        if algo == "MISI":
            S = mixed(with_magnitude(consistent(S)))
        elif algo == "Mix+Incons":
            S = (mixed(S) + sigma * weights * consistent(S)) / (1 + sigma * weights)
        elif algo == "Mag+Incons_hardMix":
            S = mixed((with_magnitude(S) + sigma * consistent(S)) / (1 + sigma))
        elif algo == "RRR":
            B = mixed(consistent(S))
            S = S + relaxation * (with_magnitude(2 * B - S) - B)
        elif algo == "RAAR":
            B = mixed(consistent(S))
            S = relaxation * (S + with_magnitude(2 * B - S) - B) + (1 - relaxation) * B
        else:
            raise ValueError(algo)
    return mixed(consistent(S)) if algo in ("RRR", "RAAR") else S


def numpy_pu_iter(X: Array, V: Array, n_iter: int, hop: int) -> Array:
    """PU-Iter, each frame started from the one before: whole frames of all sources at a time."""
    n_fft = 2 * (V.shape[1] - 1)
    weights = V**2 / np.maximum((V**2).sum(axis=0), 1e-20)
    S = V * np.exp(1j * np.angle(X))
    for t in range(1, X.shape[-1]):
        advance = 2 * np.pi * hop / n_fft * np.stack([frequencies(v[:, t]) for v in V])
        x, v, w = X[:, t], V[..., t], weights[..., t]
        s = v * np.exp(1j * (np.angle(S[..., t - 1]) + advance)).astype(X.dtype)
        for _ in range(n_iter):
            y = s + w * (x - s.sum(axis=0))
            s = v * y / np.maximum(np.abs(y), 1e-16)
        S[..., t] = s
    return S
