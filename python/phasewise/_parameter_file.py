"""Files of arrays with the parameters that they belong to: safetensors, and JSON in its header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from phasewise._whole_file import whole_file
from phasewise.errors import PhasewiseError

__all__ = ["DICTIONARY_FORMAT", "NETWORK_FORMAT", "ParameterFile", "kind_of"]

DICTIONARY_FORMAT, NETWORK_FORMAT = "phasewise-dictionary-1", "phasewise-network-1"

_PARAMETERS = "phasewise"  # key of the parameters in the header; all others are metadata
_LONGEST_HEADER = 1 << 24


@dataclass(frozen=True)
class ParameterFile:
    """One kind of such files.

    Parameters
    ----------
    format : str
        Name and version, written into every file and checked when one is read.
    what : str
        Such a file, for messages: "a dictionary".
    cure : str
        How to get one, for messages.
    error : type
        What is raised.
    """

    format: str
    what: str
    cure: str
    error: type[PhasewiseError]

    def parse(
        self, name: str, content: bytes
    ) -> tuple[dict[str, NDArray[Any]], dict[str, Any], dict[str, str]]:
        """Return tensors, parameters and metadata; `name` is for messages."""
        from safetensors import SafetensorError
        from safetensors.numpy import load

        try:
            tensors = load(content)
            length = int.from_bytes(content[:8], "little")
            header = json.loads(content[8 : 8 + length]).get("__metadata__", {})
            parameters = json.loads(header.pop(_PARAMETERS, "{}"))
        except (SafetensorError, ValueError, KeyError) as error:
            raise self.error(
                f"{name}: is not an intact safetensors file ({error}); get or make it again."
            ) from error
        if not isinstance(parameters, dict) or parameters.pop("format", None) != self.format:
            raise self.error(f"{name}: is not {self.what} of the format {self.format!r}; {self.cure}.")
        return tensors, parameters, header

    def write(
        self,
        path: Path,
        tensors: Mapping[str, NDArray[Any]],
        parameters: Mapping[str, Any],
        metadata: Mapping[str, str],
    ) -> None:
        """Write a file, under a temporary name until it is complete."""
        from safetensors.numpy import save

        header = {**metadata, _PARAMETERS: json.dumps({"format": self.format, **parameters})}
        content = _canonical(save(dict(tensors), metadata=header))
        try:
            with whole_file(path) as temporary:
                temporary.write_bytes(content)
        except OSError as error:
            raise self.error(f"{path}: cannot be written: {error.strerror}.") from error


def kind_of(path: Path) -> str:
    """Return the format that a file says it has, or nothing; only its header is read."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(min(length, _LONGEST_HEADER)))["__metadata__"]
            return str(json.loads(header[_PARAMETERS])["format"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def _canonical(content: bytes) -> bytes:
    """Sort the header, which safetensors writes in another order each time: equal files should be equal."""
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the data stay aligned
    return len(header).to_bytes(8, "little") + header + content[8 + length :]
