r"""Wiener filter for several channels, with spatial covariances learned from the mixture.

Source j is a circular Gaussian vector over the channels, of covariance :math:`v_j(f, t) R_j(f)`: its power
in every bin, and in every frequency how it lies in the channels. Noise of power :math:`\sigma(f)` in every
channel keeps the covariance of the mixture invertible. The filter

.. math:: y_j = v_j R_j \Big( \sum_k v_k R_k + \sigma I \Big)^{-1} x

and the powers and covariances of what it finds are computed in turns.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from phasewise import _core
from phasewise._memory import empty
from phasewise._validate import choice, complex_array, integer, number
from phasewise.errors import ParameterError
from phasewise.filters.masks import wiener
from phasewise.phase._bins import spectra
from phasewise.phase._problem import bins_first, frame_major, starting_point, unit_phasors

__all__ = ["multichannel_wiener"]

_MOST_CHANNELS = 8  # what the core has room for


def multichannel_wiener(
    X: ArrayLike,
    V: ArrayLike,
    *,
    n_iter: int = 1,
    init: str | ArrayLike = "wiener",
    update: str = "estimates",
    noise: float = 1e-6,
    return_cost: bool = False,
) -> Any:
    r"""Multichannel Wiener filter: sources told apart by their magnitudes and their places in the channels.

    Parameters
    ----------
    X : array of shape (..., channels, freq, frames) or (freq, frames), complex
        Spectrogram of the mixture, at most 8 channels. Every axis before them is batch.
    V : array of shape (..., channels, source, freq, frames) or (..., source, freq, frames), nonnegative
        Magnitudes of the sources, in each channel, or the same for all channels. They only tell where to
        start: the iterations have powers of their own.
    n_iter : int >= 0
        Iterations. 0 gives the starting point; 1 is the usual post-processing of networks; many follow the
        model rather than the magnitudes.
    init : {"wiener", "mixture"} or array of shape (..., channels, source, freq, frames)
        Estimates to start from: those of `phasewise.wiener`, the magnitudes with the phase of the mixture
        (norbert's and open-unmix's default), or complex values of your own.
    update : {"estimates", "posterior"}
        What powers and covariances are taken from: the estimates themselves, as norbert and open-unmix do, or
        their posterior distribution, which is the expectation-maximisation algorithm of the paper. Its
        likelihood never decreases, which is not to say that the sources get better: music with known
        magnitudes is best after one iteration of either (``experiments/RESULTS.md``).
    noise : float >= 0
        Power of the noise relative to the mean power of the mixture in the same frequency. It limits how
        deeply a loud source is cancelled in favour of a quiet one; about 1e-6 is what float32 resolves.
    return_cost : bool
        Whether to return the negative log-likelihood too.

    Returns
    -------
    estimate : array of shape (..., channels, source, freq, frames), complex
        Images of the sources in the channels (without the channel axis if `X` has none). With `n_iter` > 0
        they sum to `X` (to rounding): what the filter leaves to the noise is shared out as the powers are.
    cost : array of shape (..., n_iter), float64
        Only with `return_cost`: negative log-likelihood of the model of each iteration, less a constant. With
        ``update="posterior"`` it never increases.

    Raises
    ------
    ParameterError
        If shapes do not match, values are negative or not finite, or a name is unknown.

    Notes
    -----
    One pass over the data per iteration, about 60 operations per source, bin and iteration in stereo. The
    level of `X` does not matter. To keep a residual of what no source explains, add a source for it, e.g.
    with the magnitudes ``np.maximum(abs(X) - V.sum(axis=-3), 0)``. Thread-safe; the result does not depend on
    the number of threads nor on the batch.

    References
    ----------
    .. [1] N. Duong, E. Vincent and R. Gribonval, "Under-determined reverberant audio source separation using
           a full-rank spatial covariance model", IEEE TASLP 18(7), 2010.
    .. [2] A. Liutkus and F.-R. Stöter, "norbert: multichannel Wiener filtering", 2019.
    """
    mixture, magnitudes, mono = _arrays(X, V)
    n_iter = integer("n_iter", n_iter, minimum=0)
    posterior = choice("update", update, ("estimates", "posterior")) == "posterior"
    noise = number("noise", noise, minimum=0.0)
    shape = magnitudes.shape
    start = frame_major(_start(init, mixture, magnitudes), 3, mixture.dtype)
    *batch, channels, freq, frames = mixture.shape
    estimate = start.reshape(-1, channels, shape[-3], frames, freq)
    if not isinstance(init, str) or not estimate.flags.writeable:
        estimate = estimate.copy()
    cost = empty((len(estimate), n_iter), np.dtype(np.float64)) if return_cost else None
    _core.multichannel_wiener(
        mixture=frame_major(mixture, 3, mixture.dtype),
        estimate=estimate,
        noise=noise,
        posterior=posterior,
        n_iter=n_iter,
        cost=cost,
    )
    result = bins_first(estimate, shape[1:] if mono else shape)
    return result if cost is None else (result, cost.reshape(*batch, n_iter))


def _arrays(X: ArrayLike, V: ArrayLike) -> tuple[Any, Any, bool]:
    """Return mixture and magnitudes, both with a channel axis, and whether there was none."""
    mixture, magnitudes = complex_array("X", X), spectra("V", V, min_ndim=3)
    mono = mixture.ndim == 2
    if mono:
        mixture = mixture[None]
    per_channel = magnitudes.ndim == mixture.ndim + 1
    if not per_channel and magnitudes.ndim == mixture.ndim:
        magnitudes = np.broadcast_to(
            magnitudes[..., None, :, :, :],
            (*magnitudes.shape[:-3], mixture.shape[-3], *magnitudes.shape[-3:]),
        )
    shape = magnitudes.shape
    if (*shape[:-3], *shape[-2:]) != mixture.shape or shape[-3] == 0:
        raise ParameterError(
            f"V must have the axes of X, {np.shape(X)}, with a source axis at -3 after or instead of the "
            f"channels; got {np.shape(V)}."
        )
    if mixture.shape[-3] > _MOST_CHANNELS:
        raise ParameterError(
            f"X must have at most {_MOST_CHANNELS} channels on axis -3, got {mixture.shape[-3]}; put batches "
            "before the channels."
        )
    complex_type = np.result_type(mixture.dtype, magnitudes.dtype, np.complex64)
    real_type = np.empty(0, complex_type).real.dtype
    return mixture.astype(complex_type, copy=False), magnitudes.astype(real_type, copy=False), mono


def _start(init: str | ArrayLike, mixture: Any, magnitudes: Any) -> Any:
    if not isinstance(init, str):
        return starting_point(init, magnitudes, mixture.dtype)
    if choice("init", init, ("wiener", "mixture")) == "wiener":
        return wiener(mixture, magnitudes)
    return magnitudes * unit_phasors(mixture)[..., None, :, :]
