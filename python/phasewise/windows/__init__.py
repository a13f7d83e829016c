"""Windows: by name or value, periodic or symmetric, their duals, and whether they overlap well.

`get_window` knows the names of `scipy.signal.get_window`, with the same values, and three more for frames
that are windowed twice: "sine", "vorbis" and "sqrt_hann". A symmetric window is a function of its length; the
periodic window of N values is the symmetric one of N + 1 values without the last.

The windows "sine", "vorbis" and "kaiser_bessel_derived" are power-complementary as they are,
``w[n]**2 + w[n + N/2]**2 == 1``, so there is one form of them. "cosine" is scipy's: its symmetric form is
"sine", its periodic form ``sin(pi (n + 1/2) / (N + 1))`` is not power-complementary.
"""

from phasewise.windows.overlap import OverlapCheck, check_cola, check_nola, dual_window
from phasewise.windows.selection import WINDOWS, WindowSpec, get_window, padded_window

__all__ = [
    "WINDOWS",
    "OverlapCheck",
    "WindowSpec",
    "check_cola",
    "check_nola",
    "dual_window",
    "get_window",
    "padded_window",
]
