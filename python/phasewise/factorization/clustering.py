"""Which components of a blind factorisation belong to the same source."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._validate import choice, generator, integer, magnitudes, number
from phasewise.errors import ParameterError
from phasewise.factorization.initialization import random_start
from phasewise.factorization.updates import nmf

__all__ = ["cluster_components"]

_BANDS = 20
_RANGE_DB = 30.0
_STARTS = 10
_ROUNDS = 50  # of k-means, at most


def cluster_components(
    W: ArrayLike,
    H: ArrayLike,
    n_sources: int,
    *,
    sample_rate: float = 44100,
    method: str = "kmeans",
    rng: Any = None,
) -> NDArray[Any]:
    """Group the components of a factorisation into sources by the timbre of their spectra.

    What is compared is the energy of every spectrum in mel-like bands, compressed to decibels.

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
    method : {"kmeans", "nmf"}
        "kmeans": the shapes of the bands beside the flatness of the spectra, which tells tones from noise,
        are clustered by k-means, in which loud components count more; about 1.3 dB better for songs
        (``experiments/clustering.py``). "nmf": the bands are factorised with one component per source, and a
        component belongs to the source with the largest share in it [1]_. The best of several random starts
        counts.
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

    choice("method", method, ("kmeans", "nmf"))
    norms = np.linalg.norm(spectra, axis=0)
    shapes = spectra / np.where(norms > 0, norms, 1)
    bands = _features(shapes, rate)
    random = generator(rng)
    loudness = norms * np.linalg.norm(activations, axis=1)
    if method == "nmf":
        labels = _largest_shares(bands, n_sources, random)
    else:
        labels = _means(_timbre(bands, shapes), loudness, n_sources, random)
    loudest_first = np.argsort(-np.bincount(labels, loudness**2, n_sources), kind="stable")
    return np.asarray(np.argsort(loudest_first)[labels])


def _largest_shares(bands: NDArray[Any], n_sources: int, random: np.random.Generator) -> NDArray[Any]:
    starts = [random_start(bands, n_sources, random) for _ in range(_STARTS)]
    groups, shares, cost = nmf(
        np.broadcast_to(bands, (_STARTS, *bands.shape)),
        n_sources,
        n_iter=100,
        W=np.stack([start[0] for start in starts]),
        H=np.stack([start[1] for start in starts]),
        return_cost=True,
    )
    best = int(cost[:, -1].argmin())
    return np.asarray((shares[best] * groups[best].sum(axis=0)[:, None]).argmax(axis=0))


def _timbre(bands: NDArray[Any], shapes: NDArray[Any]) -> NDArray[Any]:
    """Points (components, dimensions): shapes of the bands, of mean square 1, and flatness, of 1 / 8."""
    lengths = np.linalg.norm(bands, axis=0)
    points = (bands / np.where(lengths > 0, lengths, 1)).T
    points = points - points.mean(axis=0)
    power = shapes**2 + 1e-10
    flatness = np.log(power).mean(axis=0) - np.log(power.mean(axis=0))
    flatness = (flatness - flatness.mean()) / (np.sqrt(8) * (flatness.std() or 1.0))
    return np.column_stack([points / (np.sqrt((points**2).sum(axis=1).mean()) or 1.0), flatness])


def _means(
    points: NDArray[Any], loudness: NDArray[Any], n_sources: int, random: np.random.Generator
) -> NDArray[Any]:
    """k-means of weighted points, from several of them; the label of each."""
    # By the root of the loudness: loud components rule the centres, but faint sources are found too.
    weights = np.sqrt(loudness / (loudness.max() or 1.0)) + 1e-3
    best: tuple[float, NDArray[Any]] = (np.inf, np.zeros(len(points), int))
    for _ in range(2 * _STARTS):
        centres = points[random.choice(len(points), n_sources, replace=False, p=weights / weights.sum())]
        labels = np.full(len(points), -1)
        for _ in range(_ROUNDS):
            distances = ((points[:, None] - centres) ** 2).sum(axis=-1)
            labels, before = distances.argmin(axis=1), labels
            if np.array_equal(labels, before):
                break
            for j in np.unique(labels):
                centres[j] = np.average(points[labels == j], axis=0, weights=weights[labels == j])
        error = float(weights @ distances.min(axis=1))
        best = min(best, (error, labels), key=lambda pair: pair[0])
    return best[1]


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
