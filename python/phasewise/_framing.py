"""Parameters of a transform, checked once and turned into plans of the core."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from phasewise import _core
from phasewise._validate import choice, integer
from phasewise.errors import ParameterError
from phasewise.windows import WindowSpec, padded_window

__all__ = ["Framing", "PadMode", "Plan", "framing"]

Plan: TypeAlias = "_core.StftPlan32 | _core.StftPlan64"
PadMode: TypeAlias = "str | Callable[..., Any]"

_PADDINGS = {
    "constant": _core.Padding.zeros,
    "reflect": _core.Padding.reflect,
    "edge": _core.Padding.edge,
    "empty": _core.Padding.zeros,  # numpy leaves these values undefined: zeros are a fair choice
}
# The core has no such paddings: numpy.pad makes them on a copy of the signal.
_NUMPY_PADDINGS = ("symmetric", "linear_ramp")
# Paddings of numpy that depend on samples far from the ends, which librosa refuses too.
_GLOBAL_PADDINGS = ("wrap", "maximum", "mean", "median", "minimum")

# A sample cannot be recovered if its squared windows sum to less than this share of the largest sum that any
# number of frames gives.
_NEGLIGIBLE = 1e-11


@dataclass(frozen=True)
class Framing:
    """How a signal is cut into frames; equal parameters share their plans."""

    n_fft: int
    hop_length: int
    win_length: int
    center: bool
    pad_mode: PadMode
    window: NDArray[np.float64] = field(compare=False, repr=False)
    window_key: bytes = field(repr=False)
    _plans: dict[tuple[bool, str], Plan] = field(
        default_factory=dict, init=False, compare=False, hash=False, repr=False
    )

    @property
    def bins(self) -> int:
        """Number of frequency bins, ``1 + n_fft // 2``."""
        return 1 + self.n_fft // 2

    @property
    def lead(self) -> int:
        """Number of samples before the first one that frame 0 covers."""
        return self.n_fft // 2 if self.center else 0

    def plan(self, dtype: Any) -> Plan:
        """Return the plan for real scalars of ``dtype``, in the instruction set in use."""
        key = (dtype == np.float64, _core.active_isa())
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = _plan(self, *key)
        return plan

    @property
    def core_pads(self) -> bool:
        """Whether the core makes the padding, or there is none."""
        return not self.center or (isinstance(self.pad_mode, str) and self.pad_mode in _PADDINGS)

    def padded(self, signal: NDArray[Any]) -> tuple[Framing, NDArray[Any]]:
        """Return framing and signal for a plan: those given, or what is left after padding with numpy."""
        self.frames(signal.shape[-1])
        if self.core_pads:
            return self, signal
        half = self.n_fft // 2
        mode: Any = self.pad_mode
        longer = np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(half, half)], mode=mode)
        return replace(self, center=False, pad_mode="constant"), longer.astype(signal.dtype, copy=False)

    def frames(self, samples: int, name: str = "y") -> int:
        """Return the number of frames of a signal, or explain why there is none."""
        covered = samples + 2 * self.lead
        if samples < 1 or covered < self.n_fft:
            raise ParameterError(
                f"{name} has {samples} samples, but n_fft={self.n_fft} with center={self.center} needs at "
                f"least {1 if self.center else self.n_fft}; pad the signal"
                f"{'' if self.center else ', use center=True'} or lower n_fft."
            )
        return 1 + (covered - self.n_fft) // self.hop_length

    def samples(self, frames: int) -> int:
        """Return the number of samples that ``frames`` frames determine."""
        covered = self.n_fft + self.hop_length * (frames - 1)
        return max(0, covered - 2 * self.lead)

    def check_overlap(self, frames: int, length: int) -> None:
        """Reject a window and hop that leave samples of ``[0, length)`` without energy."""
        gap = _first_gap(self, frames, length)
        if gap is None:
            return
        first, last, energy = gap
        raise ParameterError(
            f"window and hop_length={self.hop_length} leave samples {first} to {last} without energy "
            f"(the squared windows sum to {energy:.2g} there), so they cannot be reconstructed. "
            f"Use {'' if self.center else 'center=True, '}hop_length <= {max(1, self.win_length // 2)}, "
            "another window, or on_zero_overlap='mask'."
        )


def framing(
    n_fft: int,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: WindowSpec = "hann",
    center: bool = True,
    pad_mode: PadMode = "constant",
) -> Framing:
    """Check transform parameters and fill in the defaults of librosa."""
    if isinstance(window, str) and isinstance(pad_mode, str):
        return _named_framing(n_fft, hop_length, win_length, window, center, pad_mode)
    return _framing(n_fft, hop_length, win_length, window, center, pad_mode)


def _framing(
    n_fft: int,
    hop_length: int | None,
    win_length: int | None,
    window: WindowSpec,
    center: bool,
    pad_mode: PadMode,
) -> Framing:
    n_fft = integer("n_fft", n_fft)
    win_length = n_fft if win_length is None else integer("win_length", win_length)
    if win_length > n_fft:
        raise ParameterError(f"win_length must be at most n_fft={n_fft}, got {win_length}.")
    hop_length = max(1, win_length // 4) if hop_length is None else integer("hop_length", hop_length)
    _check_padding(pad_mode, center)
    values = padded_window(window, win_length, n_fft)
    return Framing(n_fft, hop_length, win_length, bool(center), pad_mode, values, values.tobytes())


# Parameters of one type only: 2048.0 equals 2048, but is not an integer.
_named_framing = lru_cache(maxsize=64, typed=True)(_framing)


def _check_padding(pad_mode: PadMode, center: bool) -> None:
    known = (*_PADDINGS, *_NUMPY_PADDINGS)
    if callable(pad_mode) or (not center and pad_mode in _GLOBAL_PADDINGS):
        return
    if pad_mode in _GLOBAL_PADDINGS:
        raise ParameterError(
            f"pad_mode={pad_mode!r} is not supported because it depends on the whole signal; use one of "
            f"{', '.join(map(repr, known))} or a function for numpy.pad."
        )
    choice("pad_mode", pad_mode, known)


@lru_cache(maxsize=64)
def _plan(framing: Framing, double: bool, isa: str) -> Plan:
    mode: Any = framing.pad_mode if framing.core_pads else "constant"  # what synthesis does with all of them
    padding = _PADDINGS[mode] if framing.center else _core.Padding.none
    return (_core.StftPlan64 if double else _core.StftPlan32)(framing.window, framing.hop_length, padding)


@lru_cache(maxsize=256)
def _first_gap(framing: Framing, frames: int, length: int) -> tuple[int, int, float] | None:
    """Return (first sample, last sample, energy) of the first stretch without energy, or None."""
    n, hop, lead = framing.n_fft, framing.hop_length, framing.lead
    last_kept = min(lead + length, n + hop * (frames - 1)) - 1
    # The gaps between frames that do not touch count as one position each, however large the hop is.
    folded = min(hop, n + 1)
    kept_end = (last_kept + 1) // hop * folded + min((last_kept + 1) % hop, folded)
    # Away from the ends the energy repeats with the hop: a few frames tell everything.
    spare = max(0, frames - 2 * (-(-n // folded)) - 2)
    few = frames - spare
    squared = framing.window**2
    energy = np.zeros(n + folded * (few - 1))
    for t in range(few):
        energy[t * folded : t * folded + n] += squared
    if spare and kept_end > energy.size - n:  # the kept part reaches into the frames after the removed ones
        kept_end = max(kept_end - spare * folded, energy.size - n)
    kept = energy[lead:kept_end]
    steady = np.pad(squared, (0, -n % folded)).reshape(-1, folded).sum(axis=0)
    empty = np.flatnonzero(kept < _NEGLIGIBLE * steady.max())
    if empty.size == 0:
        return None
    breaks = np.flatnonzero(np.diff(empty) > 1)
    last = empty[breaks[0]] if breaks.size else empty[-1]
    removed = spare * hop if lead + empty[0] >= few * folded else 0
    start, end = (
        removed + p // folded * hop + p % folded for p in (lead + int(empty[0]), lead + int(last) + 1)
    )
    return start - lead, min(end - 1, last_kept) - lead, float(kept[empty[0] : last + 1].min())
