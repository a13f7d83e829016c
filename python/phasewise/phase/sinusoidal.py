r"""The sinusoidal phase model: phases that follow the frequencies of the spectral peaks.

Where one partial of frequency :math:`\nu` (cycles per sample) dominates, the phase of bin f advances by

.. math:: \mu(f, t) = \mu(f, t-1) + 2 \pi l \nu(f, t)

from frame to frame, with hop l. The peaks of frame t give the frequencies, by parabolic interpolation of the
log magnitude, and every peak rules the bins around it, its region of influence.
"""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, NDArray

from phasewise import _core, _memory
from phasewise._validate import integer
from phasewise.phase._bins import fft_length, onset_frames, phase_argument, spectra
from phasewise.phase._problem import bins_first, frame_major

__all__ = ["sinusoidal_phase"]


def sinusoidal_phase(
    V: ArrayLike,
    *,
    hop_length: int,
    n_fft: int | None = None,
    onsets: ArrayLike | None = None,
    onset_phase: ArrayLike | None = None,
) -> NDArray[Any]:
    """Phase of magnitude spectrograms from the frequencies of their peaks, accumulated over the frames.

    Parameters
    ----------
    V : array of shape (..., freq, frames), nonnegative
        Magnitudes; every leading index is a sound of its own.
    hop_length : int > 0
        Samples between frames.
    n_fft : int > 0, optional
        Samples per frame, by default ``2 * (V.shape[-2] - 1)``.
    onsets : bool array of shape (..., frames), optional
        Frames in which phases start anew, as made by `phasewise.detect_onsets`. Frame 0 always does.
    onset_phase : array of shape (..., freq, frames), optional
        The phases of these frames: radians, or complex values of which the angle counts. By default 0.

    Returns
    -------
    array of shape (..., freq, frames), real
        Phases in radians in (-pi, pi], of the precision of `V`.

    Raises
    ------
    ParameterError
        If `V` is negative or not finite, or the shapes do not fit.

    Notes
    -----
    Peaks are local maxima within 40 dB of the largest value of their frame; between two peaks, the stronger
    has the larger region. A frame without peaks advances at the centre frequencies of its bins. The level
    of `V` does not matter. Errors of the frequencies add up over the frames: on its own the model suits
    steady sounds, and it is best as the start of `phasewise.pu_iter`.

    Cost: about ten operations per value. Sums are kept in double precision. Thread-safe; the result does
    not depend on the number of threads, nor on the batch.

    References
    ----------
    .. [1] P. Magron, R. Badeau and B. David, "Model-based STFT phase recovery for audio source
           separation", IEEE/ACM TASLP 26(6), 2018.
    """
    values = spectra("V", V)
    hop_length = integer("hop_length", hop_length)
    n_fft = fft_length(n_fft, values.shape[-2], "V")
    marks = None if onsets is None else onset_frames(onsets, values)
    angles = complex_values = None
    if onset_phase is not None:
        angles, complex_values = phase_argument("onset_phase", onset_phase, values, 2)
    memory = frame_major(values, 2, values.dtype)
    phase = _memory.empty(memory.shape, memory.dtype)
    _core.sinusoidal_phase(
        magnitudes=memory,
        n_fft=n_fft,
        hop=hop_length,
        onsets=marks,
        onset_angles=angles,
        onset_values=complex_values,
        phase=phase,
    )
    return bins_first(phase, values.shape)
