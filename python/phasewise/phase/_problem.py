"""Arrays in, arrays out: what Griffin-Lim and the inversion family share around the core's `invert`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import _core, _memory
from phasewise._framing import Framing, framing
from phasewise._validate import generator, integer, magnitudes
from phasewise.errors import ParameterError
from phasewise.windows import WindowSpec

__all__ = [
    "bins_first",
    "broadcasts",
    "frame_major",
    "generator",
    "length_for",
    "one_source",
    "phasors",
    "random_start",
    "reflection_parameters",
    "starting_point",
    "unit_phasors",
    "update_named",
]


def frame_major(array: NDArray[Any], ndim: int, dtype: Any) -> NDArray[Any]:
    """Return (..., [source,] freq, frames) as (batch, [source,] frames, freq) in C order."""
    turned = np.ascontiguousarray(np.swapaxes(array, -1, -2), dtype=dtype)
    return turned.reshape(-1, *turned.shape[turned.ndim - ndim :])


def bins_first(array: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """Undo `frame_major`: return memory (batch, [source,] frames, freq) as ``shape``, a view."""
    *leading, freq, frames = shape
    return np.swapaxes(array.reshape(*leading, frames, freq), -1, -2)


def length_for(framing: Framing, frames: int, length: int | None) -> int:
    """Samples of the signals behind ``frames`` frames, or an error if they make another number of frames."""
    samples = framing.samples(frames) if length is None else integer("length", length)
    if frames < 1 or samples < 1 or framing.frames(samples) != frames:
        made = f"{framing.frames(samples)} frames" if samples >= 1 else "no frame"
        raise ParameterError(
            f"length={samples} makes {made} with n_fft={framing.n_fft}, hop_length={framing.hop_length}, "
            f"but there are {frames}; pass the length of the analysed signal."
        )
    framing.check_overlap(frames, samples)
    return samples


def one_source(
    name: str,
    V: ArrayLike,
    n_fft: int | None,
    hop_length: int | None,
    win_length: int | None,
    window: WindowSpec,
    center: bool,
    length: int | None,
) -> tuple[NDArray[Any], Framing]:
    """Check magnitudes (..., freq, frames) and the transform behind them."""
    values = magnitudes(name, V)
    if 0 in values.shape[-2:]:
        raise ParameterError(f"{name} must have at least one bin and one frame, got shape {values.shape}.")
    n_fft = max(1, 2 * (values.shape[-2] - 1)) if n_fft is None else n_fft
    frames_of = framing(n_fft, hop_length, win_length, window, center)
    if values.shape[-2] != frames_of.bins:
        raise ParameterError(
            f"{name} must have 1 + n_fft // 2 = {frames_of.bins} bins on axis -2, got shape {values.shape}."
        )
    if length is not None:
        length_for(frames_of, values.shape[-1], length)
    return values, frames_of


def random_start(rng: Any, V: NDArray[Any]) -> NDArray[Any]:
    """Return V exp(i theta), theta uniform on the circle, frame-major; ``rng`` draws ``V.shape`` numbers."""
    *batch, freq, frames = V.shape
    turns = rng.random(size=(math.prod(batch), freq, frames))
    magnitudes = frame_major(V, 2, V.dtype)
    start = _memory.empty(magnitudes.shape, np.result_type(V.dtype, np.complex64))
    _core.polar(magnitudes=magnitudes, cycles=turns, estimate=start)
    return bins_first(start, V.shape)


def phasors(phase: NDArray[Any]) -> NDArray[Any]:
    """Return exp(i phase) in the memory order of ``phase``."""
    result: NDArray[Any] = np.empty_like(phase, dtype=np.result_type(phase.dtype, np.complex64))
    np.cos(phase, out=result.real)
    np.sin(phase, out=result.imag)
    return result


def unit_phasors(S: NDArray[Any]) -> NDArray[Any]:
    """Return S / abs(S), and 1 where S is zero."""
    modulus = np.abs(S)
    zero = modulus == 0
    result: NDArray[Any] = S / np.where(zero, 1, modulus)
    result[zero] = 1
    return result


def starting_point(init: ArrayLike, V: NDArray[Any], dtype: Any) -> NDArray[Any]:
    """Return the start given as an array: complex as it is, real as the phase of the magnitudes ``V``."""
    given = np.asarray(init)
    if given.dtype.kind not in "fc" or not broadcasts(given.shape, V.shape):
        raise ParameterError(
            f"init must be a complex array, or a real array of phases, of shape {V.shape}; "
            f"got {given.dtype} {given.shape}."
        )
    if not np.isfinite(given).all():
        raise ParameterError("init must be finite, but has NaN or infinite values.")
    if np.iscomplexobj(given):
        return np.broadcast_to(given, V.shape).astype(dtype)
    result: NDArray[Any] = (V * phasors(given)).astype(dtype, copy=False)
    return result


def broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    """Tell whether an array of ``shape`` broadcasts to the shape ``to``."""
    return len(shape) <= len(to) and all(n in (1, m) for n, m in zip(shape[::-1], to[::-1], strict=False))


def reflection_parameters(name: str, relaxation: float) -> dict[str, Any]:
    """Coefficients of S <- alpha S + beta mag(2 B - S) + gamma B, with B the projection on the second set.

    RRR is S + b (mag(2 B - S) - B); RAAR, b/2 (R_A R_B S + S) + (1 - b) B with R = 2 P - identity.
    """
    if name.lower() in ("raar", "auto"):
        return {"alpha": relaxation, "beta": relaxation, "gamma": 1 - 2 * relaxation}
    return {"alpha": 1.0, "beta": relaxation, "gamma": -relaxation}


def update_named(name: str) -> _core.Update:
    """Return the core's update of that name."""
    update: _core.Update = getattr(_core.Update, name)
    return update
