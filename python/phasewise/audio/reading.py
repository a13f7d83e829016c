"""Reading audio files block by block, and noticing when one ends too early."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise._validate import integer
from phasewise.audio import _headers
from phasewise.audio._libraries import soundfile
from phasewise.audio.formats import AudioInfo
from phasewise.errors import AudioDecodeError

__all__ = ["BLOCK", "AudioReader", "info", "read"]

BLOCK = 65536  # samples per channel in one read
_UNKNOWN = 2**62  # libsndfile's length of a stream of unknown length is 2**63 - 1


class AudioReader:
    """An audio file, read from start to end in blocks.

    Samples come as ``(channels, samples)``: float64 from 32-bit integer and double files, float32 from all
    others, which loses nothing: every integer sample of up to 24 bits is a float32.

    Parameters
    ----------
    path : path
        A WAV, FLAC, OGG, MP3, AIFF... file.

    Attributes
    ----------
    info : AudioInfo
        What the header says.
    position : int
        Samples per channel read so far.

    Raises
    ------
    AudioDecodeError
        If the file cannot be opened, is empty, or is shorter than its header says. Files whose end is found
        by decoding only (FLAC, MP3) raise it from ``read``.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._file = _open(self.path)
        self.position = 0
        try:
            frames = int(self._file.frames)
            self.info = AudioInfo(
                self.path,
                int(self._file.samplerate),
                int(self._file.channels),
                frames if frames < _UNKNOWN else _counted(self.path),
                str(self._file.format),
                str(self._file.subtype),
            )
            _headers.check_length(self.info)
        except BaseException:
            self._file.close()
            raise
        self.dtype = np.dtype(np.float64 if self.info.subtype in ("PCM_32", "DOUBLE") else np.float32)

    def read(self, frames: int = -1) -> NDArray[Any]:
        """Return the next ``frames`` samples of every channel (all that are left if negative).

        Returns
        -------
        ndarray of shape (channels, n)
            ``n`` is less than ``frames`` at the end of the file only, and 0 after it.
        """
        left = self.info.frames - self.position
        wanted = left if frames < 0 else min(frames, left)
        try:
            block = self._file.read(wanted, dtype=self.dtype.name, always_2d=True)
        except soundfile().SoundFileError as error:
            raise self._stopped(f"the decoder gave up ({_reason(error)})") from error
        self.position += len(block)
        if len(block) < wanted and not _headers.length_is_a_guess(self.info):
            raise self._stopped("the file ends there")
        audio = np.ascontiguousarray(block.T)
        if not np.isfinite(audio).all():
            raise AudioDecodeError(
                f"{self.path}: has samples that are NaN or infinite; export the file again."
            )
        return audio

    def blocks(self, frames: int = BLOCK) -> Iterator[NDArray[Any]]:
        """Yield the rest of the file in blocks of ``(channels, frames)``; the last may be shorter."""
        integer("frames", frames)
        while (block := self.read(frames)).shape[-1]:
            yield block

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> AudioReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _stopped(self, reason: str) -> AudioDecodeError:
        rate = self.info.sample_rate
        return AudioDecodeError(
            f"{self.path}: truncated or damaged: the header promises {self.info.frames} samples "
            f"({self.info.seconds:.2f} s), but decoding stops after {self.position} "
            f"({self.position / rate:.2f} s): {reason}. Get a complete copy, or export the file again."
        )


def info(path: str | os.PathLike[str]) -> AudioInfo:
    """Return what the header of an audio file says.

    Raises
    ------
    AudioDecodeError
        As ``AudioReader``.
    """
    with AudioReader(path) as reader:
        return reader.info


def read(path: str | os.PathLike[str]) -> tuple[NDArray[Any], int]:
    """Read a whole audio file.

    Returns
    -------
    audio : ndarray of shape (channels, samples)
        float32, or float64 from 32-bit integer and double files; full scale is 1.0.
    sample_rate : int
        In Hz.

    Raises
    ------
    AudioDecodeError
        If the file is unreadable, truncated or damaged; the message names it and says why.
    """
    with AudioReader(path) as reader:
        return reader.read(), reader.info.sample_rate


def _open(path: Path) -> Any:
    library = soundfile()
    if path.is_dir():
        raise AudioDecodeError(f"{path}: is a folder, not an audio file.")
    try:
        # libsndfile reports every failure of the system as "System error": ask the system itself first.
        path.open("rb").close()
    except OSError as error:
        raise AudioDecodeError(f"{path}: cannot be read: {error.strerror}.") from error
    if path.stat().st_size == 0:
        raise AudioDecodeError(f"{path}: is empty (0 bytes).")
    try:
        return _sequential(library)(os.fspath(path))
    except (library.SoundFileError, TypeError) as error:  # TypeError: a .raw file without parameters
        raise AudioDecodeError(
            f"{path}: cannot be decoded: {_reason(error)}. Formats read here: WAV, FLAC, OGG (Vorbis, Opus), "
            f"MP3, AIFF and what else libsndfile knows; convert others first, e.g. "
            f'"ffmpeg -i {path.name} song.wav".'
        ) from error


@functools.cache
def _sequential(library: ModuleType) -> Any:
    """Return soundfile's class without its seek after every block.

    That seek, to where the file is anyway, makes an MP3 decoder start afresh (the blocks then differ from the
    whole), costs time in FLAC, and fails in a stream of unknown length.
    """

    class Sequential(library.SoundFile):  # type: ignore[misc, name-defined]
        def seekable(self) -> bool:
            return False

    return Sequential


def _counted(path: Path) -> int:
    """Return the samples per channel of a file whose header does not say it: FLAC written to a pipe."""
    count = 0
    with _open(path) as file:
        while block := len(file.read(BLOCK, dtype="float32")):
            count += block
    return count


def _reason(error: Exception) -> str:
    text = str(getattr(error, "error_string", error)).strip().rstrip(".")
    return text or "no reason given"
