"""Dictionaries of spectra: what each stem sounds like, for supervised nonnegative matrix factorisation.

A dictionary holds nonnegative spectra ``W_j`` of every stem j. With these fixed, the factorisation of a
mixture yields their activations ``H_j``, and ``W_j H_j`` is the magnitude of the stem. The spectra may be
constant within bands of bins that become wider with frequency. Such a dictionary takes a fraction of the
memory, and as the Kullback-Leibler divergence between a spectrum and a model that is constant within a band
depends on the spectrum's sum over the band only, the activations are found from the sums: exactly, at a
fraction of the cost.

Paper: P. Smaragdis, B. Raj and M. Shashanka, "Supervised and semi-supervised separation of sounds from
single-channel mixtures", ICA 2007.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from phasewise import _dictionary_file
from phasewise._bands import expand, pool
from phasewise._dictionary_file import available
from phasewise._validate import integer, magnitudes, number
from phasewise.errors import DictionaryError, ParameterError

__all__ = ["Dictionary", "available"]

_ITERATIONS = 30


@dataclass(frozen=True, eq=False)
class Dictionary:
    """Spectra per stem and the transform they belong to. Immutable; safe to share between threads.

    Parameters
    ----------
    stems : sequence of str
        Names, in the order of every result.
    W : mapping of str to array of shape (bands, k) or (freq, k), nonnegative
        Spectra of each stem, one per column. A column is scaled to the sum 1 over all bins.
    sample_rate : int
        In Hz.
    n_fft, hop_length : int
        Of the transform.
    window : str
        Of the transform.
    beta : float
        Divergence with which mixtures are factorised: 1 Kullback-Leibler, 0 Itakura-Saito, 2 Euclidean.
    n_iter : int
        Iterations of the activations that the dictionary was made for.
    edges : array of int, shape (bands + 1,), optional
        First bin of every band, then the number of bins; the spectra are constant within a band. None: every
        bin is a band.
    metadata : mapping of str to str
        Anything worth knowing: origin, licence, how it was learnt.

    Attributes
    ----------
    W : mapping of str to ndarray of float32, shape (freq, k)
        Spectra with all bins.

    Raises
    ------
    ParameterError
        If shapes do not agree or values are not finite and nonnegative.
    """

    stems: tuple[str, ...]
    W: Mapping[str, NDArray[np.float32]]
    sample_rate: int
    n_fft: int
    hop_length: int
    window: str = "hann"
    beta: float = 1.0
    n_iter: int = _ITERATIONS
    edges: NDArray[np.int64] | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        def store(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        store("stems", tuple(str(stem) for stem in self.stems))
        for name in ("sample_rate", "n_fft", "hop_length", "n_iter"):
            store(name, integer(name, getattr(self, name)))
        store("beta", number("beta", self.beta))
        store("edges", _checked_edges(self.edges, self.bins))
        if not self.stems or len(set(self.stems)) < len(self.stems) or set(self.stems) != set(self.W):
            raise ParameterError(
                f"stems must name the keys of W, each once; got stems {list(self.stems)} and W of "
                f"{sorted(self.W)}."
            )
        if any(not stem or set(stem) & set("/\\") for stem in self.stems):
            raise ParameterError(f"stems must be usable as file names, got {list(self.stems)}.")
        store("W", MappingProxyType({stem: self._checked(stem, self.W[stem]) for stem in self.stems}))
        store("metadata", MappingProxyType({str(k): str(v) for k, v in self.metadata.items()}))

    def _checked(self, stem: str, spectra: ArrayLike) -> NDArray[np.float32]:
        name = f"W[{stem!r}]"
        values = magnitudes(name, spectra).astype(np.float64)
        if values.ndim != 2 or values.shape[0] not in (self.bins, self.bands) or values.shape[1] == 0:
            raise ParameterError(
                f"{name} must have shape ({self.bins}, k), one row per bin of n_fft={self.n_fft}, or "
                f"({self.bands}, k), one row per band, with k >= 1; got {values.shape}."
            )
        if values.shape[0] < self.bins:
            values = expand(values, self.edges, axis=0)  # type: ignore[arg-type]
        elif self.edges is not None and (values != expand(values[self.edges[:-1]], self.edges, axis=0)).any():
            raise ParameterError(
                f"{name} must be constant within every band of edges; give one row per band."
            )
        total = values.sum(axis=0)
        if not total.all():
            raise ParameterError(
                f"{name} must not have silent spectra, but column {int(total.argmin())} is 0."
            )
        result = np.asarray(values / total, np.float32)
        result.setflags(write=False)
        return result

    @property
    def bins(self) -> int:
        """Bins of the transform, ``n_fft // 2 + 1``."""
        return self.n_fft // 2 + 1

    @property
    def bands(self) -> int:
        """Rows that the spectra need: bands, or bins where there are none."""
        return self.bins if self.edges is None else len(self.edges) - 1

    @property
    def ranks(self) -> dict[str, int]:
        """Number of spectra of every stem."""
        return {stem: self.W[stem].shape[1] for stem in self.stems}

    @cached_property
    def basis(self) -> NDArray[np.float32]:
        """All spectra, (freq, sum of ranks), in the order of the stems."""
        basis = np.concatenate([self.W[stem] for stem in self.stems], axis=1)
        basis.setflags(write=False)
        return basis

    @cached_property
    def digest(self) -> str:
        """SHA-256 of spectra and parameters, in hexadecimal; metadata do not count."""
        digest = hashlib.sha256(json.dumps(self._parameters(), sort_keys=True).encode())
        for stem in self.stems:
            digest.update(np.ascontiguousarray(self.W[stem], "<f4").tobytes())
        return digest.hexdigest()

    def activations(
        self, V: ArrayLike, *, n_iter: int | None = None, bins: int | None = None
    ) -> NDArray[Any]:
        """Return how much of every spectrum is in every frame.

        Parameters
        ----------
        V : array of shape (..., freq, frames), nonnegative
            Magnitudes of a mixture.
        n_iter : int, optional
            Iterations, by default the dictionary's.
        bins : int, optional
            Explain this many bins only, the lowest: for audio that was converted from a lower sample rate and
            has nothing above.

        Returns
        -------
        ndarray of shape (..., sum of ranks, frames) and the dtype of `V`

        Raises
        ------
        ParameterError
            If `V` has another number of bins, or is not finite and nonnegative.

        Notes
        -----
        Every frame starts from equal shares and is factorised on its own, whatever its neighbours. Cost per
        frame and iteration: 4 operations per band and spectrum (per bin, if `beta` is not 1).
        """
        from phasewise.factorization import nmf

        V = magnitudes("V", V)
        bins = self._checked_bins(V, bins)
        edges = np.arange(self.bins + 1) if self.edges is None or self.beta != 1 else self.edges
        edges = np.append(edges[edges < bins], bins)
        widths = np.diff(edges).astype(V.dtype)
        W = self.basis[edges[:-1]].astype(V.dtype, copy=False) * widths[:, None]
        # Frames are independent: leading axes join the axis of frames, in frame-major memory.
        frames = pool(np.swapaxes(V[..., :bins, :], -1, -2).reshape(-1, bins).T, edges)
        H = np.repeat(frames.sum(axis=0, keepdims=True) / W.sum(), W.shape[1], axis=0)
        steps = self.n_iter if n_iter is None else integer("n_iter", n_iter, minimum=0)
        H = nmf(frames, W.shape[1], beta=self.beta, n_iter=steps, W=W, H=H, update_W=False)[1]
        return np.swapaxes(H.T.reshape(*V.shape[:-2], V.shape[-1], -1), -1, -2)

    def magnitudes(self, V: ArrayLike, *, n_iter: int | None = None, bins: int | None = None) -> NDArray[Any]:
        """Return the magnitudes of every stem in a mixture.

        Parameters
        ----------
        V, n_iter, bins
            As in `activations`.

        Returns
        -------
        ndarray of shape (..., stems, freq, frames) and the dtype of `V`
            Frame-major in memory. Zero above `bins`.
        """
        V = magnitudes("V", V)
        bins = self._checked_bins(V, bins)
        H = np.swapaxes(self.activations(V, n_iter=n_iter, bins=bins), -1, -2)
        out = np.zeros((*V.shape[:-2], len(self.stems), V.shape[-1], self.bins), V.dtype)
        first = 0
        for j, stem in enumerate(self.stems):
            last = first + self.W[stem].shape[1]
            bands = H[..., first:last] @ self._rows(stem).T.astype(V.dtype, copy=False)
            out[..., j, :, :bins] = (bands if self.edges is None else expand(bands, self.edges, -1))[
                ..., :bins
            ]
            first = last
        return np.swapaxes(out, -1, -2)

    def save(self, path: str | os.PathLike[str], *, dtype: DTypeLike = np.float32) -> None:
        """Write the dictionary as a safetensors file, under a temporary name until it is complete.

        Parameters
        ----------
        path : path
        dtype : float16 or float32
            float16 halves the size; values err by up to 0.05 %, and those 144 dB below the peak of a spectrum
            vanish.

        Raises
        ------
        DictionaryError
            If the file cannot be written.
        """
        if np.dtype(dtype) not in (np.float16, np.float32):
            raise ParameterError(f"dtype must be float16 or float32, got {np.dtype(dtype)}.")
        tensors: dict[str, NDArray[Any]] = {}
        for stem in self.stems:
            spectra = self._rows(stem)
            # The peak of a spectrum becomes 1, in the middle of the range of float16.
            tensors[f"W.{stem}"] = (spectra / spectra.max(axis=0)).astype(dtype)
        if self.edges is not None:
            tensors["edges"] = self.edges.astype(np.int32)
        _dictionary_file.write(Path(path), tensors, self._parameters(), self.metadata)

    @classmethod
    def load(cls, name_or_path: str | os.PathLike[str]) -> Dictionary:
        """Read a dictionary that comes with the package, by its name, or a file.

        Parameters
        ----------
        name_or_path : str or path
            A name of `available`, or a file.

        Raises
        ------
        DictionaryError
            If there is no such name or file, or the file is not an intact dictionary.
        """
        name, content = _dictionary_file.read(name_or_path)
        tensors, parameters, metadata = _dictionary_file.parse(name, content)
        try:
            spectra = {stem: tensors.pop(f"W.{stem}") for stem in parameters["stems"]}
            edges = tensors.pop("edges", None)
            if tensors:
                raise ParameterError(f"it has unknown tensors: {', '.join(sorted(tensors))}.")
            return cls(W=spectra, edges=edges, metadata=metadata, **parameters)
        except KeyError as error:
            raise DictionaryError(f"{name}: is not a phasewise dictionary: it lacks {error}.") from error
        except (TypeError, ParameterError) as error:
            raise DictionaryError(f"{name}: is not an intact phasewise dictionary: {error}") from error

    def _rows(self, stem: str) -> NDArray[np.float32]:
        """Return the spectra of a stem with one row per band."""
        return self.W[stem] if self.edges is None else self.W[stem][self.edges[:-1]]

    def _parameters(self) -> dict[str, Any]:
        return {
            "stems": list(self.stems),
            "sample_rate": self.sample_rate,
            "n_fft": self.n_fft,
            "hop_length": self.hop_length,
            "window": self.window,
            "beta": self.beta,
            "n_iter": self.n_iter,
        }

    def _checked_bins(self, V: NDArray[Any], bins: int | None) -> int:
        if V.shape[-2] != self.bins:
            raise ParameterError(
                f"V must have {self.bins} bins on axis -2, as n_fft={self.n_fft} of the dictionary makes; "
                f"got shape {V.shape}."
            )
        return self.bins if bins is None else min(self.bins, integer("bins", bins))


def _checked_edges(edges: ArrayLike | None, bins: int) -> NDArray[np.int64] | None:
    if edges is None:
        return None
    result = np.asarray(edges, np.int64)
    if (
        result.ndim != 1
        or len(result) < 2
        or result[0] != 0
        or result[-1] != bins
        or (np.diff(result) < 1).any()
    ):
        raise ParameterError(
            f"edges must rise from 0 to the {bins} bins of the transform, got {result[:3].tolist()}...; "
            f"give the first bin of every band, then the number of bins."
        )
    result.setflags(write=False)
    return result
