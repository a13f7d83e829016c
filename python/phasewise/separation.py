"""From a mixture to its stems, in memory or as a stream of any length.

The sample rate, the channels and the level are the input's, and the stems sum to it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._chunks import ChunkPlan, chunk_plan
from phasewise._recovery import Recovery, algorithm_name
from phasewise._stems import Callback, as_audio, rate, restore_sum, stream_chunks
from phasewise._validate import choice, integer, number
from phasewise.audio.resampling import resample
from phasewise.filters import wiener
from phasewise.magnitude_models import load_model
from phasewise.transform import STFT, istft

__all__ = ["Separator", "separate"]

_DEFAULT_PHASE = "auto"
_ITERATIONS = 15
# Peak memory of a chunk, measured: per bin of all stems, and per sample of all stems and the mixture.
_BYTES_PER_BIN = 42
_BYTES_PER_SAMPLE = 6


class Separator:
    """A model that is loaded once and takes any number of mixtures apart.

    Every chunk goes through STFT, the model, Wiener filter, phase recovery and inverse STFT; what then is
    missing from the mixture is shared out. A model is a dictionary, whose activations are found by
    nonnegative matrix factorisation, or a network. Dictionaries see the channels' mean magnitude: all
    channels get the same mask, and a stem stays where it was in the stereo image.

    Parameters
    ----------
    model : str, path, Dictionary or network
        ``"default"``, the name of a dictionary that comes with the package, the file of a dictionary or of a
        network, or either itself.
    phase : str, optional
        ``"wiener"`` keeps the phase of the mixture, anything else is an algorithm of
        ``phasewise.ALGORITHMS``; None for ``"auto"``, which falls back to the mixture's phase where the
        magnitudes do not deserve better.
    n_iter : int, optional
        Iterations of the phase recovery; None for 15.
    init : {"mixture", "sinusoidal", "random"}
        Start of the phase recovery.
    seed : int
        Of the random start.
    device : str
        Where a network runs, as torch names it; all else runs on the "cpu".
    fit_iterations : int, optional
        Iterations of a dictionary's factorisation; None for those it was made for.
    chunk_seconds : float
        Length of a chunk, at least 1 s. Memory grows with it, see ``bytes_per_second``.

    Attributes
    ----------
    model : MagnitudeModel
    name : str
        Of the model.
    stems : tuple of str
        What it separates.
    phase : str
        The phase recovery in use.

    Raises
    ------
    ParameterError
        If an argument is wrong.
    DictionaryError, ModelError
        If the file is corrupt.
    """

    def __init__(
        self,
        model: Any = "default",
        *,
        phase: str | None = None,
        n_iter: int | None = None,
        init: str = "mixture",
        seed: int = 0,
        device: str = "cpu",
        fit_iterations: int | None = None,
        chunk_seconds: float = 20.0,
    ) -> None:
        self.model = load_model(model, fit_iterations=fit_iterations, device=device)
        self.name, self.stems = self.model.name, self.model.stems
        self._transform: dict[str, Any] = {
            "n_fft": self.model.n_fft,
            "hop_length": self.model.hop_length,
            "window": self.model.window,
        }
        self._recovery = Recovery(
            algorithm_name("phase", phase or _DEFAULT_PHASE),
            _ITERATIONS if n_iter is None else n_iter,
            init,
            self._transform,
        )
        self.phase = self._recovery.algorithm
        self.n_iter = self._recovery.n_iter
        self.init = init
        self.seed = integer("seed", seed, minimum=0)
        self.chunk_seconds = number("chunk_seconds", chunk_seconds, minimum=1.0, maximum=3600.0)

    def separate(
        self,
        audio: ArrayLike,
        sample_rate: float,
        *,
        stems: Sequence[str] | None = None,
        callback: Callback | None = None,
    ) -> dict[str, NDArray[Any]]:
        """Separate audio in memory; see ``separate`` of this module."""
        names = self._chosen(stems)
        given = as_audio("audio", audio)
        mixture = given.values
        out = np.empty((len(self.stems), *mixture.shape), mixture.dtype)
        at = 0
        for _, piece in self.stream([mixture], sample_rate, total=mixture.shape[-1], callback=callback):
            out[..., at : at + piece.shape[-1]] = piece
            at += piece.shape[-1]
        settled = dict(zip(self.stems, given.settle(out), strict=True))
        return {name: settled[name] for name in names}

    def stream(
        self,
        blocks: Iterable[NDArray[Any]],
        sample_rate: float,
        *,
        total: int | None = None,
        chunk_seconds: float | None = None,
        callback: Callback | None = None,
    ) -> Iterator[tuple[NDArray[Any], NDArray[Any]]]:
        """Separate a stream of any length in bounded memory.

        Parameters
        ----------
        blocks : iterable of ndarray (channels, n)
            Floating-point audio, cut anyhow.
        sample_rate : float
            In Hz.
        total : int, optional
            Samples per channel of the whole stream; needed for progress only.
        chunk_seconds : float, optional
            Instead of the one the object was made with.
        callback : callable, optional
            As in ``separate``.

        Yields
        ------
        mixture : ndarray (channels, m)
            The next piece of the stream.
        stems : ndarray (stems, channels, m)
            Its stems, in the order of ``self.stems``; they sum to the piece up to rounding in its dtype.
        """
        sample_rate = rate(sample_rate)
        rng = np.random.default_rng(self.seed)

        def process(chunk: NDArray[Any], tick: Callback) -> NDArray[Any]:
            return self._separate_chunk(chunk, sample_rate, rng, tick)

        seconds = self.chunk_seconds if chunk_seconds is None else chunk_seconds
        return stream_chunks(blocks, self._plan(sample_rate, seconds), process, total, callback)

    def bytes_per_second(self, sample_rate: float, channels: int) -> int:
        """Return the memory that each second of a chunk takes, in bytes."""
        frames = self.model.sample_rate / self._transform["hop_length"]
        spectra = channels * len(self.stems) * self.model.bins * frames
        signals = channels * (len(self.stems) + 1) * max(sample_rate, self.model.sample_rate)
        return int(_BYTES_PER_BIN * spectra + _BYTES_PER_SAMPLE * signals)

    def _chosen(self, stems: Sequence[str] | None) -> tuple[str, ...]:
        if stems is None:
            return self.stems
        return tuple(dict.fromkeys(choice("stems", stem, self.stems) for stem in stems))

    def _plan(self, sample_rate: float, seconds: float) -> ChunkPlan:
        ratio = sample_rate / self.model.sample_rate
        # On the model's own grid of frames, neighbours see the same frames and agree where they overlap.
        grid = self._transform["hop_length"] if ratio == 1 else 1
        # Chunks keep clear of edges by two of these: by a window, or as far as the model looks around.
        clear = max(self.model.n_fft, (self.model.reach + self.model.n_fft // 2) / 2)
        return chunk_plan(seconds, sample_rate, clear * ratio, grid)

    def _separate_chunk(
        self, mixture: NDArray[Any], sample_rate: float, rng: np.random.Generator, tick: Callback
    ) -> NDArray[Any]:
        own_rate = self.model.sample_rate
        signal = resample(mixture.astype(np.float32, copy=False), sample_rate, own_rate)
        length = signal.shape[-1]
        X = STFT(**self._transform).analyze(signal)
        tick(0.05)
        V = self.model.magnitudes(X, sample_rate)
        tick(0.3)
        S = wiener(X, V, power=self.model.power)
        tick(0.4)
        if self.phase != "wiener":
            start = S if self.init == "mixture" and self.phase != "auto" else None
            # "auto" judges the model by its own magnitudes, its start are shares of V^2.
            targets = self.model.targets(X, V) if self.phase == "auto" else np.abs(S)
            S = self._recovery(X, targets, length=length, rng=rng, start=start)
        del X, V
        tick(0.9)
        stems = np.moveaxis(istft(S, **self._transform, length=length), 1, 0)
        del S
        stems = resample(stems, own_rate, sample_rate, length=mixture.shape[-1])
        return restore_sum(mixture, stems)


def separate(
    audio: ArrayLike,
    sample_rate: float,
    *,
    model: Any = "default",
    phase: str | None = None,
    stems: Sequence[str] | None = None,
    device: str = "cpu",
    callback: Callback | None = None,
    n_iter: int | None = None,
    init: str = "mixture",
    seed: int = 0,
    fit_iterations: int | None = None,
    chunk_seconds: float = 20.0,
) -> dict[str, NDArray[Any]]:
    """Take a mixture apart.

    Parameters
    ----------
    audio : array of float32, float64, int16 or int32, shape (channels, samples) or (samples,)
        The mixture; floats have full scale 1.0.
    sample_rate : float
        In Hz. Audio of another rate than the model's is converted for the model only.
    model : str, path, Dictionary or network
        ``"default"``, the name of a dictionary that comes with the package, the file of a dictionary or of a
        network, or either itself.
    phase : str, optional
        ``"wiener"`` keeps the phase of the mixture, anything else is an algorithm of
        ``phasewise.ALGORITHMS``; None for ``"auto"``.
    stems : sequence of str, optional
        Return these only; None for all.
    device : str
        Where a network runs, as torch names it.
    callback : callable, optional
        Called with the fraction that is done, never decreasing, from 0 to 1. Returning False or raising
        ``KeyboardInterrupt`` cancels.
    n_iter, init, seed, fit_iterations, chunk_seconds
        See ``Separator``, which also keeps a model loaded between calls.

    Returns
    -------
    dict of str to ndarray
        Stems of the shape and dtype of ``audio``. All together sum to it: exactly for integers, and for
        floats as ``phasewise.audio.settle_float_stems`` says. Inside, the stems are float32.

    Raises
    ------
    ParameterError
        If an argument is wrong.
    DictionaryError, ModelError
        If the file is corrupt.
    Cancelled
        If the callback says so.

    Examples
    --------
    >>> stems = separate(audio, 44100)  # doctest: +SKIP
    >>> stems["vocals"].shape == audio.shape  # doctest: +SKIP
    True
    """
    separator = Separator(
        model,
        phase=phase,
        n_iter=n_iter,
        init=init,
        seed=seed,
        device=device,
        fit_iterations=fit_iterations,
        chunk_seconds=chunk_seconds,
    )
    return separator.separate(audio, sample_rate, stems=stems, callback=callback)
