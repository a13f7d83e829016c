"""The activations of known spectra in a stream of frames, as they come."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import _core
from phasewise._validate import integer, magnitudes, number
from phasewise.errors import ParameterError
from phasewise.factorization.updates import factorize

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
    many frames at once are faster than one by one. No memory grows with the stream. An object keeps nothing
    from one push to the next: threads and streams may share it.

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
        self._options = _core.NmfOptions()
        self._options.beta = number("beta", beta)
        self._options.iterations = integer("n_iter", n_iter)
        self._options.update_w = False
        self._peak = float(dictionary.max()) or 1.0
        dictionary = dictionary / dictionary.dtype.type(self._peak)
        self._W: dict[str, NDArray[Any]] = {
            dtype: np.array(dictionary, dtype, order="C") for dtype in ("float32", "float64")
        }

    @property
    def n_components(self) -> int:
        """Rows of the activations."""
        return int(self._W["float64"].shape[1])

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
        W = self._W[data.dtype.name]
        if data.shape[-2] != len(W):
            raise ParameterError(
                f"V must have the {len(W)} frequencies of W on axis -2, (..., freq, frames), got shape "
                f"{data.shape}."
            )
        frames = np.array(np.swapaxes(data, -1, -2), order="C")
        shape = (*frames.shape[:-1], W.shape[1])
        frames = frames.reshape(-1, len(W))
        activations = np.zeros((len(frames), W.shape[1]), data.dtype)
        # A frame of peak 1 does not depend on the others: the core's floors are shares of the peak or below.
        peaks = frames.max(axis=1, keepdims=True)
        sound = np.flatnonzero(peaks)
        if sound.size:
            whole = sound.size == len(frames)
            peaks, frames = (peaks, frames) if whole else (peaks[sound], frames[sound])
            frames /= peaks
            if self._options.beta <= 0:
                np.maximum(frames, 1e-10, out=frames)
            total = float(W.sum(dtype=np.float64))
            start = np.full((len(frames), W.shape[1]), len(W) / (total or np.inf), data.dtype)
            factorize(frames, W, start, self._options)
            activations[sound] = start * (peaks / data.dtype.type(self._peak))
        return np.swapaxes(activations.reshape(shape), -1, -2)
