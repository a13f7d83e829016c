"""Quality of estimated signals and spectrograms.

Arguments come as ``(reference, estimate)``, samples last; leading axes are free and give one score each,
computed in double precision. A silent reference has no score: NaN. `average` leaves these out and says how
many there were.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._validate import choice, complex_array, integer, magnitudes, number, real_array
from phasewise.bss_eval import BssEval, bss_eval
from phasewise.errors import ParameterError

__all__ = [
    "Average",
    "BssEval",
    "average",
    "bss_eval",
    "csdr",
    "inconsistency",
    "sdr",
    "si_sdr",
    "spectral_convergence",
    "usdr",
]

# Added to both energies by the scores of the music demixing challenges, so that a perfect estimate stays
# finite.
_CHALLENGE_FLOOR = 1e-7

# A signal counts as constant when removing its mean leaves less than this share of its energy (-240 dB):
# rounding.
_ROUNDING = 1e-24


def sdr(reference: ArrayLike, estimate: ArrayLike) -> Any:
    """Signal-to-distortion ratio, ``10 log10(sum s^2 / sum (s - e)^2)``.

    Parameters
    ----------
    reference : array of shape (..., samples), real
        True signals s.
    estimate : array of the same shape, real
        Estimated signals e.

    Returns
    -------
    float or array of shape (...)
        Decibels; +inf for a perfect estimate, 0 for silence, NaN where the reference is silent.

    Raises
    ------
    ParameterError
        If the shapes differ, there is no sample, or values are not finite.

    See Also
    --------
    si_sdr : forgives a wrong gain.
    usdr : over the channels and the whole track, as in the music demixing challenges.
    """
    s, e = _signals(reference, estimate)
    return _decibels(_energy(s), _energy(s - e))


def si_sdr(reference: ArrayLike, estimate: ArrayLike, *, zero_mean: bool = True) -> Any:
    """Scale-invariant signal-to-distortion ratio.

    With the best gain ``a = <s, e> / <s, s>``, the score is ``10 log10(|a s|^2 / |a s - e|^2)``.

    Parameters
    ----------
    reference : array of shape (..., samples), real
        True signals s.
    estimate : array of the same shape, real
        Estimated signals e.
    zero_mean : bool
        Remove the mean of both signals first.

    Returns
    -------
    float or array of shape (...)
        Decibels; about 300 (rounding) for a multiple of the reference, -inf for an estimate without any share
        of it, silence included, NaN where the reference is silent (or constant, with `zero_mean`).

    Raises
    ------
    ParameterError
        If the shapes differ, there is no sample, or values are not finite.

    References
    ----------
    .. [1] J. Le Roux, S. Wisdom, H. Erdogan and J. R. Hershey, "SDR - half-baked or well done?", ICASSP 2019.
    """
    s, e = _signals(reference, estimate)
    if zero_mean:
        s, e = _centred(s), _centred(e)
    energy = _energy(s)
    gain = np.sum(s * e, axis=-1) / np.where(energy > 0, energy, 1.0)
    target = gain[..., None] * s
    score = _decibels(_energy(target), _energy(target - e))
    return np.where(energy > 0, np.where(np.isnan(score), -np.inf, score), np.nan)[()]


def usdr(reference: ArrayLike, estimate: ArrayLike) -> Any:
    """Utterance SDR: one ratio over all channels and samples of a track.

    ``10 log10((sum s^2 + 1e-7) / (sum (s - e)^2 + 1e-7))``; the score of a test set is the mean over its
    tracks.

    Parameters
    ----------
    reference : array of shape (samples,) or (..., channels, samples), real
        True signals, in full scale 1.
    estimate : array of the same shape, real
        Estimated signals.

    Returns
    -------
    float or array of shape (...)
        Decibels; NaN where all channels of the reference are silent.

    Raises
    ------
    ParameterError
        If the shapes differ, there is no sample, or values are not finite.

    References
    ----------
    .. [1] Y. Mitsufuji et al., "Music demixing challenge 2021", Frontiers in Signal Processing 1, 2022.
    """
    s, e = _tracks(reference, estimate)
    return _challenge_ratio(s, e)[()]


def csdr(
    reference: ArrayLike, estimate: ArrayLike, *, sample_rate: float = 44100, seconds: float = 1.0
) -> Any:
    """Chunk SDR: median over chunks of the ratio of `usdr`.

    The score of a test set is the median over its tracks. It equals the SDR of BSS eval v4 (museval), whose
    distortion filter only moves energy between its other scores, except that a silent *estimate* scores 0
    dB here and is skipped there.

    Parameters
    ----------
    reference : array of shape (samples,) or (..., channels, samples), real
        True signals, in full scale 1.
    estimate : array of the same shape, real
        Estimated signals.
    sample_rate : float > 0
        Samples per second.
    seconds : float > 0
        Length of a chunk. Chunks do not overlap; an incomplete last one is dropped, and a track that is
        shorter than a chunk counts as one.

    Returns
    -------
    float or array of shape (...)
        Decibels; chunks with a silent reference do not count, NaN if there is no other.

    Raises
    ------
    ParameterError
        If the shapes differ, there is no sample, values are not finite, or a chunk would be shorter than a
        sample.

    References
    ----------
    .. [1] F.-R. Stoter, A. Liutkus and N. Ito, "The 2018 signal separation evaluation campaign", LVA/ICA
           2018.
    """
    s, e = _tracks(reference, estimate)
    length = round(number("sample_rate", sample_rate, minimum=0) * number("seconds", seconds, minimum=0))
    if length < 1:
        raise ParameterError(
            f"seconds must span at least one sample, got {seconds} s at {sample_rate} Hz; use longer chunks."
        )
    length = min(length, s.shape[-1])
    n_chunks = s.shape[-1] // length

    def chunks(y: NDArray[Any]) -> NDArray[Any]:  # to (..., chunks, channels, length)
        cut = y[..., : n_chunks * length].reshape(*y.shape[:-1], n_chunks, length)
        return np.moveaxis(cut, -2, -3)

    scores = _challenge_ratio(chunks(s), chunks(e))
    scored = ~np.isnan(scores)
    # The median of nothing would warn: give it something, and take it back.
    medians = np.nanmedian(np.where(scored.any(axis=-1, keepdims=True), scores, 0.0), axis=-1)
    return np.where(scored.any(axis=-1), medians, np.nan)[()]


def spectral_convergence(reference_magnitude: ArrayLike, estimate: ArrayLike) -> Any:
    """Relative magnitude error, ``||V - |S||| / ||V||`` (Frobenius norms over frequency and time).

    Parameters
    ----------
    reference_magnitude : array of shape (..., freq, frames), real and nonnegative
        True magnitudes V.
    estimate : array of the same shape, complex or real
        Estimated spectrogram S; only its magnitude counts.

    Returns
    -------
    float or array of shape (...)
        Ratio, 0 is perfect; ``20 * numpy.log10`` makes decibels of it. NaN where the reference is silent.

    Raises
    ------
    ParameterError
        If the shapes differ, magnitudes are negative, or values are not finite.
    """
    V = magnitudes("reference_magnitude", reference_magnitude).astype(np.float64)
    S = complex_array("estimate", estimate)
    _same_shape("reference_magnitude", V, "estimate", S)
    return _relative(np.sum((V - np.abs(S)) ** 2, axis=(-2, -1)), np.sum(V**2, axis=(-2, -1)))


def inconsistency(
    S: ArrayLike,
    *,
    hop_length: int | None = None,
    win_length: int | None = None,
    n_fft: int | None = None,
    window: Any = "hann",
    center: bool = True,
    length: int | None = None,
) -> Any:
    """Relative distance of a spectrogram from those that belong to a signal, ``||S - STFT(iSTFT(S))|| /
    ||S||``.

    The norms count every bin of the two-sided spectrum once.

    Parameters
    ----------
    S : array of shape (..., 1 + n_fft // 2, frames), complex
        Spectrograms.
    hop_length, win_length, n_fft, window, center, length
        The transform, as in `phasewise.istft`; the edges are padded with zeros.

    Returns
    -------
    float or array of shape (...)
        Ratio between 0 (consistent) and 1; NaN where S is zero.

    Raises
    ------
    ParameterError
        If S does not fit the transform, or values are not finite.

    References
    ----------
    .. [1] J. Le Roux, N. Ono and S. Sagayama, "Explicit consistency constraints for STFT spectrograms and
           their application to phase reconstruction", SAPA 2008.
    """
    from phasewise.transform import STFT

    spectrum = complex_array("S", S)
    n_fft = max(1, 2 * (spectrum.shape[-2] - 1)) if n_fft is None else integer("n_fft", n_fft)
    transform = STFT(n_fft, hop_length, win_length, window, center)
    # A sample that no window sees is in no spectrogram either: it cannot make S inconsistent.
    projected = transform.analyze(transform.synthesize(spectrum, length, on_zero_overlap="mask"))
    if projected.shape != spectrum.shape:
        raise ParameterError(
            f"length must give the {spectrum.shape[-1]} frames of S, but {length} samples have "
            f"{projected.shape[-1]}; pass the length of the analysed signal."
        )
    bins = np.full((spectrum.shape[-2], 1), 2.0)
    bins[0] = 1.0
    if n_fft % 2 == 0:
        bins[-1] = 1.0

    def square(values: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(np.sum(bins * np.abs(values.astype(np.complex128)) ** 2, axis=(-2, -1)))

    return _relative(square(spectrum - projected), square(spectrum))


class Average(NamedTuple):
    """A mean or median of scores, and how many of them counted."""

    value: float
    scored: int
    silent: int

    def __str__(self) -> str:
        note = f", {self.silent} silent left out" if self.silent else ""
        return f"{self.value:.2f} ({self.scored} scored{note})"


def average(scores: ArrayLike, *, statistic: str = "mean") -> Average:
    """Average scores over everything that was not silent.

    Parameters
    ----------
    scores : array of any shape, real
        Scores, NaN where there was no reference.
    statistic : {"mean", "median"}
        How to average.

    Returns
    -------
    Average
        ``value`` (NaN if nothing was scored), ``scored`` and ``silent``: how many counted and how many were
        NaN.

    Raises
    ------
    ParameterError
        If the statistic is unknown or the scores are not real numbers.
    """
    choice("statistic", statistic, ("mean", "median"))
    values = real_array("scores", scores, min_ndim=0, check_finite=False).astype(np.float64).ravel()
    valid = values[~np.isnan(values)]
    function = np.mean if statistic == "mean" else np.median
    value = float(function(valid)) if valid.size else float("nan")
    return Average(value, valid.size, values.size - valid.size)


# ---- shared steps ----


def _signals(reference: ArrayLike, estimate: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    s, e = real_array("reference", reference), real_array("estimate", estimate)
    _same_shape("reference", s, "estimate", e)
    if s.shape[-1] == 0:
        raise ParameterError(f"reference must have samples on its last axis, got shape {s.shape}.")
    return s.astype(np.float64), e.astype(np.float64)


def _tracks(reference: ArrayLike, estimate: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Signals of shape (..., channels, samples)."""
    s, e = _signals(reference, estimate)
    return (s, e) if s.ndim > 1 else (s[None], e[None])


def _same_shape(name: str, array: NDArray[Any], other_name: str, other: NDArray[Any]) -> None:
    if array.shape != other.shape:
        raise ParameterError(
            f"{other_name} must have the shape of {name}, {array.shape}, but has {other.shape}; "
            "cut or transpose it first (samples, or frames, are the last axis)."
        )


def _energy(y: NDArray[Any]) -> NDArray[Any]:
    return np.asarray(np.sum(y**2, axis=-1))


def _centred(y: NDArray[Any]) -> NDArray[Any]:
    """Remove the mean; what is left of a constant is exactly 0."""
    centred = y - y.mean(axis=-1, keepdims=True)
    constant = _energy(centred) <= _ROUNDING * _energy(y)
    return np.where(constant[..., None], 0.0, centred)


def _decibels(signal: NDArray[Any], distortion: NDArray[Any]) -> Any:
    """Ratio of energies in dB: +inf without distortion, NaN without signal."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = 10 * np.log10(signal / distortion)
    return np.where(signal > 0, ratio, np.nan)[()]


def _challenge_ratio(s: NDArray[Any], e: NDArray[Any]) -> NDArray[Any]:
    """Ratio over channels and samples, NaN where the reference is silent."""
    signal = np.sum(s**2, axis=(-2, -1))
    distortion = np.sum((s - e) ** 2, axis=(-2, -1))
    ratio = 10 * np.log10((signal + _CHALLENGE_FLOOR) / (distortion + _CHALLENGE_FLOOR))
    return np.where(signal > 0, ratio, np.nan)


def _relative(error: NDArray[Any], total: NDArray[Any]) -> Any:
    ratio = np.sqrt(error / np.where(total > 0, total, 1.0))
    return np.where(total > 0, ratio, np.nan)[()]
