r"""One source of a stream from its magnitudes: RTISI-LA and its kin."""

from __future__ import annotations

from typing import Any

from numpy.typing import DTypeLike

from phasewise import _core
from phasewise._validate import choice, integer, number
from phasewise.errors import ParameterError
from phasewise.phase._problem import reflection_parameters, update_named
from phasewise.phase.online._stage import SourceStage
from phasewise.phase.online.inversion import iterations, start_named
from phasewise.phase.registry import SINGLE_SOURCE
from phasewise.windows import WindowSpec

__all__ = ["RTISILA"]

# Iterations that a frame takes part in, by default: those of `griffinlim`.
_BUDGET = 32


class RTISILA(SourceStage):
    r"""Sound from the magnitudes of a stream: real-time iterative spectrogram inversion with look-ahead.

    The window of frames t, ..., t + K is iterated with Griffin-Lim's step,

    .. math:: S = V G / |G|, \qquad G = STFT(iSTFT(S)),

    while the samples of the frames before stay as they are; then frame t is settled.

    Parameters
    ----------
    n_fft, hop_length, win_length, window, center
        Parameters of the transform, see `phasewise.StreamingSTFT`.
    algorithm : {"gla", "fgla", "admm", "rrr", "raar"}
        The step that is iterated, as in `phasewise.griffinlim`. RTISI-LA is "gla".
    lookahead : int >= 0
        Frames K that must follow a frame before it is settled; 0 is RTISI.
    n_iter : int > 0, optional
        Iterations for each new frame, ``32 // (lookahead + 1)`` by default.
    init : {"overlap", "sinusoidal"}
        Phases of a new frame: those that the samples of the frames before have in it, or those of the frame
        before, advanced by the frequencies of the new one.
    momentum : float >= 0
        Of "fgla", as in `phasewise.griffinlim`.
    relaxation : float in [0, 2], optional
        Of the reflections.
    channels : int > 0
        Sounds that are made side by side.
    dtype : float32 or float64, optional
        Precision, by default that of the first frames. If it is given or they are float32, nothing but
        results is allocated after construction.

    Raises
    ------
    ParameterError
        If a parameter is out of range, or the algorithm is not for streams.

    See Also
    --------
    griffinlim : The same for a whole signal.
    OnlineInversion : Several sources and their mixture.

    Notes
    -----
    Latency: ``latency`` samples, ``n_fft // 2 + lookahead * hop_length`` if frames are centred. Cost: two
    transforms of every frame of the window and iteration. The paper starts a new frame from the frames before
    too, and lets an asymmetric window make up for the frames that are missing in its sum; here the sum is
    divided by the squared windows of the frames that are there. The algorithms other than "gla" are
    phasewise's additions.

    References
    ----------
    .. [1] X. Zhu, G. T. Beauregard and L. L. Wyse, "Real-time signal estimation from modified short-time
           Fourier transform magnitude spectra", IEEE TASLP 15(5), 2007.

    Examples
    --------
    >>> import numpy as np
    >>> import phasewise as pw
    >>> V = np.abs(pw.stft(np.sin(0.1 * np.arange(8000.0)), n_fft=512))
    >>> online = pw.RTISILA(512)
    >>> y = np.concatenate([online.push(V[:, :30]), online.push(V[:, 30:]), online.flush(8000)])
    >>> y.shape[-1] - online.latency
    8000
    """

    def __init__(
        self,
        n_fft: int = 2048,
        hop_length: int | None = None,
        *,
        algorithm: str = "gla",
        lookahead: int = 3,
        n_iter: int | None = None,
        init: str = "overlap",
        momentum: float = 0.99,
        relaxation: float | None = None,
        win_length: int | None = None,
        window: WindowSpec = "hann",
        center: bool = True,
        channels: int = 1,
        dtype: DTypeLike | None = None,
    ) -> None:
        known = [name for name, entry in SINGLE_SOURCE.items() if entry.online]
        entry = SINGLE_SOURCE[choice("algorithm", algorithm, known)]
        lookahead = integer("lookahead", lookahead, minimum=0)
        momentum = number("momentum", momentum, minimum=0.0)
        self._options: dict[str, Any] = {
            "sources": 1,
            "mixed": False,
            "lookahead": lookahead,
            "n_iter": iterations(n_iter, lookahead, _BUDGET),
            "update": update_named(entry.update),
            "start": start_named(choice("init", init, ("overlap", "sinusoidal"))),
        }
        if entry.relaxation is not None:
            b = entry.relaxation if relaxation is None else relaxation
            self._options |= reflection_parameters(
                entry.name, number("relaxation", b, minimum=0.0, maximum=2.0)
            )
        elif relaxation is not None:
            raise ParameterError(f"relaxation belongs to the reflections, not to {algorithm!r}.")
        elif algorithm == "fgla":
            self._options["momentum"] = momentum / (1 + momentum)
        super().__init__(lookahead, n_fft, hop_length, win_length, window, center, channels, dtype)

    @property
    def n_iter(self) -> int:
        """Iterations for each new frame."""
        return int(self._options["n_iter"])

    def _make_state(self, plan: Any, double: bool) -> Any:
        return _core.online_inversion(plan, self._channels, **self._options)
