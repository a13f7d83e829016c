"""Exceptions. Everything a user can cause derives from ``PhasewiseError``."""

from __future__ import annotations

__all__ = [
    "AudioDecodeError",
    "Cancelled",
    "DictionaryError",
    "MissingDependencyError",
    "ParameterError",
    "PhasewiseError",
]


class PhasewiseError(Exception):
    """Root of the package's exceptions."""


class ParameterError(PhasewiseError, ValueError):
    """An argument is wrong: the message names it, what was expected, what was given, and the cure."""


class AudioDecodeError(PhasewiseError, OSError):
    """An audio file cannot be read or written: the message names the file and the reason."""


class MissingDependencyError(PhasewiseError, ImportError):
    """An optional package is not installed: the message says which, and how to get it."""


class DictionaryError(PhasewiseError, ValueError):
    """An NMF dictionary file is corrupt or does not fit the audio."""


class Cancelled(PhasewiseError):
    """The user's callback asked to stop; nothing half-written is left behind."""
