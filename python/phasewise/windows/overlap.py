"""Whether shifted windows overlap well: constant sums, invertible sums, and the dual window.

A window w shifted by the hop l reconstructs without a window at the synthesis if ``sum_k w[n - k l]`` is
constant (COLA), with the same window at the synthesis if ``sum_k w[n - k l]**2`` is, and with division by
that sum, as `istft` does, if it vanishes nowhere (NOLA). Dividing the window once and for all gives the
canonical dual window, the synthesis window of least energy.

References
----------
.. [1] D. Griffin and J. Lim, "Signal estimation from modified short-time Fourier transform", IEEE TASSP
       32(2), 1984.
.. [2] J. Wexler and S. Raz, "Discrete Gabor expansions", Signal Processing 21(3), 1990.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise._validate import choice, integer, number
from phasewise.errors import ParameterError
from phasewise.windows.selection import WindowSpec, get_window
from phasewise.windows.shapes import COSINE_SUMS

__all__ = ["OverlapCheck", "check_cola", "check_nola", "dual_window"]

Window = NDArray[np.float64]
# Windows that are proposed in place of one that does not fit the hop.
_PROPOSALS = ("hann", "sqrt_hann", "sine", "hamming", "blackman", "boxcar")


@dataclass(frozen=True)
class OverlapCheck:
    """The outcome of `check_cola` or `check_nola`: true if the condition holds.

    Attributes
    ----------
    holds : bool
    message : str
        What was found and, if the condition fails, what to change; also the text of the object.
    sums : ndarray of shape (hop_length,)
        The overlapped sum at each sample of a hop.
    """

    holds: bool
    message: str
    sums: Window = field(repr=False, compare=False)

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        return self.message

    def require(self) -> OverlapCheck:
        """Return the check itself, or raise its message as a `ParameterError`."""
        if not self.holds:
            raise ParameterError(self.message)
        return self


def dual_window(
    window: WindowSpec, hop_length: int, n_fft: int | None = None, *, win_length: int | None = None
) -> Window:
    """Return the canonical dual window: frames analysed with `window` and added with it give the signal.

    Parameters
    ----------
    window : str, tuple, float, callable or array
        As in `get_window`; names give periodic windows.
    hop_length : int > 0
        Samples between frames.
    n_fft : int > 0, optional
        Samples per frame; needed unless `window` is an array.
    win_length : int in [1, n_fft], optional
        Length of the window, centred in the frame; by default that of the array, or `n_fft`.

    Returns
    -------
    ndarray of shape (n_fft,)
        ``d[n] = w[n] / sum_k w[n + k hop_length]**2``, so that ``sum_k w[n + k hop] d[n + k hop] == 1``.

    Raises
    ------
    ParameterError
        If window and hop leave samples without energy; the message says which hop works.

    Examples
    --------
    >>> dual_window("boxcar", 2, 4)
    array([0.5, 0.5, 0.5, 0.5])
    """
    values, hop_length = _frame(window, hop_length, n_fft, win_length)
    sums = check_nola(values, hop_length).require().sums
    return np.asarray(values / np.resize(sums, values.size))


def check_cola(
    window: WindowSpec,
    hop_length: int,
    n_fft: int | None = None,
    *,
    win_length: int | None = None,
    power: int = 1,
    tolerance: float = 1e-10,
) -> OverlapCheck:
    """Check that shifted windows, or their squares, sum to a constant.

    Parameters
    ----------
    window, hop_length, n_fft, win_length
        As in `dual_window`.
    power : {1, 2}
        1 for a window at the analysis alone, 2 for the same window at analysis and synthesis.
    tolerance : float >= 0
        Largest accepted difference from the median sum, relative to it.

    Returns
    -------
    OverlapCheck
        True or false; its message names a hop and windows that work.

    Examples
    --------
    >>> bool(check_cola("hann", 256, 1024))
    True
    >>> check_cola("hann", 512, 1024, power=2).message[:78]
    'the squared window shifted by hop_length=512 sums to between 0.5 and 1, not to'
    """
    choice("power", str(power), ("1", "2"))
    tolerance = number("tolerance", tolerance, minimum=0)
    values, hop_length = _frame(window, hop_length, n_fft, win_length)
    what = "squared window" if power == 2 else "window"
    sums = _sums(values**power, hop_length)
    if _constant(sums, tolerance):
        return OverlapCheck(True, f"the {what} sums to {np.median(sums):.6g} everywhere.", sums)
    cures = []
    smaller = [hop for hop in _parts(values.size) if hop < hop_length]
    hop = next((h for h in smaller if _fits(values**power, h, tolerance)), None)
    if hop is not None:
        cures.append(f"hop_length={hop}")
    form = _symmetric_form(values)
    if form and _fits(get_window(form, values.size) ** power, hop_length, tolerance):
        cures.append(f"the periodic form get_window({form!r}, {values.size})")
    names = [
        name for name in _PROPOSALS if _fits(get_window(name, values.size) ** power, hop_length, tolerance)
    ]
    if names:
        cures.append(f"the window {' or '.join(map(repr, names))}")
    cures.append("istft or dual_window, which divide by the sum")
    return OverlapCheck(
        False,
        f"the {what} shifted by hop_length={hop_length} sums to between {sums.min():.4g} and "
        f"{sums.max():.4g}, not to a constant. Use {', or '.join(cures)}.",
        sums,
    )


def check_nola(
    window: WindowSpec,
    hop_length: int,
    n_fft: int | None = None,
    *,
    win_length: int | None = None,
    tolerance: float = 1e-11,
) -> OverlapCheck:
    """Check that the squares of shifted windows sum to nothing smaller than a share of the largest sum.

    Parameters
    ----------
    window, hop_length, n_fft, win_length
        As in `dual_window`.
    tolerance : float >= 0
        Sums up to `tolerance` times the largest count as zero; `istft` draws the line at the default.

    Returns
    -------
    OverlapCheck
        True or false; its message names the largest hop that is sure to work.

    Examples
    --------
    >>> check_nola("hann", 2000, 1024).message[:62]
    'hop_length=2000 leaves 977 samples, the first 0, of every 2000'
    """
    tolerance = number("tolerance", tolerance, minimum=0)
    values, hop_length = _frame(window, hop_length, n_fft, win_length)
    sums = _sums(values**2, hop_length)
    lost = np.flatnonzero(sums <= tolerance * sums.max())
    if lost.size == 0:
        ratio = sums.max() / sums.min()
        return OverlapCheck(
            True, f"the squared window sums to nothing below 1/{ratio:.3g} of its largest sum.", sums
        )
    hop = next(h for h in range(_longest_run(values, tolerance), 0, -1) if _invertible(values, h, tolerance))
    where = f"sample {lost[0]}" if lost.size == 1 else f"{lost.size} samples, the first {lost[0]},"
    return OverlapCheck(
        False,
        f"hop_length={hop_length} leaves {where} of every {hop_length} without energy, which no synthesis "
        f"can restore. Use hop_length <= {hop}, or a window without zeros such as 'hamming'"
        f"{'' if hop_length <= values.size else f' of at least {hop_length} samples'}.",
        sums,
    )


# ---- sums ----------------------------------------------------------------------------------------


def _frame(
    window: WindowSpec, hop_length: int, n_fft: int | None, win_length: int | None
) -> tuple[Window, int]:
    """Return the window in its frame, and the checked hop."""
    hop_length = integer("hop_length", hop_length)
    if win_length is None and not (isinstance(window, (str, tuple)) or callable(window)):
        values = np.asarray(window)
        win_length = values.shape[0] if values.ndim == 1 else None
    size: Any = n_fft if n_fft is not None else win_length
    if size is None:
        raise ParameterError(
            "n_fft must be given with a window that is not an array; pass the frame's length."
        )
    n_fft = integer("n_fft", size)
    win_length = integer("win_length", n_fft if win_length is None else win_length)
    if win_length > n_fft:
        raise ParameterError(f"win_length must be at most n_fft={n_fft}, got {win_length}.")
    frame = get_window(window, win_length)
    left = (n_fft - win_length) // 2
    return np.pad(frame, (left, n_fft - win_length - left)), hop_length


def _sums(values: Window, hop: int) -> Window:
    """Return the sum of `values` over all shifts by multiples of `hop`, for one hop."""
    rows = -(-values.size // hop)
    return np.asarray(np.pad(values, (0, rows * hop - values.size)).reshape(rows, hop).sum(axis=0))


def _constant(sums: Window, tolerance: float) -> bool:
    middle = float(np.median(sums))
    return bool(np.max(np.abs(sums - middle)) <= tolerance * abs(middle))


def _fits(values: Window, hop: int, tolerance: float) -> bool:
    return _constant(_sums(values, hop), tolerance)


def _invertible(values: Window, hop: int, tolerance: float) -> bool:
    sums = _sums(values**2, hop)
    return bool(sums.min() > tolerance * sums.max())


def _parts(size: int) -> list[int]:
    """Return the whole halves, thirds, ... sixteenths of a window, longest first."""
    return [size // k for k in range(1, 17) if size % k == 0]


def _longest_run(values: Window, tolerance: float) -> int:
    """Return the length of the longest stretch of samples with energy: every hop up to it works."""
    filled = np.flatnonzero(np.diff(np.r_[0, values**2 > tolerance * np.max(values**2), 0]))
    return int(np.max(filled[1::2] - filled[::2]))


def _symmetric_form(values: Window) -> str | None:
    """Return the name of the window whose symmetric form this is."""
    if values.size > 1:
        for name in COSINE_SUMS:
            if np.allclose(values, get_window(name, values.size, fftbins=False), rtol=0, atol=1e-12):
                return name
    return None
