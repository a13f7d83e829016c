"""Dictionaries of spectra: what each stem sounds like, for supervised nonnegative matrix factorisation.

A dictionary holds nonnegative spectra ``W_j`` of every stem j. With these fixed, the factorisation of a
mixture yields their activations ``H_j``, and ``W_j H_j`` is the magnitude of the stem. The spectra may be
constant within bands of bins that become wider with frequency. Such a dictionary takes a fraction of the
memory, and as the Kullback-Leibler divergence between a spectrum and a model that is constant within a band
depends on the spectrum's sum over the band only, the activations are found from the sums: exactly, at a
fraction of the cost.

A frame may be factorised together with its surroundings: means of groups of neighbouring frames, in bands,
are further rows, for which every spectrum has values too. That tells an onset from a held note. The magnitude
of a stem is made of the rows of the frame itself.

Paper: P. Smaragdis, B. Raj and M. Shashanka, "Supervised and semi-supervised separation of sounds from
single-channel mixtures", ICA 2007.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from phasewise import _dictionary_file
from phasewise._bands import expand, pool
from phasewise._context import Neighbours, checked_edges
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
    neighbours : sequence of Neighbours
        Groups of frames around every frame that are factorised with it, of `phasewise._context`; needs
        `beta` 1.
    context : mapping of str to array of shape (sum of the bands of `neighbours`, k), nonnegative
        Values of the spectra of `W` for these groups, one after the other, weights included, in the scale of
        `W` as given and like it per bin. Needed with `neighbours`.
    power : float >= 0
        Exponent of the magnitudes in the Wiener filter that the dictionary was made for.

    Attributes
    ----------
    W : mapping of str to ndarray of float32, shape (freq, k)
        Spectra with all bins.
    context : mapping of str to ndarray of float32, shape (rows, k)
        What belongs to them around the frame.

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
    neighbours: Sequence[Neighbours] = ()
    context: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    power: float = 2.0

    def __post_init__(self) -> None:
        def store(name: str, value: Any) -> None:
            object.__setattr__(self, name, value)

        store("stems", tuple(str(stem) for stem in self.stems))
        for name in ("sample_rate", "n_fft", "hop_length", "n_iter"):
            store(name, integer(name, getattr(self, name)))
        store("beta", number("beta", self.beta))
        store("power", number("power", self.power, minimum=0.0))
        store("edges", None if self.edges is None else checked_edges(self.edges, self.bins))
        store("neighbours", tuple(self.neighbours))
        if not self.stems or len(set(self.stems)) < len(self.stems) or set(self.stems) != set(self.W):
            raise ParameterError(
                f"stems must name the keys of W, each once; got stems {list(self.stems)} and W of "
                f"{sorted(self.W)}."
            )
        if any(not stem or set(stem) & set("/\\") for stem in self.stems):
            raise ParameterError(f"stems must be usable as file names, got {list(self.stems)}.")
        spectra = {stem: self._checked(stem, self.W[stem]) for stem in self.stems}
        store("W", MappingProxyType({stem: W for stem, (W, _) in spectra.items()}))
        totals = {stem: total for stem, (_, total) in spectra.items()}
        store("context", MappingProxyType(self._checked_context(totals)))
        store("metadata", MappingProxyType({str(k): str(v) for k, v in self.metadata.items()}))

    def _checked(self, stem: str, spectra: ArrayLike) -> tuple[NDArray[np.float32], NDArray[Any]]:
        """Return spectra of the sum 1, and their sums as given."""
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
        return result, total

    def _checked_context(self, totals: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[np.float32]]:
        """Return the context in the scale of W."""
        if self.neighbours and self.beta != 1:
            raise ParameterError(f"neighbours need beta 1, for which bands are exact, got {self.beta:g}.")
        if any(group.edges[-1] != self.bins for group in self.neighbours):
            raise ParameterError(f"neighbours must have edges up to the {self.bins} bins of the transform.")
        if set(self.context) != (set(self.stems) if self.neighbours else set()):
            raise ParameterError(
                f"context must have the keys of W if there are neighbours, else none; got "
                f"{sorted(self.context)} and {len(self.neighbours)} neighbours."
            )
        rows = sum(group.bands for group in self.neighbours)
        result = {}
        for stem in self.stems if self.neighbours else ():
            values = magnitudes(f"context[{stem!r}]", self.context[stem]).astype(np.float64)
            if values.shape != (rows, len(totals[stem])):
                raise ParameterError(
                    f"context[{stem!r}] must have shape ({rows}, {len(totals[stem])}), one row per band of "
                    f"the neighbours and the spectra of W; got {values.shape}."
                )
            result[stem] = np.asarray(values / totals[stem], np.float32)
            result[stem].setflags(write=False)
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
    def reach(self) -> int:
        """Samples from a frame to the furthest of its neighbours."""
        return self.hop_length * max((group.reach for group in self.neighbours), default=0)

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
            if self.neighbours:
                digest.update(np.ascontiguousarray(self.context[stem], "<f4").tobytes())
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
        Every frame starts from equal shares and is factorised on its own: what is before or after it counts
        only as far as `neighbours` go, and there is silence beyond both ends of `V`. Cost per frame and
        iteration: 4 operations per row and spectrum; rows are bands (bins, if `beta` is not 1) and those of
        the neighbours.
        """
        from phasewise.factorization import nmf

        V = magnitudes("V", V)
        bins = self._checked_bins(V, bins)
        # Frames are independent: leading axes join the axis of frames, in frame-major memory.
        turned = np.swapaxes(V, -1, -2)
        frames, W = self._factorised(turned, bins)
        H = (frames.sum(axis=0, dtype=np.float64) * self.starting_shares(W)[:, None]).astype(V.dtype)
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
            context = self.context.get(stem, spectra[:0])
            # The peak of a spectrum becomes 1, in the middle of the range of float16.
            peak = np.concatenate([spectra, context]).max(axis=0)
            tensors[f"W.{stem}"] = (spectra / peak).astype(dtype)
            if self.neighbours:
                tensors[f"context.{stem}"] = (context / peak).astype(dtype)
        if self.edges is not None:
            tensors["edges"] = self.edges.astype(np.int32)
        for i, group in enumerate(self.neighbours):
            tensors[f"neighbours.{i}"] = group.edges.astype(np.int32)
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
            neighbours = [
                Neighbours(edges=tensors.pop(f"neighbours.{i}"), **group)
                for i, group in enumerate(parameters.pop("neighbours", ()))
            ]
            context = {stem: tensors.pop(f"context.{stem}") for stem in parameters["stems"] if neighbours}
            if tensors:
                raise ParameterError(f"it has unknown tensors: {', '.join(sorted(tensors))}.")
            return cls(
                W=spectra,
                edges=edges,
                neighbours=neighbours,
                context=context,
                metadata=metadata,
                **parameters,
            )
        except KeyError as error:
            raise DictionaryError(f"{name}: is not a phasewise dictionary: it lacks {error}.") from error
        except (TypeError, ParameterError) as error:
            raise DictionaryError(f"{name}: is not an intact phasewise dictionary: {error}") from error

    def _rows(self, stem: str) -> NDArray[np.float32]:
        """Return the spectra of a stem with one row per band."""
        return self.W[stem] if self.edges is None else self.W[stem][self.edges[:-1]]

    @cached_property
    def _totals(self) -> NDArray[np.float64]:
        """Sums of the spectra over all rows, those of the neighbours included."""
        widths = np.concatenate([np.zeros(0), *(np.diff(group.edges) for group in self.neighbours)])
        around = [widths @ self.context[s] if self.neighbours else np.zeros(k) for s, k in self.ranks.items()]
        return np.asarray(1 + np.concatenate(around), np.float64)

    def _factorised(self, V: NDArray[Any], bins: int) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return rows of the frames ``V`` (..., frames, freq) and of the spectra: (rows, n), (rows, k)."""
        edges, W = self.factorised_spectra(bins, V.dtype)
        rows = [pool(V[..., :bins].reshape(-1, bins).T, edges)]
        for group in self.neighbours:
            sums = group.rows(V, bins)
            rows.append(sums.reshape(-1, sums.shape[-1]).T)
        if not self.neighbours:
            return rows[0], W
        return np.concatenate([row.T for row in rows], axis=1).T, W

    def factorised_spectra(self, bins: int, dtype: DTypeLike) -> tuple[NDArray[np.int64], NDArray[Any]]:
        """Return the spectra as they are factorised, with one row per sum over a band.

        Parameters
        ----------
        bins : int
            Explain this many bins only, the lowest.
        dtype : float32 or float64
            Of the result.

        Returns
        -------
        edges : ndarray of int64, shape (bands + 1,)
            Of the bands of the frame itself, whose rows come first; those of `neighbours` follow.
        W : ndarray, shape (rows, sum of ranks)
        """
        edges = np.arange(self.bins + 1) if self.edges is None or self.beta != 1 else self.edges
        edges = np.append(edges[edges < bins], bins)
        W = [self.basis[edges[:-1]].astype(dtype) * np.diff(edges)[:, None].astype(dtype)]
        first = 0
        for group in self.neighbours:
            around = group.limited(bins)
            context = np.concatenate([self.context[stem][first:] for stem in self.stems], axis=1)
            W.append(context[: len(around) - 1].astype(dtype) * np.diff(around)[:, None].astype(dtype))
            first += group.bands
        return edges, np.concatenate(W)

    def starting_shares(self, W: NDArray[Any]) -> NDArray[np.float64]:
        """Return the start of the activations of a frame, as shares of the sum of its rows.

        Parameters
        ----------
        W : array of shape (rows, sum of ranks)
            The result of `factorised_spectra`.

        Returns
        -------
        ndarray of float64, shape (sum of ranks,)
            Every spectrum has the same share.
        """
        return np.asarray(1 / ((W.sum(axis=0, dtype=np.float64) / self._totals).sum() * self._totals))

    def _parameters(self) -> dict[str, Any]:
        return {
            "stems": list(self.stems),
            "sample_rate": self.sample_rate,
            "n_fft": self.n_fft,
            "hop_length": self.hop_length,
            "window": self.window,
            "beta": self.beta,
            "n_iter": self.n_iter,
            "power": self.power,
            "neighbours": [
                {"first": group.first, "last": group.last, "weight": group.weight}
                for group in self.neighbours
            ],
        }

    def _checked_bins(self, V: NDArray[Any], bins: int | None) -> int:
        if V.shape[-2] != self.bins:
            raise ParameterError(
                f"V must have {self.bins} bins on axis -2, as n_fft={self.n_fft} of the dictionary makes; "
                f"got shape {V.shape}."
            )
        return self.bins if bins is None else min(self.bins, integer("bins", bins))
