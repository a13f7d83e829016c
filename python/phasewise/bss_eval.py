r"""BSS eval, version 4: what is wrong with a separated source, split into three kinds of error.

An estimate is projected on what filters of `filter_length` taps can make of its true source (spatial or
spectral distortion of it), and of all true sources (interference of the others); what is left are artifacts.
The filters are those of the whole signals, the ratios those of windows:

.. math::
    SDR = \frac{\|s\|^2}{\|\hat s - s\|^2}, \quad
    ISR = \frac{\|s\|^2}{\|e_{spat}\|^2}, \quad
    SIR = \frac{\|s + e_{spat}\|^2}{\|e_{interf}\|^2}, \quad
    SAR = \frac{\|s + e_{spat} + e_{interf}\|^2}{\|e_{artif}\|^2}.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._validate import choice, integer, number, real_array
from phasewise.errors import ParameterError

__all__ = ["BssEval", "bss_eval"]

_BLOCK = 16384  # samples correlated at a time


class BssEval(NamedTuple):
    """Scores in decibels, (source, window); NaN for windows in which some signal is silent.

    Attributes
    ----------
    sdr, isr, sir, sar : ndarray of float64
        Source to distortion, image to spatial distortion (NaN with ``version="sources"``), source to
        interference, sources to artifacts.
    permutation : ndarray of int, shape (source,)
        Which estimate belongs to every source.
    """

    sdr: NDArray[np.float64]
    isr: NDArray[np.float64]
    sir: NDArray[np.float64]
    sar: NDArray[np.float64]
    permutation: NDArray[np.intp]


def bss_eval(
    reference: ArrayLike,
    estimate: ArrayLike,
    *,
    sample_rate: float = 44100,
    window: float | None = 1.0,
    hop: float | None = None,
    filter_length: int = 512,
    version: str = "images",
    permutation: bool = False,
) -> BssEval:
    """Score estimates of sources by distortion, interference and artifacts.

    Parameters
    ----------
    reference : array of shape (source, samples) or (source, channels, samples), real
        True signals of all sources.
    estimate : array of the same shape, real
        Estimated signals.
    sample_rate : float > 0
        In Hz.
    window : float > 0, optional
        Seconds of a window; None: the whole signals.
    hop : float > 0, optional
        Seconds between windows, by default `window`. An incomplete last window is dropped.
    filter_length : int > 0
        Taps of the distortions that are forgiven.
    version : {"images", "sources"}
        "sources" forgives filtered versions of the true source in SDR, as single-channel tasks did.
    permutation : bool
        Whether to find out which estimate belongs to which source, by the mean SIR.

    Returns
    -------
    BssEval
        The score of a track is the median over its windows, without NaN.

    Raises
    ------
    ParameterError
        If shapes differ, values are not finite, or a window would be shorter than a sample or longer than the
        signals.

    Notes
    -----
    With all settings as they are, the numbers are those of ``museval.metrics.bss_eval(window=rate,
    hop=rate)``, to rounding.

    Cost: a linear system of ``sources * channels * filter_length`` unknowns, once; spectra of
    every window. Four stereo sources of four minutes take some seconds and about 1 GB.

    References
    ----------
    .. [1] F.-R. Stoter, A. Liutkus and N. Ito, "The 2018 signal separation evaluation campaign", LVA/ICA
           2018.
    .. [2] E. Vincent, R. Gribonval and C. Fevotte, "Performance measurement in blind audio source
           separation", IEEE TASLP 14(4), 2006.
    """
    s, e = _sources("reference", reference), _sources("estimate", estimate)
    if s.shape != e.shape:
        raise ParameterError(
            f"estimate must have the shape {np.shape(reference)} of reference, got {np.shape(estimate)}."
        )
    choice("version", version, ("images", "sources"))
    taps = integer("filter_length", filter_length)
    starts, length = _windows(s.shape[-1], number("sample_rate", sample_rate, minimum=0.0), window, hop)
    count = len(s)
    pairs = (
        np.array(list(itertools.product(range(count), repeat=2)))
        if permutation
        else np.repeat(np.arange(count), 2)
    ).reshape(-1, 2)
    size = _fast_size(length + taps - 1)
    own, everything = (np.fft.rfft(filters, size) for filters in _distortion_filters(s, e, taps, pairs))
    scores = np.full((4, count, count, len(starts)), np.nan)
    for w, start in enumerate(starts):
        part = slice(start, start + length)
        if _silent(s[..., part]) or _silent(e[..., part]):
            continue
        true, made = np.fft.rfft(s[..., part], size), np.fft.rfft(e[..., part], size)
        scores[:, pairs[:, 0], pairs[:, 1], w] = _ratios(true, made, own, everything, pairs, version)
    order = _best_order(scores[2]) if permutation else np.arange(count)
    chosen = scores[:, np.arange(count), order]
    return BssEval(chosen[0], chosen[1], chosen[2], chosen[3], order)


def _sources(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return (source, channel, samples) in double precision."""
    array = real_array(name, value, min_ndim=2)
    if array.ndim > 3 or 0 in array.shape:
        raise ParameterError(
            f"{name} must have shape (source, samples) or (source, channels, samples), got {array.shape}."
        )
    return np.asarray(array[:, None] if array.ndim == 2 else array, np.float64)


def _windows(samples: int, rate: float, window: float | None, hop: float | None) -> tuple[range, int]:
    """Return the first samples of all windows, and their length."""
    if window is None:
        return range(1), samples
    length = round(rate * number("window", window, minimum=0.0))
    step = length if hop is None else round(rate * number("hop", hop, minimum=0.0))
    if not 1 <= length <= samples or step < 1:
        raise ParameterError(
            f"window and hop must be of one sample or more, and window no longer than the {samples} samples, "
            f"got {length} and {step} samples; use other seconds, or window=None."
        )
    return range(0, samples - length + 1, step), length


def _silent(signals: NDArray[np.float64]) -> bool:
    """Whether one of (source, channel, samples) is zero."""
    return not signals.any(axis=(1, 2)).all()


def _distortion_filters(
    s: NDArray[np.float64], e: NDArray[np.float64], taps: int, pairs: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the filters that make the estimates of their sources, and of all of them.

    The first (pair, channel of the source, channel of the estimate, tap), the second (estimate, source,
    channel of the source, channel of the estimate, tap).
    """
    count, channels, samples = s.shape
    n = count * channels
    flat, other = s.reshape(n, samples), e.reshape(n, samples)
    # Correlations at lags -(taps - 1) ... taps - 1.
    among, across = _correlations(flat, flat, taps), _correlations(flat, other, taps)[..., taps - 1 :]
    lags = np.arange(taps)[:, None] - np.arange(taps) + taps - 1

    def solved(rows: NDArray[np.intp], right: NDArray[np.float64]) -> NDArray[np.float64]:
        """Filters of the sources `rows`, (row, tap, column)."""
        gram = among[np.ix_(rows, rows)][..., lags].transpose(0, 2, 1, 3).reshape(2 * (len(rows) * taps,))
        gram[np.diag_indices_from(gram)] += np.finfo(float).eps
        columns = right.transpose(0, 2, 1).reshape(len(rows) * taps, -1)
        try:
            found = np.linalg.solve(gram, columns)
        except np.linalg.LinAlgError:
            found = np.linalg.lstsq(gram, columns)[0]
        return found.reshape(len(rows), taps, -1)

    total = solved(np.arange(n), across).reshape(count, channels, taps, count, channels)
    own = np.empty((len(pairs), channels, channels, taps))
    for j in range(count):
        rows = np.arange(j * channels, (j + 1) * channels)
        mine = np.flatnonzero(pairs[:, 0] == j)
        columns = (pairs[mine, 1][:, None] * channels + np.arange(channels)).ravel()
        found = solved(rows, across[np.ix_(rows, columns)]).reshape(channels, taps, len(mine), channels)
        own[mine] = found.transpose(2, 0, 3, 1)
    return own, total.transpose(3, 0, 1, 4, 2)


def _correlations(a: NDArray[np.float64], b: NDArray[np.float64], taps: int) -> NDArray[np.float64]:
    """Return ``sum_t a_i(t) b_j(t + lag)`` as (i, j, lag), lags from 1 - taps to taps - 1."""
    samples, margin = a.shape[-1], taps - 1
    size = _fast_size(min(_BLOCK, samples) + 2 * margin)
    block = size - 2 * margin
    padded = np.pad(b, ((0, 0), (margin, margin + block)))
    total = np.zeros((size // 2 + 1, len(a), len(b)), complex)
    for start in range(0, samples, block):
        x = np.fft.rfft(a[:, start : start + block], size)
        y = np.fft.rfft(padded[:, start : start + size], size)
        total += x.conj().T[:, :, None] * y.T[:, None, :]
    return np.fft.irfft(total.transpose(1, 2, 0), size)[..., : 2 * margin + 1]


def _fast_size(least: int) -> int:
    """Return an even length from `least` on whose transform is fast: 1, 3 or 5 times a power of two."""
    powers = [2 << k for k in range(least.bit_length())]
    return min(size for p in powers for size in (p, 3 * p, 5 * p) if size >= least)


def _ratios(
    true: NDArray[np.complex128],
    made: NDArray[np.complex128],
    own: NDArray[np.complex128],
    everything: NDArray[np.complex128],
    pairs: NDArray[np.intp],
    version: str,
) -> NDArray[np.float64]:
    """Return SDR, ISR, SIR, SAR of the pairs (source, estimate) in one window, (4, pair), from spectra.

    Convolutions are products of spectra, and energies sums over them: nothing has to be transformed back.
    """

    def energy(spectra: NDArray[np.complex128]) -> float:
        edges = spectra[..., [0, -1]]  # which occur once; the length is even
        return 2 * float(np.vdot(spectra, spectra).real) - float(np.vdot(edges, edges).real)

    projected = [np.einsum("jcf,jcdf->df", true, filters) for filters in everything]
    result = np.empty((4, len(pairs)))
    for p, (j, k) in enumerate(pairs):
        filtered = np.einsum("cf,cdf->df", true[j], own[p])
        artifacts, interference = made[k] - projected[k], projected[k] - filtered
        clean = energy(true[j])
        if version == "sources":
            kept = energy(filtered)
            result[:2, p] = _decibels(kept, energy(made[k] - filtered)), np.nan
        else:
            result[:2, p] = (
                _decibels(clean, energy(made[k] - true[j])),
                _decibels(clean, energy(filtered - true[j])),
            )
        result[2:, p] = (
            _decibels(energy(filtered), energy(interference)),
            _decibels(energy(projected[k]), energy(artifacts)),
        )
    return result


def _decibels(signal: float, error: float) -> float:
    with np.errstate(divide="ignore"):
        return float(10 * np.log10(np.divide(signal, error))) if error > 0 else np.inf


def _best_order(sir: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the estimate of every source, such that the mean of (source, estimate, window) is largest."""
    scored = ~np.isnan(sir).all(axis=(0, 1))
    means = sir[..., scored].mean(axis=-1) if scored.any() else np.zeros(sir.shape[:2])
    sources = np.arange(len(means))
    orders = itertools.permutations(range(len(means)))
    return np.array(max(orders, key=lambda order: means[sources, list(order)].sum()), np.intp)
