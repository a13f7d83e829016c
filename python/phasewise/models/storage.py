"""Networks as files: their weights, and the configuration that makes them again. No pickle."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from phasewise._parameter_file import NETWORK_FORMAT, ParameterFile
from phasewise._whole_file import whole_file
from phasewise.errors import MissingDependencyError, ModelError

__all__ = [
    "NETWORKS",
    "available",
    "find_network",
    "load_network",
    "make_network",
    "save_folder",
    "save_network",
]

# name -> module of this package that defines it
NETWORKS = {
    "MagBS": "magbs",
    "BSRNN": "bsrnn",
    "OpenUnmix": "open_unmix",
    "PhaseCRNN": "phase_crnn",
    "Demixer": "demixer",
}

_WEIGHTS = "model.safetensors"  # in a folder
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


def save_folder(network: nn.Module, folder: Path, metadata: Mapping[str, str]) -> Path:
    """Write weights and a readable configuration into a folder, and return the path of the weights."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        about = {"network": type(network).__name__, "config": network.config.to_dict(), **metadata}  # type: ignore[union-attr, operator]
        with whole_file(folder / "config.json") as temporary:
            temporary.write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise ModelError(f"{folder}: cannot be written: {error.strerror}.") from error
    save_network(network, folder / _WEIGHTS, metadata=metadata)
    return folder / _WEIGHTS


def available() -> dict[str, Path]:
    """Return the networks that come with the package, by name."""
    folder = Path(__file__).with_name("weights")
    return {path.stem: path for path in sorted(folder.glob("*.safetensors"))}


def find_network(name_or_path: str | os.PathLike[str], **hub: Any) -> Path:
    """Return the file that a name, a path, or a repository of the Hugging Face hub means.

    Parameters
    ----------
    name_or_path : str or path
    **hub
        Of ``huggingface_hub.hf_hub_download``.

    Raises
    ------
    ModelError
        If there is nothing of that name.
    MissingDependencyError
        If it can only be a repository, and huggingface_hub is not installed.
    """
    name, path = os.fspath(name_or_path), Path(name_or_path)
    if name in available():
        return available()[name]
    if path.is_dir():
        path = path / _WEIGHTS
    if path.is_file():
        return path
    owner, _, repository = name.partition("/")
    if path.suffix or not owner or not repository or "/" in repository or path.parent.is_dir():
        known = ", ".join(available()) or "none"
        raise ModelError(
            f"{name}: there is no such network. Give one that comes with the package ({known}), a file, a "
            f"folder with {_WEIGHTS}, or a repository 'owner/name'."
        )
    try:
        from huggingface_hub import hf_hub_download
    except ImportError as error:
        raise MissingDependencyError(
            f'{name} is a repository, which needs huggingface_hub ({error}); pip install "phasewise[hub]".'
        ) from error
    try:
        return Path(hf_hub_download(name, _WEIGHTS, **hub))
    except (OSError, ValueError) as error:  # the hub's errors are kinds of these
        raise ModelError(f"{name}: cannot be had from the Hugging Face hub: {error}") from error
