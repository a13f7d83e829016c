r"""Dictionaries learnt from blocks of frames that are seen once.

Where :math:`p = (V \hat V^{\beta-2}) H^T` and :math:`q = \hat V^{\beta-1} H^T` are the sums of a
multiplicative step of W, the divergence of a block is majorised, up to a constant, by a function of W alone:
for every entry w, with its value :math:`\tilde w` when the block was seen,

.. math::
    a \frac{w^{\beta-1}}{1 - \beta} + b w \quad (\beta < 1), \qquad
    -a \log w + b w \quad (\beta = 1), \qquad
    -a \frac{w^{\beta-1}}{\beta - 1} + b \frac{w^\beta}{\beta} \quad (1 < \beta < 2),

with :math:`a = \tilde w^{2-\beta} p` and :math:`b = q` (:math:`\tilde w^{1-\beta} q` for :math:`\beta > 1`).
Majorants of several blocks add up by adding a and b, the past times a forgetting factor, and the minimum is
:math:`w = (a/b)^\gamma` with the exponent of the multiplicative step. For beta 2 the divergence itself is
kept, by :math:`V H^T` and :math:`H H^T`, and W descends on it column by column. For larger beta, what a
block tells of a small w would outweigh all others (b has a high negative power of it): they are left out.

Papers: Mairal, Bach, Ponce & Sapiro, "Online learning for matrix factorization and sparse coding", JMLR 11,
2010 (beta 2); Lefevre, Bach & Fevotte, "Online algorithms for nonnegative matrix factorization with the
Itakura-Saito divergence", WASPAA 2011 (beta 0).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise import _core
from phasewise.factorization.initialization import Random, random_start, starts
from phasewise.factorization.updates import factorize

__all__ = ["BlockLearner"]

Array = NDArray[Any]

_FIRST = 50  # joint updates of the block that the dictionary starts from
_ROUNDS = 3  # over the columns, of coordinate descent
_SLAB = 128  # frames whose model is held at once
_FLOOR = 1e-8  # of a spectrum's mean: no multiplicative update leaves 0


class BlockLearner:
    """A dictionary `W` (freq, rank), and the sums over all blocks so far that decide it."""

    def __init__(
        self,
        rank: int,
        beta: float,
        *,
        init: str,
        rng: Random,
        forgetting: float = 1.0,
        n_iter: int = 12,
        n_sweeps: int = 2,
        W: Array | None = None,
    ) -> None:
        self._rank, self._beta, self._forgetting = rank, beta, forgetting
        self._n_iter, self._n_sweeps, self._init, self._rng = n_iter, n_sweeps, init, rng
        self._sums: tuple[Array, Array] | None = None
        self.blocks = 0
        self.W = None if W is None else _lifted(W.astype(np.float64))

    def components(self, dtype: Any) -> Array:
        """W; before the first sound all ones."""
        W = np.ones((self._freq, self._rank)) if self.W is None else self.W
        return np.array(W, dtype, order="C")

    def learn(self, frames: Array) -> None:
        """Take a block of frames (frames, freq); silent blocks change nothing."""
        self._freq = frames.shape[1]
        peak = float(frames.max(initial=0.0))
        if peak == 0:
            return
        if self._beta <= 0:
            frames = np.maximum(frames, frames.dtype.type(1e-10 * frames.mean(dtype=np.float64)))
        if self.W is None:
            self.W = self._start(frames)
        W = np.array(self.W, frames.dtype, order="C")
        H = self._even(frames, W)
        self.blocks += 1
        # Block m of n counts as (m / n)^2, as the early ones were seen with an unripe dictionary.
        share = self._forgetting * (1 - 1 / self.blocks) ** 2
        past = None if self._sums is None else [share * total for total in self._sums]
        floor = 1e-12 * peak
        for sweep in range(self._n_sweeps):
            steps = self._n_iter // self._n_sweeps + (sweep < self._n_iter % self._n_sweeps)
            factorize(frames, W, H, self._steps(steps, update_w=False))
            sums = self._block_sums(frames, W, H, floor)
            if past is not None:
                sums = (sums[0] + past[0], sums[1] + past[1])
            self._sums = sums
            W = self._solve(W, *sums).astype(W.dtype)
        self.W = W.astype(np.float64)

    def _start(self, frames: Array) -> Array:
        V = np.ascontiguousarray(frames.T)
        if self._init == "random":
            W, H = random_start(V, self._rank, self._rng)
        else:
            W, H = starts(V, self._rank, self._init, self._rng)
        # Bins that are silent in this block must not stay so.
        W += W.dtype.type(1e-3) * W.mean()
        H = np.ascontiguousarray(H.T)
        factorize(frames, W, H, self._steps(_FIRST))
        return _lifted(W)

    def _even(self, frames: Array, W: Array) -> Array:
        """Activations that are equal in every frame and give it its sum."""
        total = float(W.sum(dtype=np.float64))
        level = frames.sum(axis=1, keepdims=True) / frames.dtype.type(total or np.inf)
        return np.array(np.broadcast_to(level, (len(frames), W.shape[1])), order="C")

    def _steps(self, n: int, update_w: bool = True, update_h: bool = True) -> _core.NmfOptions:
        options = _core.NmfOptions()
        options.beta, options.iterations = self._beta, n
        options.update_w, options.update_h = update_w, update_h
        # Twelve of these make a better dictionary than twenty plain ones, in less time.
        options.accelerate = not update_w
        return options

    def _block_sums(self, frames: Array, W: Array, H: Array, floor: float) -> tuple[Array, Array]:
        """The sums a and b of a block; for beta 2 ``V H^T`` and ``H H^T``."""
        beta = self._beta
        if beta == 2:
            return (frames.T @ H).astype(np.float64), (H.T @ H).astype(np.float64)
        if beta == 1:  # q is the same in every row: the core's step w p / q tells p
            step = W.copy()
            factorize(frames, step, H, self._steps(1, update_h=False))
            q = np.broadcast_to(H.sum(axis=0, dtype=np.float64), W.shape)
            return step * q, q
        p, q = np.zeros(W.shape), np.zeros(W.shape)
        for first in range(0, len(frames), _SLAB):
            v, h = frames[first : first + _SLAB], H[first : first + _SLAB]
            model = np.maximum(h @ W.T, frames.dtype.type(floor))
            power = model ** (beta - 2)
            p += (v * power).T @ h
            q += (model * power).T @ h
        old = W.astype(np.float64)
        if beta > 1:
            q *= np.where(old > 0, old, 1) ** (1 - beta)
        return p * old ** (2 - beta), q

    def _solve(self, W: Array, a: Array, b: Array) -> Array:
        """The minimum of the majorant; for beta 2 rounds of coordinate descent towards it."""
        new = W.astype(np.float64)
        if self._beta == 2:
            for k in np.tile(np.flatnonzero(np.diag(b) > 0), _ROUNDS):
                new[:, k] = np.maximum(new[:, k] + (a[:, k] - new @ b[:, k]) / b[k, k], 0)
        else:
            exponent = 1 / (2 - self._beta) if self._beta < 1 else 1.0
            seen = b > 0
            new = np.where(seen, (a / np.where(seen, b, 1)) ** exponent, new)
        return _lifted(new)


def _lifted(W: Array) -> Array:
    """W with its zeros lifted to a small share of the column's mean."""
    lifted: Array = np.maximum(W, W.dtype.type(_FLOOR) * W.mean(axis=0))
    return lifted
