"""Networks as files: their weights, and the configuration that makes them again. No pickle."""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from phasewise._parameter_file import NETWORK_FORMAT, ParameterFile
from phasewise.errors import ModelError

__all__ = ["NETWORKS", "load_network", "make_network", "save_network"]

# name -> module of this package that defines it
NETWORKS = {
    "MagBS": "magbs",
    "BSRNN": "bsrnn",
    "OpenUnmix": "open_unmix",
    "PhaseCRNN": "phase_crnn",
    "Demixer": "demixer",
}

_FILE = ParameterFile(NETWORK_FORMAT, "a network", "make one with 'phasewise train'", ModelError)


def make_network(name: str, config: Mapping[str, Any]) -> nn.Module:
    """Return a new network of a class of this package.

    Parameters
    ----------
    name : str
        A key of `NETWORKS`.
    config : mapping
        Arguments of its constructor, as ``network.config.to_dict()`` gives them.

    Raises
    ------
    ModelError
        If there is no such class, or it does not know an argument.
    """
    if name not in NETWORKS:
        raise ModelError(f"network must be one of {', '.join(NETWORKS)}; got {name!r}.")
    cls = getattr(importlib.import_module(f"phasewise.models.{NETWORKS[name]}"), name)
    try:
        network: nn.Module = cls(**config)
    except TypeError as error:
        raise ModelError(f"{name} cannot be made of {dict(config)}: {error}.") from error
    return network


def save_network(
    network: nn.Module, path: str | os.PathLike[str], *, metadata: Mapping[str, str] | None = None
) -> None:
    """Write a network as a safetensors file, under a temporary name until it is complete.

    Parameters
    ----------
    network : module
        Of a class in `NETWORKS`.
    path : path
    metadata : mapping of str to str, optional
        Anything worth knowing: origin, licence, scores.

    Raises
    ------
    ModelError
        If the file cannot be written.
    """
    tensors = {
        name: value.detach().cpu().contiguous().numpy() for name, value in network.state_dict().items()
    }
    parameters = {"network": type(network).__name__, "config": network.config.to_dict()}  # type: ignore[union-attr, operator]
    _FILE.write(Path(path), tensors, parameters, metadata or {})


def load_network(path: str | os.PathLike[str]) -> nn.Module:
    """Read a network, ready for use: not in training mode.

    Parameters
    ----------
    path : path

    Raises
    ------
    ModelError
        If there is no such file, it is not an intact network, or one of another version.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read: {error.strerror}.") from error
    tensors, parameters, _ = _FILE.parse(os.fspath(path), content)
    try:
        network = make_network(parameters["network"], parameters["config"])
        network.load_state_dict({name: torch.from_numpy(value) for name, value in tensors.items()})
    except (KeyError, RuntimeError, ValueError) as error:
        raise ModelError(f"{path}: is not an intact phasewise network: {error}") from error
    return network.eval()
