"""Mel filters and spectrograms, equal to librosa's.

The mel scale is Slaney's by default: linear below 1000 Hz, logarithmic above; ``htk=True`` gives
``2595 log10(1 + f / 700)``.

References
----------
.. [1] S. S. Stevens, J. Volkmann and E. B. Newman, "A scale for the measurement of the psychological
       magnitude pitch", JASA 8(3), 1937.
.. [2] M. Slaney, "Auditory toolbox, version 2", Interval Research Corporation, report 1998-010, 1998.
.. [3] S. Young et al., "The HTK book", Cambridge University, section 5.4.
"""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from phasewise._framing import PadMode
from phasewise._validate import integer, number
from phasewise.errors import ParameterError
from phasewise.transform import STFT
from phasewise.windows import WindowSpec

__all__ = ["hz_to_mel", "mel_filters", "mel_frequencies", "mel_spectrogram", "mel_to_hz"]

# Slaney's scale: 3 mels per 200 Hz up to 1000 Hz, then 27 mels per factor of 6.4.
_LINEAR = 200.0 / 3
_KNEE_HZ = 1000.0
_KNEE_MEL = _KNEE_HZ / _LINEAR
_LOG_STEP = np.log(6.4) / 27


def hz_to_mel(frequencies: ArrayLike, *, htk: bool = False) -> Any:
    """Return frequencies in Hz as mels.

    Parameters
    ----------
    frequencies : array of float >= 0, in Hz
    htk : bool
        HTK's formula instead of Slaney's.

    Returns
    -------
    float or ndarray of float64, like `frequencies`
    """
    hz = np.asarray(frequencies, np.float64)
    if htk:
        return 2595.0 * np.log10(1.0 + hz / 700.0)
    above = _KNEE_MEL + np.log(np.maximum(hz, _KNEE_HZ) / _KNEE_HZ) / _LOG_STEP
    return np.where(hz < _KNEE_HZ, hz / _LINEAR, above)[()]


def mel_to_hz(mels: ArrayLike, *, htk: bool = False) -> Any:
    """Return mels as frequencies in Hz: the inverse of `hz_to_mel`."""
    mel = np.asarray(mels, np.float64)
    if htk:
        return 700.0 * (10.0 ** (mel / 2595.0) - 1.0)
    above = _KNEE_HZ * np.exp(_LOG_STEP * (np.maximum(mel, _KNEE_MEL) - _KNEE_MEL))
    return np.where(mel < _KNEE_MEL, mel * _LINEAR, above)[()]


def mel_frequencies(
    n_mels: int = 128, *, fmin: float = 0.0, fmax: float = 11025.0, htk: bool = False
) -> NDArray[np.float64]:
    """Return `n_mels` frequencies in Hz from `fmin` to `fmax`, equally spaced in mels."""
    n_mels = integer("n_mels", n_mels)
    fmin = number("fmin", fmin, minimum=0)
    fmax = number("fmax", fmax, minimum=fmin)
    mels = np.linspace(hz_to_mel(fmin, htk=htk), hz_to_mel(fmax, htk=htk), n_mels)
    return np.asarray(mel_to_hz(mels, htk=htk))


def mel_filters(
    sample_rate: float,
    n_fft: int,
    n_mels: int = 128,
    *,
    fmin: float = 0.0,
    fmax: float | None = None,
    htk: bool = False,
    norm: str | float | None = "slaney",
    dtype: DTypeLike = np.float32,
) -> NDArray[Any]:
    """Return the matrix of triangular filters that turns a spectrogram into a mel spectrogram.

    Parameters
    ----------
    sample_rate : float > 0, in Hz
    n_fft : int > 0
        Samples per frame of the spectrogram.
    n_mels : int > 0
        Number of filters.
    fmin, fmax : float, in Hz
        Lower edge of the first and upper edge of the last filter; `fmax` is by default half the rate.
    htk : bool
        HTK's scale instead of Slaney's.
    norm : "slaney", None or float
        "slaney" divides each triangle by its width in Hz, so that all have the same area; a number p divides
        by the p-norm of the filter (``numpy.inf`` for peaks of 1); None leaves triangles of height 1.
    dtype : float32 or float64

    Returns
    -------
    ndarray of shape (n_mels, 1 + n_fft // 2)

    Raises
    ------
    ParameterError
        If the frequencies are out of order or beyond half the rate, or the norm is unknown.

    Warns
    -----
    UserWarning
        If a filter is so narrow that it falls between two bins.

    Notes
    -----
    Equal to ``librosa.filters.mel(sr=sample_rate, n_fft=n_fft, ...)``.
    """
    sample_rate = number("sample_rate", sample_rate, minimum=1e-300)
    n_fft, n_mels = integer("n_fft", n_fft), integer("n_mels", n_mels)
    fmax = sample_rate / 2 if fmax is None else number("fmax", fmax, minimum=0, maximum=sample_rate / 2)
    if not 0 <= number("fmin", fmin) < fmax:
        raise ParameterError(f"fmin must lie in [0, fmax), got fmin={fmin} and fmax={fmax}.")
    edges = mel_frequencies(n_mels + 2, fmin=fmin, fmax=fmax, htk=htk)
    bins = np.arange(1 + n_fft // 2) * (sample_rate / n_fft)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    filters = np.maximum(0, np.minimum(rising, falling))
    empty = np.flatnonzero(filters.max(axis=1) == 0)
    if (edges[empty] > 0).any():  # librosa does not mind an empty filter at 0 Hz
        warnings.warn(
            f"{empty.size} of {n_mels} mel filters are empty, the first around {edges[empty[0] + 1]:.0f} Hz, "
            f"because bins are {sample_rate / n_fft:.3g} Hz apart; use fewer mels or a larger n_fft.",
            stacklevel=2,
        )
    filters *= _row_factors(filters, edges, norm)[:, None]
    return filters.astype(dtype)


def mel_spectrogram(
    y: ArrayLike,
    *,
    sample_rate: float,
    n_fft: int = 2048,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: WindowSpec = "hann",
    center: bool = True,
    pad_mode: PadMode = "constant",
    power: float = 2.0,
    n_mels: int = 128,
    fmin: float = 0.0,
    fmax: float | None = None,
    htk: bool = False,
    norm: str | float | None = "slaney",
) -> NDArray[Any]:
    """Return the mel spectrogram of signals.

    Parameters
    ----------
    y : array of shape (..., samples), real
    n_fft, hop_length, win_length, window, center, pad_mode
        As in `phasewise.stft`.
    power : float > 0
        Exponent of the magnitudes before they are summed: 2 for energy, 1 for amplitude.
    sample_rate, n_mels, fmin, fmax, htk, norm
        As in `mel_filters`.

    Returns
    -------
    array of shape (..., n_mels, frames), real, in the precision of `y`

    Notes
    -----
    Equal to ``librosa.feature.melspectrogram`` (whose filters stay float32 for float64 signals).
    `phasewise.power_to_db` gives decibels.
    """
    transform = STFT(n_fft, hop_length, win_length, window, center, pad_mode)
    return transform.magnitude(
        y, power, filters=_kept_filters(sample_rate, n_fft, n_mels, fmin, fmax, htk, norm)
    )


@lru_cache(maxsize=16)
def _kept_filters(
    sample_rate: float,
    n_fft: int,
    n_mels: int,
    fmin: float,
    fmax: float | None,
    htk: bool,
    norm: str | float | None,
) -> NDArray[Any]:
    return mel_filters(sample_rate, n_fft, n_mels, fmin=fmin, fmax=fmax, htk=htk, norm=norm, dtype=np.float64)


def _row_factors(
    filters: NDArray[np.float64], edges: NDArray[np.float64], norm: str | float | None
) -> NDArray[np.float64]:
    if norm is None:
        return np.ones(len(filters))
    if norm == "slaney":
        return np.asarray(2 / (edges[2:] - edges[:-2]))
    if isinstance(norm, str):
        raise ParameterError(f"norm must be 'slaney', None or a number > 0, got {norm!r}.")
    if not norm > 0:
        raise ParameterError(f"norm must be 'slaney', None or a number > 0, got {norm!r}.")
    lengths = np.linalg.norm(filters, ord=norm, axis=1)
    return np.asarray(1 / np.where(lengths > 0, lengths, 1))
