"""The stems of one track, written together: all of them complete, or none."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise.audio.formats import Encoding
from phasewise.audio.rounding import quantize, settle_float_stems, settle_integer_stems
from phasewise.audio.writing import AudioWriter, make_folder

__all__ = ["StemWriter"]


class StemWriter:
    """Files of the stems of a track, block by block, whose samples sum to the mixture as it would be written.

    Integer files: the sum is the mixture (rounded to the files' width, if its own is larger), sample for
    sample. Float files: see ``settle_float_stems``. Lossy files (MP3, OGG): the encoder gets stems that sum
    to the mixture, what it makes of them does not.

    Parameters
    ----------
    paths : mapping of stem name to path or None
        In the order of the stems given to ``write``. None leaves a stem out of the folder, but in the sum.
    sample_rate, channels : int
    encoding : Encoding

    Attributes
    ----------
    clipped : int
        Samples of stems and mixture that were beyond the integers' range so far.
    """

    def __init__(
        self, paths: Mapping[str, Path | None], sample_rate: int, channels: int, encoding: Encoding
    ) -> None:
        self.encoding = encoding
        self.clipped = 0
        self._folders: list[Path] = []
        self._writers: list[AudioWriter | None] = []
        try:
            for path in paths.values():
                if path is not None:
                    self._folders = make_folder(path.parent) + self._folders
                self._writers.append(
                    None if path is None else AudioWriter(path, sample_rate, channels, encoding)
                )
        except BaseException:
            self.abort()
            raise

    def write(self, mixture: NDArray[Any], stems: NDArray[Any]) -> None:
        """Append ``mixture`` (channels, samples) as ``stems`` (stems, channels, samples)."""
        bits = self.encoding.bits
        if bits is not None:
            integers, clipped = quantize(mixture, bits)
            stems, clipped_stems = settle_integer_stems(integers, stems, bits)
            self.clipped += clipped + clipped_stems
        else:
            stems = settle_float_stems(mixture.astype(np.float32), stems)
        for writer, stem in zip(self._writers, stems, strict=True):
            if writer is not None:
                writer.write(stem)

    def commit(self) -> None:
        """Finish all files, then give them their names."""
        writers = [writer for writer in self._writers if writer is not None]
        for writer in writers:
            writer.finish()
        for writer in writers:
            writer.commit()

    def abort(self) -> None:
        """Remove the temporary files, and the folders that were made for them."""
        for writer in self._writers:
            if writer is not None:
                writer.abort()
        for folder in self._folders:
            with contextlib.suppress(OSError):
                os.rmdir(folder)

    def __enter__(self) -> StemWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.commit()
        finally:
            self.abort()
