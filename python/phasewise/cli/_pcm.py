"""Raw samples: reading them block by block, interruptibly and if need be by the clock, and writing stems."""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from phasewise.audio import AudioInfo, StemWriter, encoding_for
from phasewise.audio.rounding import quantize, settle_float_stems, settle_integer_stems
from phasewise.errors import AudioDecodeError, ParameterError

__all__ = ["FileOutput", "PcmReader", "PipeOutput", "Stop"]

_PATIENCE = 0.1  # seconds between two looks at the request to end
_TYPES = {"s16le": "<i2", "f32le": "<f4"}


class Stop:
    """Ctrl-C or a request to end (SIGTERM): remembered, so that no work is cut; the second one cuts it."""

    def __init__(self) -> None:
        self.requested = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Stop:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._hear)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


class PcmReader:
    """Blocks of interleaved samples of a file or of standard input.

    Parameters
    ----------
    name : str
        A file, or ``-``.
    sample_format : {"s16le", "f32le"}
    channels, rate, block : int
        ``block`` is the number of samples a channel.
    realtime : bool
        Whether a block is given away no earlier than its last sample would have been recorded.
    stop : Stop

    Attributes
    ----------
    due : float
        When the last block was complete: by the clock in real time, else when it had been read.
    left_over : int
        Bytes at the end that make no whole sample.
    """

    def __init__(
        self, name: str, sample_format: str, channels: int, rate: int, block: int, realtime: bool, stop: Stop
    ) -> None:
        self.name, self.due, self.left_over = "standard input" if name == "-" else name, 0.0, 0
        self._type = np.dtype(_TYPES[sample_format])
        self._channels, self._rate, self._block = channels, rate, block
        self._realtime, self._stop = realtime, stop
        self._began: float | None = None
        self._samples = 0
        try:
            own = name != "-"
            self._file = open(name if own else 0, "rb", buffering=0, closefd=own)  # noqa: SIM115
        except OSError as error:
            raise AudioDecodeError(f"{name}: cannot be read: {error.strerror}.") from None

    def read(self) -> NDArray[Any] | None:
        """Return the next samples (channels, n), full scale 1.0; None at the end."""
        if self._began is None:
            self._began = time.monotonic()
        size = self._channels * self._type.itemsize
        data = self._fill(self._block * size)
        if self._samples == 0 and data[:4] in (b"RIFF", b"RF64", b"fLaC", b"OggS", b"FORM"):
            raise ParameterError(
                f"{self.name} must be raw samples, but it starts like a {data[:4].decode()} file; decode it "
                f"first, e.g. ffmpeg -i song.wav -f s16le -ar {self._rate} -ac {self._channels} - | "
                "phasewise live."
            )
        count = len(data) // size
        self.left_over += len(data) % size
        if count == 0:
            return None
        self._samples += count
        values = np.frombuffer(data, self._type, count * self._channels).reshape(count, self._channels).T
        if self._realtime:
            self.due = self._began + self._samples / self._rate
            time.sleep(max(0.0, self.due - time.monotonic()))
        else:
            self.due = time.monotonic()
        samples: NDArray[Any] = values.astype(np.float32)
        if self._type.kind == "i":
            samples /= np.float32(2**15)
        elif not np.isfinite(values).all():
            raise AudioDecodeError(
                f"{self.name}: holds samples that are no numbers; is it {self._channels} channels of f32le?"
            )
        return samples

    def _fill(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            part = self._file.read(size - len(data)) if self._ready() else b""
            if not part:
                break
            data += part
        return bytes(data)

    def _ready(self) -> bool:
        """Wait for samples; return False once the end was requested."""
        while not self._stop.requested:
            try:
                if select.select([self._file], [], [], _PATIENCE)[0]:
                    return True
            except OSError:  # Windows waits for sockets only: the read itself has to
                return True
        return False

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class PipeOutput:
    """Stems side by side on standard output.

    Parameters
    ----------
    sample_format : {"s16le", "f32le"}
    chosen : list of int
        Which of the stems.
    skip : int
        Samples at the start that are left out.
    """

    def __init__(self, sample_format: str, chosen: list[int], skip: int) -> None:
        self.clipped = 0
        self._type, self._chosen, self._skip = np.dtype(_TYPES[sample_format]), chosen, skip

    def write(self, mixture: NDArray[Any], stems: NDArray[Any]) -> None:
        """Append ``stems`` (stems, channels, samples), which sum to ``mixture`` as it would be written."""
        start = min(self._skip, mixture.shape[-1])
        self._skip -= start
        mixture, stems = mixture[:, start:], stems[..., start:]
        if self._type.kind == "i":
            integers, clipped = quantize(mixture, 16)
            settled: NDArray[Any]
            settled, more = settle_integer_stems(integers, stems, 16)
            self.clipped += clipped + more
        else:
            settled = settle_float_stems(mixture, stems)
        frames = np.moveaxis(settled[self._chosen], -1, 0).astype(self._type)
        view = memoryview(frames.tobytes())
        while view:
            view = view[os.write(sys.stdout.fileno(), view) :]

    def close(self, *, good: bool) -> None:
        """Do nothing: every block has been written."""


class FileOutput:
    """A WAV file for every stem, under a temporary name until the stream has ended.

    Parameters
    ----------
    folder : Path
    names : list of str
        All stems.
    chosen : list of int
        Those that are written.
    sample_format : {"s16le", "f32le"}
    rate, channels : int
    skip : int
        Samples at the start that are left out.
    """

    def __init__(
        self,
        folder: Path,
        names: list[str],
        chosen: list[int],
        sample_format: str,
        rate: int,
        channels: int,
        skip: int,
    ) -> None:
        self._skip = skip
        self.paths = {name: folder / f"{name}.wav" for i, name in enumerate(names) if i in chosen}
        source = AudioInfo(folder, rate, channels, 0, "WAV", "FLOAT")
        encoding = encoding_for("wav", "16" if sample_format == "s16le" else "32f", source=source)
        self._writer = StemWriter({name: self.paths.get(name) for name in names}, rate, channels, encoding)

    @property
    def clipped(self) -> int:
        """Samples that were beyond full scale."""
        return self._writer.clipped

    def write(self, mixture: NDArray[Any], stems: NDArray[Any]) -> None:
        """Append ``stems`` (stems, channels, samples), which sum to ``mixture`` as it would be written."""
        start = min(self._skip, mixture.shape[-1])
        self._skip -= start
        if start < mixture.shape[-1]:
            self._writer.write(mixture[:, start:], stems[..., start:])

    def close(self, *, good: bool) -> None:
        """Give the files their names, or remove them."""
        try:
            if good:
                self._writer.commit()
        finally:
            self._writer.abort()
