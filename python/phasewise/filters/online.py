"""The anisotropic Wiener filter of a stream, frame by frame."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike, DTypeLike

from phasewise import _core
from phasewise._validate import integer
from phasewise.filters.anisotropic import concentrations
from phasewise.phase.online._settled import SettledMixtureStage
from phasewise.windows import WindowSpec

__all__ = ["OnlineAnisotropicWiener"]


class OnlineAnisotropicWiener(SettledMixtureStage):
    """Anisotropic Wiener filter in real time and without look-ahead.

    In every frame, the phases of the sources are expected near those of the finished frame before it,
    advanced by the frequencies of the frame's own spectral peaks: `phasewise.anisotropic_wiener`, which needs
    no frames to come. The frames are the same, bit for bit, and sum to the mixture.

    Parameters
    ----------
    n_sources : int > 0
        Sources of every channel.
    n_fft, hop_length, win_length, window, center
        Parameters of the transform, see `phasewise.stft`.
    kappa : float in [0, 500], or one per source
        Concentration of the phases around the model, see `phasewise.anisotropic_wiener`; 0 makes the Wiener
        filter.
    channels : int > 0
        Mixtures that are filtered side by side.
    dtype : float32 or float64, optional
        Precision, by default that of the first frames. If it is given or the first frames are complex64 and
        float32, nothing but results is allocated after construction.

    Raises
    ------
    ParameterError
        If a parameter is out of range, or window and hop leave samples of a long stream without energy.

    See Also
    --------
    phasewise.anisotropic_wiener : The same for spectrograms that are there already.
    phasewise.OnlinePUIter : Sources that keep their magnitudes.

    Notes
    -----
    Cost, for one channel of four sources with the defaults: less than 1 % of real time at 44.1 kHz. Memory
    does not grow with the stream. One thread is used. An object belongs to one stream: give each thread its
    own.

    References
    ----------
    .. [1] P. Magron, R. Badeau and B. David, "Phase-dependent anisotropic Gaussian model for audio source
           separation", ICASSP 2017.

    Examples
    --------
    >>> import numpy as np
    >>> import phasewise as pw
    >>> n = np.arange(20000)
    >>> sources = np.stack([np.sin(0.05 * n), np.sin(0.053 * n), np.sin(0.3 * n)])
    >>> S = pw.stft(sources, n_fft=1024)
    >>> X, V = S.sum(axis=0), abs(S)
    >>> stream = pw.OnlineAnisotropicWiener(3, 1024, kappa=[2.0, 2.0, 1.0])
    >>> parts = [stream.push(X[:, t : t + 5], V[..., t : t + 5]) for t in range(0, X.shape[-1], 5)]
    >>> estimate = np.concatenate([*parts, stream.flush(20000)], axis=-1)[:, stream.latency :]
    >>> np.allclose(estimate.sum(axis=0), sources.sum(axis=0))
    True
    """

    def __init__(
        self,
        n_sources: int,
        n_fft: int = 2048,
        hop_length: int | None = None,
        *,
        kappa: float | ArrayLike = 1.0,
        win_length: int | None = None,
        window: WindowSpec = "hann",
        center: bool = True,
        channels: int = 1,
        dtype: DTypeLike | None = None,
    ) -> None:
        self._concentrations = concentrations(kappa, integer("n_sources", n_sources))
        super().__init__(n_sources, 0, n_fft, hop_length, win_length, window, center, channels, dtype)

    def _make_state(self, plan: Any, double: bool) -> Any:
        return _core.online_anisotropic(plan, self._channels, concentrations=self._concentrations)
