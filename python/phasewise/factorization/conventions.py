"""What scikit-learn expects of an estimator, without needing scikit-learn: parameters, checks, containers."""

from __future__ import annotations

import inspect
import sys
import warnings
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise.errors import ParameterError

__all__ = ["EstimatorConventions", "convergence_warning"]

Self = TypeVar("Self", bound="EstimatorConventions")


class _NotFittedError(ValueError, AttributeError):
    """The estimator is used before `fit` (stands in for scikit-learn's class of this name)."""


def _not_fitted(message: str) -> Exception:
    try:
        from sklearn.exceptions import NotFittedError
    except ImportError:
        return _NotFittedError(message)
    return NotFittedError(message)  # type: ignore[no-any-return]


def convergence_warning(message: str) -> None:
    """Warn with scikit-learn's ``ConvergenceWarning``, or with its base ``UserWarning`` if there is none."""
    try:
        from sklearn.exceptions import ConvergenceWarning
    except ImportError:
        ConvergenceWarning = UserWarning
    warnings.warn(message, ConvergenceWarning, stacklevel=4)


class EstimatorConventions:
    """Base of estimators: parameters by name, checks of X, and the choice of the output container."""

    # ---- parameters ----------------------------------------------------------------------------------

    @classmethod
    def _parameters(cls) -> dict[str, Any]:
        signature = inspect.signature(cls.__init__).parameters.values()
        return {p.name: p.default for p in signature if p.name != "self"}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the constructor's parameters and their values (`deep` changes nothing)."""
        return {name: getattr(self, name) for name in self._parameters()}

    def set_params(self: Self, **params: Any) -> Self:
        """Set parameters of the constructor and return the estimator."""
        known = self._parameters()
        for name, value in params.items():
            if name not in known:
                raise ParameterError(
                    f"Invalid parameter {name!r} for estimator {self!r}. "
                    f"Valid parameters are: {sorted(known)!r}."
                )
            setattr(self, name, value)
        return self

    def __repr__(self) -> str:
        changed = (
            f"{name}={getattr(self, name)!r}"
            for name, default in self._parameters().items()
            if repr(getattr(self, name)) != repr(default)
        )
        return f"{type(self).__name__}({', '.join(changed)})"

    # ---- state ---------------------------------------------------------------------------------------

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "n_features_in_")

    def _check_fitted(self) -> None:
        if not self.__sklearn_is_fitted__():
            raise _not_fitted(
                f"This {type(self).__name__} instance is not fitted yet. Call 'fit' with appropriate "
                "arguments before using this estimator."
            )

    # ---- input ---------------------------------------------------------------------------------------

    def _check_input(self, X: Any, *, fitting: bool) -> NDArray[Any]:
        """Return X as a nonnegative float array (n_samples, n_features); remember or check its features."""
        name = type(self).__name__
        self._check_feature_names(_column_names(X), fitting)
        array = np.asarray(_dense(X))
        if np.iscomplexobj(array):
            raise ParameterError(f"Complex data not supported: {name} needs magnitudes, for example abs(X).")
        if array.dtype not in (np.float32, np.float64):
            array = array.astype(np.float64)
        if array.ndim != 2:
            raise ParameterError(
                f"Expected 2D array, got {array.ndim}D array instead: shape {array.shape}. Reshape your data "
                "using X.reshape(-1, 1) for a single feature or X.reshape(1, -1) for a single sample."
            )
        for size, what in zip(array.shape, ("sample(s)", "feature(s)"), strict=True):
            if size == 0:
                raise ParameterError(
                    f"Found array with 0 {what} (shape={array.shape}) while a minimum of 1 is required "
                    f"by {name}."
                )
        if not np.isfinite(array).all():
            raise ParameterError(f"Input X contains NaN or infinity; {name} does not accept missing values.")
        if fitting:
            self.n_features_in_ = array.shape[1]
        elif array.shape[1] != self.n_features_in_:
            raise ParameterError(
                f"X has {array.shape[1]} features, but {name} is expecting {self.n_features_in_} features "
                "as input."
            )
        if array.min() < 0:
            raise ParameterError(f"Negative values in data passed to {name}; pass magnitudes or powers.")
        return array

    def _check_feature_names(self, names: NDArray[Any] | None, fitting: bool) -> None:
        if fitting:
            if names is not None:
                self.feature_names_in_ = names
            elif hasattr(self, "feature_names_in_"):
                del self.feature_names_in_
            return
        known = getattr(self, "feature_names_in_", None)
        if known is None and names is not None:
            warnings.warn(
                f"X has feature names, but {type(self).__name__} was fitted without feature names",
                stacklevel=4,
            )
        elif known is not None and names is None:
            warnings.warn(
                f"X does not have valid feature names, but {type(self).__name__} was fitted with "
                "feature names",
                stacklevel=4,
            )
        elif known is not None and names is not None and not np.array_equal(known, names):
            unseen, missing = sorted(set(names) - set(known)), sorted(set(known) - set(names))
            lines = ["The feature names should match those that were passed during fit."]
            if unseen:
                lines += ["Feature names unseen at fit time:", *(f"- {name}" for name in unseen)]
            if missing:
                lines += [
                    "Feature names seen at fit time, yet now missing:",
                    *(f"- {name}" for name in missing),
                ]
            if not unseen and not missing:
                lines.append("Feature names must be in the same order as they were in fit.")
            raise ParameterError("\n".join(lines) + "\n")

    # ---- output --------------------------------------------------------------------------------------

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[Any]:
        """Return the names of the columns that `transform` makes: "nmf0", "nmf1", ..."""
        raise NotImplementedError

    def set_output(self: Self, *, transform: str | None = None) -> Self:
        """Choose the container of transformed data: "default" (numpy), "pandas" or "polars".

        None leaves the choice as it is.
        """
        if transform is not None:
            self._container(transform)
            self._sklearn_output_config = {"transform": transform}
        return self

    def _wrap(self, array: NDArray[Any], X: Any) -> Any:
        """Put transformed data into the container of `set_output` or of scikit-learn's configuration."""
        chosen = getattr(self, "_sklearn_output_config", {}).get("transform")
        scikit_learn = sys.modules.get("sklearn")
        if chosen is None and scikit_learn is not None:
            chosen = scikit_learn.get_config()["transform_output"]
        frame = self._container(chosen or "default")
        if frame is None:
            return array
        names = self.get_feature_names_out()
        if chosen == "polars":
            return frame(array, schema=list(names))
        return frame(array, columns=names, index=getattr(X, "index", None))

    @staticmethod
    def _container(name: str) -> Any:
        if name == "default":
            return None
        if name not in ("pandas", "polars"):
            raise ParameterError(f'transform must be "default", "pandas" or "polars", got {name!r}.')
        return __import__(name).DataFrame


def _dense(X: Any) -> Any:
    """X, or the array of what a sparse matrix or array of scipy's holds."""
    if not hasattr(X, "tocsr"):
        return X
    try:
        return X.toarray()
    except MemoryError as error:
        raise MemoryError(
            f"Sparse X of shape {X.shape} does not fit in memory as a dense array: {error}; "
            "learn from some thousand rows at a time with partial_fit, and transform as many at a time."
        ) from error


def _column_names(X: Any) -> NDArray[Any] | None:
    """Names of the columns of a data frame, if all of them are strings."""
    columns = getattr(X, "columns", None)
    if columns is None:
        return None
    names = np.asarray(columns, dtype=object)
    strings = [isinstance(name, str) for name in names]
    if any(strings) and not all(strings):
        raise TypeError(
            "Feature names are only supported if all input features have string names, but some are not; "
            "convert them with X.columns = X.columns.astype(str)."
        )
    return names if all(strings) and len(names) else None
