"""What every network of this package is."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn
from typing_extensions import Self

from phasewise.errors import ModelError
from phasewise.models.configuration import TransformConfig

__all__ = ["Network"]


class Network(nn.Module):
    """A module made of a configuration, for spectra of one transform."""

    config: Any

    @property
    def transform(self) -> TransformConfig:
        """The transform whose spectra it takes, and the sample rate."""
        own: TransformConfig = self.config
        return own

    @classmethod
    def from_pretrained(cls, name_or_path: str | os.PathLike[str], **hub: Any) -> Self:
        """Return a trained network, ready for use.

        Parameters
        ----------
        name_or_path : str or path
            A network that comes with the package, a file, a folder that `save_pretrained` has written, or a
            repository "owner/name" of the Hugging Face hub.
        **hub
            Of ``huggingface_hub.hf_hub_download``: ``revision``, ``token``, ``local_files_only``...

        Raises
        ------
        ModelError
            If there is no such network, it is corrupt, or one of another class.
        MissingDependencyError
            If it is a repository, and huggingface_hub is not installed.
        """
        from phasewise.models.storage import find_network, load_network

        network = load_network(find_network(name_or_path, **hub))
        if not isinstance(network, cls):
            raise ModelError(
                f"{os.fspath(name_or_path)} is a {type(network).__name__}; load it with "
                f"{type(network).__name__}.from_pretrained."
            )
        return network

    def save_pretrained(
        self, folder: str | os.PathLike[str], *, metadata: Mapping[str, str] | None = None
    ) -> Path:
        """Write the network into a folder, which `from_pretrained` and the Hugging Face hub take.

        Parameters
        ----------
        folder : path
            Made if it is not there.
        metadata : mapping of str to str, optional
            Anything worth knowing: origin, licence, scores.

        Returns
        -------
        Path
            ``model.safetensors``; beside it stands ``config.json``, for people.

        Raises
        ------
        ModelError
            If the files cannot be written.
        """
        from phasewise.models.storage import save_folder

        return save_folder(self, Path(folder), metadata or {})
