r"""Short-time Fourier transform and its least-squares inverse.

With frames of N samples every l samples, phase referenced to the start of the frame:

.. math::
    X[k, t] &= \sum_{n=0}^{N-1} w[n]\, x[t l + n]\, e^{-2 i \pi k n / N}, \qquad 0 \le k \le N/2 \\
    y[n] &= \frac{\sum_t w[n - t l]\, \mathrm{irfft}(X_t)[n - t l]}{\sum_t w^2[n - t l]}

The second line minimises the distance between STFT(y) and X, so STFT(iSTFT(.)) is the orthogonal projector on
the consistent spectrograms (Griffin & Lim 1984) as long as the edges are padded with zeros. One-sided spectra
need the weights of :func:`bin_weights` in every inner product for "orthogonal" to hold.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

__all__ = ["ENERGY_FLOOR", "bin_weights", "istft", "project_consistent", "stft", "window_values"]

Array = NDArray[Any]

# Cosine sums: w[n] = c0 - c1 cos(2 pi n / N) + c2 cos(4 pi n / N) - ...
COSINE_SUMS = {
    "boxcar": (1.0,),
    "hann": (0.5, 0.5),
    "hamming": (0.54, 0.46),
    "blackman": (0.42, 0.5, 0.08),
    "nuttall": (0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": (0.35875, 0.48829, 0.14128, 0.01168),
}
ALIASES = {
    "rect": "boxcar",
    "rectangular": "boxcar",
    "ones": "boxcar",
    "hanning": "hann",
    "triangle": "bartlett",
}

# A sample is lost where the overlapped squared windows sum to less than this share of the largest sum that
# any number of frames gives: division would amplify rounding by more than 3e5. It is left unnormalised, which
# is next to 0.
ENERGY_FLOOR = 1e-11


def window_values(
    window: str | ArrayLike, win_length: int, n_fft: int, dtype: DTypeLike = np.float64
) -> Array:
    """Periodic window of ``win_length`` samples, centred in ``n_fft`` samples by zeros on both sides.

    ``window`` is a name or an array of ``win_length`` values.
    """
    if isinstance(window, str):
        name = ALIASES.get(window, window)
        phase = np.arange(win_length) / win_length
        if win_length == 1:
            values = np.ones(1)
        elif name == "bartlett":
            values = 1 - np.abs(2 * phase - 1)
        else:
            values = np.zeros(win_length)
            for order, coefficient in enumerate(COSINE_SUMS[name]):
                values += (-1) ** order * coefficient * np.cos(2 * np.pi * order * phase)
    else:
        values = np.asarray(window, dtype=np.float64)
    left = (n_fft - win_length) // 2
    padded: Array = np.pad(values, (left, n_fft - win_length - left)).astype(dtype)
    return padded


def stft(
    y: ArrayLike,
    n_fft: int = 2048,
    hop_length: int | None = None,
    win_length: int | None = None,
    window: str | ArrayLike = "hann",
    center: bool = True,
    pad_mode: str = "constant",
) -> Array:
    """One-sided STFT, ``(..., samples)`` to ``(..., 1 + n_fft // 2, frames)``.

    ``center`` pads ``n_fft // 2`` samples on both sides: frame t is centred on sample ``t * hop_length``.
    """
    signal = np.asarray(y)
    single = signal.dtype == np.float32
    win_length = win_length or n_fft
    hop_length = hop_length or win_length // 4
    w = window_values(window, win_length, n_fft)
    if center:
        pads = [(0, 0)] * (signal.ndim - 1) + [(n_fft // 2, n_fft // 2)]
        signal = np.pad(signal, pads, mode=pad_mode)  # type: ignore[call-overload]
    frames = np.lib.stride_tricks.sliding_window_view(signal, n_fft, axis=-1)[..., ::hop_length, :]
    spectra = np.fft.rfft(frames.astype(np.float64) * w, axis=-1)
    S: Array = spectra.swapaxes(-1, -2).astype(np.complex64 if single else np.complex128)
    return S


def istft(
    S: ArrayLike,
    hop_length: int | None = None,
    win_length: int | None = None,
    n_fft: int | None = None,
    window: str | ArrayLike = "hann",
    center: bool = True,
    length: int | None = None,
) -> Array:
    """Least-squares inverse of :func:`stft`: ``(..., freq, frames)`` to ``(..., length)``.

    Without ``length`` the result ends with the last frame, less the padding. Samples that no window covers
    are zero.
    """
    spectra = np.asarray(S)
    single = spectra.dtype == np.complex64
    n_fft = n_fft or 2 * (spectra.shape[-2] - 1)
    win_length = win_length or n_fft
    hop_length = hop_length or win_length // 4
    n_frames = spectra.shape[-1]
    w = window_values(window, win_length, n_fft)
    frames = w * np.fft.irfft(spectra.swapaxes(-1, -2).astype(np.complex128), n=n_fft, axis=-1)

    total = n_fft + hop_length * (n_frames - 1)
    signal = np.zeros((*frames.shape[:-2], total))
    energy = np.zeros(total)
    for t in range(n_frames):
        covered = slice(t * hop_length, t * hop_length + n_fft)
        signal[..., covered] += frames[..., t, :]
        energy[covered] += w**2
    steady = np.pad(w**2, (0, -n_fft % hop_length)).reshape(-1, hop_length).sum(axis=0)
    known = energy > ENERGY_FLOOR * steady.max()
    signal = signal / np.where(known, energy, 1.0)

    start = n_fft // 2 if center else 0
    length = total - 2 * start if length is None else length
    signal = signal[..., start : start + length]
    missing = length - signal.shape[-1]
    signal = np.pad(signal, [(0, 0)] * (signal.ndim - 1) + [(0, missing)])
    return signal.astype(np.float32 if single else np.float64)


def project_consistent(
    S: ArrayLike,
    hop_length: int | None = None,
    win_length: int | None = None,
    n_fft: int | None = None,
    window: str | ArrayLike = "hann",
    center: bool = True,
    length: int | None = None,
) -> Array:
    """Return STFT(iSTFT(S)), the nearest spectrogram of a signal of ``length`` samples."""
    n_fft = n_fft or 2 * (np.shape(S)[-2] - 1)
    y = istft(S, hop_length, win_length, n_fft, window, center, length)
    return stft(y, n_fft, hop_length, win_length, window, center)


def bin_weights(n_fft: int) -> Array:
    """Weights ``(freq, 1)`` of a one-sided spectrum in sums of squares: 1 at DC and Nyquist, else 2."""
    a = np.full((1 + n_fft // 2, 1), 2.0)
    a[0] = 1.0
    if n_fft % 2 == 0:
        a[-1] = 1.0
    return a
