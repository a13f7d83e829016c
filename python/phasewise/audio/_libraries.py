"""The optional libraries, imported where they are used, with one clear sentence when they are missing."""

from __future__ import annotations

import importlib
from types import ModuleType

from phasewise.errors import MissingDependencyError

__all__ = ["soundfile", "soxr"]


def soundfile() -> ModuleType:
    """Return the soundfile module."""
    return _load("soundfile", "reading and writing audio files")


def soxr() -> ModuleType:
    """Return the soxr module."""
    return _load("soxr", "resampling")


def _load(name: str, purpose: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:  # OSError: soundfile is there, the libsndfile it wants is not
        raise MissingDependencyError(
            f"{purpose} needs the package {name}, which cannot be imported ({error}); "
            f'pip install "phasewise[audio]".'
        ) from error
