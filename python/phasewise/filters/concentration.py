r"""How closely phases follow a model: concentrations of von Mises distributions, by maximum likelihood.

The likelihood of errors x of density proportional to :math:`e^{\kappa \cos x}` is largest where
:math:`I_1(\kappa) / I_0(\kappa)` equals the weighted mean of their cosines.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import _core
from phasewise._validate import choice, complex_array, finite, integer, number, real_array
from phasewise.errors import ParameterError
from phasewise.filters.anisotropic import LARGEST_CONCENTRATION
from phasewise.phase._bins import fft_length, spectra
from phasewise.phase.sinusoidal import sinusoidal_phase

__all__ = ["fit_concentrations", "von_mises_concentration"]


def von_mises_concentration(
    errors: ArrayLike | None = None,
    *,
    resultant: ArrayLike | None = None,
    weights: ArrayLike | None = None,
    axis: int | tuple[int, ...] | None = None,
    centred: bool = True,
    largest: float = LARGEST_CONCENTRATION,
) -> Any:
    r"""Concentration of a von Mises distribution by maximum likelihood.

    Parameters
    ----------
    errors : array, optional
        Phases in radians, relative to those expected.
    resultant : array of values in [-1, 1], optional
        Instead of the errors: their (weighted) mean cosines or resultant lengths.
    weights : array that broadcasts to `errors`, nonnegative, optional
        How often every error counts.
    axis : int or tuple of ints, optional
        Axes to average over, by default all.
    centred : bool
        Whether the errors are known to lie around 0. If not, their mean direction is fitted too, and the
        resultant length takes the place of the mean cosine.
    largest : float > 0
        Largest concentration to return: as the errors vanish, the most likely one grows without bound. The
        default is the largest that `phasewise.anisotropic_wiener` takes.

    Returns
    -------
    float or array
        kappa in [0, largest]; 0 where the cosines are not positive on average, or nothing has weight.

    Raises
    ------
    ParameterError
        If not exactly one of `errors` and `resultant` is given, or values are out of range.

    Notes
    -----
    The equation I\ :sub:`1`\ (kappa)/I\ :sub:`0`\ (kappa) = mean cosine is solved to rounding by Newton's
    method. The estimate is biased upwards for few errors.

    References
    ----------
    .. [1] K. Mardia and P. Jupp, "Directional statistics", Wiley, 2000.
    """
    largest = number("largest", largest, minimum=0.0, maximum=1e6)
    if (errors is None) == (resultant is None):
        raise ParameterError("give either errors or resultant, got both or none of them.")
    if errors is not None:
        phases = real_array("errors", np.atleast_1d(errors)).astype(np.float64, copy=False)
        w = _weights(weights, phases.shape)
        total = np.sum(w, axis=axis)
        sums = np.sum(w * np.cos(phases), axis=axis)
        if not centred:
            sums = np.hypot(sums, np.sum(w * np.sin(phases), axis=axis))
        mean = np.divide(sums, total, out=np.zeros(np.shape(sums)), where=np.asarray(total) > 0)
    else:
        if weights is not None or axis is not None:
            raise ParameterError("weights and axis belong to errors; resultant is averaged already.")
        mean = np.asarray(resultant, dtype=np.float64)
        if not (np.abs(mean) <= 1 + 1e-12).all():
            raise ParameterError(f"resultant must lie in [-1, 1], got {resultant!r}.")
    kappa = _concentrations(np.asarray(mean), largest)
    return float(kappa) if kappa.ndim == 0 else kappa


def fit_concentrations(
    S: ArrayLike | Sequence[ArrayLike],
    *,
    V: ArrayLike | Sequence[ArrayLike] | None = None,
    hop_length: int | None = None,
    n_fft: int | None = None,
    where: str = "peaks",
    bands: Sequence[int] | None = None,
    largest: float = 50.0,
) -> NDArray[np.float64]:
    r"""Concentrations of the phases of sources around the sinusoidal model, from training data.

    In every frame, the phases of the frame before are advanced by the frequencies of the spectral peaks; the
    concentration is the most likely one of the errors that this leaves.

    Parameters
    ----------
    S : array of shape (..., source, freq, frames), complex, or a list of such arrays
        Spectrograms of true sources. The axes before the sources, and all arrays of a list (songs of
        different lengths), are fitted together.
    V : as `S`, nonnegative, optional
        Magnitudes whose peaks the filter will see, by default those of `S`.
    hop_length : int > 0, optional
        Samples between frames, by default ``n_fft // 4``.
    n_fft : int > 0, optional
        Samples per frame, by default ``2 * (freq - 1)``.
    where : {"peaks", "power"}
        Which bins count: spectral peaks within 40 dB of the loudest and their neighbours, alike (as
        published); or all bins, as their powers say.
    bands : increasing ints, optional
        Bins at which bands begin and end: one concentration per source and band, from ``bands[i]`` up to but
        without ``bands[i + 1]``.
    largest : float > 0
        Largest concentration to return.

    Returns
    -------
    array of shape (source,), or (source, len(bands) - 1) with `bands`
        Concentrations for the argument kappa of `phasewise.anisotropic_wiener`.

    Raises
    ------
    ParameterError
        If shapes do not match or a name is unknown.

    Notes
    -----
    Published values lie between 1.3 (drums, vocals) and 2.3 (bass).

    References
    ----------
    .. [1] P. Magron, R. Badeau and B. David, "Phase-dependent anisotropic Gaussian model for audio source
           separation", ICASSP 2017.
    """
    where = choice("where", where, ("peaks", "power"))
    largest = number("largest", largest, minimum=0.0, maximum=1e6)
    songs = list(S) if isinstance(S, list | tuple) else [S]
    magnitudes: list[Any] = (
        [None] * len(songs) if V is None else list(V) if isinstance(V, list | tuple) else [V]
    )
    if not songs or len(songs) != len(magnitudes):
        raise ParameterError(
            f"V must have one array for each of the {len(songs)} of S, got {len(magnitudes)}."
        )
    found: list[NDArray[np.float64]] = []
    for song, its_magnitudes in zip(songs, magnitudes, strict=True):
        values = complex_array("S", song, min_ndim=3)
        v = spectra("V", np.abs(values) if its_magnitudes is None else its_magnitudes, min_ndim=3)
        if v.shape != values.shape:
            raise ParameterError(f"V must have the shape of S, {values.shape}, got {v.shape}.")
        sums = _statistics(values, v, hop_length, n_fft, where, _edges(bands, v.shape[-2]))
        if found and found[0].shape != sums.shape:
            raise ParameterError("all arrays of S must have the same sources, but their numbers differ.")
        found.append(sums)
    cosines, totals = np.sum(found, axis=0)
    mean = np.divide(cosines, totals, out=np.zeros_like(cosines), where=totals > 0)
    kappa = _concentrations(mean, largest)
    return kappa[:, 0] if bands is None else kappa


def _statistics(
    S: NDArray[Any],
    V: NDArray[Any],
    hop_length: int | None,
    n_fft: int | None,
    where: str,
    edges: NDArray[Any],
) -> NDArray[np.float64]:
    """Weighted sums of the cosines of the errors, and of the weights, (2, source, band)."""
    n_fft = fft_length(n_fft, V.shape[-2], "S")
    hop_length = max(1, n_fft // 4) if hop_length is None else integer("hop_length", hop_length)
    error = np.angle(S) - _predicted(S, V, hop_length, n_fft)
    weight = _near_peaks(V).astype(np.float64) if where == "peaks" else V.astype(np.float64) ** 2
    weight *= np.abs(S) > 0
    weight[..., 1:] *= np.abs(S[..., :-1]) > 0
    weight[..., 0] = 0
    others = tuple(range(S.ndim - 3))
    per_bin = np.stack([np.sum(w, axis=(*others, -1)) for w in (weight * np.cos(error), weight)])
    return np.stack([per_bin[..., a:b].sum(axis=-1) for a, b in pairwise(edges)], axis=-1)


def _predicted(S: NDArray[Any], V: NDArray[Any], hop_length: int, n_fft: int) -> NDArray[Any]:
    """Phases of every frame by the model, from the true ones of the frame before; frame 0 has its own."""
    parts = []
    for first in (0, 1):  # where every other frame starts anew, those between them are predictions
        onsets = np.zeros((*V.shape[:-2], V.shape[-1]), dtype=bool)
        onsets[..., first::2] = True
        parts.append(sinusoidal_phase(V, hop_length=hop_length, n_fft=n_fft, onsets=onsets, onset_phase=S))
    result = parts[1]
    result[..., 1::2] = parts[0][..., 1::2]
    return result


def _near_peaks(V: NDArray[Any]) -> NDArray[np.bool_]:
    """Local maxima of at least 1 % of their frame's largest value, and their neighbours."""
    inner = V[..., 1:-1, :]
    summit = np.zeros(V.shape, dtype=bool)
    summit[..., 1:-1, :] = (
        (inner > V[..., :-2, :]) & (inner > V[..., 2:, :]) & (inner >= 0.01 * V.max(axis=-2, keepdims=True))
    )
    near: NDArray[np.bool_] = summit.copy()
    near[..., 1:, :] |= summit[..., :-1, :]
    near[..., :-1, :] |= summit[..., 1:, :]
    return near


def _edges(bands: Sequence[int] | None, bins: int) -> NDArray[np.intp]:
    edges = np.asarray([0, bins] if bands is None else bands)
    if edges.dtype.kind not in "iu" or edges.ndim != 1 or edges.size < 2 or (np.diff(edges) <= 0).any():
        raise ParameterError(f"bands must be at least two increasing integers, got {bands!r}.")
    if edges[0] < 0 or edges[-1] > bins:
        raise ParameterError(f"bands must lie in [0, {bins}], the number of bins of S, got {bands!r}.")
    return edges.astype(np.intp)


def _weights(weights: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.float64]:
    if weights is None:
        return np.ones(shape)
    w = np.asarray(weights, dtype=np.float64)
    finite("weights", w)
    try:
        full = np.broadcast_to(w, shape)
    except ValueError:
        raise ParameterError(
            f"weights must broadcast to the shape of errors, {shape}, got {w.shape}."
        ) from None
    if full.size and full.min() < 0:
        raise ParameterError(f"weights must be nonnegative, but their minimum is {full.min():g}.")
    return full


def _concentrations(mean: NDArray[np.float64], largest: float) -> NDArray[np.float64]:
    return np.array([_core.von_mises_concentration(float(m), largest) for m in mean.ravel()]).reshape(
        mean.shape
    )
