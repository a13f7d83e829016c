"""The filters written with numpy and librosa, whole frames or arrays at a time: peers of ours."""

from __future__ import annotations

import librosa
import numpy as np

from phasewise.reference import consistent as twin
from phasewise.reference.anisotropic import anisotropic_wiener, moments
from phasewise.reference.anisotropic import posterior as numpy_posterior
from phasewise.reference.transform import bin_weights, project_consistent

__all__ = [
    "norbert_rule",
    "numpy_anisotropic",
    "numpy_consistent",
    "twin_consistent",
]

Array = np.ndarray


def frame_frequencies(v: Array) -> Array:
    """Frequencies in bins of all bins of a frame (freq,): the twin's rule without its loops."""
    inner = v[1:-1]
    peaks = 1 + np.flatnonzero((inner > v[:-2]) & (inner > v[2:]) & (inner >= 0.01 * v.max()))
    if peaks.size == 0:
        return np.arange(len(v), dtype=np.float64)
    triples = np.stack([v[peaks - 1], v[peaks], v[peaks + 1]])
    a, b, c = np.log(np.maximum(triples, 1e-6 * triples[1]))
    bend = 2 * (2 * b - a - c)
    q = peaks + np.clip((c - a) / np.where(bend > 0, bend, 1), -0.5, 0.5) * (bend > 0)
    height = v[peaks].astype(np.float64)
    ends = peaks[:-1] + np.floor(np.diff(peaks) * height[:-1] / (height[:-1] + height[1:])).astype(int) + 1
    return np.repeat(q, np.diff(ends, prepend=0, append=len(v)))


def numpy_anisotropic(X: Array, V: Array, hop: int, kappa: float) -> tuple[Array, Array]:
    """Anisotropic Wiener filter, all sources and bins of a frame at a time; estimates and prior phasors."""
    n_fft = 2 * (V.shape[1] - 1)
    lam, radial, tangential = (np.float32(m) for m in moments(kappa))
    g, rho = (radial + tangential) * V**2, radial - tangential
    S, prior = np.empty(V.shape, X.dtype), np.empty(V.shape, X.dtype)
    for t in range(X.shape[-1]):
        v = V[..., t]
        u = np.exp(1j * np.angle(X[:, t]))[None] * np.ones_like(v)
        if t > 0:
            nu = np.stack([frame_frequencies(row) for row in v])
            advance = (2 * np.pi * hop / n_fft * nu).astype(v.dtype)
            u = np.exp(1j * (np.angle(S[..., t - 1]) + advance))
        S[..., t], _, _ = numpy_posterior(X[:, t], lam * v * u, g[..., t], rho * v**2 * u**2)
        prior[..., t] = u
    return S, prior


def numpy_consistent(
    X: Array, V: Array, hop: int, length: int, kappa: float, delta: float, n_iter: int, solver: str
) -> Array:
    """Consistent anisotropic Wiener filter: the twin's iterations with librosa's transforms, in float32."""
    n_fft = 2 * (V.shape[1] - 1)
    W, u = numpy_anisotropic(X, V, hop, kappa)
    _, radial, tangential = (np.float32(m) for m in moments(kappa))
    g, c = (radial + tangential) * V**2, (radial - tangential) * V**2 * u**2
    a = bin_weights(n_fft).astype(V.dtype)

    def project(S: Array) -> Array:
        y = librosa.istft(S, hop_length=hop, n_fft=n_fft, length=length)
        return librosa.stft(y, hop_length=hop, n_fft=n_fft)

    def inner(p: Array, q: Array) -> float:
        return float(np.sum(a * (p.real * q.real + p.imag * q.imag)))

    return _last(W, g, c, delta / (2 * n_fft), 1 - hop / n_fft, n_iter, solver, project, inner)


def twin_consistent(
    X: Array, V: Array, hop: int, length: int, kappa: float, delta: float, n_iter: int, solver: str
) -> Array:
    """Return what the twin does, less the criterion that it computes in every iteration."""
    n_fft = 2 * (V.shape[1] - 1)
    W, _, _, mu = anisotropic_wiener(X, V, hop, kappa)
    V = V.astype(np.float64)
    _, radial, tangential = moments(kappa)
    g, c = (radial + tangential) * V**2, (radial - tangential) * V**2 * np.exp(2j * mu)
    a = bin_weights(n_fft)

    def project(S: Array) -> Array:
        return project_consistent(S, hop, n_fft=n_fft, length=length)

    def inner(p: Array, q: Array) -> float:
        return float(np.sum(a * (p.conj() * q).real))

    return _last(W, g, c, delta / (2 * n_fft), 1 - hop / n_fft, n_iter, solver, project, inner)


def _last(W, g, c, weight, overlap, n_iter, solver, project, inner):
    run = twin.conjugate_gradients if solver == "cg" else twin.majorise
    S = W
    for _, S in run(W, g, c, weight, overlap, n_iter, project, inner):  # noqa: B007
        pass
    return S


def norbert_rule(x: Array, y: Array, n_iter: int, noise: float) -> Array:
    """Multichannel Wiener filter as norbert has it, with whole arrays and sums that are the mixture.

    Mixture (channels, freq, frames), estimates to start from (channels, source, freq, frames).
    """
    sigma = noise * np.mean(np.abs(x) ** 2, axis=(0, 2))[:, None, None, None] * np.eye(len(x), dtype=x.dtype)
    mixture = np.moveaxis(x, 0, -1)[..., None]
    for i in range(n_iter):
        v = np.mean(y.real**2 + y.imag**2, axis=0)
        rows = np.moveaxis(y, 0, -1)  # (source, freq, frames, channels)
        R = np.swapaxes(rows, -1, -2) @ rows.conj() / np.maximum(v.sum(axis=-1), 1e-30)[..., None, None]
        total = np.einsum("jft,jfab->ftab", v, R, optimize=True) + sigma
        gain = np.linalg.inv(total) @ mixture
        y = np.moveaxis(v[..., None] * (R[:, :, None] @ gain)[..., 0], -1, 0)
        if i + 1 == n_iter:
            y = y + v / np.maximum(v.sum(axis=0), 1e-30) * (x - y.sum(axis=1))[:, None]
    return y
