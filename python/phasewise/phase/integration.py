r"""Phase gradient heap integration: a phase from the magnitudes alone, without iterations.

With a Gaussian window of width :math:`\gamma` centred on sample c of its frame,

.. math:: w(l) = e^{-\pi (l - c)^2 / \gamma},

the log magnitude s(m, n) of a transform of length N and hop a determines the gradient of its phase,

.. math::
    \partial_n \phi = \frac{2 \pi a m}{N} + \frac{a N}{\gamma}\, \partial_m s, \qquad
    \partial_m \phi = -\frac{2 \pi c}{N} - \frac{\gamma}{a N}\, \partial_n s,

which is integrated from the loudest values outwards, so that errors of the quiet ones do not spread. Any
other window stands for the Gaussian whose square has the same centre and variance.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import _core, _memory
from phasewise._validate import generator, number
from phasewise.phase._problem import bins_first, frame_major, one_source
from phasewise.phase._window_model import gaussian_model
from phasewise.windows import WindowSpec

__all__ = ["pghi"]


def pghi(
    V: ArrayLike,
    *,
    hop_length: int | None = None,
    win_length: int | None = None,
    n_fft: int | None = None,
    window: WindowSpec = "hann",
    center: bool = True,
    length: int | None = None,
    tol: float = 1e-6,
    rng: Any = None,
) -> NDArray[Any]:
    """Spectrograms from their magnitudes by phase gradient heap integration.

    The phase is right where one partial or one attack dominates, and its errors are smooth: 16 to 23 dB of
    spectral convergence on music (random phase: 3 to 4 dB), and a start from which `griffinlim` ends 6 to
    13 dB ahead of a random one. More overlap than 75 % and windows near a Gaussian make it better.

    Parameters
    ----------
    V : array of shape (..., freq, frames), nonnegative
        Magnitudes; every leading index is a sound of its own.
    hop_length, win_length, n_fft, window
        Parameters of the transform, see `phasewise.stft`.
    center, length
        Accepted so that the options of a transform can be passed on: the phase does not depend on `center`,
        and `length` is only checked.
    tol : float in [0, 1)
        Values up to this share of the largest of their spectrogram get random phases.
    rng : None, int or numpy.random.Generator
        Source of the random phases.

    Returns
    -------
    array of shape (..., freq, frames), complex
        Values with the magnitudes `V`; the largest has phase 0, as the phase of the whole is free.

    Raises
    ------
    ParameterError
        If `V` is negative or not finite, or the shapes do not fit.

    Notes
    -----
    Cost: about 60 ns per value, most of it in the integration, which is sequential: threads share the
    spectrograms of a batch. Memory: 16 bytes per value and thread beside the result. Instead of a heap, a
    queue with eight levels per octave gives the order; within a level the last value reached goes first. The
    result does not depend on the number of threads. Ctrl-C stops between spectrograms.

    References
    ----------
    .. [1] Z. Prusa, P. Balazs and P. Sondergaard, "A noniterative method for reconstruction of phase from
           STFT magnitude", IEEE/ACM TASLP 25(5), 2017.

    Examples
    --------
    >>> import numpy as np, phasewise as pw
    >>> y = np.sin(0.01 * np.arange(20000) + 1e-5 * np.arange(20000) ** 2)
    >>> V = np.abs(pw.stft(y, n_fft=1024))
    >>> z = pw.istft(pw.pghi(V, rng=0), length=20000)
    >>> error = np.linalg.norm(np.abs(pw.stft(z, n_fft=1024)) - V) / np.linalg.norm(V)
    >>> bool(error < 0.1)
    True
    """
    values, f = one_source("V", V, n_fft, hop_length, win_length, window, center, length)
    tol = number("tol", tol, minimum=0.0, maximum=1.0)
    batch = frame_major(values, 2, values.dtype)
    centre, width = gaussian_model(f)
    estimate = _memory.empty(batch.shape, np.result_type(values.dtype, np.complex64))
    _core.pghi(
        magnitudes=batch,
        n_fft=f.n_fft,
        hop=f.hop_length,
        centre=centre,
        width=width,
        tolerance=tol,
        seeds=generator(rng).integers(0, 2**64, size=len(batch), dtype=np.uint64),
        estimate=estimate,
    )
    return bins_first(estimate, values.shape)
