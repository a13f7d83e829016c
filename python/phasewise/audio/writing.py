"""Writing audio files under a temporary name: a file is there when it is complete, or not at all."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise._validate import choice, integer, real_array
from phasewise.audio._libraries import soundfile
from phasewise.audio.formats import FORMATS, AudioInfo, Encoding, encoding_for
from phasewise.audio.rounding import quantize
from phasewise.errors import AudioDecodeError, ParameterError

__all__ = ["AudioWriter", "make_folder", "temporary_name", "write"]

_PART = 16384  # libsndfile's Vorbis encoder keeps what it is given on the stack


class AudioWriter:
    """An audio file being written, block by block, under a temporary name in its folder.

    ``commit`` gives it its name (in one step: an older file is replaced whole), ``abort`` removes it. As a
    context manager it commits at the end and aborts on any exception, ``KeyboardInterrupt`` included.

    Parameters
    ----------
    path : path
        Where the file goes; its folder must exist.
    sample_rate, channels : int
    encoding : Encoding

    Raises
    ------
    AudioDecodeError
        If the file cannot be written; the message names it and says why.
    """

    def __init__(
        self, path: str | os.PathLike[str], sample_rate: int, channels: int, encoding: Encoding
    ) -> None:
        self.path = Path(path)
        self.encoding = encoding
        self.clipped = 0
        self._temporary = temporary_name(self.path)
        library = soundfile()
        try:
            self._temporary.open("wb").close()  # the system's reason is better than libsndfile's
            self._file = library.SoundFile(
                os.fspath(self._temporary),
                "w",
                sample_rate,
                channels,
                subtype=encoding.subtype,
                format=encoding.format,
            )
        except (OSError, library.SoundFileError) as error:
            self._temporary.unlink(missing_ok=True)
            raise _unwritable(self.path, error) from error

    def write(self, block: NDArray[Any]) -> None:
        """Append ``(channels, samples)``: floats, or integers of the width of the encoding.

        Floats beyond full scale are limited in an integer file, and counted in ``clipped``.
        """
        bits = self.encoding.bits
        if bits is not None:
            if block.dtype.kind == "f":
                block, clipped = quantize(block, bits)
                self.clipped += clipped
            # libsndfile takes the upper bits of its 32-bit integers.
            block = block.astype(np.int32) << (32 - bits)
        elif not self.encoding.lossy:
            block = block.astype(np.float32, copy=False)
        frames = np.ascontiguousarray(block.T)
        try:
            for start in range(0, len(frames), _PART):
                self._file.write(frames[start : start + _PART])
        except (OSError, soundfile().SoundFileError, AssertionError) as error:
            raise _unwritable(
                self.path, error
            ) from error  # AssertionError: soundfile's short write, disk full

    def finish(self) -> None:
        """Write what is buffered and close the file, still under its temporary name."""
        try:
            self._file.close()
        except soundfile().SoundFileError as error:
            raise _unwritable(self.path, error) from error

    def commit(self) -> None:
        """Finish the file and give it its name."""
        self.finish()
        try:
            os.replace(self._temporary, self.path)
        except OSError as error:
            raise _unwritable(self.path, error) from error

    def abort(self) -> None:
        """Remove the temporary file."""
        with contextlib.suppress(Exception):
            self._file.close()
        self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> AudioWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.commit()
        finally:
            self.abort()


def write(
    path: str | os.PathLike[str],
    audio: NDArray[Any],
    sample_rate: int,
    *,
    file_format: str | None = None,
    bit_depth: str | None = None,
) -> None:
    """Write audio to a file, under a temporary name until it is complete.

    Parameters
    ----------
    path : path
        Missing folders are made.
    audio : ndarray of float32 or float64, shape (channels, samples) or (samples,)
        Full scale is 1.0. Nothing is rescaled: integer files limit what is beyond.
    sample_rate : int
        In Hz.
    file_format : {"wav", "flac", "mp3", "ogg"}, optional
        None takes it from the name's ending.
    bit_depth : {"8", "16", "24", "32", "32f"}, optional
        None for 24 bits in FLAC and 32-bit floats in WAV.

    Raises
    ------
    ParameterError
        If the format is unknown or cannot hold this audio.
    AudioDecodeError
        If the file cannot be written.
    """
    path = Path(path)
    audio = np.atleast_2d(real_array("audio", audio))
    if audio.ndim != 2:
        raise ParameterError(f"audio must have shape (channels, samples), got {audio.shape}.")
    name = choice("file_format", file_format or path.suffix.lower().lstrip("."), FORMATS)
    source = AudioInfo(path, integer("sample_rate", sample_rate), len(audio), audio.shape[-1], "WAV", "FLOAT")
    encoding = encoding_for(name, bit_depth, source=source)
    make_folder(path.parent)
    with AudioWriter(path, source.sample_rate, source.channels, encoding) as writer:
        writer.write(audio)


def temporary_name(path: Path) -> Path:
    """Return the hidden name, in the same folder, under which ``path`` is written."""
    return path.with_name(f".{path.name}.{os.getpid()}.part")


def make_folder(folder: Path) -> list[Path]:
    """Make ``folder`` and what leads to it; return what was made, innermost first.

    Raises
    ------
    AudioDecodeError
        If that is not possible, or nothing can be written there; the message names the folder and the reason.
    """
    missing = []
    for parent in (folder, *folder.parents):
        if parent.exists():
            break
        missing.append(parent)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudioDecodeError(f"cannot make the folder {folder}: {error.strerror}.") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise AudioDecodeError(f"cannot write into the folder {folder}: Permission denied.")
    return missing


def _unwritable(path: Path, error: Exception) -> AudioDecodeError:
    reason = getattr(error, "strerror", None) or getattr(error, "error_string", None) or str(error)
    return AudioDecodeError(
        f"{path}: cannot be written: {str(reason).rstrip('.') or 'the disk may be full'}."
    )
