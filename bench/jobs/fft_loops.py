"""The best short-time transforms that a careful user can write around FFT libraries: blocks of frames that
stay in cache, plans made once, results written in place, the signal split among threads.

Zero padding and a Hann window, as the jobs use them; signals are (batch, samples).
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

__all__ = ["fft_libraries", "istft_loop", "stft_loop"]

BLOCK = 64  # frames: 0.5 MiB of 2048 float32 samples

# forward(frames, spectra) and backward(spectra, frames), each into its second argument
Pair = tuple[Callable[[Any, Any], None], Callable[[Any, Any], None]]


def _mkl(n: int, dtype: np.dtype[Any]) -> Pair:
    import mkl_fft

    def forward(x: np.ndarray, out: np.ndarray) -> None:
        mkl_fft.rfft(x, axis=-1, out=out)

    def backward(X: np.ndarray, out: np.ndarray) -> None:
        mkl_fft.irfft(X, n=n, axis=-1, out=out)

    return forward, backward


def _ducc(n: int, dtype: np.dtype[Any]) -> Pair:
    from ducc0 import fft

    def forward(x: np.ndarray, out: np.ndarray) -> None:
        fft.r2c(x, axes=(1,), out=out)

    def backward(X: np.ndarray, out: np.ndarray) -> None:
        fft.c2r(X, axes=(1,), lastsize=n, forward=False, inorm=2, out=out)

    return forward, backward


def _fftw(n: int, dtype: np.dtype[Any]) -> Pair:
    import pyfftw

    cplx = np.result_type(dtype, np.complex64)
    frames = pyfftw.zeros_aligned((BLOCK, n), dtype)
    # One more bin than a row: rows of a spectrogram are aligned to no more than one complex number.
    spectra = pyfftw.zeros_aligned(BLOCK * (n // 2 + 1) + 1, cplx)[1:].reshape(BLOCK, -1)
    flags = ("FFTW_PATIENT", "FFTW_UNALIGNED")
    plans: dict[tuple[int, bool], Any] = {}

    def plan(rows: int, back: bool) -> Any:
        if (rows, back) not in plans:
            pair = (spectra[:rows], frames[:rows]) if back else (frames[:rows], spectra[:rows])
            how = (*flags, "FFTW_DESTROY_INPUT") if back else flags
            plans[rows, back] = pyfftw.FFTW(
                *pair, axes=(1,), direction="FFTW_BACKWARD" if back else "FFTW_FORWARD", flags=how
            )
        return plans[rows, back]

    def forward(x: np.ndarray, out: np.ndarray) -> None:
        made = plan(len(x), False)
        made.update_arrays(x, out)
        made.execute()

    def backward(X: np.ndarray, out: np.ndarray) -> None:
        made = plan(len(X), True)
        made.input_array[...] = X  # the transform destroys its input
        made.update_arrays(made.input_array, out)
        made.execute()
        out /= n

    return forward, backward


def _scipy(n: int, dtype: np.dtype[Any]) -> Pair:
    import scipy.fft

    def forward(x: np.ndarray, out: np.ndarray) -> None:
        out[...] = scipy.fft.rfft(x, axis=-1)

    def backward(X: np.ndarray, out: np.ndarray) -> None:
        out[...] = scipy.fft.irfft(X, n=n, axis=-1)

    return forward, backward


def fft_libraries() -> dict[str, Callable[[int, np.dtype[Any]], Pair]]:
    """Return the libraries that are installed, by name."""
    makers = {"mkl_fft": _mkl, "pyfftw": _fftw, "ducc0": _ducc, "scipy.fft": _scipy}
    usable = {}
    for name, make in makers.items():
        try:
            make(8, np.dtype(np.float32))
        except ImportError:
            continue
        usable[name] = make
    return usable


def _hann(n: int, dtype: np.dtype[Any]) -> np.ndarray:
    return (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n) / n)).astype(dtype)


def _in_threads(threads: int, count: int, work: Callable[[int, int], None]) -> None:
    """``work(first, last)`` over ``count`` frames by ``threads`` threads, in whole blocks."""
    if threads == 1:
        return work(0, count)
    share = -(-count // (threads * BLOCK)) * BLOCK
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(lambda a: work(a, min(count, a + share)), range(0, count, share)))
    return None


def stft_loop(
    make: Callable[[int, np.dtype[Any]], Pair], y: np.ndarray, n: int, hop: int, threads: int
) -> Callable[[], np.ndarray]:
    """Return a function that transforms ``y`` (batch, samples) to a fresh (batch, frames, bins)."""
    window = _hann(n, y.dtype)
    pairs = [make(n, y.dtype) for _ in range(threads)]
    buffers = [np.empty((BLOCK, n), y.dtype) for _ in range(threads)]
    count = 1 + y.shape[-1] // hop
    cplx = np.result_type(y.dtype, np.complex64)

    def run() -> np.ndarray:
        out = np.empty((len(y), count, n // 2 + 1), cplx)
        for signal, rows in zip(y, out, strict=True):
            padded = np.pad(signal, n // 2)
            frames = np.lib.stride_tricks.sliding_window_view(padded, n)[::hop]
            share = -(-count // (threads * BLOCK)) * BLOCK

            def work(
                first: int, last: int, frames: Any = frames, rows: Any = rows, share: int = share
            ) -> None:
                worker = first // share if threads > 1 else 0
                buffer, forward = buffers[worker], pairs[worker][0]
                for a in range(first, last, BLOCK):
                    b = min(last, a + BLOCK)
                    np.multiply(frames[a:b], window, out=buffer[: b - a])
                    forward(buffer[: b - a], rows[a:b])

            _in_threads(threads, count, work)
        return out

    return run


def istft_loop(
    make: Callable[[int, np.dtype[Any]], Pair], S: np.ndarray, n: int, hop: int, length: int
) -> Callable[[], np.ndarray]:
    """Return a function that overlap-adds spectra (frames, bins) to a fresh (length,), on one thread."""
    real = S.real.dtype
    window = _hann(n, real)
    backward = make(n, real)[1]
    count, pieces = len(S), n // hop
    assert n % hop == 0
    buffer = np.empty((BLOCK, n), real)
    energy = np.zeros((count + pieces - 1, hop), real)
    for k in range(pieces):
        energy[k : k + count] += window[k * hop : (k + 1) * hop] ** 2
    gain = 1 / np.maximum(energy, 1e-8)

    def run() -> np.ndarray:
        rows = np.zeros((count + pieces - 1, hop), real)
        for a in range(0, count, BLOCK):
            b = min(count, a + BLOCK)
            frames = buffer[: b - a]
            backward(S[a:b], frames)
            frames *= window
            for k in range(pieces):
                rows[a + k : b + k] += frames[:, k * hop : (k + 1) * hop]
        rows *= gain
        return rows.reshape(-1)[n // 2 : n // 2 + length]

    return run
