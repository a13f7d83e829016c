"""What an audio file holds, and how stems are encoded for a wanted file format and bit depth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from phasewise._validate import choice
from phasewise.audio._libraries import soundfile
from phasewise.errors import ParameterError

__all__ = ["BIT_DEPTHS", "EXTENSIONS", "FORMATS", "AudioInfo", "Encoding", "encoding_for"]

# What a folder is searched for.
EXTENSIONS = (
    ".wav", ".wave", ".rf64", ".w64", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".caf",
)  # fmt: skip
FORMATS = ("wav", "flac", "mp3", "ogg")
BIT_DEPTHS = ("8", "16", "24", "32", "32f")

_INTEGER_BITS = {"PCM_S8": 8, "PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 32}
_LOSSY = {"mp3": ("MP3", "MPEG_LAYER_III"), "ogg": ("OGG", "VORBIS")}
# Above this a RIFF header overflows; RF64 is the same file with 64-bit sizes. The margin is for the header.
_RIFF_LIMIT = 2**32 - 2**16


@dataclass(frozen=True)
class AudioInfo:
    """What the header of an audio file says.

    Attributes
    ----------
    path : Path
        The file.
    sample_rate : int
        In Hz.
    channels, frames : int
        Number of channels, and of samples per channel.
    format, subtype : str
        libsndfile's names, e.g. ``"WAV"`` and ``"PCM_16"``.
    """

    path: Path
    sample_rate: int
    channels: int
    frames: int
    format: str
    subtype: str

    @property
    def bits(self) -> int | None:
        """Width of the integer samples, or None for floating-point and lossy files."""
        return _INTEGER_BITS.get(self.subtype)

    @property
    def is_float(self) -> bool:
        """Whether the samples are stored as floating-point numbers."""
        return self.subtype in ("FLOAT", "DOUBLE")

    @property
    def lossy(self) -> bool:
        """Whether decoding gives an approximation of what was encoded (MP3, Vorbis, Opus, a-law...)."""
        return self.bits is None and not self.is_float

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.frames / self.sample_rate


@dataclass(frozen=True)
class Encoding:
    """How a file is written.

    Attributes
    ----------
    format, subtype : str
        libsndfile's names.
    extension : str
        Of the file's name, without the dot.
    bits : int or None
        Width of integer samples; None for float and lossy encodings.
    lossy : bool
        Whether the written samples differ from the given ones: then no sum can be exact.
    """

    format: str
    subtype: str
    extension: str
    bits: int | None
    lossy: bool

    @property
    def bit_depth(self) -> str | None:
        """The name that ``encoding_for`` takes: ``"16"``, ``"32f"``...; None if lossy."""
        return None if self.lossy else "32f" if self.bits is None else str(self.bits)


def encoding_for(
    file_format: str, bit_depth: str | None, *, source: AudioInfo, channels: int | None = None
) -> Encoding:
    """Return the encoding of stems taken from ``source``.

    Parameters
    ----------
    file_format : {"wav", "flac", "mp3", "ogg"}
        File format of the stems.
    bit_depth : {"8", "16", "24", "32", "32f"} or None
        ``"32f"`` is 32-bit floating point. None keeps the source's depth where the format can hold it;
        floating-point sources become ``32f`` in WAV and 24 bits in FLAC, lossy ones 24 bits.
    source : AudioInfo
        Gives the sample rate, the length and the default depth.
    channels : int, optional
        Channels of the stems; None for the source's.

    Raises
    ------
    ParameterError
        If the format cannot hold this bit depth, sample rate or number of channels.
    """
    name = choice("format", file_format, FORMATS)
    channels = source.channels if channels is None else channels
    if name in _LOSSY:
        if bit_depth is not None:
            raise ParameterError(f"bit_depth has no meaning for {name}; leave it out, or choose wav or flac.")
        container, subtype = _LOSSY[name]
        encoding = Encoding(container, subtype, name, None, lossy=True)
    else:
        depth = (
            _default_depth(name, source) if bit_depth is None else choice("bit_depth", bit_depth, BIT_DEPTHS)
        )
        encoding = _flac(depth) if name == "flac" else _wav(depth, source.frames * channels)
    _check_possible(encoding, source.sample_rate, channels)
    return encoding


def _default_depth(name: str, source: AudioInfo) -> str:
    if source.bits is not None:
        return str(min(source.bits, 24) if name == "flac" else source.bits)
    return "32f" if source.is_float and name == "wav" else "24"


def _flac(depth: str) -> Encoding:
    if depth not in ("8", "16", "24"):
        raise ParameterError(f"flac holds 8, 16 or 24 bits, not {depth}; choose one of these, or wav.")
    subtype = "PCM_S8" if depth == "8" else f"PCM_{depth}"
    return Encoding("FLAC", subtype, "flac", int(depth), lossy=False)


def _wav(depth: str, samples: int) -> Encoding:
    bits = None if depth == "32f" else int(depth)
    container = "RF64" if samples * (bits or 32) // 8 > _RIFF_LIMIT else "WAV"
    subtype = "FLOAT" if bits is None else "PCM_U8" if bits == 8 else f"PCM_{bits}"
    return Encoding(container, subtype, "wav", bits, lossy=False)


_MP3_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


def _check_possible(encoding: Encoding, sample_rate: int, channels: int) -> None:
    name = encoding.extension
    if encoding.format == "MP3" and sample_rate not in _MP3_RATES:
        raise ParameterError(f"mp3 cannot hold a sample rate of {sample_rate} Hz; choose wav, flac or ogg.")
    most = {"MP3": 2, "FLAC": 8, "OGG": 255}.get(encoding.format, 1024)
    if channels > most:
        raise ParameterError(f"{name} holds at most {most} channels, the audio has {channels}; choose wav.")
    if not soundfile().check_format(encoding.format, encoding.subtype):
        raise ParameterError(f"the installed libsndfile cannot write {name}; choose wav or flac.")
