"""The file of a dictionary, and the dictionaries that come with the package."""

from __future__ import annotations

import importlib.resources
import os
from pathlib import Path
from typing import Any

from phasewise._parameter_file import DICTIONARY_FORMAT, ParameterFile
from phasewise.errors import DictionaryError

__all__ = ["available", "parse", "read", "write"]

_SUFFIX = ".safetensors"
_FILE = ParameterFile(DICTIONARY_FORMAT, "a dictionary", "make one with 'phasewise nmf fit'", DictionaryError)
parse, write = _FILE.parse, _FILE.write


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


def _folder() -> Any:
    return importlib.resources.files("phasewise").joinpath("data")
