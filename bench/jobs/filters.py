"""Filters against their readable twins, and against numpy with whole frames or arrays at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import phasewise as pw
from phasewise.reference import anisotropic as twin

from . import OURS, Job
from .filter_peers import norbert_rule, numpy_anisotropic, numpy_consistent, twin_consistent
from .inversion import _sources
from .transforms import HOP, N_FFT, RATE

SECONDS = 3.0  # the twins take seconds for them
LENGTH = HOP * int(SECONDS * RATE / HOP)


def _spectra() -> tuple[np.ndarray, np.ndarray]:
    """Return the mixture of four sources and their magnitudes."""
    sources, stft = _sources(4)[:, :LENGTH], pw.STFT(N_FFT, HOP)
    return stft.analyze(sources.sum(axis=0)), stft.magnitude(sources)


def _near(bound: float) -> Callable[[str, Any, Any], None]:
    # Recursive phases of weak bins part ways in other precisions: the whole is compared, not the worst bin.
    def check(name: str, answer: Any, ours: Any) -> None:
        error = np.linalg.norm(np.asarray(answer) - ours) / np.linalg.norm(ours)
        assert error < bound, f"{name}: relative distance {error:.2g}"

    return check


def anisotropic(threads: int) -> Job:
    """Anisotropic Wiener filter, 4 sources."""
    X, V = _spectra()
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.anisotropic_wiener(X, V, kappa=1.0, hop_length=HOP),
        "numpy twin": lambda: twin.anisotropic_wiener(X, V, HOP, 1.0)[0],
        "numpy by frames": lambda: numpy_anisotropic(X, V, HOP, 1.0)[0],
    }
    return Job("anisotropic_wiener 4 sources, 3 s", contenders, _near(0.03), {"numpy twin": 10.0})


def _consistent(solver: str) -> Job:
    X, V = _spectra()
    options: dict[str, Any] = {"kappa": 1.0, "delta": 10.0, "n_iter": 20, "solver": solver}
    arguments = X, V, HOP, LENGTH, *options.values()
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.consistent_anisotropic_wiener(
            X, V, tol=0.0, hop_length=HOP, length=LENGTH, **options
        ),
        "numpy twin": lambda: twin_consistent(*arguments),
        "numpy, librosa": lambda: numpy_consistent(*arguments),
    }
    name = f"consistent_anisotropic {solver}, 20 it, 3 s"
    return Job(name, contenders, _near(0.03), {"numpy twin": 10.0})


def consistent_gradients(threads: int) -> Job:
    """Consistent anisotropic Wiener filter, conjugate gradients, 4 sources, 20 iterations."""
    return _consistent("cg")


def consistent_majorised(threads: int) -> Job:
    """Consistent anisotropic Wiener filter, majorisation-minimisation, 4 sources, 20 iterations."""
    return _consistent("mm")


def multichannel(threads: int) -> Job:
    """Multichannel Wiener filter, stereo, 4 sources, 2 iterations."""
    rng = np.random.default_rng(2)
    places = rng.uniform(0.2, 1, (2, 4, 1)).astype(np.float32)
    images = places * _sources(4)[None, :, :LENGTH]
    stft = pw.STFT(N_FFT, HOP)
    X, V = stft.analyze(images.sum(axis=1)), stft.magnitude(images)
    rows = np.ascontiguousarray(X)
    contenders: dict[str, Callable[[], Any]] = {
        OURS: lambda: pw.multichannel_wiener(X, V, n_iter=2, noise=1e-4),
        "numpy": lambda: norbert_rule(rows, pw.wiener(X, V), 2, 1e-4),
    }
    return Job("multichannel_wiener stereo, 2 it, 3 s", contenders, _near(1e-2), {"numpy": 10.0})


JOBS: tuple[Callable[[int], Job], ...] = (
    anisotropic,
    consistent_gradients,
    consistent_majorised,
    multichannel,
)
