"""The function `nmf`: checks, starting factors, and one call of the core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import _core
from phasewise._validate import choice, generator, integer, magnitudes, number
from phasewise.errors import Cancelled, ParameterError
from phasewise.factorization.arguments import (
    check_penalties,
    entry_weights,
    group_numbers,
    learnt_columns,
    mean_of_known,
    normalize,
    starting_factor,
)
from phasewise.factorization.initialization import STARTS, starts

__all__ = ["divergence", "factorize", "nmf"]


def nmf(
    V: ArrayLike,
    n_components: int,
    *,
    beta: float = 1.0,
    n_iter: int = 200,
    tol: float = 0.0,
    init: str = "random",
    W: ArrayLike | None = None,
    H: ArrayLike | None = None,
    update_W: bool | ArrayLike = True,
    update_H: bool = True,
    l1_W: float = 0.0,
    l1_H: float = 0.0,
    l2_W: float = 0.0,
    l2_H: float = 0.0,
    smooth_H: float = 0.0,
    group_H: float = 0.0,
    groups: ArrayLike | None = None,
    group_scale: float | None = None,
    normalize_W: bool = False,
    weights: ArrayLike | None = None,
    accelerate: bool = False,
    rng: Any = None,
    return_cost: bool = False,
    callback: Callable[[float], Any] | None = None,
) -> Any:
    r"""Factorise spectrograms ``V`` (columns are frames) as ``W @ H`` under the beta-divergence.

    Multiplicative updates of H, then W, in every iteration. The orientation is that of audio; scikit-learn's,
    where rows are frames, is that of `phasewise.NMF`.

    Parameters
    ----------
    V : array of shape (..., freq, frames), nonnegative and finite
        Magnitudes or powers. Leading axes are a batch: every matrix gets its own factors, the same as in a
        loop. float32 is factorised in float32, float64 in float64.
    n_components : int > 0
        Columns of W, rows of H.
    beta : float
        Divergence: 2 Euclidean, 1 Kullback-Leibler, 0 Itakura-Saito, or any other number. For ``beta <=
        0``, where the divergence of a zero is infinite, values of V below 1e-10 of its mean count as that.
    n_iter : int >= 0
        Iterations, or the most of them with `tol`.
    tol : float >= 0
        Stop when ten iterations lower ``sqrt(2 D)`` by less than `tol` times its first value, D being the
        divergence without penalties (scikit-learn's rule). 0 never stops.
    init : {"random", "nndsvd", "nndsvda", "nndsvdar", "kmeans"}
        Start of the factors that are not given: uniform random with the mean of V; the nonnegative double
        singular value decomposition [2]_, its zeros kept (they stay zero), filled with the mean of V or
        with small random values; centres of the frames by spherical k-means and projections on them.
        Missing entries of `weights` count as the mean of the others.
    W : array of shape (..., freq, n_components), nonnegative, optional
        Start, or the dictionary if `update_W` is false; leading axes broadcast. By default that of `init`.
    H : array of shape (..., n_components, frames), nonnegative, optional
        Start, or the activations if `update_H` is false; leading axes broadcast. By default that of `init`.
    update_W : bool or array of bool, shape (n_components,)
        Whether to learn W, or which of its columns; the others are known spectra and stay as they are. With
        ``update_W=False`` frames are independent, and each part of V is read once for all iterations.
    update_H : bool
        Whether to learn H.
    l1_W, l1_H : float >= 0
        Weights of the penalties ``l1_W sum(W) + l1_H sum(H)``, which make the factors sparse.
    l2_W, l2_H : float >= 0
        Weights of the penalties ``l2_W sum(W**2) / 2 + l2_H sum(H**2) / 2``, which keep the factors small.
    smooth_H : float >= 0
        Weight of the penalty ``smooth_H sum((H[:, t] - H[:, t - 1])**2)``, which makes activations change
        slowly. Like every penalty of H alone it can be dodged by a smaller H and a larger W: keep W fixed, or
        penalise W too (for `l1_H` see `normalize_W`).
    group_H : float >= 0
        Weight of the penalty ``group_H sum(log(1 + g / group_scale))`` over frames and groups, g being the
        sum of the activations of a group in a frame: few sources sound at a time [5]_.
    groups : array of int, shape (n_components,), optional
        Group of each component, its source; any labels. Needed with `group_H`.
    group_scale : float > 0, optional
        Sum of a group above which the penalty hardly grows. By default a tenth of the mean of the starting H,
        summed over a group.
    normalize_W : bool
        Measure sparsity as if every column of W summed to 1: the penalty is ``l1_H sum(W[:, k]) sum(H[k])``,
        which no change of scale dodges, and the learnt columns of the result sum to 1. Excludes `l2_H`,
        `smooth_H` and `group_H`.
    weights : array that broadcasts to V, nonnegative and finite, optional
        Weights of the entries in the divergence: 0 for missing ones, whose values in V do not matter (finite
        as they must be). Each iteration then costs what it does for a general `beta`.
    accelerate : bool
        Extrapolate W and H between the iterations as in an optimised gradient method [3]_, and fall back
        where that raises the cost [4]_: far fewer iterations to a given cost. See Notes.
    rng : None, int or numpy Generator
        Source of the random numbers of `init`.
    return_cost : bool
        Also return the cost after every iteration (one more product per iteration).
    callback : callable, optional
        Called now and then with the fraction done; returning ``False`` stops with `phasewise.Cancelled`.

    Returns
    -------
    W : ndarray of shape (..., freq, n_components)
        In the dtype of `V`.
    H : ndarray of shape (..., n_components, frames)
        A view of frame-major memory.
    cost : ndarray of float64, shape (..., iterations)
        Only with `return_cost`: weighted divergence plus penalties. It never increases, for any `beta`,
        unless penalties press the model below 1e-12 of the greatest value of V, where it is held (1e-10 in
        float32 for ``beta = -1``, where zeros of V do so too). A matrix of a batch that stops before the
        others repeats its last value. With `accelerate`, the cost of the factors that the next iteration
        starts from, and in the end that of the result.

    Raises
    ------
    ParameterError
        For negative or non-finite values, shapes that do not fit, or numbers out of range.
    Cancelled
        If the callback returned False.

    Notes
    -----
    Cost per iteration: ``8 freq frames n_components`` operations (4 for beta 2, 12 for beta other than 1
    and 2), V read once; memory beyond V and the factors: at most a tenth of V, or 2 MiB. Thread-safe;
    results do not depend
    on the number of threads, not even in the last bit. Zeros in V, W or H stay harmless: a factor that is
    zero stays zero (but for `smooth_H` with beta 1, where neighbours can revive it). Quadratic penalties
    shorten the steps for ``beta < 2``, but for beta 1, where each entry's surrogate is minimised exactly.

    `accelerate` reads each iteration's factors extrapolated: each entry x becomes ``x (x / x')**m (x /
    z)**s``, x' being what the last but one iteration left and z what the last one read; m grows from 0 to 0.8
    and s from 1 to 1.5. If the factors read cost more than those before them, the iteration is undone but
    counted, and m and s start again. Costs a logarithm or power per entry of V and iteration, or little for
    beta 2, and the memory of two more copies of both factors.

    References
    ----------
    .. [1] C. Fevotte and J. Idier, "Algorithms for nonnegative matrix factorization with the
           beta-divergence",
       Neural Computation 23(9), 2011.
    .. [2] C. Boutsidis and E. Gallopoulos, "SVD based initialization: a head start for nonnegative matrix
       factorization", Pattern Recognition 41(4), 2008.
    .. [3] D. Kim and J. A. Fessler, "Optimized first-order methods for smooth convex minimization",
       Mathematical Programming 159, 2016.
    .. [4] B. O'Donoghue and E. Candes, "Adaptive restart for accelerated gradient schemes", Foundations of
       Computational Mathematics 15, 2015.
    .. [5] A. Lefevre, F. Bach and C. Fevotte, "Itakura-Saito nonnegative matrix factorization with group
       sparsity", ICASSP 2011.
    """
    data = magnitudes("V", V)
    if data.size == 0:
        raise ParameterError(f"V must not be empty, got shape {data.shape}.")
    rank = integer("n_components", n_components)
    options = _core.NmfOptions()
    options.beta = number("beta", beta)
    choice("init", init, STARTS)
    options.iterations = integer("n_iter", n_iter, minimum=0)
    options.tol = number("tol", tol, minimum=0)
    options.l1_w = number("l1_W", l1_W, minimum=0)
    options.l1_h = number("l1_H", l1_H, minimum=0)
    options.l2_w = number("l2_W", l2_W, minimum=0)
    options.l2_h = number("l2_H", l2_H, minimum=0)
    options.smooth_h = number("smooth_H", smooth_H, minimum=0)
    options.group_h = number("group_H", group_H, minimum=0)
    options.normalize_w = bool(normalize_W)
    check_penalties(options, groups)
    options.accelerate = bool(accelerate)
    learnt = learnt_columns(update_W, rank)
    options.update_w, options.update_h = bool(learnt.any()), bool(update_H)
    fixed = None if learnt.all() or not learnt.any() else ~learnt
    if not (options.update_w or options.update_h):
        raise ParameterError(
            "update_W and update_H are both false, so that nothing is left to learn; set one of them."
        )
    for name, factor, kept in (("W", W, not learnt.all()), ("H", H, not update_H)):
        if factor is None and kept:
            raise ParameterError(
                f"update_{name}=False keeps {name} as it is, so {name} must be given, got None."
            )

    random = generator(rng)
    *batch, freq, frames = data.shape
    shares = None if weights is None else entry_weights(weights, data)
    scale = None
    if W is None or H is None:
        known = True if weights is None else np.broadcast_to(np.asarray(weights) > 0, data.shape)
        mean = mean_of_known(data, known)
        scale = np.sqrt(4 * mean / rank)
        if init != "random":
            filled = np.where(known, data, mean).astype(data.dtype, copy=False)
            first = starts(filled, rank, init, random)
            W, H = first[0] if W is None else W, first[1] if H is None else H
    dictionary = starting_factor("W", W, (*batch, freq, rank), scale, random, data.dtype)
    memory = starting_factor("H", H, (*batch, rank, frames), scale, random, data.dtype, transposed=True)
    members = None
    if groups is not None:
        members, options.group_scale = group_numbers(groups, group_scale, memory)

    cost = factorize(
        np.swapaxes(data, -1, -2),
        dictionary,
        memory,
        options,
        return_cost,
        callback,
        shares,
        fixed,
        members,
    )[1]
    if normalize_W:
        normalize(dictionary, memory, learnt)
    factors = dictionary, np.swapaxes(memory, -1, -2)
    return (*factors, cost) if return_cost else factors


def factorize(
    V: NDArray[Any],
    W: NDArray[Any],
    H: NDArray[Any],
    options: _core.NmfOptions,
    return_cost: bool = False,
    callback: Callable[[float], Any] | None = None,
    weights: NDArray[Any] | None = None,
    fixed: NDArray[np.bool_] | None = None,
    groups: NDArray[np.uint32] | None = None,
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Run the core on checked arrays, all frame-major: V (..., frames, freq), H (..., frames, rank).

    W (..., freq, rank) and H must be C-contiguous; they hold the start and receive the result. Weights have
    three axes, of which the first two may be 1 where matrices or frames share them; ``fixed`` tells which
    columns of W stay, ``groups`` numbers the group of each component. Returns the iterations made, of shape
    (...), and the costs.
    """
    batch = V.shape[:-2]
    v = np.ascontiguousarray(V).reshape(-1, *V.shape[-2:])
    done = np.zeros(len(v), np.uint64)
    costs = np.zeros((len(v), options.iterations if return_cost else 0))
    report = None if callback is None else lambda fraction: callback(fraction) is not False
    w, h = W.reshape(-1, *W.shape[-2:]), H.reshape(-1, *H.shape[-2:])
    if not _core.nmf(v, w, h, weights, fixed, groups, costs, done, options, return_cost, report):
        raise Cancelled("nmf was stopped by its callback.")
    if return_cost and options.iterations:
        costs = costs[:, : int(done.max())]
        for row, made in zip(costs, done.astype(int), strict=True):
            row[made:] = row[made - 1]
    return done.reshape(batch), costs.reshape(*batch, costs.shape[-1])


def divergence(V: NDArray[Any], W: NDArray[Any], H: NDArray[Any], beta: float) -> NDArray[Any]:
    """Return the divergence, of shape (...), of checked arrays that are frame-major as in `factorize`."""
    v, w, h = (np.ascontiguousarray(a).reshape(-1, *a.shape[-2:]) for a in (V, W, H))
    result = np.empty(len(v))
    _core.nmf_divergence(v, w, h, beta, result)
    return result.reshape(V.shape[:-2])
