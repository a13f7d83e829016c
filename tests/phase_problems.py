"""Mixtures of sounds that the sinusoidal model suits, with factors of their spectra."""

from __future__ import annotations

import numpy as np

import phasewise as pw

N_FFT, HOP = 128, 32
RANK = 3


def tones():
    """Return spectrograms (3, freq, frames) of harmonic sounds that start anew now and then."""
    n = np.arange(1500)
    y = [
        sum(np.sin(2 * np.pi * f0 * h * n + (j + 1) * h**1.5) / h for h in range(1, 9))
        * (0.3 + np.exp(-(n % (500 + 70 * j)) / 200))
        for j, f0 in enumerate((0.0171, 0.0212, 0.0257))
    ]
    noise = 1e-2 * np.random.default_rng(0).standard_normal((3, 1500))
    return pw.stft(np.array(y) + noise, n_fft=N_FFT, hop_length=HOP)


def learned(S, power):
    """Return factors of ``abs(S) ** power``."""
    beta = 0.0 if power == 2 else 1.0
    return pw.nmf(np.abs(S) ** power, RANK, beta=beta, n_iter=60, rng=0)


def score(S, sources):
    return 10 * np.log10(np.sum(abs(sources) ** 2) / np.sum(abs(S - sources) ** 2))
