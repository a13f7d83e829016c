"""Measure how far results are from other packages' and print the page.

python tools/make_parity_table.py > docs/parity.md
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import librosa
import numpy as np
import scipy.signal
import sklearn
import torch

import phasewise as pw
from phasewise.windows import WINDOWS, get_window

_PEERS = ", ".join(f"{p.__name__} {p.__version__.split('+')[0]}" for p in (librosa, torch, scipy, sklearn))
_INTRODUCTION = f"""# Parity with other packages

Largest absolute difference over the largest absolute value. Made by `tools/make_parity_table.py`; the bounds
are tests, the last column was measured with {_PEERS}.

| result | peer | precision | bound | measured |
|---|---|---|---|---|
"""
_SIZES = ((2048, 512), (1000, 250), (255, 50))
_NAMES = {np.float32: "float32", np.float64: "float64"}


class Row(NamedTuple):
    """One comparison: its name, the peer's, the precision, the bound, and the measurement."""

    result: str
    peer: str
    precision: str
    bound: float
    measure: Callable[[], float]


def _signal(dtype: Any) -> Any:
    return np.random.default_rng(0).standard_normal((2, 22050)).astype(dtype)


def _error(actual: Any, expected: Any) -> float:
    assert actual.shape == expected.shape
    return float(np.max(np.abs(actual - expected)) / np.max(np.abs(expected)))


def _worst(dtype: Any, compare: Callable[[Any, int, int], float]) -> Callable[[], float]:
    return lambda: max(compare(_signal(dtype), n_fft, hop) for n_fft, hop in _SIZES)


def _librosa_stft(y: Any, n_fft: int, hop: int) -> float:
    return _error(pw.stft(y, n_fft=n_fft, hop_length=hop), librosa.stft(y, n_fft=n_fft, hop_length=hop))


def _librosa_istft(y: Any, n_fft: int, hop: int) -> float:
    S = librosa.stft(y, n_fft=n_fft, hop_length=hop)
    options = {"n_fft": n_fft, "hop_length": hop, "length": y.shape[-1]}
    return _error(pw.istft(S, **options), librosa.istft(S, **options))


def _torch_stft(y: Any, n_fft: int, hop: int) -> float:
    window = torch.hann_window(n_fft, dtype=torch.from_numpy(y).dtype)
    theirs = torch.stft(torch.from_numpy(y), n_fft, hop, window=window, return_complex=True).numpy()
    return _error(pw.stft(y, n_fft=n_fft, hop_length=hop, pad_mode="reflect"), theirs)


def _torch_istft(y: Any, n_fft: int, hop: int) -> float:
    S = pw.stft(y, n_fft=n_fft, hop_length=hop)
    window = torch.hann_window(n_fft, dtype=torch.from_numpy(y).dtype)
    theirs = torch.istft(torch.from_numpy(S), n_fft, hop, window=window, length=y.shape[-1]).numpy()
    return _error(pw.istft(S, n_fft=n_fft, hop_length=hop, length=y.shape[-1]), theirs)


def _scipy_stft(y: Any, n_fft: int, hop: int) -> float:
    transform = scipy.signal.ShortTimeFFT(get_window("hann", n_fft), hop, fs=1, phase_shift=None)
    first = -(-transform.m_num_mid // hop)  # its first frame within the signal
    inside = y[..., first * hop - transform.m_num_mid :]
    ours = pw.stft(inside, n_fft=n_fft, hop_length=hop, center=False)
    return _error(ours, transform.stft(y, p0=first, p1=first + ours.shape[-1]))


def _round_trip(y: Any, n_fft: int, hop: int) -> float:
    S = pw.stft(y, n_fft=n_fft, hop_length=hop)
    return _error(pw.istft(S, n_fft=n_fft, hop_length=hop, length=y.shape[-1]), y)


def _mel_spectrogram(y: Any, n_fft: int, hop: int) -> float:
    options = {"n_fft": n_fft, "hop_length": hop, "n_mels": 20}
    theirs = librosa.feature.melspectrogram(y=y, sr=22050, dtype=y.dtype, **options)
    return _error(pw.mel_spectrogram(y, sample_rate=22050, **options), theirs)


def _windows() -> float:
    parameters = {
        "chebwin": (80.0,),
        "dpss": (2.5,),
        "gaussian": (50.0,),
        "general_cosine": ((0.5, 0.3, 0.2),),
        "general_gaussian": (1.5, 50.0),
        "general_hamming": (0.6,),
        "kaiser": (8.6,),
    }
    names = [
        name for name in WINDOWS if hasattr(scipy.signal.windows, name) and name != "kaiser_bessel_derived"
    ]
    specifications = [(name, *parameters.get(name, ())) for name in names]
    return max(
        _error(get_window(spec, 512), getattr(scipy.signal.windows, spec[0])(512, *spec[1:], sym=False))
        for spec in specifications
    )


def _mel_filters() -> float:
    return _error(
        pw.mel_filters(22050, 2048, dtype=np.float64),
        librosa.filters.mel(sr=22050, n_fft=2048, dtype=np.float64),
    )


def _decibels() -> float:
    S = np.abs(librosa.stft(_signal(np.float64)))
    return _error(pw.amplitude_to_db(S, ref=np.max), librosa.amplitude_to_db(S, ref=np.max))


def _griffinlim() -> float:
    S = np.abs(librosa.stft(_signal(np.float64)[0], n_fft=512))
    options = {"n_iter": 1, "momentum": 0.0, "init": None}
    return _error(pw.griffinlim(S, **options), librosa.griffinlim(S, **options))


def _nmf() -> float:
    from sklearn.decomposition import non_negative_factorization

    rng = np.random.default_rng(0)
    V, W, H = (rng.random(shape) + 0.1 for shape in ((60, 90), (60, 5), (5, 90)))
    options = {"solver": "mu", "beta_loss": "kullback-leibler", "max_iter": 20, "tol": 0, "init": "custom"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that 20 iterations do not converge
        # scikit-learn updates the first factor first, which for us is H: transpose
        Ht, Wt, _ = non_negative_factorization(V.T, W=H.T.copy(), H=W.T.copy(), n_components=5, **options)
    ours = pw.nmf(V, 5, beta=1.0, n_iter=20, W=W, H=H)
    return _error(ours[0] @ ours[1], (Ht @ Wt).T)


def rows() -> Iterator[Row]:
    """Yield all comparisons."""
    for dtype, bound in ((np.float64, 1e-12), (np.float32, 2e-6)):
        name = _NAMES[dtype]
        yield Row("`stft`", "librosa", name, bound, _worst(dtype, _librosa_stft))
        yield Row("`stft`, `pad_mode='reflect'`", "torch", name, bound, _worst(dtype, _torch_stft))
        yield Row("`istft`", "librosa", name, bound, _worst(dtype, _librosa_istft))
        yield Row("`istft`", "torch", name, bound, _worst(dtype, _torch_istft))
        yield Row("`istft` of `stft`", "the signal", name, bound, _worst(dtype, _round_trip))
        yield Row("`mel_spectrogram`", "librosa", name, bound, _worst(dtype, _mel_spectrogram))
    yield Row(
        "`stft`, `center=False`", "scipy `ShortTimeFFT`", "float64", 1e-12, _worst(np.float64, _scipy_stft)
    )
    yield Row("windows, 512 values", "scipy", "float64", 1e-12, _windows)
    yield Row("`mel_filters`", "librosa", "float64", 1e-12, _mel_filters)
    yield Row("`amplitude_to_db`", "librosa", "float64", 1e-12, _decibels)
    yield Row("`griffinlim`, one iteration", "librosa", "float64", 1e-10, _griffinlim)
    yield Row("`nmf`, 20 iterations, product", "scikit-learn", "float64", 1e-8, _nmf)


def line(row: Row, measured: str) -> str:
    """Return a row of the table."""
    return f"| {row.result} | {row.peer} | {row.precision} | {row.bound:.0e} | {measured} |\n"


def page() -> str:
    """Return the text of the page, measured now."""
    return _INTRODUCTION + "".join(line(row, f"{row.measure():.0e}".replace("0e+00", "0")) for row in rows())


if __name__ == "__main__":
    print(page(), end="")
