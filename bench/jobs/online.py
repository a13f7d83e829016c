"""Streams, one frame at a time: what share of real time they take, and against the same loop in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np

import phasewise as pw

from . import OURS, Job
from .inversion import _sources
from .transforms import HOP, N_FFT, RATE

SOURCES, FRAMES = 4, 128


def _frames() -> tuple[np.ndarray, np.ndarray]:
    """Return frame-major frames of a mixture and of its sources' magnitudes, complex64 and float32."""
    S = pw.stft(_sources(SOURCES), n_fft=N_FFT, hop_length=HOP)[..., :FRAMES]
    return S.sum(axis=0, keepdims=True), np.abs(S)[np.newaxis]


def _pushes(stage: Any, *arrays: np.ndarray) -> np.ndarray:
    """Return the samples of frames that come one after the other, into memory that is there."""
    stage.reset()
    out = np.empty((*arrays[-1].shape[:-2], FRAMES * HOP), np.float32)
    for t in range(FRAMES):
        stage.push(*(a[..., t : t + 1] for a in arrays), out[..., t * HOP : (t + 1) * HOP])
    return out[0]


def _magnitude_error(y: np.ndarray, V: np.ndarray) -> float:
    """Return how far samples are from their magnitudes, away from the end of the stream."""
    count = FRAMES - 8
    S = np.abs(pw.stft(y, n_fft=N_FFT, hop_length=HOP)[..., :count])
    return float(np.linalg.norm(S - V[..., :count]) / np.linalg.norm(V[..., :count]))


class NumpyMisi:
    """Online MISI of one channel with numpy: all sources and frames of the window in every call."""

    def __init__(self, sources: int, n_fft: int, hop: int, lookahead: int, n_iter: int) -> None:
        self.hop, self.n_iter, self.size = hop, n_iter, lookahead + 1
        self.w = np.hanning(n_fft + 1)[:-1].astype(np.float32)
        length = n_fft + lookahead * hop
        self.sums, self.past = np.zeros((2, sources, length), np.float32)
        self.y = np.zeros((sources, length), np.float32)
        windows = np.lib.stride_tricks.sliding_window_view(self.y, n_fft, axis=-1)
        self.views = windows[:, ::hop][:, : self.size]
        self.X = np.zeros((self.size, n_fft // 2 + 1), np.complex64)
        self.V = np.zeros((sources, self.size, n_fft // 2 + 1), np.float32)
        steady = n_fft // hop + self.size  # frames after which the energies stay
        self.energies = {frames: self._energy(frames) for frames in range(self.size, steady + 1)}
        self.received = 0

    def _energy(self, frames: int) -> np.ndarray:
        """Return the energy of the windows of so many frames, from the first of the last `size` on."""
        energy = np.zeros((frames - 1) * self.hop + self.w.size, np.float32)
        for t in range(frames):
            energy[t * self.hop : t * self.hop + self.w.size] += self.w**2
        energy[energy < 2e-11] = 1  # the very last sample of a window, which is left as it is
        return energy[(frames - self.size) * self.hop :]

    def _add(self, S: np.ndarray, first: int) -> None:
        parts = np.fft.irfft(S, self.w.size, axis=-1) * self.w
        for i in range(S.shape[1]):
            at = (first + i) * self.hop
            self.sums[:, at : at + self.w.size] += parts[:, i]

    def push(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Take a frame; return a hop of samples."""
        hop, n, size = self.hop, self.w.size, self.size
        slot = min(self.received, size - 1)
        if self.received >= size:
            self.X[:-1], self.V[:, :-1] = self.X[1:], self.V[:, 1:].copy()
        self.X[slot], self.V[:, slot] = x, v
        self._add((v * np.exp(1j * np.angle(x)))[:, np.newaxis].astype(np.complex64), slot)
        self.received += 1
        if self.received < size:
            return np.zeros((v.shape[0], hop), np.float32)
        energy, before = self.energies[min(self.received, max(self.energies))], (self.received - size) * hop
        for i in range(self.n_iter):
            np.divide(self.sums, energy, out=self.y)
            self.y[:, : max(0, n // 2 - before)] = 0
            G = np.fft.rfft(self.views * self.w, axis=-1)
            G *= self.V / np.maximum(np.abs(G), 1e-18)
            G += (self.X - G.sum(axis=0)) / np.float32(len(G))
            self.sums[:] = self.past
            if i + 1 < self.n_iter:
                self._add(G, 0)
        self._add(G[:, :1], 0)
        done = self.sums[:, :hop] / energy[:hop]
        self.past[:, :-hop], self.past[:, -hop:] = self.sums[:, hop:], 0
        self._add(G[:, 1:], 1)
        self.sums[:, :-hop], self.sums[:, -hop:] = self.sums[:, hop:].copy(), 0
        done[:, : max(0, n // 2 - before)] = 0
        return done


def misi(threads: int) -> Job:
    """Online MISI, 4 sources, a frame of look-ahead, 7 iterations."""
    X, V = _frames()
    stage = pw.OnlineMISI(SOURCES, N_FFT, HOP, lookahead=1, n_iter=7, dtype=np.float32)

    def with_numpy() -> np.ndarray:
        stream = NumpyMisi(SOURCES, N_FFT, HOP, 1, 7)
        return np.concatenate([stream.push(X[0, :, t], V[0, ..., t]) for t in range(FRAMES)], axis=-1)

    # Every frame starts from those before, so float32 rounding grows: the first frames must be the same, and
    # all of them must reach the same magnitudes.
    def check(name: str, answer: Any, ours: Any) -> None:
        first = np.s_[:, : 12 * HOP]
        distance = np.linalg.norm(answer[first] - ours[first]) / np.linalg.norm(ours[first])
        assert distance < 1e-3, f"{name}: relative distance {distance:.2g}"
        error, own = (_magnitude_error(y[:, stage.latency :], V[0]) for y in (answer, ours))
        assert abs(error / own - 1) < 0.02, f"{name}: {error:.4f} against {own:.4f}"

    contenders = {OURS: lambda: _pushes(stage, X, V), "numpy": with_numpy}
    name = "online misi 4 sources, K = 1, 7 it"
    return Job(name, contenders, check, {}, FRAMES * HOP / RATE, 0.03)


def reflections(threads: int) -> Job:
    """Online RAAR with its defaults: a frame of look-ahead, 7 iterations."""
    X, V = _frames()
    stage = pw.OnlineInversion(SOURCES, N_FFT, HOP, dtype=np.float32)
    contenders = {OURS: lambda: _pushes(stage, X, V)}
    name = "online raar 4 sources, K = 1, 7 it"
    return Job(name, contenders, lambda *_: None, {}, FRAMES * HOP / RATE, 0.03)


JOBS = (misi, reflections)
