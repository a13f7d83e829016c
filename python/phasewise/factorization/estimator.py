"""The estimator `NMF`: scikit-learn's interface to the factorisation."""

from __future__ import annotations

import time
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise import _core
from phasewise._validate import choice, generator, integer, number
from phasewise.errors import ParameterError
from phasewise.factorization.block_learning import BlockLearner
from phasewise.factorization.conventions import EstimatorConventions, convergence_warning
from phasewise.factorization.initialization import FILLS, STARTS, Random, kmeans, nndsvd, random_start
from phasewise.factorization.updates import divergence, factorize

__all__ = ["NMF"]

_LOSSES = {"frobenius": 2.0, "kullback-leibler": 1.0, "itakura-saito": 0.0}


class NMF(EstimatorConventions):
    """Factorise nonnegative ``X`` (rows are frames) as ``W @ H``, with scikit-learn's interface.

    A drop-in replacement of ``sklearn.decomposition.NMF(solver="mu")`` that does not need scikit-learn, and
    the ``transformer`` for ``librosa.decompose.decompose``. `phasewise.nmf` is the same in the orientation
    of audio, where columns are frames. Minimises the beta-divergence of X from ``W @ H`` plus
    ``alpha_W n_features (l1_ratio sum(W) + (1 - l1_ratio) sum(W^2) / 2)`` and the like for H, with n_samples.

    Parameters
    ----------
    n_components : int > 0, "auto" or None
        Number of components. None: as many as features; "auto": that of the given W and H, else as None.
    init : {None, "random", "nndsvd", "nndsvda", "nndsvdar", "kmeans", "custom"}
        Start. None: "nndsvda" if ``n_components <= min(n_samples, n_features)``, else "random"; "kmeans":
        centres of the samples by spherical k-means; "custom": the W and H given to `fit_transform`.
    solver : {"mu"}
        Multiplicative updates, the only solver here ("cd" exists in scikit-learn alone).
    beta_loss : float or {"frobenius", "kullback-leibler", "itakura-saito"}
        Divergence, named or as beta (2, 1, 0). For ``beta <= 0`` zeros of X count as 1e-10 of its mean.
    tol : float >= 0
        Stop when ten iterations lower the error by less than this share of its first value; 0 never stops.
    max_iter : int > 0
        Most iterations of `fit`, and of `transform` without `max_iter_transform`.
    random_state : None, int, numpy Generator or RandomState
        For the random starts; with an int they are scikit-learn's.
    alpha_W, alpha_H : float >= 0
        Weights of the penalties of W and H; "same": that of W.
    l1_ratio : float in [0, 1]
        Share of the L1 penalty, the rest is L2.
    verbose : int
        Whether to print the time that a fit took.
    shuffle : bool
        Without effect: it belongs to scikit-learn's "cd".
    max_iter_transform : int > 0, optional
        Most iterations of `transform`, by default `max_iter`.
    accelerate : bool
        Extrapolate the factors between iterations, in `fit` and `transform`, as `phasewise.nmf` does: fewer
        iterations to the same error, which still never rises. False: the iterates are scikit-learn's.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features)
        The dictionary H.
    n_components_, n_iter_, n_features_in_ : int
    n_steps_ : int
        Only after `partial_fit`: its calls.
    reconstruction_err_ : float
        ``sqrt(2 D)`` of the training data and their transform; for beta 2 the Frobenius norm of the
        difference.
    feature_names_in_ : ndarray of str
        Only after fitting a data frame with named columns.

    Notes
    -----
    `fit_transform` returns what `transform` returns for the same data, the best W for the final components,
    rather than the last iterate of the joint updates. Results do not depend on the number of threads.
    `partial_fit` learns as `phasewise.OnlineNMF` does, with one block per call.

    Sparse X (scipy.sparse) is accepted by every method and gives the result of ``X.toarray()``, which it is
    converted to: 4 or 8 bytes per entry, zeros included. Where that is too much, give `partial_fit` and
    `transform` some thousand rows at a time.

    References
    ----------
    .. [1] C. Fevotte and J. Idier, "Algorithms for nonnegative matrix factorization with the
       beta-divergence", Neural Computation 23(9), 2011.
    """

    components_: NDArray[Any]

    def __init__(
        self,
        n_components: int | str | None = "auto",
        *,
        init: str | None = None,
        solver: str = "mu",
        beta_loss: float | str = "frobenius",
        tol: float = 1e-4,
        max_iter: int = 200,
        random_state: Any = None,
        alpha_W: float = 0.0,
        alpha_H: float | str = "same",
        l1_ratio: float = 0.0,
        verbose: int = 0,
        shuffle: bool = False,
        max_iter_transform: int | None = None,
        accelerate: bool = False,
    ) -> None:
        self.n_components = n_components
        self.init = init
        self.solver = solver
        self.beta_loss = beta_loss
        self.tol = tol
        self.max_iter = max_iter
        self.random_state = random_state
        self.alpha_W = alpha_W
        self.alpha_H = alpha_H
        self.l1_ratio = l1_ratio
        self.verbose = verbose
        self.shuffle = shuffle
        self.max_iter_transform = max_iter_transform
        self.accelerate = accelerate

    # ---- scikit-learn's methods ----------------------------------------------------------------------

    def fit(self, X: Any, y: None = None, **params: Any) -> NMF:
        """Learn the components of X, an array or sparse matrix (n_samples, n_features); `y` is ignored.

        `params` are the W and H of `fit_transform`.
        """
        self.fit_transform(X, y, **params)
        return self

    def fit_transform(
        self, X: Any, y: None = None, W: ArrayLike | None = None, H: ArrayLike | None = None
    ) -> Any:
        """Learn the components of X and return its transform.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features), nonnegative
        y : ignored
        W : array of shape (n_samples, n_components), optional
        H : array of shape (n_components, n_features), optional
            Start for ``init="custom"``, in the dtype of X.

        Returns
        -------
        array of shape (n_samples, n_components)
        """
        options = self._options(integer("max_iter", self.max_iter))
        data = self._check_input(X, fitting=True)
        self._forget_blocks()
        self._set_penalties(options, data.shape)
        started = time.perf_counter()
        activations, components = self._start(data, W, H, _random(self.random_state))
        # In the orientation of the core the dictionary is the transpose of the components.
        dictionary = np.array(components.T, order="C")
        activations = np.array(activations, order="C")
        iterations = factorize(data, dictionary, activations, options)[0]
        self.components_ = np.ascontiguousarray(dictionary.T)
        self.n_components_ = len(self.components_)
        self.n_iter_ = int(iterations)
        if self.verbose:
            print(f"Epoch {self.n_iter_:02d} reached after {time.perf_counter() - started:.3f} seconds.")
        self._warn_unless_converged(self.n_iter_, options)
        result = self._activations(data)
        error = float(divergence(data, dictionary, result, options.beta))
        self.reconstruction_err_ = float(np.sqrt(2 * max(error, 0.0)))
        return self._wrap(result, X)

    def partial_fit(
        self, X: Any, y: None = None, W: ArrayLike | None = None, H: ArrayLike | None = None
    ) -> NMF:
        """Learn from the next samples of a stream that need not fit in memory.

        The first call starts from its samples by `init`, or continues a `fit`; every sample counts, those of
        early calls less: call m of n with the weight ``(m / n)^2``. `tol` and `max_iter` play no part.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features), nonnegative
            Some hundred samples, rather than one.
        y, W : ignored
        H : array of shape (n_components, n_features), optional
            Start for ``init="custom"``, in the first call.

        Returns
        -------
        self

        Raises
        ------
        ParameterError
            As `fit`, and for penalties (`alpha_W`, `alpha_H`) or ``beta_loss > 2``, which this form lacks.

        Notes
        -----
        Memory: about four times the components beyond X.
        """
        options = self._options(1)
        fresh = not self.__sklearn_is_fitted__()
        if fresh or not hasattr(self, "_learner"):
            self._check_online(options.beta)
        data = self._check_input(X, fitting=fresh)
        if not hasattr(self, "_learner"):
            self._learner = self._block_learner(data, H, options.beta)
        self._learner.learn(np.ascontiguousarray(data))
        self.n_steps_ = getattr(self, "n_steps_", 0) + 1
        components = self._learner.components(data.dtype)
        self.components_, self.n_components_ = np.ascontiguousarray(components.T), components.shape[1]
        return self

    def transform(self, X: Any) -> Any:
        """Return the best W for the components: an array of shape (n_samples, n_components)."""
        self._check_fitted()
        data = self._check_input(X, fitting=False)
        result = self._activations(data)
        return self._wrap(result, X)

    def inverse_transform(self, X: Any) -> NDArray[Any]:
        """Return ``X @ components_`` for transformed data X of shape (n_samples, n_components)."""
        self._check_fitted()
        transformed = X if hasattr(X, "tocsr") else np.asarray(X)
        return np.asarray(transformed @ self.components_)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Return the names of the columns that `transform` makes: "nmf0", "nmf1", ...

        `input_features` is ignored.
        """
        self._check_fitted()
        return np.array([f"nmf{i}" for i in range(len(self.components_))], dtype=object)

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type="transformer",
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=["float64", "float32"]),
            input_tags=InputTags(positive_only=True, sparse=True),
        )

    # ---- steps ---------------------------------------------------------------------------------------

    def _check_online(self, beta: float) -> None:
        if number("alpha_W", self.alpha_W, minimum=0) or self.alpha_H not in ("same", 0):
            raise ParameterError(
                f"partial_fit has no penalties, got alpha_W={self.alpha_W!r} and alpha_H={self.alpha_H!r}; "
                "set both to 0, or use fit."
            )
        if beta > 2:
            raise ParameterError(f"partial_fit needs beta_loss <= 2, got {self.beta_loss!r}; use fit.")

    def _block_learner(self, data: NDArray[Any], H: ArrayLike | None, beta: float) -> BlockLearner:
        random = _random(self.random_state)
        init = self.init if self.init is None else choice("init", self.init, (*STARTS, "custom"))
        if hasattr(self, "components_"):
            W = np.array(self.components_.T)
        elif init == "custom":
            rank = self._rank(data, H)
            W = np.array(_custom("H", H, (rank, data.shape[1]), data.dtype).T)
        else:
            W = None
        rank = self._rank(data, None) if W is None else W.shape[1]
        if init in (None, "custom"):
            init = "nndsvda" if rank <= min(data.shape) else "random"
        return BlockLearner(rank, beta, init=init, rng=random, W=W)

    def _forget_blocks(self) -> None:
        for name in ("_learner", "n_steps_"):
            self.__dict__.pop(name, None)

    def _rank(self, X: NDArray[Any], H: ArrayLike | None) -> int:
        if isinstance(self.n_components, str):
            choice("n_components", self.n_components, ("auto",))
            return X.shape[1] if H is None else int(np.shape(H)[0])
        return X.shape[1] if self.n_components is None else integer("n_components", self.n_components)

    def _activations(self, data: NDArray[Any]) -> NDArray[Any]:
        """The best W for the fixed components, from a constant start."""
        limit = self.max_iter if self.max_iter_transform is None else self.max_iter_transform
        options = self._options(integer("max_iter_transform", limit))
        options.update_w = False
        self._set_penalties(options, data.shape)
        dictionary = np.array(self.components_.T, data.dtype, order="C")
        rank = dictionary.shape[1]
        result = np.full((len(data), rank), np.sqrt(data.mean() / rank), data.dtype)
        factorize(data, dictionary, result, options)
        return result

    def _options(self, iterations: int) -> _core.NmfOptions:
        if self.solver == "cd":
            raise ParameterError(
                'solver must be "mu", got "cd": coordinate descent is not offered here; use '
                'sklearn.decomposition.NMF(solver="cd").'
            )
        choice("solver", self.solver, ("mu",))
        options = _core.NmfOptions()
        if isinstance(self.beta_loss, str):
            options.beta = _LOSSES[choice("beta_loss", self.beta_loss, _LOSSES)]
        else:
            options.beta = number("beta_loss", self.beta_loss)
        options.iterations = iterations
        options.tol = number("tol", self.tol, minimum=0)
        options.accelerate = bool(self.accelerate)
        return options

    def _set_penalties(self, options: _core.NmfOptions, shape: tuple[int, ...]) -> None:
        n_samples, n_features = shape
        ratio = number("l1_ratio", self.l1_ratio, minimum=0, maximum=1)
        alpha_W = number("alpha_W", self.alpha_W, minimum=0)
        alpha_H = alpha_W if self.alpha_H == "same" else number("alpha_H", self.alpha_H, minimum=0)
        # The core calls the activations H and the dictionary W.
        options.l1_h, options.l2_h = n_features * alpha_W * ratio, n_features * alpha_W * (1 - ratio)
        options.l1_w, options.l2_w = n_samples * alpha_H * ratio, n_samples * alpha_H * (1 - ratio)
        options.guard_l2 = options.accelerate  # else the steps are scikit-learn's

    def _start(
        self, X: NDArray[Any], W: ArrayLike | None, H: ArrayLike | None, rng: Random
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        init = self.init if self.init is None else choice("init", self.init, (*STARTS, "custom"))
        rank = self._rank(X, H if init == "custom" else None)
        if init == "custom":
            return _custom("W", W, (len(X), rank), X.dtype), _custom("H", H, (rank, X.shape[1]), X.dtype)
        if W is not None or H is not None:
            warnings.warn(
                "When init!='custom', provided W or H are ignored. Set init='custom' to use them as "
                "initialization.",
                RuntimeWarning,
                stacklevel=3,
            )
        if init is None:
            init = "nndsvda" if rank <= min(X.shape) else "random"
        if init == "random":
            return random_start(X, rank, rng)
        if init == "kmeans":
            components, activations = kmeans(np.ascontiguousarray(X.T), rank, rng)
            return activations.T, components.T
        if rank > min(X.shape):
            raise ParameterError(
                f"init = '{init}' can only be used when n_components <= min(n_samples, n_features) = "
                f"{min(X.shape)}, got {rank}; use init='random'."
            )
        if init == "nndsvd":
            warnings.warn(
                "The multiplicative update ('mu') solver cannot update zeros present in the initialization, "
                "and so leads to poorer results when used jointly with init='nndsvd'. You may try "
                "init='nndsvda' or init='nndsvdar' instead.",
                UserWarning,
                stacklevel=3,
            )
        return nndsvd(X, rank, FILLS[init], rng)

    def _warn_unless_converged(self, iterations: int, options: _core.NmfOptions) -> None:
        if iterations == options.iterations and options.tol > 0:
            convergence_warning(
                f"Maximum number of iterations {iterations} reached. Increase it to improve convergence."
            )


def _random(random_state: Any) -> Random:
    """Random numbers as scikit-learn draws them from an int or a RandomState, else by numpy's rules."""
    if isinstance(random_state, np.random.RandomState):
        return random_state
    if isinstance(random_state, (int, np.integer)) and 0 <= random_state < 2**32:
        return np.random.RandomState(random_state)
    return generator(random_state)


def _custom(name: str, factor: ArrayLike | None, shape: tuple[int, int], dtype: Any) -> NDArray[Any]:
    if factor is None:
        raise ParameterError(f"init='custom' needs W and H in fit_transform, but {name} is None.")
    array = np.asarray(factor)
    for axis, word in enumerate(("first", "second")):
        if array.ndim != 2 or array.shape[axis] != shape[axis]:
            raise ParameterError(
                f"Array with wrong {word} dimension passed to NMF (input {name}). Expected {shape[axis]}, "
                f"but got shape {array.shape}."
            )
    if array.dtype != dtype:
        raise TypeError(
            f"H and W should have the same dtype as X. Got {name}.dtype = {array.dtype}, X.dtype = {dtype}."
        )
    if array.min() < 0:
        raise ParameterError(f"Negative values in data passed to NMF (input {name}).")
    if array.max() == 0:
        raise ParameterError(f"Array passed to NMF (input {name}) is full of zeros.")
    return array
