"""From a mixture to its stems while it is played: `separate` for streams."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from phasewise._delayed import DelayedStems, magnitude
from phasewise._queue import Queue
from phasewise._validate import integer
from phasewise.audio.rounding import ordered_sum
from phasewise.dictionary import Dictionary
from phasewise.filters import wiener
from phasewise.magnitude_models import load_dictionary
from phasewise.phase.online.stages import make_stage, method_name
from phasewise.streaming import StreamingSTFT
from phasewise.streaming_magnitudes import StreamingMagnitudes

__all__ = ["StreamingSeparator"]


class StreamingSeparator:
    """A mixture taken apart block by block, with a dictionary of spectra and a declared latency.

    Every block goes through STFT, nonnegative matrix factorisation with the spectra of the dictionary, an
    online phase method and the inverse STFT. As in `separate`, the factorisation is that of the channels'
    mean magnitude. Blocks may have any size: however the stream is cut, the samples are the same, bit for
    bit. With ``phase="wiener"`` they are those of ``separate(..., phase="wiener")``, to rounding.

    Parameters
    ----------
    model : str, path or Dictionary
        ``"default"``, the name of a dictionary that comes with the package, or a dictionary file. The stream
        must have its sample rate.
    phase : str
        The online method: one of ``phasewise.ONLINE_METHODS``.
    channels : int > 0
    fit_iterations : int, optional
        Updates of the activations of every frame; None for those the model was made for.
    dtype : float32 or float64
        Precision of the computation and of the result.
    lookahead, n_iter, init, kappa : optional
        Of the phase method, see `StreamingRefiner`; None for its default.

    Attributes
    ----------
    stems : tuple of str
        What the model separates.
    name : str
        Of the model.
    phase : str
    sample_rate : int
        That the stream must have, in Hz.
    latency : int
        Samples by which the result is late: item ``latency + i`` of all that is returned is sample i of the
        stream, and what comes before it is zeros.

    Raises
    ------
    ParameterError
        If a parameter is out of range, or of no use to the method.
    DictionaryError
        If the dictionary file is corrupt.

    See Also
    --------
    separate : The same for whole files, at any sample rate, with phases that see all of them.
    StreamingMagnitudes : The factorisation alone.

    Notes
    -----
    Latency: ``n_fft - 1`` samples, and a hop for every frame that the dictionary or the method looks ahead;
    12287 samples (279 ms) for ``nmf-music4``, which looks 8 frames ahead. A dictionary without neighbours has
    the least. One thread is used, and no memory grows with the stream. An object belongs to one stream: give
    each thread its own.

    Examples
    --------
    >>> import numpy as np
    >>> import phasewise as pw
    >>> song = np.random.default_rng(0).standard_normal((2, 30000), dtype=np.float32)
    >>> separator = pw.StreamingSeparator(channels=2)
    >>> parts = [separator.push(song[:, i : i + 4096]) for i in range(0, 30000, 4096)]
    >>> parts.append(separator.flush())
    >>> stems = {s: np.concatenate([p[s] for p in parts], axis=-1) for s in separator.stems}
    >>> late = sum(stems.values())[:, separator.latency :]
    >>> late.shape == song.shape and np.allclose(late, song, atol=1e-5)
    True
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Dictionary = "default",
        *,
        phase: str = "wiener",
        channels: int = 1,
        fit_iterations: int | None = None,
        dtype: DTypeLike = np.float32,
        lookahead: int | None = None,
        n_iter: int | None = None,
        init: str | None = None,
        kappa: float | None = None,
    ) -> None:
        dictionary, self.name = load_dictionary(model)
        self.dictionary = dictionary
        self.stems: tuple[str, ...] = tuple(dictionary.stems)
        self.sample_rate: int = dictionary.sample_rate
        self.phase = method_name("phase", phase)
        self._channels = integer("channels", channels)
        transform: dict[str, Any] = {
            "n_fft": dictionary.n_fft,
            "hop_length": dictionary.hop_length,
            "window": dictionary.window,
            "channels": self._channels,
            "dtype": dtype,
        }
        self._transform = StreamingSTFT(**transform)
        self._magnitudes = StreamingMagnitudes(dictionary, n_iter=fit_iterations, dtype=dtype)
        stage = make_stage(
            self.phase,
            len(self.stems),
            transform,
            lookahead=lookahead,
            n_iter=n_iter,
            init=init,
            kappa=kappa,
            power=dictionary.power if self.phase == "wiener" else None,
        )
        self.latency: int = self._transform.latency + self._magnitudes.latency + stage.latency
        self._end = DelayedStems(stage, self.latency, self._channels, np.dtype(dtype))
        spectrum = np.result_type(dtype, np.complex64)
        # Frames that wait for the magnitudes of their sources.
        self._frames = Queue((self._channels, dictionary.bins), spectrum, axis=-2)
        self._bare = False

    def push(self, block: ArrayLike) -> dict[str, NDArray[Any]]:
        """Take the next samples and return as many of every stem, ``latency`` samples late.

        Parameters
        ----------
        block : array of shape (channels, n), or (n,) for one channel, float
            Any number n of samples, also none; full scale is 1.0.

        Returns
        -------
        dict of str to ndarray of the shape of `block`
            They sum to the delayed mixture, as `phasewise.audio.settle_float_stems` says.

        Raises
        ------
        ParameterError
            If the shape does not fit, or samples are integers, not finite, or more precise than `dtype`.
        """
        return self._named(self.advance(block)[1])

    def flush(self) -> dict[str, NDArray[Any]]:
        """End the stream: return its last ``latency`` samples.

        The next push starts a new stream.

        Returns
        -------
        dict of str to ndarray
            Shaped like the result of the last `push`; empty arrays if there were no samples.
        """
        return self._named(self.finish()[1])

    def reset(self) -> None:
        """Forget the stream; the next push starts a new one."""
        self._transform.reset()
        self._magnitudes.reset()
        self._frames.reset()
        self._end.reset()

    def advance(self, block: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """Do what `push` does, and return the delayed mixture too.

        Parameters
        ----------
        block : array
            As in `push`.

        Returns
        -------
        mixture : ndarray of shape (channels, n)
        stems : ndarray of shape (stems, channels, n)
            In the order of ``self.stems``.
        """
        X = self._transform.push(block)
        samples = np.asarray(block, self._end.dtype)
        self._bare = samples.ndim == 1
        X = X.reshape(self._channels, *X.shape[-2:])
        V = self._magnitudes.push(_level(X))
        return self._end.push(samples.reshape(self._channels, -1), *self._explained(X, V))

    def finish(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Do what `flush` does, and return the end of the delayed mixture too.

        Returns
        -------
        mixture : ndarray of shape (channels, latency)
        stems : ndarray of shape (stems, channels, latency)
        """
        if self._end.received:
            X = self._transform.flush()
            X = X.reshape(self._channels, *X.shape[-2:])
            V = np.concatenate([self._magnitudes.push(_level(X)), self._magnitudes.flush()], axis=-1)
            self._end.push(np.zeros((self._channels, 0), self._end.dtype), *self._explained(X, V))
        return self._end.flush()

    def _explained(self, X: NDArray[Any], V: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the frames that ``V`` (stems, freq, n) explains, and the targets of every channel."""
        self._frames.put(X.swapaxes(-1, -2))
        X = self._frames.take(V.shape[-1]).swapaxes(-1, -2)
        V = np.broadcast_to(V, (self._channels, *V.shape))
        if self.phase == "wiener" or not V.shape[-1]:
            return X, V
        return X, magnitude(wiener(X, V, power=self.dictionary.power))

    def _named(self, stems: NDArray[Any]) -> dict[str, NDArray[Any]]:
        return dict(zip(self.stems, stems[:, 0] if self._bare else stems, strict=True))


def _level(X: NDArray[Any]) -> NDArray[Any]:
    """Return the mean magnitude of the channels, (freq, n)."""
    return np.asarray(ordered_sum(magnitude(X)) / X.real.dtype.type(len(X)))
