"""Exceptions. Everything a user can cause derives from ``PhasewiseError``."""

from __future__ import annotations

import importlib
import sys
from typing import Any

__all__ = [
    "AudioDecodeError",
    "Cancelled",
    "DictionaryError",
    "MissingDependencyError",
    "ModelError",
    "ParameterError",
    "PhasewiseError",
]


class PhasewiseError(Exception):
    """Root of the package's exceptions."""


class ParameterError(PhasewiseError, ValueError):
    """An argument is wrong: the message names it, what was expected, what was given, and the cure.

    In a program that has imported librosa it is a ``librosa.ParameterError`` as well, so that code written
    around `librosa.stft` still catches it after the transform has been exchanged. librosa is never imported
    for that.
    """

    def __new__(cls, *args: Any) -> ParameterError:
        return super().__new__(_caught_by_librosa(cls), *args)

    def __reduce__(self) -> tuple[Any, ...]:
        return ParameterError, self.args  # the process that unpickles makes its own class


_JOINED: dict[tuple[type, type], type[ParameterError]] = {}


def _caught_by_librosa(ours: type[ParameterError]) -> type[ParameterError]:
    """Return a class below `ours` and librosa's, which prints as `ours`; `ours` if librosa is not in use."""
    if "librosa" not in sys.modules:
        return ours
    try:
        theirs = importlib.import_module("librosa.util.exceptions").ParameterError
    except (ImportError, AttributeError):  # half imported, or another version
        return ours
    if issubclass(ours, theirs):
        return ours
    names = {"__module__": ours.__module__, "__qualname__": ours.__qualname__, "__doc__": ours.__doc__}
    return _JOINED.setdefault((ours, theirs), type(ours.__name__, (ours, theirs), names))


class AudioDecodeError(PhasewiseError, OSError):
    """An audio file cannot be read or written: the message names the file and the reason."""


class MissingDependencyError(PhasewiseError, ImportError):
    """An optional package is not installed: the message says which, and how to get it."""


class DictionaryError(PhasewiseError, ValueError):
    """An NMF dictionary file is corrupt or does not fit the audio."""


class ModelError(PhasewiseError, ValueError):
    """A network's file is corrupt, or its configuration makes no network."""


class Cancelled(PhasewiseError):
    """The user's callback asked to stop; nothing half-written is left behind."""
