"""From the factors of a factorisation to the magnitudes of its sources."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from phasewise._validate import integer, magnitudes
from phasewise.errors import ParameterError

__all__ = ["nmf_parts"]


def nmf_parts(
    W: ArrayLike, H: ArrayLike, labels: ArrayLike | None = None, *, n_sources: int | None = None
) -> NDArray[Any]:
    """Return what every source of a factorisation plays, ready for `wiener` or phase recovery.

    Parameters
    ----------
    W : array of shape (..., freq, n_components), nonnegative and finite
    H : array of shape (..., n_components, frames), nonnegative and finite
        As `nmf` returns them; leading axes broadcast, as channels that share one dictionary do.
    labels : array of int >= 0, shape (n_components,), optional
        Source of each component, as `cluster_components` tells it, or as dictionaries were put side by side.
        By default every component is a source.
    n_sources : int, optional
        Number of sources, by default one more than the greatest label. Sources without components are silent.

    Returns
    -------
    ndarray of shape (..., n_sources, freq, frames)
        Magnitudes, frame-major in memory; their sum is the model ``W @ H``.

    Raises
    ------
    ParameterError
        For shapes or labels that do not fit, negative or non-finite values.

    See Also
    --------
    wiener : The sources themselves, ``pw.wiener(X, pw.nmf_parts(W, H, labels))``.
    nmfd_parts : The same for templates of several frames.

    Notes
    -----
    Cost: ``2 freq frames n_components`` operations.

    Examples
    --------
    >>> import numpy as np
    >>> import phasewise as pw
    >>> X = pw.stft(np.random.default_rng(0).standard_normal(8000), n_fft=512)
    >>> W, H = pw.nmf(abs(X), 6, n_iter=20, rng=0)
    >>> labels = pw.cluster_components(W, H, 2, rng=0)
    >>> sources = pw.wiener(X, pw.nmf_parts(W, H, labels, n_sources=2))
    >>> np.allclose(sources.sum(axis=0), X)
    True
    """
    spectra, activations = magnitudes("W", W), magnitudes("H", H)
    if spectra.shape[-1] != activations.shape[-2]:
        raise ParameterError(
            "W and H must have shapes (..., freq, n_components) and (..., n_components, frames), got "
            f"{spectra.shape} and {activations.shape}."
        )
    try:
        batch = np.broadcast_shapes(spectra.shape[:-2], activations.shape[:-2])
    except ValueError:
        raise ParameterError(
            f"W and H must have leading axes that broadcast, got {spectra.shape} and {activations.shape}."
        ) from None
    members = _labels(labels, spectra.shape[-1])
    count = int(members.max(initial=-1)) + 1
    if n_sources is not None and integer("n_sources", n_sources) < count:
        raise ParameterError(
            f"n_sources must be at least {count}, one more than the greatest label, got {n_sources}."
        )
    count = count if n_sources is None else n_sources
    shape = (*batch, count, activations.shape[-1], spectra.shape[-2])
    parts = np.zeros(shape, np.result_type(spectra, activations))
    for j in range(count):
        mine = np.flatnonzero(members == j)
        frames = np.swapaxes(activations[..., mine, :], -1, -2)
        np.matmul(frames, np.swapaxes(spectra[..., mine], -1, -2), out=parts[..., j, :, :])
    return np.swapaxes(parts, -1, -2)


def _labels(given: ArrayLike | None, rank: int) -> NDArray[Any]:
    if given is None:
        return np.arange(rank)
    labels = np.asarray(given)
    if labels.shape != (rank,) or labels.dtype.kind not in "iu" or labels.min(initial=0) < 0:
        raise ParameterError(
            f"labels must be {rank} integers >= 0, the source of each component, got {labels.dtype} of shape "
            f"{labels.shape}; numpy.unique(labels, return_inverse=True)[1] numbers names."
        )
    return labels
