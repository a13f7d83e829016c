"""Single pass spectrogram inversion: the phases of spectral peaks, advanced from frame to frame.

Every peak of a frame advances by its frequency, the summit of the parabola through three log magnitudes, from
the phase that its bin had in the frame before. It takes along the bins of its hill, down to the troughs, with
the phases of the transform of the window: within the main lobe they fall by 2 pi c / N per bin, c being the
sample on which the window is centred; the side lobes, alternating in sign, undo that.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import _core, _memory
from phasewise.phase._problem import bins_first, frame_major, one_source
from phasewise.phase._window_model import gaussian_model, main_lobe
from phasewise.windows import WindowSpec

__all__ = ["spsi"]


def spsi(
    V: ArrayLike,
    *,
    hop_length: int | None = None,
    win_length: int | None = None,
    n_fft: int | None = None,
    window: WindowSpec = "hann",
    center: bool = True,
    length: int | None = None,
) -> NDArray[Any]:
    """Spectrograms from their magnitudes by single pass inversion.

    Made for steady partials, and causal: a frame depends on itself and those before. Spectral convergence is
    10 to 13 dB on music (random phase: 3 to 4 dB, `pghi`: 16 to 23 dB).

    Parameters
    ----------
    V : array of shape (..., freq, frames), nonnegative
        Magnitudes; every leading index is a sound of its own.
    hop_length, win_length, n_fft, window
        Parameters of the transform, see `phasewise.stft`.
    center, length
        Accepted so that the options of a transform can be passed on: the phase does not depend on `center`,
        and `length` is only checked.

    Returns
    -------
    array of shape (..., freq, frames), complex
        Values with the magnitudes `V`.

    Raises
    ------
    ParameterError
        If `V` is negative or not finite, or the shapes do not fit.

    Notes
    -----
    Cost: about 16 ns per value, sequential in a spectrogram: threads share those of a batch. The result does
    not depend on the number of threads.

    References
    ----------
    .. [1] G. Beauregard, M. Harish and L. Wyse, "Single pass spectrogram inversion", DSP 2015.
    """
    values, f = one_source("V", V, n_fft, hop_length, win_length, window, center, length)
    batch = frame_major(values, 2, values.dtype)
    estimate = _memory.empty(batch.shape, np.result_type(values.dtype, np.complex64))
    _core.spsi(
        magnitudes=batch,
        n_fft=f.n_fft,
        hop=f.hop_length,
        centre=gaussian_model(f)[0],
        lobe=main_lobe(f),
        estimate=estimate,
    )
    return bins_first(estimate, values.shape)
