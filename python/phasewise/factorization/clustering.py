"""Which components of a blind factorisation belong to the same source."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._validate import generator, integer, magnitudes, number
from phasewise.errors import ParameterError
from phasewise.factorization.initialization import random_start
from phasewise.factorization.updates import nmf

__all__ = ["cluster_components"]

_BANDS = 20
_RANGE_DB = 30.0
_STARTS = 10


def cluster_components(
    W: ArrayLike, H: ArrayLike, n_sources: int, *, sample_rate: float = 44100, rng: Any = None
) -> NDArray[Any]:
    """Group the components of a factorisation into sources by the shape of their spectra.

    The energy of every spectrum in mel-like bands, compressed to decibels, is factorised with one component
    for each source; a component belongs to the source with the largest share in it. The best of ten random
    starts counts.

    Parameters
    ----------
    W : array of shape (freq, n_components), nonnegative
        Spectra on bins from 0 to half of `sample_rate`, as `nmf` returns them.
    H : array of shape (n_components, frames), nonnegative
        Activations: they decide the order of the sources.
    n_sources : int in [1, n_components]
        Number of groups.
    sample_rate : float > 0
        In Hz.
    rng : None, int or numpy Generator
        For the random starts.

    Returns
    -------
    labels : ndarray of int, shape (n_components,)
        Source of each component, from the loudest source, 0, to the faintest. A source may stay empty. The
        magnitudes of source j are ``W[:, labels == j] @ H[labels == j]``.

    Raises
    ------
    ParameterError
        For shapes that do not fit, negative or non-finite values, or numbers out of range.

    References
    ----------
    .. [1] M. Spiertz and V. Gnann, "Source-filter based clustering for monaural blind source separation",
       DAFx 2009.
    """
    spectra, activations = magnitudes("W", W).astype(np.float64), magnitudes("H", H).astype(np.float64)
    if spectra.ndim != 2 or activations.ndim != 2 or spectra.shape[1] != len(activations) or not spectra.size:
        raise ParameterError(
            f"W and H must have shapes (freq, n_components) and (n_components, frames), got {spectra.shape} "
            f"and {activations.shape}; pass one matrix of a batch at a time."
        )
    n_sources = integer("n_sources", n_sources)
    if n_sources > len(activations):
        raise ParameterError(f"n_sources must be at most the {len(activations)} components, got {n_sources}.")
    rate = number("sample_rate", sample_rate, minimum=np.finfo(np.float64).tiny)

    norms = np.linalg.norm(spectra, axis=0)
    features = _features(spectra / np.where(norms > 0, norms, 1), rate)
    random = generator(rng)
    starts = [random_start(features, n_sources, random) for _ in range(_STARTS)]
    groups, shares, cost = nmf(
        np.broadcast_to(features, (_STARTS, *features.shape)),
        n_sources,
        n_iter=100,
        W=np.stack([start[0] for start in starts]),
        H=np.stack([start[1] for start in starts]),
        return_cost=True,
    )
    best = int(cost[:, -1].argmin())
    labels = (shares[best] * groups[best].sum(axis=0)[:, None]).argmax(axis=0)
    energy = (norms * np.linalg.norm(activations, axis=1)) ** 2
    loudest_first = np.argsort(-np.bincount(labels, energy, n_sources), kind="stable")
    return np.asarray(np.argsort(loudest_first)[labels])


def _features(spectra: NDArray[Any], sample_rate: float) -> NDArray[Any]:
    """Energies in triangular bands, evenly spaced on ln(1 + f / 700), in 0 to 30 dB: (bands, components)."""
    mel = np.log1p(np.linspace(0, sample_rate / 2, len(spectra)) / 700)
    centres = np.linspace(0, mel[-1], _BANDS + 2)
    width = centres[1] or 1.0
    filters = np.maximum(1 - np.abs(mel - centres[1:-1, None]) / width, 0)
    energies = filters @ spectra**2
    peak = energies.max()
    top = 10 ** (_RANGE_DB / 20) - 1
    return np.asarray(20 * np.log10(1 + energies * (top / peak if peak > 0 else 0.0)))
