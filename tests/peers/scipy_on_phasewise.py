"""A pytest plugin: run scipy's tests of ShortTimeFFT with our transforms inside.

``--phasewise frames`` exchanges the transform of single frames, ``--phasewise signals`` that of whole signals
and the overlap-add as well, where the parameters are ours to choose (one-sided spectra, real windows, no
detrending). The calls of ours are counted and printed at the end.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy.signal import ShortTimeFFT

import phasewise as pw

calls = Counter()


# ---- frames --------------------------------------------------------------------------------------


def rfft(x, n):
    calls["stft"] += 1
    x = np.pad(np.asarray(x, np.float64), [(0, 0)] * (x.ndim - 1) + [(0, n - x.shape[-1])])
    return pw.stft(x, n_fft=n, hop_length=n, window="boxcar", center=False)[..., 0]


def irfft(X, n):
    calls["istft"] += 1
    return pw.istft(X[..., None].astype(complex), n_fft=n, hop_length=n, window="boxcar", center=False)


def fft(x, n):
    calls["stft"] += 1
    x = np.pad(np.asarray(x, complex), [(0, 0)] * (x.ndim - 1) + [(0, n - x.shape[-1])])
    return pw.stft(x, n_fft=n, hop_length=n, window="boxcar", center=False)[..., 0]


def ifft(X, n):
    calls["istft"] += 1
    options = {"n_fft": n, "hop_length": n, "window": "boxcar", "center": False, "onesided": False}
    return pw.istft(X[..., None].astype(complex), **options)


def one_sided_factors(self):
    """Return what "onesided2X" multiplies the bins with."""
    factors = np.ones(self.f_pts)
    if self.fft_mode == "onesided2X":
        factors[1 : -1 if self.mfft % 2 == 0 else None] = np.sqrt(2) if self.scaling == "psd" else 2
    return factors


def rotation(self):
    return 0 if self.phase_shift is None else (self.phase_shift + self.m_num_mid) % self.m_num


def fft_func(self, x):
    n = self.mfft
    if self.phase_shift is not None:
        x = np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, n - x.shape[-1])])
        x = np.roll(x, -rotation(self), axis=-1)
    if self.fft_mode not in ("twosided", "centered", "onesided", "onesided2X"):
        raise RuntimeError(f"unknown fft_mode {self.fft_mode!r}")
    if self.fft_mode == "twosided":
        return fft(x, n)
    if self.fft_mode == "centered":
        return np.fft.fftshift(fft(x, n), axes=-1)
    return rfft(x, n) * one_sided_factors(self)


def ifft_func(self, X):
    n = self.mfft
    if self.fft_mode not in ("twosided", "centered", "onesided", "onesided2X"):
        raise RuntimeError(f"unknown fft_mode {self.fft_mode!r}")
    if self.fft_mode == "twosided":
        x = ifft(X, n)
    elif self.fft_mode == "centered":
        x = ifft(np.fft.ifftshift(X, axes=-1), n)
    else:
        x = irfft(X / one_sided_factors(self), n)
    return np.roll(x, rotation(self), axis=-1)[..., : self.m_num]


# ---- signals -------------------------------------------------------------------------------------

theirs = {"stft_detrend": ShortTimeFFT.stft_detrend, "istft": ShortTimeFFT.istft}


def transform(self, window):
    """Return our transform with a window that starts at the frame's start."""
    return pw.STFT(self.mfft, self.hop, window=np.pad(window, (0, self.mfft - self.m_num)), center=False)


def turn(self, sign):
    """Return the factors that move the reference of the phase as `phase_shift` asks."""
    return np.exp(sign * 2j * np.pi * np.arange(self.f_pts) * rotation(self) / self.mfft)[:, None]


def stft_detrend(self, x, detr, p0=None, p1=None, *, k_offset=0, padding="zeros", axis=-1):
    ours = self.onesided_fft and detr is None and not np.iscomplexobj(self.win) and not np.iscomplexobj(x)
    if not ours or x.shape[axis] < self.m_num - self.m_num_mid:  # for scipy to refuse
        return theirs["stft_detrend"](self, x, detr, p0, p1, k_offset=k_offset, padding=padding, axis=axis)
    calls["stft"] += 1
    moved = np.moveaxis(np.asarray(x, np.float64), axis, -1)
    p0, p1 = self.p_range(moved.shape[-1], p0, p1)
    # scipy's own padding and slicing, put together again
    slices = list(self._x_slices(moved, k_offset, p0, p1, padding))
    y = np.zeros((*moved.shape[:-1], self.hop * (len(slices) - 1) + self.mfft))
    for i, piece in enumerate(slices):
        y[..., i * self.hop : i * self.hop + self.m_num] = piece
    S = transform(self, self.win).analyze(y) * turn(self, 1) * one_sided_factors(self)[:, None]
    return np.moveaxis(S, -2, axis if axis >= 0 else axis - 1) if x.ndim > 1 else S


def istft(self, S, k0=0, k1=None, *, f_axis=-2, t_axis=-1):
    if not self.onesided_fft or np.iscomplexobj(self.dual_win) or S.ndim < 2 or f_axis == t_axis:
        return theirs["istft"](self, S, k0, k1, f_axis=f_axis, t_axis=t_axis)
    moved = np.moveaxis(S, (f_axis, t_axis), (-2, -1))
    shortest = self.m_num - self.m_num_mid
    if moved.shape[-2] != self.f_pts or moved.shape[-1] < self.p_num(shortest):
        return theirs["istft"](self, S, k0, k1, f_axis=f_axis, t_axis=t_axis)
    last = (moved.shape[-1] + self.p_min - 1) * self.hop + shortest
    k1 = last if k1 is None else k1
    if not self.k_min <= k0 < k1 <= last or k1 - k0 < shortest:
        return theirs["istft"](self, S, k0, k1, f_axis=f_axis, t_axis=t_axis)
    calls["istft"] += 1
    # Overlap-add without normalisation is the adjoint of the analysis with the dual window.
    n = self.mfft
    weights = np.full(self.f_pts, 2 / n)
    weights[0] = 1 / n
    if n % 2 == 0:
        weights[-1] = 1 / n
    parts = moved * (weights / one_sided_factors(self))[:, None] * turn(self, -1)
    samples = n + self.hop * (moved.shape[-1] - 1)
    x = transform(self, self.dual_win).analyze_adjoint(parts.astype(complex), samples)
    start = k0 - (self.p_min * self.hop - self.m_num_mid)
    x = x[..., start : start + k1 - k0]
    if x.ndim > 1:
        axis = f_axis % S.ndim
        x = np.moveaxis(x, -1, axis if axis < x.ndim else t_axis % S.ndim)
    return x


# ---- pytest --------------------------------------------------------------------------------------


def pytest_addoption(parser):
    parser.addoption("--phasewise", choices=["frames", "signals"], required=True)


def pytest_configure(config):
    ShortTimeFFT._fft_func, ShortTimeFFT._ifft_func = fft_func, ifft_func
    if config.getoption("--phasewise") == "signals":
        ShortTimeFFT.stft_detrend, ShortTimeFFT.istft = stft_detrend, istft


def pytest_terminal_summary(terminalreporter):
    terminalreporter.write_line(f"phasewise calls: {calls['stft']} stft, {calls['istft']} istft")
