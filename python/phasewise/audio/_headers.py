"""Checks of a file's length that libsndfile leaves out: it shortens a truncated file without a word."""

from __future__ import annotations

import mmap
import struct
from pathlib import Path
from typing import BinaryIO

from phasewise.audio.formats import AudioInfo
from phasewise.errors import AudioDecodeError

__all__ = ["check_length", "length_is_a_guess"]

_UNKNOWN = 2**32 - 1  # what a program that writes to a pipe puts where a size belongs


def check_length(info: AudioInfo) -> None:
    """Raise ``AudioDecodeError`` if libsndfile would deliver less than the file promises, or than it holds.

    WAV, RF64 and AIFF promise a size in bytes; the last page of an Ogg stream must be complete; an MP3 file
    without a length tag is counted frame by frame, because libsndfile guesses its length and stops there.
    """
    path = info.path
    if info.frames <= 0:
        raise AudioDecodeError(f"{path}: holds no samples.")
    with path.open("rb") as file:
        if info.format in ("WAV", "WAVEX", "RF64", "AIFF"):
            _check_chunks(path, file)
        elif info.format == "OGG":
            _check_last_page(path, file)
        elif info.format == "MP3" and length_is_a_guess(info):
            _check_mp3_guess(info, file)


def length_is_a_guess(info: AudioInfo) -> bool:
    """Return whether ``info.frames`` is libsndfile's estimate: an MP3 file without a Xing or Info tag."""
    if info.format != "MP3":
        return False
    with info.path.open("rb") as file:
        file.seek(_after_id3(file))
        start = file.read(512)
    return b"Xing" not in start and b"Info" not in start and b"VBRI" not in start


def _check_chunks(path: Path, file: BinaryIO) -> None:
    """Compare the size of the sample chunk of a RIFF, RIFX, RF64 or FORM file with what is there."""
    end = file.seek(0, 2)
    file.seek(0)
    magic = file.read(12)[:4]
    order = ">" if magic in (b"RIFX", b"FORM") else "<"
    long_size = None
    while len(header := file.read(8)) == 8:
        name, size = struct.unpack(f"{order}4sI", header)
        if name == b"ds64":
            long_size = struct.unpack("<Q", file.read(24)[8:16])[0]
            file.seek(size - 24, 1)
        elif name in (b"data", b"SSND"):
            if size == _UNKNOWN and long_size is not None:
                size = long_size
            present = end - file.tell()
            if size > present and size != _UNKNOWN:
                raise AudioDecodeError(
                    f"{path}: truncated: the header promises {size} bytes of samples, the file holds "
                    f"{present}. Get a complete copy, or export the file again."
                )
            return
        else:
            file.seek(size + size % 2, 1)


def _check_last_page(path: Path, file: BinaryIO) -> None:
    """Raise if the last page of an Ogg stream is cut."""
    end = file.seek(0, 2)
    start = max(0, end - 2 * 65536)  # a page has at most 65307 bytes
    file.seek(start)
    tail = file.read()
    at = tail.rfind(b"OggS")
    page = tail[at:]
    segments = page[26] if len(page) > 26 else 0
    length = 27 + segments + sum(page[27 : 27 + segments])
    if at < 0 or len(page) < 27 or len(page) < length:
        raise AudioDecodeError(
            f"{path}: truncated: it ends in the middle of an Ogg page. Get a complete copy, or export the "
            f"file again."
        )


# Bit rates in kbit/s by index: MPEG-1 layer III, and MPEG-2/2.5 layer III.
_MPEG1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = (44100, 48000, 32000)


def _check_mp3_guess(info: AudioInfo, file: BinaryIO) -> None:
    """Raise if libsndfile would stop more than a few frames before the end of an MP3 file without a tag."""
    at, samples = _after_id3(file), 0
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        while at + 4 <= len(data) and (frame := _mp3_frame(data[at : at + 4])) is not None:
            at += frame[0]
            samples += frame[1]
    if samples > info.frames + 4 * 1152:
        rate = info.sample_rate
        raise AudioDecodeError(
            f"{info.path}: an MP3 file of variable bit rate without a length tag: its length is taken for "
            f"{info.frames / rate:.1f} s, but it has {samples / rate:.1f} s. Rewrite it, e.g. "
            f'"ffmpeg -i {info.path.name} -c copy fixed.mp3".'
        )


def _mp3_frame(header: bytes) -> tuple[int, int] | None:
    """Return bytes and samples of the layer III frame with this header of four bytes; None if it is none."""
    (word,) = struct.unpack(">I", header)
    version, layer, rate, index = (word >> 19) & 3, (word >> 17) & 3, (word >> 12) & 15, (word >> 10) & 3
    if word >> 21 != 0x7FF or version == 1 or layer != 1 or rate in (0, 15) or index == 3:
        return None
    first = version == 3
    sample_rate = _RATES[index] >> (0 if first else 1 if version == 2 else 2)
    kilobits = (_MPEG1 if first else _MPEG2)[rate]
    samples = 1152 if first else 576
    return samples // 8 * 1000 * kilobits // sample_rate + ((word >> 9) & 1), samples


def _after_id3(file: BinaryIO) -> int:
    """Return where the audio of an MP3 file starts: after an ID3v2 tag if there is one."""
    file.seek(0)
    head = file.read(10)
    if len(head) < 10 or head[:3] != b"ID3":
        return 0
    size = 0
    for byte in head[6:10]:  # seven bits each
        size = size << 7 | byte & 0x7F
    return 10 + size + (10 if head[5] & 0x10 else 0)
