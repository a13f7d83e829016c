"""Phase recovery against the same loops written with torch, with numpy and librosa, and against packages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import torch

import phasewise as pw

from . import OURS, Job
from .inversion_peers import (
    Asteroid,
    numpy_inversion,
    numpy_pu_iter,
    torch_griffinlim,
    torch_misi,
    torch_transforms,
)
from .transforms import HOP, N_FFT, RATE, signal

SECONDS = 10.0
LENGTH = HOP * int(SECONDS * RATE / HOP)


def _sources(count: int) -> np.ndarray:
    """Return ``count`` overlapping sources of gliding partials and noise, (count, LENGTH) float32."""
    rng = np.random.default_rng(1)
    t = np.arange(LENGTH) / RATE
    noise = signal(SECONDS + 1, count)[:, :LENGTH] if count > 1 else signal(SECONDS + 1)[None, :LENGTH]
    tones = sum(
        np.sin(2 * np.pi * f * k * t + rng.uniform(0, 6)) / k
        for k in range(1, 9)
        for f in [rng.uniform(80, 400, (count, 1))]
    )
    return (0.05 * tones + 0.2 * noise).astype(np.float32)


def griffinlim(threads: int) -> Job:
    """Fast Griffin-Lim, 32 iterations, momentum 0.99, 10 s."""
    return _griffinlim(0.99, threads)


def griffinlim_plain(threads: int) -> Job:
    """Plain Griffin-Lim, 32 iterations, 10 s."""
    return _griffinlim(0.0, threads)


def _griffinlim(momentum: float, threads: int) -> Job:
    target = {"torch loop": 8.0, "librosa": 10.0} if threads == 1 else {"torch loop": 10.0, "librosa": 25.0}
    V = pw.STFT(N_FFT, HOP).magnitude(_sources(1)[0])
    phase = 2 * np.pi * np.random.RandomState(seed=0).random(size=V.shape)
    start = torch.from_numpy(np.exp(1j * phase).astype(np.complex64))
    tensor, transforms = torch.from_numpy(V), torch_transforms(N_FFT, HOP, LENGTH)
    options: dict[str, Any] = {"n_iter": 32, "hop_length": HOP, "length": LENGTH, "random_state": 0}
    ours = {"algorithm": "fgla", "momentum": momentum} if momentum else {"algorithm": "gla"}
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.griffinlim(V, **options, **ours),
        "torch loop": lambda: torch_griffinlim(transforms, tensor, start, 32, momentum),
        "librosa": lambda: librosa.griffinlim(V, momentum=momentum, **options),
    }

    def check(name: str, answer: Any, ours: Any) -> None:
        # Thirty-two float32 iterations part ways sample by sample; the quality reached must be the same.
        def error(y: Any) -> float:
            return float(np.linalg.norm(pw.STFT(N_FFT, HOP).magnitude(np.asarray(y)) - V) / np.linalg.norm(V))

        assert abs(error(answer) / error(ours) - 1) < 0.02, (
            f"{name}: {error(answer):.4f} against {error(ours):.4f}"
        )

    return Job(f"griffinlim 32 it, momentum {momentum:g}, 10 s", contenders, check, target)


def _spectra(n_fft: int, hop: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the mixture of four sources and their magnitudes."""
    sources, stft = _sources(4), pw.STFT(n_fft, hop)
    return stft.analyze(sources.sum(axis=0)), stft.magnitude(sources)


def misi(threads: int) -> Job:
    """MISI, 4 sources, 15 iterations, 10 s."""
    X, V = _spectra(N_FFT, HOP)
    mixture, magnitudes = torch.from_numpy(X), torch.from_numpy(V)
    rows = np.ascontiguousarray(X), np.ascontiguousarray(V)
    transforms, sources = torch_transforms(N_FFT, HOP, LENGTH), _sources(4)
    asteroid = Asteroid(sources, N_FFT, HOP)
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.misi(X, V, n_iter=15, hop_length=HOP, length=LENGTH),
        "torch loop": lambda: torch_misi(transforms, mixture, magnitudes, 15),
        "numpy, librosa": lambda: numpy_inversion("MISI", *rows, 15, HOP, LENGTH),
        "asteroid": lambda: asteroid(15),
    }

    # The start is the same and the steps contract: float32 rounding stays small, except near zeros of a
    # spectrum. Asteroid has other windows and another order: it must come closer to the sources than a share
    # of the mixture.
    def check(name: str, answer: Any, ours: Any) -> None:
        if name == "asteroid":
            y = sources[:, : answer.shape[-1]]
            error = np.linalg.norm(np.asarray(answer) - y) / np.linalg.norm(y.mean(axis=0) - y)
            assert error < 0.7, f"{name}: {error:.2g} of the mixture's distance"
            return
        error = np.linalg.norm(np.asarray(answer) - ours) / np.linalg.norm(ours)
        assert error < 1e-2, f"{name}: relative distance {error:.2g}"

    if threads == 1:
        target = {"torch loop": 6.0, "numpy, librosa": 12.0, "asteroid": 40.0}
    else:
        target = {"torch loop": 7.0, "numpy, librosa": 20.0, "asteroid": 40.0}
    return Job("misi 4 sources, 15 it, 10 s", contenders, check, target)


def _family(algo: str, threads: int, **options: Any) -> Job:
    X, V = _spectra(N_FFT, HOP)
    rows = np.ascontiguousarray(X), np.ascontiguousarray(V)
    ours: dict[str, Any] = {"n_iter": 15, "hop_length": HOP, "length": LENGTH}
    ours |= {"mixing_weights": options.get("power", 0.0), "relaxation": options.get("relaxation")}
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.spectrogram_inversion(X, V, algo, **ours),
        "numpy, librosa": lambda: numpy_inversion(algo, *rows, 15, HOP, LENGTH, **options),
    }

    # Reflections part ways in float32; the sources must be as near to their magnitudes.
    def check(name: str, answer: Any, ours: Any) -> None:
        error, own = (np.linalg.norm(np.abs(S) - V) / np.linalg.norm(V) for S in (answer, ours))
        assert abs(error - own) < 0.02 * own + 1e-3, f"{name}: {error:.4f} against {own:.4f}"

    target = {"numpy, librosa": 10.0 if threads == 1 else 15.0}
    return Job(f"{algo} 4 sources, 15 it, 10 s", contenders, check, target)


def rrr(threads: int) -> Job:
    """RRR, b = 0.8, weights 1/J."""
    return _family("RRR", threads, relaxation=0.8)


def raar(threads: int) -> Job:
    """RAAR, b = 0.9, weights V^0.5."""
    return _family("RAAR", threads, relaxation=0.9, power=0.5)


def mix_incons(threads: int) -> Job:
    """Mixing and consistency, weights V."""
    return _family("Mix+Incons", threads, power=1.0)


def mag_incons(threads: int) -> Job:
    """Magnitude and consistency under exact mixing."""
    return _family("Mag+Incons_hardMix", threads)


def pu_iter(threads: int) -> Job:
    """PU-Iter, 4096/1024, 4 sources, 50 iterations."""
    X, V = _spectra(4096, 1024)
    rows = np.ascontiguousarray(X), np.ascontiguousarray(V)

    def check(name: str, answer: Any, ours: Any) -> None:
        mixing = [np.linalg.norm(X - S.sum(axis=0)) / np.linalg.norm(X) for S in (answer, ours)]
        assert abs(mixing[0] - mixing[1]) < 0.05 * mixing[1], f"{name}: {mixing}"
        assert np.allclose(np.abs(answer), V, rtol=1e-3, atol=1e-4 * V.max())

    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.pu_iter(X, V, hop_length=1024, n_iter=50),
        "numpy by frames": lambda: numpy_pu_iter(*rows, 50, 1024),
    }
    target = {"numpy by frames": 30.0 if threads == 1 else 50.0}
    return Job("pu_iter 4 sources, 50 it, 10 s, 4096/1024", contenders, check, target)


JOBS: tuple[Callable[[int], Job], ...] = (
    griffinlim,
    griffinlim_plain,
    misi,
    rrr,
    raar,
    mix_incons,
    mag_incons,
    pu_iter,
)
