"""Better stems from anybody's stems while they are played: `refine` for streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from phasewise._delayed import DelayedStems, magnitude
from phasewise._validate import floating_array, integer
from phasewise.errors import ParameterError
from phasewise.phase.online.stages import make_stage, method_name
from phasewise.streaming import StreamingSTFT

__all__ = ["StreamingRefiner"]


class StreamingRefiner:
    """Stems of a separator, block by block, with better phases and the mixture as their sum.

    The magnitudes of the given stems are the targets; an online method finds the phases. Blocks may have any
    size: however the stream is cut, the samples are the same, bit for bit.

    Parameters
    ----------
    stems : sequence of str
        Names of the stems, all sources of the mixture.
    algo : str
        The online method: one of ``phasewise.ONLINE_METHODS``. ``"wiener"`` needs no look-ahead.
    n_fft, hop_length, window
        Of the transform, in samples; `hop_length` is at most ``n_fft // 2``, by default ``n_fft // 4``.
    channels : int > 0
        Channels of mixture and stems.
    dtype : float32 or float64
        Precision of the computation and of the result.
    lookahead : int >= 0, optional
        Frames that the method waits for, each a hop of latency; None for its default, as for all that follow.
    n_iter : int, optional
        Iterations of the method.
    init : str, optional
        Its start.
    kappa : float, optional
        Its trust in the sinusoidal model.
    power : float, optional
        Exponent of the magnitudes in the Wiener filter.

    Attributes
    ----------
    stems : tuple of str
    algo : str
    latency : int
        Samples by which the result is late: item ``latency + i`` of all that is returned is sample i of the
        stream, and what comes before it is zeros.

    Raises
    ------
    ParameterError
        If a parameter is out of range, or of no use to the method.

    See Also
    --------
    refine : The same for whole files, with methods that see all of them.

    Notes
    -----
    Latency: ``n_fft - 1`` samples for even `n_fft`, and a hop for every frame of look-ahead. Cost: that of
    the method, and a transform of the mixture and of every stem. What the stems together lack of the mixture
    is shared out equally; then they sum to it as `phasewise.audio.settle_float_stems` says. One thread is
    used, and no memory grows with the stream. An object belongs to one stream: give each thread its own.

    Examples
    --------
    >>> import numpy as np
    >>> import phasewise as pw
    >>> rng = np.random.default_rng(0)
    >>> voice, rest = rng.standard_normal((2, 6000), dtype=np.float32)
    >>> refiner = pw.StreamingRefiner(["voice", "rest"], algo="wiener", n_fft=512)
    >>> refiner.latency
    511
    >>> mixture, parts = voice + rest, []
    >>> for i in range(0, 6000, 1000):
    ...     block = slice(i, i + 1000)
    ...     parts.append(refiner.push(mixture[block], {"voice": voice[block], "rest": rest[block]}))
    >>> parts.append(refiner.flush())
    >>> refined = np.concatenate([part["voice"] for part in parts])[refiner.latency :]
    >>> refined.shape
    (6000,)
    """

    def __init__(
        self,
        stems: Sequence[str],
        *,
        algo: str = "wiener",
        n_fft: int = 2048,
        hop_length: int | None = None,
        window: str = "hann",
        channels: int = 1,
        dtype: DTypeLike = np.float32,
        lookahead: int | None = None,
        n_iter: int | None = None,
        init: str | None = None,
        kappa: float | None = None,
        power: float | None = None,
    ) -> None:
        self.stems: tuple[str, ...] = tuple(str(stem) for stem in stems)
        if isinstance(stems, str) or not self.stems or len(set(self.stems)) < len(self.stems):
            raise ParameterError(f"stems must be different names, at least one, got {stems!r}.")
        self.algo = method_name("algo", algo)
        self._channels = integer("channels", channels)
        self._transform = StreamingSTFT(
            integer("n_fft", n_fft, minimum=2),
            hop_length,
            window=window,
            channels=self._channels * (1 + len(self.stems)),
            dtype=dtype,
        )
        self._dtype = np.dtype(dtype)
        hop = n_fft // 4 if hop_length is None else hop_length
        transform = {"n_fft": n_fft, "hop_length": hop, "window": window, "channels": self._channels}
        stage = make_stage(
            self.algo,
            len(self.stems),
            {**transform, "dtype": dtype},
            lookahead=lookahead,
            n_iter=n_iter,
            init=init,
            kappa=kappa,
            power=power,
        )
        self.latency: int = self._transform.latency + stage.latency
        self._end = DelayedStems(stage, self.latency, self._channels, self._dtype)

    def push(self, mixture_block: ArrayLike, stem_blocks: Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
        """Take the next samples and return as many of every stem, ``latency`` samples late.

        Parameters
        ----------
        mixture_block : array of shape (channels, n), or (n,) for one channel, float
            Any number n of samples, also none.
        stem_blocks : mapping of str to array of the same shape
            What the separator makes of them; its keys are the names of the stems.

        Returns
        -------
        dict of str to ndarray of the shape of `mixture_block`
            They sum to the delayed mixture.

        Raises
        ------
        ParameterError
            If names or shapes do not match, samples are integers or not finite, or have more precision than
            `dtype`.
        """
        if set(stem_blocks) != set(self.stems):
            raise ParameterError(
                f"stem_blocks must have the keys {', '.join(self.stems)}, got {', '.join(stem_blocks)}."
            )
        mixture = floating_array("mixture_block", mixture_block)
        given = [mixture]
        for name in self.stems:
            given.append(floating_array(f"stem_blocks[{name!r}]", stem_blocks[name]))
            if given[-1].shape != mixture.shape:
                raise ParameterError(
                    f"stem_blocks[{name!r}] must have the shape of mixture_block, {mixture.shape}, got "
                    f"{given[-1].shape}."
                )
        self._bare = mixture.ndim == 1
        shape = (self._channels, mixture.shape[-1])
        if mixture.reshape(-1).size != shape[0] * shape[1] or (self._bare and self._channels > 1):
            raise ParameterError(
                f"mixture_block must have shape ({self._channels}, n) for channels={self._channels}, got "
                f"{mixture.shape}."
            )
        if any(array.dtype.itemsize > self._dtype.itemsize for array in given):
            raise ParameterError(
                f"mixture_block and stem_blocks have more precision than the stream, which is {self._dtype}: "
                f"convert them, or make the stream with dtype=float64."
            )
        samples = np.concatenate([array.reshape(shape) for array in given], dtype=self._dtype)
        return self._named(
            self._end.push(samples[: self._channels], *self._frames(self._transform.push(samples)))
        )

    def flush(self) -> dict[str, NDArray[Any]]:
        """End the stream: return its last ``latency`` samples.

        The next push starts a new stream.

        Returns
        -------
        dict of str to ndarray
            Shaped like the result of the last `push`; empty arrays if there were no samples.
        """
        if self._end.received:
            X, V = self._frames(self._transform.flush())
            self._end.push(np.zeros((self._channels, 0), self._dtype), X, V)
        return self._named(self._end.flush())

    def reset(self) -> None:
        """Forget the stream; the next push starts a new one."""
        self._transform.reset()
        self._end.reset()

    _bare = False

    def _frames(self, spectra: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return mixture (channels, freq, n) and magnitudes (channels, stems, freq, n)."""
        split = spectra.reshape(1 + len(self.stems), self._channels, *spectra.shape[1:])
        return split[0], magnitude(split[1:]).swapaxes(0, 1)

    def _named(self, result: tuple[NDArray[Any], NDArray[Any]]) -> dict[str, NDArray[Any]]:
        stems = result[1][:, 0] if self._bare else result[1]
        return dict(zip(self.stems, stems, strict=True))
