"""Supervised nonnegative matrix factorisation of a stream: frames of a mixture in, of its sources out."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from phasewise import _core
from phasewise._validate import integer, magnitudes
from phasewise.dictionary import Dictionary
from phasewise.errors import ParameterError

__all__ = ["StreamingMagnitudes"]


class StreamingMagnitudes:
    """The magnitudes of every stem in a stream of frames, by a dictionary that stays as it is.

    Every frame is explained on its own, from equal shares of all spectra: `Dictionary.magnitudes` of the
    whole stream is the same to rounding (1e-4 of the greatest value in float32, 1e-9 in float64), and however
    the stream is cut, the result has the same bits.

    Parameters
    ----------
    dictionary : Dictionary, str or path
        The dictionary, the name of one that comes with the package, or a file.
    n_iter : int, optional
        Updates of the activations of every frame; None for those the dictionary was made for.
    dtype : float32 or float64, optional
        Precision, by default that of the first frames.

    Attributes
    ----------
    dictionary : Dictionary
    stems : tuple of str
        In the order of the results.
    n_iter : int

    Raises
    ------
    ParameterError
        If a parameter is out of range.
    DictionaryError
        If the dictionary file is corrupt.

    See Also
    --------
    StreamingSeparator : From samples to samples.
    StreamingActivations : The activations themselves, of any matrix of spectra.

    Notes
    -----
    Cost per frame: ``4 n_iter rows k`` operations for k spectra (2 for beta 2, 6 for beta other than 1 and
    2); rows are the bands of the dictionary and those of its neighbours. Frames that come together cost less
    than one by one, as the spectra are then read once for up to 32 of them. One thread is used, and the core
    allocates nothing after construction, but for a change of precision. An object belongs to one stream:
    give each thread its own.

    Examples
    --------
    >>> import numpy as np
    >>> import phasewise as pw
    >>> V = np.random.default_rng(0).random((2049, 20), dtype=np.float32)
    >>> stream = pw.StreamingMagnitudes("nmf-music4")
    >>> stream.lookahead  # frames: the dictionary looks at what follows
    8
    >>> parts = [stream.push(V[:, t : t + 3]) for t in range(0, 20, 3)]
    >>> np.concatenate([*parts, stream.flush()], axis=-1).shape
    (4, 2049, 20)
    """

    def __init__(
        self,
        dictionary: Dictionary | str | os.PathLike[str] = "nmf-music4",
        *,
        n_iter: int | None = None,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.dictionary = dictionary if isinstance(dictionary, Dictionary) else Dictionary.load(dictionary)
        self.stems: tuple[str, ...] = tuple(self.dictionary.stems)
        self.n_iter = self.dictionary.n_iter if n_iter is None else integer("n_iter", n_iter)
        self._given_dtype = dtype is not None
        real = np.dtype(np.float32 if dtype is None else dtype)
        if real not in (np.float32, np.float64):
            raise ParameterError(f"dtype must be float32 or float64, got {real}.")
        self._set_precision(real)

    def _set_precision(self, real: np.dtype[Any]) -> None:
        d = self.dictionary
        edges, W = d.factorised_spectra(d.bins, real)
        groups = [_core.FrameGroup(g.first, g.last, g.weight, g.edges.tolist()) for g in d.neighbours]
        make = _core.SourceMagnitudes64 if real == np.float64 else _core.SourceMagnitudes32
        self._real = real
        self._state: Any = make(
            W,
            d.starting_shares(W).astype(real),
            list(d.ranks.values()),
            edges.tolist(),
            groups,
            d.beta,
            self.n_iter,
        )

    @property
    def lookahead(self) -> int:
        """Frames that must follow a frame before its magnitudes are returned."""
        return int(self._state.latency)

    @property
    def latency(self) -> int:
        """Samples that these frames are, ``lookahead * hop_length``: what they add to the delay of a path."""
        return self.lookahead * self.dictionary.hop_length

    def frames(self, frames: int) -> int:
        """Return the number of frames that a push of `frames` frames will give.

        Parameters
        ----------
        frames : int >= 0

        Returns
        -------
        int
        """
        return int(self._state.frames(integer("frames", frames, minimum=0)))

    def push(self, V: ArrayLike) -> NDArray[Any]:
        """Take the next frames and return the magnitudes of the stems in those that are complete.

        Parameters
        ----------
        V : array of shape (freq, n), nonnegative and finite
            Magnitudes of the mixture; any number of frames, also none.

        Returns
        -------
        ndarray of shape (stems, freq, frames)
            A view of frame-major memory; often without any frame.

        Raises
        ------
        ParameterError
            If `V` has another number of bins, is not finite and nonnegative, or has more precision than the
            stream.
        """
        data = magnitudes("V", V)
        if data.ndim != 2 or data.shape[0] != self.dictionary.bins:
            raise ParameterError(
                f"V must have shape ({self.dictionary.bins}, frames), as n_fft={self.dictionary.n_fft} of "
                f"the dictionary makes; got {data.shape}."
            )
        if data.dtype != self._real:
            if not self._given_dtype and self._state.received == 0:
                self._set_precision(data.dtype)
            elif data.dtype.itemsize > self._real.itemsize:
                raise ParameterError(
                    f"V has more precision than the stream, which is {self._real}: convert it, or make the "
                    f"stream with dtype={data.dtype}."
                )
        rows = np.ascontiguousarray(data.T, self._real)
        out = np.empty((len(self.stems), self._state.frames(len(rows)), self.dictionary.bins), self._real)
        self._state.push(rows, out)
        return np.swapaxes(out, -1, -2)

    def flush(self) -> NDArray[Any]:
        """End the stream: return the frames that waited for others, behind which there is silence.

        The next push starts a new stream.

        Returns
        -------
        ndarray of shape (stems, freq, frames)
        """
        out = np.empty((len(self.stems), self._state.flush_frames, self.dictionary.bins), self._real)
        self._state.flush(out)
        return np.swapaxes(out, -1, -2)

    def reset(self) -> None:
        """Forget the stream; the next push starts a new one."""
        self._state.reset()
