"""What finds the magnitudes of the stems in a mixture: a dictionary, or a network of `phasewise.models`."""

from __future__ import annotations

import hashlib
import math
import os
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise._parameter_file import NETWORK_FORMAT, kind_of
from phasewise._validate import choice, integer
from phasewise.dictionary import Dictionary
from phasewise.errors import MissingDependencyError, ParameterError

__all__ = [
    "DEFAULT_MODEL",
    "DictionaryModel",
    "MagnitudeModel",
    "NetworkModel",
    "load_dictionary",
    "load_model",
]

DEFAULT_MODEL = "nmf-music4"
# How far around a frame networks without an end to what they see are trusted to look, in seconds.
_NETWORK_REACH = 1.0


class MagnitudeModel(ABC):
    """Finds magnitudes of stems.

    Attributes
    ----------
    name, digest : str
        Of the model; the digest names its exact state.
    stems : tuple of str
    sample_rate, n_fft, hop_length : int
    window : str
        Of the transform.
    power : float
        Exponent of the magnitudes in the Wiener filter.
    reach : int
        Samples around a frame that matter for it.
    """

    name: str
    digest: str
    stems: tuple[str, ...]
    sample_rate: int
    n_fft: int
    hop_length: int
    window: str
    power: float
    reach: int

    @property
    def bins(self) -> int:
        """Bins of the transform."""
        return self.n_fft // 2 + 1

    @abstractmethod
    def magnitudes(self, X: NDArray[Any], sample_rate: float) -> NDArray[Any]:
        """Return the magnitudes of every stem.

        Parameters
        ----------
        X : ndarray of complex64, shape (channels, freq, frames)
            Mixture at the model's own rate.
        sample_rate : float
            The rate of the audio before: above half of it there is nothing.

        Returns
        -------
        ndarray of float32, shape (channels, stems, freq, frames)
        """

    def targets(self, X: NDArray[Any], V: NDArray[Any]) -> NDArray[Any]:
        """Return the magnitudes that a phase recovery should judge, like ``V``."""
        return V


class DictionaryModel(MagnitudeModel):
    """Spectra per stem, whose activations are found by nonnegative matrix factorisation.

    What is factorised is the mean magnitude of the channels, so all channels get the same mask.

    Parameters
    ----------
    dictionary : Dictionary
    name : str
    n_iter : int, optional
        Iterations of the factorisation; None for those the dictionary was made for.
    """

    def __init__(self, dictionary: Dictionary, name: str, *, n_iter: int | None = None) -> None:
        self.dictionary, self.name = dictionary, name
        self.digest = dictionary.digest
        self.stems = tuple(dictionary.stems)
        self.sample_rate, self.n_fft = dictionary.sample_rate, dictionary.n_fft
        self.hop_length, self.window = dictionary.hop_length, dictionary.window
        self.power, self.reach = dictionary.power, dictionary.reach
        self.n_iter = dictionary.n_iter if n_iter is None else integer("fit_iterations", n_iter)

    def magnitudes(self, X: NDArray[Any], sample_rate: float) -> NDArray[Any]:
        """Return the magnitudes of every stem, the same in every channel."""
        heard = min(self.bins, math.ceil(self.bins * sample_rate / self.sample_rate))
        mean = np.abs(X).mean(axis=0, keepdims=True)
        V = self.dictionary.magnitudes(mean, n_iter=self.n_iter, bins=heard)
        return np.broadcast_to(V, (len(X), *V.shape[1:]))

    def targets(self, X: NDArray[Any], V: NDArray[Any]) -> NDArray[Any]:
        """Return the model's magnitudes at each channel's level, as its Wiener filter weighs them."""
        level = np.abs(X)
        mean = level.mean(axis=0)
        level /= np.where(mean > 0, mean, 1)
        if self.power != 2:
            energy = (V**2).sum(axis=1, keepdims=True)
            V = V ** (self.power / 2)
            total = (V**2).sum(axis=1, keepdims=True)
            V = V * np.sqrt(energy / np.where(total > 0, total, 1))
        return np.asarray(V * level[:, None])


class NetworkModel(MagnitudeModel):
    """A network that returns magnitudes, or whose result's magnitudes count.

    Parameters
    ----------
    network : module of `phasewise.models`
        `MagBS`, `OpenUnmix`, `BSRNN` or `Demixer`, whose own inversion is not used. Where there is no stem
        "other" or "rest", a stem "rest" takes what the others leave.
    name : str
    device : str
        Of torch.
    """

    window = "hann"
    power = 2.0

    def __init__(self, network: Any, name: str, *, device: str = "cpu") -> None:
        from phasewise.models import BSRNN, Demixer

        self.name, self._device = name, device
        network = network.eval().to(device)
        demixes = isinstance(network, Demixer)
        self._find = network.magnitudes if demixes else network
        self._takes_spectra = demixes or isinstance(network, BSRNN)
        own = network.transform
        self.sample_rate, self.n_fft, self.hop_length = own.sample_rate, own.n_fft, own.hop_length
        self.stems = tuple(network.stems)
        self._rest = not demixes and not ({"other", "rest"} & set(self.stems) and len(self.stems) > 1)
        if self._rest:
            self.stems = (*self.stems, "rest")
        self.reach = round(_NETWORK_REACH * self.sample_rate)
        self.digest = _digest(network)

    def magnitudes(self, X: NDArray[Any], sample_rate: float) -> NDArray[Any]:
        """Return the magnitudes of every stem."""
        import torch

        with torch.inference_mode():
            given = torch.from_numpy(X)[None].to(self._device)
            found = self._find(given if self._takes_spectra else given.abs())[0]
            found = found.abs().movedim(0, 1).cpu().numpy()
        if self._rest:
            left = np.maximum(np.abs(X) - found.sum(axis=1), 0)
            found = np.concatenate([found, left[:, None]], axis=1)
        return np.asarray(found, np.float32)


def _digest(network: Any) -> str:
    digest = hashlib.sha256(repr(network.config).encode())
    for name, value in sorted(network.state_dict().items()):
        digest.update(name.encode() + value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def load_model(model: Any, *, fit_iterations: int | None = None, device: str = "cpu") -> MagnitudeModel:
    """Return the model that an argument of `phasewise.separate` means.

    Parameters
    ----------
    model : str, path, Dictionary, network or MagnitudeModel
        "default", the name of a dictionary that comes with the package, the file of a dictionary or a
        network, or either itself.
    fit_iterations : int, optional
        Iterations of a dictionary's factorisation.
    device : str
        Where a network runs.

    Raises
    ------
    ParameterError
        If an argument does not fit the model.
    DictionaryError, ModelError
        If the file is corrupt.
    MissingDependencyError
        If it is a network, and torch is not installed.
    """
    if isinstance(model, MagnitudeModel):
        return model
    path = Path(model) if isinstance(model, str | os.PathLike) else None
    holds_network = path is not None and kind_of(path) == NETWORK_FORMAT
    if isinstance(model, Dictionary) or (path is not None and not holds_network):
        choice("device", device, ("cpu",))
        dictionary, name = load_dictionary(model)
        return DictionaryModel(dictionary, name, n_iter=fit_iterations)
    if fit_iterations is not None:
        raise ParameterError("fit_iterations must be None for a network, which fits nothing.")
    try:
        from phasewise.models.storage import load_network
    except ImportError as error:
        raise MissingDependencyError(
            f'{model} is a network, which needs torch ({error}); pip install "phasewise[torch]".'
        ) from error
    if path is not None:
        return NetworkModel(load_network(path), path.stem, device=device)
    return NetworkModel(model, "custom", device=device)


def load_dictionary(model: Any) -> tuple[Dictionary, str]:
    """Return the dictionary that an argument means, and its name."""
    if isinstance(model, Dictionary):
        return model, "custom"
    path = Path(model)
    name = DEFAULT_MODEL if os.fspath(model) == "default" else os.fspath(model)
    return Dictionary.load(name), path.stem if path.suffix else name
