"""Signals, spectra and filters as the transform takes them: checked, in its precisions, of any layout."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from phasewise import _core
from phasewise._arrays import COMPLEX_OF, aligned, real_dtype
from phasewise._framing import Framing
from phasewise._validate import complex_array, finite, floating_array, number, real_array
from phasewise.errors import ParameterError

__all__ = ["check_bins", "check_samples", "filter_bank", "positive", "real_signal", "signal_array"]


def check_bins(spectrum: NDArray[Any], f: Framing, onesided: bool = True) -> None:
    bins, text = (f.bins, "1 + n_fft // 2") if onesided else (f.n_fft, "n_fft")
    if spectrum.shape[-2] != bins:
        raise ParameterError(
            f"S must have {text} = {bins} bins on axis -2 for n_fft={f.n_fft}, got shape {spectrum.shape}; "
            "pass the n_fft of the analysis."
        )
    if spectrum.shape[-1] == 0:
        raise ParameterError(f"S must have at least one frame on axis -1, got shape {spectrum.shape}.")


def check_samples(name: str, signal: NDArray[Any], f: Framing, frames: int, good: bool) -> None:
    """Reject samples that are not finite: the core has seen those in frames, the rest is looked at here."""
    covered = max(0, f.n_fft + f.hop_length * (frames - 1) - f.lead)
    if not good or f.hop_length > f.n_fft:
        finite(name, signal)
    elif covered < signal.shape[-1]:
        finite(name, signal[..., covered:])


def signal_array(y: ArrayLike, dtype: DTypeLike | None) -> NDArray[Any]:
    """Return real or complex signals in the precision that is asked for."""
    array = np.asarray(y)
    if array.dtype.kind == "c":
        array = aligned(complex_array("y", array, min_ndim=1, check_finite=False))
        if dtype is None:
            return array
        return array.astype(COMPLEX_OF[real_dtype(dtype, "complex64 or complex128")], copy=False)
    array = real_signal(array)
    return array if dtype is None else array.astype(real_dtype(dtype, "complex64 or complex128"), copy=False)


def real_signal(y: ArrayLike) -> NDArray[Any]:
    return aligned(floating_array("y", y, check_finite=False))


def positive(name: str, value: float) -> float:
    result = number(name, value)
    if not result > 0:
        raise ParameterError(f"{name} must be positive, got {value!r}.")
    return result


def filter_bank(filters: ArrayLike, bins: int, dtype: np.dtype[Any]) -> Any:
    """Return the core's filters in the precision of the spectra."""
    weights = real_array("filters", filters)
    if weights.ndim != 2 or weights.shape[1] != bins or len(weights) == 0:
        raise ParameterError(
            f"filters must have shape (n_filters, 1 + n_fft // 2 = {bins}), got {weights.shape}."
        )
    kind = _core.FilterBank64 if dtype == np.float64 else _core.FilterBank32
    return kind(np.ascontiguousarray(weights, dtype))
