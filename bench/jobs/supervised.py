"""Supervised factorisation of a stream, a frame at a time, and what it takes to hear its sources."""

from __future__ import annotations

import numpy as np

import phasewise as pw
from phasewise.dictionary import Dictionary

from . import OURS, Job, agree
from .online import FRAMES, SOURCES, _frames
from .transforms import HOP, N_FFT, RATE


def _spectra() -> Dictionary:
    """Return 50 random spectra for each of four stems."""
    rng = np.random.default_rng(2)
    spectra = {stem: rng.random((N_FFT // 2 + 1, 50)) ** 4 for stem in ("bass", "drums", "other", "vocals")}
    return Dictionary(tuple(spectra), spectra, RATE, N_FFT, HOP, n_iter=20)


def _updates(v: np.ndarray, W: np.ndarray, sums: np.ndarray, steps: int) -> np.ndarray:
    """Return the activations of a frame by multiplicative updates with numpy, from equal shares."""
    h = v.sum() / sums / len(sums)
    for _ in range(steps):
        h *= W.T @ (v / (W @ h)) / sums
    return h


def supervised(threads: int) -> Job:
    """Streaming supervised NMF, KL, rank 200, 20 updates of every frame."""
    dictionary = _spectra()
    V = np.abs(_frames()[0][0])
    stream = pw.StreamingMagnitudes(dictionary, dtype=np.float32)

    def ours() -> np.ndarray:
        stream.reset()
        return np.concatenate([stream.push(V[:, t : t + 1]) for t in range(FRAMES)], axis=-1)

    def with_numpy() -> np.ndarray:
        W = np.ascontiguousarray(dictionary.basis)
        sums = W.sum(axis=0)
        parts = [W[:, i : i + 50] for i in range(0, 200, 50)]
        out = np.empty((4, *V.shape), np.float32)
        for t in range(FRAMES):
            h = _updates(V[:, t], W, sums, 20)
            for j, part in enumerate(parts):
                out[j, :, t] = part @ h[50 * j : 50 * j + 50]
        return out

    name = "streaming nmf rank 200, 20 it"
    contenders = {OURS: ours, "numpy": with_numpy}
    return Job(name, contenders, agree(1e-3), {}, FRAMES * HOP / RATE, 0.07)


def supervised_anisotropic(threads: int) -> Job:
    """The same with the anisotropic Wiener filter, from frames of the mixture to samples of the stems."""
    X = _frames()[0]
    level = np.abs(X[0])
    stream = pw.StreamingMagnitudes(_spectra(), dtype=np.float32)
    stage = pw.OnlineAnisotropicWiener(SOURCES, N_FFT, HOP, dtype=np.float32)

    def ours() -> np.ndarray:
        stream.reset()
        stage.reset()
        out = np.empty((SOURCES, FRAMES * HOP), np.float32)
        for t in range(FRAMES):
            now = slice(t, t + 1)
            stage.push(X[0, :, now], stream.push(level[:, now]), out[:, t * HOP : (t + 1) * HOP])
        return out

    name = "streaming nmf rank 200, 20 it, anisotropic"
    return Job(name, {OURS: ours}, lambda *_: None, {}, FRAMES * HOP / RATE, 0.1)


JOBS = (supervised, supervised_anisotropic)
