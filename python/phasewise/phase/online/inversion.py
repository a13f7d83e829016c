r"""Iterative inversion of streams: the newest frames are iterated while they wait for those that follow.

With the look-ahead K the window holds the frames t, ..., t + K. When frame t + K comes, it is started, from
the phase of the mixture, say; then, ``n_iter`` times, all frames of the window are added to the samples of
those before, which stay as they are, and transformed again, and every bin makes the step that
`phasewise.spectrogram_inversion` makes with a whole signal. Then frame t is settled.

The sum of the frames is divided by the squared windows of those that have come: the iterations project on
the spectrograms of signals that end with the newest frame. (Dividing by the windows of all frames that are
still to come would let these signals fade: with a hop of a quarter of the window and no look-ahead this costs
most of what the iterations gain.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from phasewise import _core
from phasewise._validate import choice, integer, number
from phasewise.errors import ParameterError
from phasewise.phase._problem import reflection_parameters, update_named
from phasewise.phase.online._stage import MixtureStage
from phasewise.phase.registry import ALGORITHMS, Algorithm, mixture_algorithm
from phasewise.windows import WindowSpec

__all__ = ["OnlineInversion", "OnlineMISI"]

_STARTS = ("mixture", "wiener", "sinusoidal", "overlap")
_EXPONENTS = {"equal": 0.0, "magnitude": 1.0, "wiener": 2.0}
# Iterations that a frame takes part in, by default.
_BUDGET = 15


def iterations(n_iter: int | None, lookahead: int, budget: int) -> int:
    """Return ``n_iter``, by default as many as share ``budget`` among the windows that a frame is in."""
    return max(1, budget // (lookahead + 1)) if n_iter is None else integer("n_iter", n_iter)


class OnlineInversion(MixtureStage):
    r"""Sources of a stream from their magnitudes and their mixture: online MISI, online reflections.

    Parameters
    ----------
    n_sources : int > 0
        Sources of every channel.
    n_fft, hop_length, win_length, window, center
        Parameters of the transform, see `phasewise.StreamingSTFT`.
    algo : {"RAAR", "RRR", "MISI", "Mix+Incons", "Mix+Incons_hardMag", "Mag+Incons_hardMix"}
        The step that is iterated; `phasewise.ALGORITHMS` describes them.
    lookahead : int >= 0
        Frames K that must follow a frame before it is settled.
    n_iter : int > 0, optional
        Iterations for each new frame, ``15 // (lookahead + 1)`` by default: then each frame takes part in
        about 15 whatever the look-ahead is.
    init : {"wiener", "mixture", "sinusoidal", "overlap"}
        Start of a new frame: the Wiener estimate; its magnitudes with the phase of the mixture, with those of
        the frame before, advanced by the frequencies of the new one (`phasewise.sinusoidal_phase`), or with
        those that the samples of the frames before have in it.
    mixing_weights : str, float or array of shape (n_sources,), optional
        Shares of the mixing error: "equal", "magnitude", "wiener", an exponent of the magnitudes, or one
        weight per source. By default the algorithm's own.
    relaxation : float in [0, 2], optional
        Relaxation b of RRR and RAAR.
    consistency_weight : float >= 0
        Weight of the inconsistency in the "+Incons" algorithms.
    channels : int > 0
        Mixtures that are inverted side by side.
    dtype : float32 or float64, optional
        Precision, by default that of the first frames. If it is given or they are float32, nothing but
        results is allocated after construction.

    Raises
    ------
    ParameterError
        If a parameter is out of range, or the algorithm is not for streams.

    See Also
    --------
    OnlineMISI : MISI, with the arguments of its paper.
    RTISILA : One source without a mixture.
    spectrogram_inversion : The same for a whole signal.

    Notes
    -----
    Latency: ``latency`` samples from frames to samples, ``n_fft // 2 + lookahead * hop_length`` if frames are
    centred; with `phasewise.StreamingSTFT` in front, ``n_fft - 1 + lookahead * hop_length`` in all. Cost: two
    transforms of every frame of the window, source and iteration; 4 sources at 44.1 kHz with 2048/512, one
    frame of look-ahead and 7 iterations take about a fiftieth of real time on one core. Memory: the window.

    RRR and RAAR settle the point on the mixture, :math:`P_{mix}(P_{cons}(S))`, in place of their last step,
    which thus costs no projection more. What all algorithms but the first two "+Incons" return sums to the
    mixture (its transform and back), as the spectra of every settled frame do.

    At the end of the stream the frames that are left are iterated together, ``n_iter`` times for each of
    them, with the end of the signal. A stream of at most ``lookahead`` frames is thus inverted as a whole, as
    `spectrogram_inversion` does with ``n_iter`` times as many iterations as there are frames (one less for
    RRR and RAAR).

    References
    ----------
    .. [1] P. Magron and T. Virtanen, "Online spectrogram inversion for low-latency audio source separation",
           IEEE SPL 27, 2020.
    .. [2] T. Peer, S. Welker and T. Gerkmann, "Beyond Griffin-Lim: improved iterative phase retrieval for
           speech", IWAENC 2022 (reflections for one source, offline).

    Examples
    --------
    >>> import numpy as np
    >>> import phasewise as pw
    >>> sources = np.random.default_rng(0).standard_normal((2, 8000), dtype=np.float32)
    >>> S = pw.stft(sources, n_fft=512)
    >>> X, V = S.sum(axis=0), np.abs(S)
    >>> online = pw.OnlineInversion(2, 512, lookahead=1)
    >>> parts = [online.push(X[:, t : t + 5], V[..., t : t + 5]) for t in range(0, X.shape[-1], 5)]
    >>> y = np.concatenate([*parts, online.flush(8000)], axis=-1)[:, online.latency :]
    >>> y.shape
    (2, 8000)
    >>> np.allclose(y.sum(axis=0), sources.sum(axis=0), atol=1e-4)
    True
    """

    def __init__(
        self,
        n_sources: int,
        n_fft: int = 2048,
        hop_length: int | None = None,
        *,
        algo: str = "RAAR",
        lookahead: int = 1,
        n_iter: int | None = None,
        init: str = "wiener",
        mixing_weights: str | float | ArrayLike | None = None,
        relaxation: float | None = None,
        consistency_weight: float = 1.0,
        win_length: int | None = None,
        window: WindowSpec = "hann",
        center: bool = True,
        channels: int = 1,
        dtype: DTypeLike | None = None,
    ) -> None:
        entry = mixture_algorithm(algo)
        if not entry.online:
            known = ", ".join(repr(name) for name, other in ALGORITHMS.items() if other.online)
            raise ParameterError(f"algo must be one of {known} for a stream, got {algo!r}: {_reason(entry)}")
        sources = integer("n_sources", n_sources)
        lookahead = integer("lookahead", lookahead, minimum=0)
        self._options: dict[str, Any] = {
            "sources": sources,
            "lookahead": lookahead,
            "n_iter": iterations(n_iter, lookahead, _BUDGET),
            "update": update_named(entry.update),
            "start": start_named(choice("init", init, _STARTS)),
            "sigma": number("consistency_weight", consistency_weight, minimum=0.0),
        }
        if entry.relaxation is not None:
            b = entry.relaxation if relaxation is None else relaxation
            b = number("relaxation", b, minimum=0.0, maximum=2.0)
            self._options |= reflection_parameters(entry.name, b)
        elif relaxation is not None:
            raise ParameterError(f"relaxation belongs to 'RRR' and 'RAAR', not to {algo!r}.")
        self._options |= _weighting(entry.weights if mixing_weights is None else mixing_weights, sources)
        super().__init__(sources, lookahead, n_fft, hop_length, win_length, window, center, channels, dtype)

    @property
    def n_iter(self) -> int:
        """Iterations for each new frame."""
        return int(self._options["n_iter"])

    def _make_state(self, plan: Any, double: bool) -> Any:
        return _core.online_inversion(plan, self._channels, **self._options)


class OnlineMISI(OnlineInversion):
    r"""Online multiple input spectrogram inversion: `OnlineInversion` with MISI.

    With the settled samples of every source and the window of frames t, ..., t + K,

    .. math::
        G_j = STFT(iSTFT(S_j)), \qquad Y_j = V_j G_j / |G_j|, \qquad S_j = Y_j + (X - \sum_k Y_k) / J.

    Parameters
    ----------
    n_sources, n_fft, hop_length, lookahead, n_iter, win_length, window, center, channels, dtype
        As in `OnlineInversion`. The paper finds ``lookahead = win_length // hop_length - 1`` best.
    init : {"mixture", "wiener", "sinusoidal", "overlap"}
        Start of a new frame, as in `OnlineInversion`; the first and the third are the paper's.
    mixing_weights : str, float or array of shape (n_sources,), optional
        As in `OnlineInversion`, by default equal shares.
    last : {"mix", "mag"}
        The last projection of an iteration. With "mix", as above, what is returned sums to the mixture. With
        "mag", the order of the paper, the mixing error is shared before the magnitudes are set: settled
        frames have the given magnitudes.

    Raises
    ------
    ParameterError
        If a parameter is out of range.

    Notes
    -----
    Latency, cost and what holds at the end of a stream are those of `OnlineInversion`.

    References
    ----------
    .. [1] P. Magron and T. Virtanen, "Online spectrogram inversion for low-latency audio source separation",
           IEEE SPL 27, 2020.

    Examples
    --------
    >>> import numpy as np
    >>> import phasewise as pw
    >>> sources = np.random.default_rng(0).standard_normal((2, 8000))
    >>> S = pw.stft(sources, n_fft=512)
    >>> online = pw.OnlineMISI(2, 512, lookahead=3)
    >>> online.latency, online.n_iter
    (640, 3)
    >>> y = online.push(S.sum(axis=0), np.abs(S))
    >>> y.shape[-1] == 128 * S.shape[-1]
    True
    """

    def __init__(
        self,
        n_sources: int,
        n_fft: int = 2048,
        hop_length: int | None = None,
        *,
        lookahead: int = 0,
        n_iter: int | None = None,
        init: str = "mixture",
        mixing_weights: str | float | ArrayLike | None = None,
        last: str = "mix",
        win_length: int | None = None,
        window: WindowSpec = "hann",
        center: bool = True,
        channels: int = 1,
        dtype: DTypeLike | None = None,
    ) -> None:
        self._magnitude_last = choice("last", last, ("mix", "mag")) == "mag"
        super().__init__(
            n_sources,
            n_fft,
            hop_length,
            algo="MISI",
            lookahead=lookahead,
            n_iter=n_iter,
            init=init,
            mixing_weights=mixing_weights,
            win_length=win_length,
            window=window,
            center=center,
            channels=channels,
            dtype=dtype,
        )

    def _make_state(self, plan: Any, double: bool) -> Any:
        return _core.online_inversion(
            plan, self._channels, **self._options, magnitude_last=self._magnitude_last
        )


def _reason(entry: Algorithm) -> str:
    if entry.iterative:  # "auto"
        return "it judges magnitudes by the whole signal; 'RAAR' is what it iterates."
    if entry.calls == "0":
        return "it needs neither iterations nor look-ahead; give its frames to phasewise.StreamingISTFT."
    return "one step reaches its optimum, which forgets the magnitudes."


def start_named(name: str) -> _core.OnlineStart:
    """Return the core's start of that name."""
    start: _core.OnlineStart = getattr(_core.OnlineStart, name)
    return start


def _weighting(kind: str | float | ArrayLike, sources: int) -> dict[str, Any]:
    if isinstance(kind, str):
        if kind == "refreshed":
            raise ParameterError(
                "mixing_weights='refreshed' follows every source through all iterations, which a stream does "
                f"not keep; use one of {', '.join(map(repr, _EXPONENTS))} or an exponent."
            )
        return {"exponent": _EXPONENTS[choice("mixing_weights", kind, _EXPONENTS)]}
    given = np.asarray(kind, dtype=np.float64)
    if given.ndim == 0:
        return {"exponent": number("mixing_weights", given, minimum=0.0)}
    if given.shape != (sources,) or not np.isfinite(given).all() or given.min() < 0 or given.sum() == 0:
        raise ParameterError(
            f"mixing_weights must be a name, an exponent or {sources} nonnegative weights, one per source "
            f"and not all zero; got an array of shape {given.shape}."
        )
    return {"shares": [float(share) for share in given / given.sum()]}
