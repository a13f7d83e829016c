"""Factorisation of streams that are too long for memory: `OnlineNMF`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._validate import choice, generator, integer, magnitudes, number
from phasewise.errors import ParameterError
from phasewise.factorization.block_learning import BlockLearner
from phasewise.factorization.initialization import STARTS

__all__ = ["OnlineNMF"]


class OnlineNMF:
    """Learn a dictionary ``W`` from a stream of frames in bounded memory.

    Frames are gathered into blocks. Each block gets its activations for the present W, and the sums that
    decide W are added to those of the past, from which W is solved anew [1]_ [2]_. However the stream is cut
    into pushes, the dictionary is the same, bit for bit.

    Parameters
    ----------
    n_components : int > 0
        Columns of W.
    beta : float <= 2
        Divergence: 2 Euclidean, 1 Kullback-Leibler, 0 Itakura-Saito, or another number up to 2.
    block : int > 0
        Frames per block: more of them make a better start, and W changes less often.
    forgetting : float in (0, 1]
        What the past keeps of its weight at every new block. Even with 1 early blocks count less, since they
        were seen with an unripe dictionary: block m of n with ``(m / n)^2``.
    n_iter : int > 0
        Updates of the activations of every block, accelerated as in `nmf`.
    n_sweeps : int in [1, n_iter]
        Solutions for W per block, between which those updates are divided.
    init : {"kmeans", "random", "nndsvd", "nndsvda", "nndsvdar"}
        How W starts from the first block that is not silent (see `nmf`).
    W : array of shape (freq, n_components), nonnegative, optional
        Start instead of `init`.
    rng : None, int or numpy Generator
        For `init`.

    Attributes
    ----------
    n_frames : int
        Frames that W was learnt from; those of an unfinished block wait in memory.

    Raises
    ------
    ParameterError
        For numbers out of range, or a W that is no nonnegative matrix of finite values.

    See Also
    --------
    nmf : With ``update_W=False``, the activations of frames for the learnt W.
    StreamingActivations : The same for a stream.

    Notes
    -----
    Cost per frame: about that of ``n_iter / 2 + n_sweeps`` iterations of `nmf`. Memory: two blocks, and 32
    bytes per value of W. The first precision that is pushed decides that of W. An object belongs to one
    stream: give each thread its own.

    References
    ----------
    .. [1] J. Mairal, F. Bach, J. Ponce and G. Sapiro, "Online learning for matrix factorization and sparse
       coding", Journal of Machine Learning Research 11, 2010.
    .. [2] A. Lefevre, F. Bach and C. Fevotte, "Online algorithms for nonnegative matrix factorization with
       the Itakura-Saito divergence", WASPAA 2011.

    Examples
    --------
    >>> import numpy as np
    >>> import phasewise as pw
    >>> rng = np.random.default_rng(0)
    >>> model = pw.OnlineNMF(3, block=100, rng=0)
    >>> spectra = rng.random((65, 3))
    >>> for _ in range(10):
    ...     model.push(spectra @ rng.random((3, 90)))
    >>> model.flush().W.shape
    (65, 3)
    """

    def __init__(
        self,
        n_components: int,
        *,
        beta: float = 1.0,
        block: int = 512,
        forgetting: float = 1.0,
        n_iter: int = 12,
        n_sweeps: int = 2,
        init: str = "kmeans",
        W: ArrayLike | None = None,
        rng: Any = None,
    ) -> None:
        rank = integer("n_components", n_components)
        self._block = integer("block", block)
        steps, sweeps = integer("n_iter", n_iter), integer("n_sweeps", n_sweeps)
        if sweeps > steps:
            raise ParameterError(f"n_sweeps must be at most n_iter = {steps}, got {sweeps}.")
        share = number("forgetting", forgetting, maximum=1)
        if share <= 0:
            raise ParameterError(f"forgetting must be in (0, 1], got {share}; 1 forgets least.")
        choice("init", init, STARTS)
        dictionary = None if W is None else magnitudes("W", W)
        if dictionary is not None and (dictionary.ndim != 2 or dictionary.shape[1] != rank):
            raise ParameterError(
                f"W must have shape (freq, n_components) = (freq, {rank}), got {dictionary.shape}."
            )
        self._learner = BlockLearner(
            rank,
            number("beta", beta, maximum=2),
            init=init,
            rng=generator(rng),
            forgetting=share,
            n_iter=steps,
            n_sweeps=sweeps,
            W=dictionary,
        )
        self._freq = None if dictionary is None else len(dictionary)
        self._dtype: Any = None
        self._waiting: NDArray[Any] | None = None
        self._filled = 0
        self.n_frames = 0

    @property
    def W(self) -> NDArray[Any]:
        """The dictionary of all finished blocks, (freq, n_components): a copy."""
        if self._learner.W is None:
            raise ParameterError(
                "no block with sound is finished yet, so that there is no W; push more frames, or call "
                "flush() at the end of the stream."
            )
        return np.array(self._learner.W, self._dtype)

    def push(self, V: ArrayLike) -> None:
        """Take the next frames.

        Parameters
        ----------
        V : array of shape (..., freq, frames), nonnegative and finite
            Magnitudes or powers, any number of frames. Leading axes, such as channels, are further frames of
            the same time.

        Raises
        ------
        ParameterError
            For negative or non-finite values, another number of frequencies, or float64 in a stream of
            float32.
        """
        data = magnitudes("V", V)
        self._check(data)
        frames = np.moveaxis(data, -1, 0).reshape(-1, data.shape[-2])
        assert self._waiting is not None
        taken = 0
        while taken < len(frames):
            step = min(self._block - self._filled, len(frames) - taken)
            self._waiting[self._filled : self._filled + step] = frames[taken : taken + step]
            self._filled, taken = self._filled + step, taken + step
            if self._filled == self._block:
                self.flush()

    def flush(self) -> OnlineNMF:
        """Learn from the frames that wait for more, as a shorter block, and return the object.

        The stream may go on afterwards.
        """
        if self._waiting is not None and self._filled:
            self._learner.learn(self._waiting[: self._filled])
            self.n_frames, self._filled = self.n_frames + self._filled, 0
        return self

    def _check(self, data: NDArray[Any]) -> None:
        if self._freq is None:
            self._freq = data.shape[-2]
        if data.shape[-2] != self._freq:
            raise ParameterError(
                f"V must have {self._freq} frequencies on axis -2, as W or the frames before, got shape "
                f"{data.shape}."
            )
        if self._dtype is None:
            self._dtype = data.dtype
            self._waiting = np.empty((self._block, self._freq), data.dtype)
        if data.dtype == np.float64 and self._dtype == np.float32:
            raise ParameterError(
                "V must be float32 as the stream has been so far, got float64; convert it with "
                "V.astype(numpy.float32)."
            )
