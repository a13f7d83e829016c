r"""Wiener filter for sources whose phases are known more or less well.

The phase of a source is von Mises distributed around a prediction :math:`\mu`, with concentration
:math:`\kappa`. A Gaussian with the moments of :math:`V e^{i \phi}` stands for it: mean, variance and relation

.. math::
    m = \lambda V e^{i \mu}, \qquad \gamma = (1 - \lambda^2) V^2, \qquad c = \rho V^2 e^{2 i \mu}, \qquad
    \lambda = \frac{I_1(\kappa)}{I_0(\kappa)}, \qquad \rho = \frac{I_2(\kappa)}{I_0(\kappa)} - \lambda^2 .

Given that the sources sum to X, with sums :math:`m_X, \gamma_X, c_X` over the sources and
:math:`e = X - m_X`, the posterior means are

.. math::
    S_j = m_j + \frac{(\gamma_j \gamma_X - c_j \bar c_X) e + (c_j \gamma_X - \gamma_j c_X) \bar e}
    {\gamma_X^2 - |c_X|^2}.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import _core, _memory
from phasewise._validate import integer
from phasewise.errors import ParameterError
from phasewise.phase._bins import Mixture, fft_length, onset_frames, phase_argument
from phasewise.phase._problem import frame_major

__all__ = ["LARGEST_CONCENTRATION", "anisotropic_wiener", "concentrations", "prior_options"]

# Beyond, the prior's directions differ so much in variance that float32 no longer tells them apart.
LARGEST_CONCENTRATION = 500.0


def anisotropic_wiener(
    X: ArrayLike,
    V: ArrayLike,
    *,
    kappa: float | ArrayLike = 1.0,
    phase: str | ArrayLike = "sinusoidal",
    onsets: ArrayLike | None = None,
    onset_phase: ArrayLike | None = None,
    hop_length: int | None = None,
    n_fft: int | None = None,
    return_moments: bool = False,
) -> Any:
    r"""Anisotropic Wiener filter: sources near the phases of a model, as near as the model is trusted.

    Frames are processed in order. In each, the phases of the sources are expected near those of the finished
    frame before it, advanced by the frequencies of the frame's own spectral peaks (the sinusoidal model).

    Parameters
    ----------
    X : array of shape (..., freq, frames), complex
        Spectrogram of the mixture.
    V : array of shape (..., source, freq, frames), nonnegative
        Magnitudes of the sources; channels and batches come before the source axis.
    kappa : float in [0, 500], or one per source
        Concentration of the phases around the model. 0 knows nothing of them and gives `phasewise.wiener`, to
        the bit; 1 to 1.6 suits music, where basses follow the model better (2.3) than drums (1.3).
    phase : "sinusoidal" or array of shape (..., source, freq, frames)
        Expected phases: the model's, or phases in radians, or complex values of which the angle counts.
    onsets : bool array of shape (..., source, frames), optional
        Frames in which a source starts anew, as made by `phasewise.detect_onsets`. Frame 0 always is one.
        Only with the sinusoidal model.
    onset_phase : array of shape (..., source, freq, frames), optional
        Expected phases in these frames, by default those of the mixture. Only with the sinusoidal model.
    hop_length : int > 0, optional
        Samples between frames, by default ``n_fft // 4``.
    n_fft : int > 0, optional
        Samples per frame, by default ``2 * (X.shape[-2] - 1)``.
    return_moments : bool
        Whether to return the posterior's second moments too.

    Returns
    -------
    estimate : array of shape (..., source, freq, frames), complex
        Posterior means. They sum to `X` (to rounding) in all frames. Bins in which all magnitudes are zero
        are shared equally. Silence carries the phase of a source on.
    variance : array of shape (..., source, freq, frames), real
        Only with `return_moments`: the expectation of abs(S - estimate)\ :sup:`2`.
    relation : array of shape (..., source, freq, frames), complex
        Only with `return_moments`: the expectation of (S - estimate)\ :sup:`2`; not larger than the variance.

    Raises
    ------
    ParameterError
        If shapes do not match, values are negative or not finite, or kappa is out of range.

    Notes
    -----
    One pass over the data, about 100 operations per value. Thread-safe; the result depends neither on the
    number of threads nor on the batch. The published method keeps V with the phase of the mixture in frames
    in which all sources start anew; here these frames get posterior means too: the sum is X everywhere.

    References
    ----------
    .. [1] P. Magron, R. Badeau and B. David, "Phase-dependent anisotropic Gaussian model for audio source
           separation", ICASSP 2017.
    """
    problem = Mixture.check(X, V, ("X", "V"))
    estimate = problem.estimate()
    options: dict[str, Any] = {}
    if return_moments:
        options["variance"] = _memory.empty(estimate.shape, problem.V.dtype)
        options["relation"] = _memory.empty(estimate.shape, estimate.dtype)
    _core.anisotropic_wiener(
        **prior_options(problem, kappa, phase, onsets, onset_phase, hop_length, n_fft),
        estimate=estimate,
        **options,
    )
    if not return_moments:
        return problem.public(estimate)
    return tuple(problem.public(array) for array in (estimate, options["variance"], options["relation"]))


def prior_options(
    problem: Mixture,
    kappa: float | ArrayLike,
    phase: str | ArrayLike,
    onsets: ArrayLike | None,
    onset_phase: ArrayLike | None,
    hop_length: int | None,
    n_fft: int | None,
) -> dict[str, Any]:
    """Return the arguments of the core's filter that describe mixture and prior, checked."""
    n_fft = fft_length(n_fft, problem.V.shape[-2], "X")
    hop_length = max(1, n_fft // 4) if hop_length is None else integer("hop_length", hop_length)
    options: dict[str, Any] = {
        "mixture": frame_major(problem.X, 2, problem.X.dtype),
        "magnitudes": frame_major(problem.V, 3, problem.V.dtype),
        "concentrations": concentrations(kappa, problem.V.shape[-3]),
        "n_fft": n_fft,
        "hop": 0,
    }
    if isinstance(phase, str):
        if phase != "sinusoidal":
            raise ParameterError(f"phase must be 'sinusoidal' or an array of phases, got {phase!r}.")
        options["hop"] = hop_length
    else:
        if onsets is not None or onset_phase is not None:
            raise ParameterError(
                "onsets and onset_phase belong to phase='sinusoidal', but phase is an array; put the phases "
                "of the onset frames into that array."
            )
        angles, values = phase_argument("phase", phase, problem.V, 3)
        options |= {"start_angles": angles, "start_values": values}
        options |= {"onset_angles": angles, "onset_values": values}
    if onsets is not None:
        marks = onset_frames(onsets, problem.V)
        options["onsets"] = marks.reshape(-1, problem.V.shape[-3], marks.shape[-1])
    if onset_phase is not None:
        angles, values = phase_argument("onset_phase", onset_phase, problem.V, 3)
        options |= {"onset_angles": angles, "onset_values": values}
    return options


def concentrations(kappa: float | ArrayLike, sources: int) -> NDArray[np.float64]:
    """Return one concentration per source."""
    try:
        values = np.asarray(kappa, dtype=np.float64)
    except (TypeError, ValueError):
        raise ParameterError(f"kappa must be a number or one number per source, got {kappa!r}.") from None
    if values.shape not in ((), (1,), (sources,)):
        raise ParameterError(
            f"kappa must be a number or one number for each of the {sources} sources, "
            f"got shape {values.shape}."
        )
    if not ((values >= 0) & (values <= LARGEST_CONCENTRATION)).all():
        raise ParameterError(
            f"kappa must lie in [0, {LARGEST_CONCENTRATION:g}], got {kappa!r}; larger ones leave the phases "
            "no freedom: use phasewise.pu_iter for that."
        )
    return np.ascontiguousarray(np.broadcast_to(values, (sources,)))
