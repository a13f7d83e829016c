"""The file of a dictionary: safetensors, with the parameters as JSON in its header."""

from __future__ import annotations

import importlib.resources
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from phasewise.errors import DictionaryError

__all__ = ["available", "parse", "read", "write"]

_SUFFIX = ".safetensors"
_FORMAT = "phasewise-dictionary-1"
_PARAMETERS = "phasewise"  # key of the parameters in the header; all others are metadata


def available() -> list[str]:
    """Return the names of the dictionaries that come with the package."""
    names = (entry.name for entry in _folder().iterdir())
    return sorted(name.removesuffix(_SUFFIX) for name in names if name.endswith(_SUFFIX))


def read(name_or_path: str | os.PathLike[str]) -> tuple[str, bytes]:
    """Return a name for messages and the content of a packaged dictionary, or of a file."""
    name = os.fspath(name_or_path)
    if name in available():
        return name, _folder().joinpath(name + _SUFFIX).read_bytes()
    known = ", ".join(available()) or "none"
    path = Path(name)
    if not path.suffix and not path.exists():
        raise DictionaryError(
            f"There is no dictionary {name!r}: give one that comes with the package ({known}), or the path "
            f"of a file made by 'phasewise nmf fit'."
        )
    try:
        return name, path.read_bytes()
    except OSError as error:
        raise DictionaryError(
            f"{name}: cannot be read: {error.strerror}. Dictionaries that come with the package: {known}."
        ) from error


def parse(name: str, content: bytes) -> tuple[dict[str, NDArray[Any]], dict[str, Any], dict[str, str]]:
    """Return tensors, parameters and metadata."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    try:
        tensors = load(content)
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length]).get("__metadata__", {})
        parameters = json.loads(header.pop(_PARAMETERS, "{}"))
    except (SafetensorError, ValueError, KeyError) as error:
        raise DictionaryError(
            f"{name}: is not an intact safetensors file ({error}); get or make it again."
        ) from error
    if not isinstance(parameters, dict) or parameters.pop("format", None) != _FORMAT:
        raise DictionaryError(
            f"{name}: is not a dictionary of the format {_FORMAT!r}; make one with 'phasewise nmf fit'."
        )
    return tensors, parameters, header


def write(
    path: Path,
    tensors: Mapping[str, NDArray[Any]],
    parameters: Mapping[str, Any],
    metadata: Mapping[str, str],
) -> None:
    """Write a file, under a temporary name until it is complete."""
    from safetensors.numpy import save

    header = {_PARAMETERS: json.dumps({"format": _FORMAT, **parameters}), **metadata}
    content = _canonical(save(dict(tensors), metadata=header))
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        try:
            temporary.write_bytes(content)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise DictionaryError(f"{path}: cannot be written: {error.strerror}.") from error


def _canonical(content: bytes) -> bytes:
    """Sort the header, which safetensors writes in another order each time: equal files should be equal."""
    length = int.from_bytes(content[:8], "little")
    header = json.dumps(json.loads(content[8 : 8 + length]), sort_keys=True, separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # the data stay aligned
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def _folder() -> Any:
    return importlib.resources.files("phasewise").joinpath("data")
