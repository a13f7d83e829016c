"""The activations of known spectra in a stream of frames, as they come."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import _core
from phasewise._validate import integer, magnitudes, number
from phasewise.errors import ParameterError

__all__ = ["StreamingActivations"]


class StreamingActivations:
    """Activations of a fixed dictionary, frame by frame, without latency.

    Every frame v of the stream gets the h for which ``W @ h`` is closest to it under the beta-divergence, by
    multiplicative updates from a constant start. However the stream is cut, the activations are the same,
    bit for bit.

    Parameters
    ----------
    W : array of shape (freq, n_components), nonnegative and finite
        The dictionary, for example of `nmf`, `OnlineNMF` or `phasewise.dictionary.Dictionary`.
    beta : float
        Divergence: 2 Euclidean, 1 Kullback-Leibler, 0 Itakura-Saito, or any other number. For ``beta <= 0``
        values below 1e-10 of the greatest in their frame count as that.
    n_iter : int > 0
        Updates of every frame.

    Raises
    ------
    ParameterError
        For a dictionary that is no matrix, negative or non-finite values, or numbers out of range.

    See Also
    --------
    nmf : With ``update_W=False``, the same for all frames at once, with penalties and weights.

    Notes
    -----
    Cost per frame: ``4 n_iter freq n_components`` operations (2 for beta 2, 6 for beta other than 1 and 2);
    many frames at once are faster than one by one. `W` is packed once, nothing but results is allocated
    after construction, and up to 32 frames at a time use one thread. An object keeps nothing from one push to
    the next: threads and streams may share it.

    Examples
    --------
    >>> import numpy as np
    >>> import phasewise as pw
    >>> rng = np.random.default_rng(0)
    >>> V = rng.random((65, 40))
    >>> stream = pw.StreamingActivations(rng.random((65, 5)))
    >>> frame_by_frame = np.concatenate([stream.push(V[:, t : t + 1]) for t in range(40)], axis=-1)
    >>> np.array_equal(frame_by_frame, stream.push(V))
    True
    """

    def __init__(self, W: ArrayLike, *, beta: float = 1.0, n_iter: int = 30) -> None:
        dictionary = magnitudes("W", W)
        if dictionary.ndim != 2 or not dictionary.size:
            raise ParameterError(
                f"W must be a matrix of shape (freq, n_components), got shape {dictionary.shape}."
            )
        beta, steps = number("beta", beta), integer("n_iter", n_iter)
        self._shape = dictionary.shape
        # Values of any size fit both precisions, and no bit changes.
        self._exponent = int(np.frexp(dictionary.max())[1])
        dictionary = np.ldexp(dictionary, -self._exponent)
        self._single = _core.Activations32(np.ascontiguousarray(dictionary, np.float32), beta, steps)
        self._double = _core.Activations64(np.ascontiguousarray(dictionary, np.float64), beta, steps)
        # The start of a frame is this share of its peak.
        total = float(dictionary.sum(dtype=np.float64))
        self._start = len(dictionary) / total if total > 0 else 0.0

    @property
    def n_components(self) -> int:
        """Rows of the activations."""
        return int(self._shape[1])

    def push(self, V: ArrayLike) -> NDArray[Any]:
        """Return the activations of the next frames.

        Parameters
        ----------
        V : array of shape (..., freq, frames), nonnegative and finite
            Any number of frames, also none; leading axes are channels.

        Returns
        -------
        ndarray of shape (..., n_components, frames)
            In the precision of `V`.

        Raises
        ------
        ParameterError
            For negative or non-finite values or another number of frequencies.
        """
        data = magnitudes("V", V)
        freq, rank = self._shape
        if data.shape[-2] != freq:
            raise ParameterError(
                f"V must have the {freq} frequencies of W on axis -2, (..., freq, frames), got shape "
                f"{data.shape}."
            )
        frames = np.ascontiguousarray(np.swapaxes(data, -1, -2))
        rows = frames.reshape(-1, freq)
        start = rows.max(axis=1, keepdims=True, initial=0) * data.dtype.type(self._start)
        activations = np.repeat(start, rank, axis=1)
        (self._single if data.dtype == np.float32 else self._double).fit(rows, activations)
        activations = np.ldexp(activations, -self._exponent)
        return np.swapaxes(activations.reshape(*frames.shape[:-1], rank), -1, -2)
