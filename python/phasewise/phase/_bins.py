"""Arguments of the bin-wise methods: a mixture with the magnitudes of its sources, phases, onsets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import _core, _memory
from phasewise._validate import complex_array, integer
from phasewise._validate import magnitudes as magnitude_array
from phasewise.errors import ParameterError
from phasewise.phase._problem import bins_first, broadcasts, frame_major
from phasewise.phase.weights import mixing_shares

__all__ = ["Mixture", "fft_length", "onset_frames", "phase_argument", "spectra", "weighting"]

# What the core computes itself, by name or exponent.
_WEIGHTINGS: dict[str | float, _core.Weighting] = {
    "equal": _core.Weighting.equal,
    "magnitude": _core.Weighting.magnitude,
    "refreshed": _core.Weighting.magnitude,
    "wiener": _core.Weighting.wiener,
    0: _core.Weighting.equal,
    1: _core.Weighting.magnitude,
    2: _core.Weighting.wiener,
}


@dataclass(frozen=True)
class Mixture:
    """A mixture (..., freq, frames) and magnitudes (..., source, freq, frames) of one precision."""

    X: NDArray[Any]
    V: NDArray[Any]

    @classmethod
    def check(cls, X: ArrayLike, V: ArrayLike, names: tuple[str, str]) -> Mixture:
        """Check the two arrays, called ``names`` in messages, and give them the wider of their precisions."""
        mixture = complex_array(names[0], X)
        magnitudes = spectra(names[1], V, min_ndim=3)
        shape = magnitudes.shape
        if (*shape[:-3], *shape[-2:]) != mixture.shape or shape[-3] == 0:
            raise ParameterError(
                f"{names[1]} must have the shape of {names[0]}, {mixture.shape}, and a source axis at -3; "
                f"got {shape}."
            )
        complex_type = np.result_type(mixture.dtype, magnitudes.dtype, np.complex64)
        real_type = np.empty(0, complex_type).real.dtype
        return cls(mixture.astype(complex_type, copy=False), magnitudes.astype(real_type, copy=False))

    def estimate(self) -> NDArray[Any]:
        """Return memory for the sources, (batch, source, frames, freq)."""
        *_, sources, freq, frames = self.V.shape
        batch = self.X.size // (freq * frames)
        return _memory.empty((batch, sources, frames, freq), self.X.dtype)

    def public(self, estimate: NDArray[Any]) -> NDArray[Any]:
        """Return ``estimate`` as (..., source, freq, frames), a view."""
        return bins_first(estimate, self.V.shape)

    def arrays(self, weights: str | float | ArrayLike) -> dict[str, Any]:
        """Return the arguments of the core that both the mixing iterations and the Wiener filter take."""
        kind, shares = weighting(weights, self.V)
        return {
            "mixture": frame_major(self.X, 2, self.X.dtype),
            "magnitudes": frame_major(self.V, 3, self.V.dtype),
            "weighting": kind,
            "weights": shares,
        }


def spectra(name: str, V: ArrayLike, *, min_ndim: int = 2) -> NDArray[Any]:
    """Return magnitudes (..., freq, frames) with at least one bin and one frame."""
    array = magnitude_array(name, V, min_ndim=min_ndim)
    if 0 in array.shape[-2:]:
        raise ParameterError(f"{name} must have at least one bin and one frame, got shape {array.shape}.")
    return array


def fft_length(n_fft: int | None, bins: int, name: str) -> int:
    """Return ``n_fft``, by default the even length that makes ``bins`` bins, after checking that it fits."""
    if n_fft is None:
        return max(1, 2 * (bins - 1))
    n_fft = integer("n_fft", n_fft)
    if bins != 1 + n_fft // 2:
        raise ParameterError(
            f"{name} must have 1 + n_fft // 2 = {1 + n_fft // 2} bins on axis -2 for n_fft={n_fft}, "
            f"got {bins}; pass the n_fft of the analysis."
        )
    return n_fft


def weighting(
    weights: str | float | ArrayLike, V: NDArray[Any]
) -> tuple[_core.Weighting, NDArray[Any] | None]:
    """Return how the core weighs the sources, and the shares (batch, source, frames, freq) if by an array."""
    if isinstance(weights, str | int | float) and weights in _WEIGHTINGS:
        return _WEIGHTINGS[weights], None
    shares = mixing_shares(V, weights)
    if shares is None:
        return _core.Weighting.equal, None
    return _core.Weighting.given, frame_major(shares, 3, V.dtype)


def phase_argument(
    name: str, phase: ArrayLike, V: NDArray[Any], ndim: int
) -> tuple[NDArray[Any] | None, NDArray[Any] | None]:
    """Return phases that broadcast to ``V`` as (angles, None) or, if complex, (None, values).

    The axes before the last ``ndim`` are folded into one; memory is frame-major.
    """
    given = np.asarray(phase)
    if given.dtype.kind in "biu":
        given = given.astype(np.float64)
    if given.dtype.kind not in "fc" or not broadcasts(given.shape, V.shape):
        raise ParameterError(
            f"{name} must be a real array of phases in radians, or a complex array, of shape {V.shape}; "
            f"got {given.dtype} {given.shape}."
        )
    if not np.isfinite(given).all():
        raise ParameterError(f"{name} must be finite, but has NaN or infinite values.")
    full = np.broadcast_to(given, V.shape)
    if np.iscomplexobj(given):
        return None, frame_major(full, ndim, np.result_type(V.dtype, np.complex64))
    return frame_major(full, ndim, V.dtype), None


def onset_frames(onsets: ArrayLike, V: NDArray[Any]) -> NDArray[np.bool_]:
    """Return marks of frames that broadcast to the leading axes and frames of ``V``, as (batch, frames)."""
    marks = np.asarray(onsets)
    shape = (*V.shape[:-2], V.shape[-1])
    if marks.dtype != np.bool_ or not broadcasts(marks.shape, shape):
        raise ParameterError(
            f"onsets must be a boolean array of shape {shape}, one value per frame, as detect_onsets makes "
            f"it; got {marks.dtype} {marks.shape}."
        )
    return np.ascontiguousarray(np.broadcast_to(marks, shape)).reshape(-1, shape[-1])
