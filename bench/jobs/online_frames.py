"""Methods that settle every frame as it comes: what share of real time they take, and against numpy."""

from __future__ import annotations

from typing import Any

import numpy as np

import phasewise as pw

from . import OURS, Job
from .online import FRAMES, SOURCES, _frames, _pushes
from .transforms import HOP, N_FFT, RATE


class NumpyStream:
    """Frames to samples with numpy; sources from the phases of the frame before, by the sinusoidal model."""

    def __init__(self) -> None:
        self.w = np.hanning(N_FFT + 1)[:-1].astype(np.float32)
        self.sums = np.zeros((SOURCES, N_FFT), np.float32)
        self.energy = np.zeros(N_FFT, np.float32)
        self.phasors: np.ndarray | None = None
        self.received = 0

    def turn(self, v: np.ndarray) -> np.ndarray:
        """Return what the phases of the frame before have turned by, (sources, bins)."""
        cycles = np.empty(v.shape, np.float32)
        bins = v.shape[1]
        for row, out in zip(v, cycles, strict=True):
            inner = (row[1:-1] > row[:-2]) & (row[1:-1] >= row[2:]) & (row[1:-1] >= 0.01 * row.max())
            k = np.flatnonzero(inner) + 1
            if k.size == 0:
                out[:] = HOP / N_FFT * np.arange(bins)
                continue
            a, b, c = np.log(np.maximum(np.stack([row[k - 1], row[k], row[k + 1]]), 1e-6 * row[k]))
            q = k + np.clip((c - a) / np.maximum(2 * (2 * b - a - c), 1e-30), -0.5, 0.5)
            here, after = row[k[:-1]], row[k[1:]]
            ends = np.append(k[:-1] + (np.diff(k) * (here / (here + after))).astype(int) + 1, bins)
            out[:] = np.repeat((HOP / N_FFT * q) % 1, np.diff(ends, prepend=0))
        return np.exp(2j * np.pi * cycles).astype(np.complex64)

    def push(self, x: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Take a frame; return a hop of samples."""
        phasor = x / np.maximum(np.abs(x), 1e-30)
        start = np.tile(phasor, (SOURCES, 1)) if self.phasors is None else self.phasors * self.turn(v)
        S = self.solve(x, v, start)
        self.phasors = S / np.maximum(np.abs(S), 1e-30)
        self.sums += np.fft.irfft(S, N_FFT, axis=-1) * self.w
        self.energy += self.w**2
        self.received += 1
        done = self.sums[:, :HOP] / np.maximum(self.energy[:HOP], np.float32(1e-11))
        for array in (self.sums, self.energy):
            array[..., :-HOP] = array[..., HOP:].copy()
            array[..., -HOP:] = 0
        return done if self.received * HOP > N_FFT // 2 else 0 * done

    def solve(self, x: np.ndarray, v: np.ndarray, start: np.ndarray) -> np.ndarray:
        raise NotImplementedError


class NumpyPuIter(NumpyStream):
    def solve(self, x: np.ndarray, v: np.ndarray, start: np.ndarray) -> np.ndarray:
        power = v**2
        share = power / np.maximum(power.sum(axis=0), 1e-30)
        S = v * start
        for _ in range(50):
            Y = S + share * (x - S.sum(axis=0))
            S = v * Y / np.maximum(np.abs(Y), 1e-30)
        return S


class NumpyAnisotropic(NumpyStream):
    def solve(self, x: np.ndarray, v: np.ndarray, start: np.ndarray) -> np.ndarray:
        lam, rho = np.float32(0.44639), np.float32(-0.09199)  # of a concentration of 1
        m, g, c = lam * v * start, (1 - lam**2) * v**2, rho * v**2 * start**2
        G, C, e = g.sum(axis=0), c.sum(axis=0), x - m.sum(axis=0)
        D = np.maximum(G**2 - np.abs(C) ** 2, 1e-30)
        S: np.ndarray = m + ((g * G - c * C.conj()) * e + (c * G - g * C) * e.conj()) / D
        return S


def _job(name: str, stage: Any, peer: type[NumpyStream], tolerance: float) -> Job:
    X, V = _frames()

    def with_numpy() -> np.ndarray:
        stream = peer()
        return np.concatenate([stream.push(X[0, :, t], V[0, ..., t]) for t in range(FRAMES)], axis=-1)

    def check(name: str, answer: Any, ours: Any) -> None:
        error = np.linalg.norm(answer - ours) / np.linalg.norm(ours)
        assert error < tolerance, f"{name}: relative distance {error:.2g}"

    contenders = {OURS: lambda: _pushes(stage, X, V), "numpy": with_numpy}
    return Job(name, contenders, check, {}, FRAMES * HOP / RATE, 0.03)


def pu_iter(threads: int) -> Job:
    """Online PU-Iter, 4 sources, 50 iterations."""
    stage = pw.OnlinePUIter(SOURCES, N_FFT, HOP, dtype=np.float32)
    # Where the sources leave a bin open, rounding decides, and is carried on.
    return _job("online pu_iter 4 sources, 50 it", stage, NumpyPuIter, 0.3)


def anisotropic(threads: int) -> Job:
    """Online anisotropic Wiener filter, 4 sources."""
    stage = pw.OnlineAnisotropicWiener(SOURCES, N_FFT, HOP, dtype=np.float32)
    return _job("online anisotropic wiener 4 sources", stage, NumpyAnisotropic, 1e-2)


def heap(threads: int) -> Job:
    """RTPGHI of one source, without look-ahead."""
    _, V = _frames()
    stage = pw.RTPGHI(N_FFT, HOP, rng=0, dtype=np.float32)
    contenders = {OURS: lambda: _pushes(stage, V[:, 0])}
    return Job("rtpghi 1 source", contenders, lambda *_: None, {}, FRAMES * HOP / RATE)


JOBS = (pu_iter, anisotropic, heap)
