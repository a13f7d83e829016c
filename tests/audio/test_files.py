"""Audio files: round trips, truncation, and nothing half-written."""

import os
import sys

import numpy as np
import pytest
import soundfile

from phasewise import audio
from phasewise.errors import AudioDecodeError, MissingDependencyError, ParameterError

RATE = 44100


def noise(rng, *shape, peak=0.5, dtype=np.float32):
    return (peak * rng.uniform(-1, 1, shape)).astype(dtype)


def source(subtype="PCM_16", rate=RATE, channels=2, frames=1000, kind="WAV"):
    return audio.AudioInfo(None, rate, channels, frames, kind, subtype)


@pytest.mark.parametrize("channels", [1, 2, 3, 6])
@pytest.mark.parametrize(
    ("name", "depth", "step"),
    [
        ("wav", "8", 2**-7), ("wav", "16", 2**-15), ("wav", "24", 2**-23), ("wav", "32", 2**-31),
        ("wav", "32f", 0), ("flac", "8", 2**-7), ("flac", "16", 2**-15), ("flac", "24", 2**-23),
    ],
)  # fmt: skip
def test_lossless_round_trip(tmp_path, rng, name, depth, step, channels):
    path = tmp_path / f"x.{name}"
    x = noise(rng, channels, 30001, peak=0.99, dtype=np.float64 if depth == "32" else np.float32)
    if step:
        x = (np.rint(x / step) * step).astype(x.dtype)
    audio.write(path, x, 48000, bit_depth=depth)
    y, rate = audio.read(path)
    assert rate == 48000
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y, x)
    with audio.AudioReader(path) as reader:
        assert (reader.info.channels, reader.info.frames) == x.shape
        assert reader.info.bits == (None if depth == "32f" else int(depth))
        blocks = list(reader.blocks(777))
    np.testing.assert_array_equal(np.concatenate(blocks, axis=-1), x)


@pytest.mark.parametrize("name", ["mp3", "ogg"])
@pytest.mark.parametrize("channels", [1, 2])
def test_lossy_round_trip(tmp_path, name, channels):
    path = tmp_path / f"x.{name}"
    t = np.arange(RATE * 2) / RATE
    x = np.stack([0.4 * np.sin(2 * np.pi * (440 + 110 * c) * t) for c in range(channels)]).astype(np.float32)
    audio.write(path, x, RATE)
    y, rate = audio.read(path)
    assert (rate, y.shape, y.dtype) == (RATE, x.shape, np.float32)
    assert np.sqrt(np.mean((x - y)[:, 2000:-2000] ** 2)) < 0.01
    assert audio.info(path).lossy
    with audio.AudioReader(path) as reader:
        np.testing.assert_array_equal(np.concatenate(list(reader.blocks(1000)), axis=-1), y)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000, 192000])
def test_every_rate(tmp_path, rng, rate):
    for name in ("wav", "flac"):
        audio.write(tmp_path / f"x.{name}", noise(rng, 1, 100), rate)
        assert audio.info(tmp_path / f"x.{name}").sample_rate == rate


@pytest.mark.parametrize(
    ("name", "depth", "given", "message"),
    [
        ("aac", None, source(), "format must be one of"),
        ("flac", "32f", source(), "flac holds 8, 16 or 24 bits"),
        ("mp3", "16", source(), "bit_depth has no meaning for mp3"),
        ("mp3", None, source(rate=96000), "mp3 cannot hold a sample rate of 96000 Hz"),
        ("mp3", None, source(channels=6), "mp3 holds at most 2 channels"),
        ("flac", None, source(channels=9), "flac holds at most 8 channels"),
        ("wav", "12", source(), "bit_depth must be one of"),
    ],
)
def test_impossible_encodings(name, depth, given, message):
    with pytest.raises(ParameterError, match=message):
        audio.encoding_for(name, depth, source=given)


@pytest.mark.parametrize(
    ("name", "subtype", "depth"),
    [
        ("wav", "PCM_16", "16"), ("wav", "PCM_24", "24"), ("wav", "PCM_32", "32"), ("wav", "PCM_U8", "8"),
        ("wav", "FLOAT", "32f"), ("wav", "DOUBLE", "32f"), ("wav", "MPEG_LAYER_III", "24"),
        ("flac", "PCM_16", "16"), ("flac", "PCM_32", "24"), ("flac", "FLOAT", "24"), ("mp3", "PCM_16", None),
    ],
)  # fmt: skip
def test_default_depth_is_the_source_s(name, subtype, depth):
    assert audio.encoding_for(name, None, source=source(subtype)).bit_depth == depth


def test_huge_wav_files_get_64_bit_sizes():
    assert audio.encoding_for("wav", "24", source=source(frames=10**9)).format == "RF64"
    assert audio.encoding_for("wav", "24", source=source(frames=10**8)).format == "WAV"


# unreadable files ------------------------------------------------------------------------------------


def _written(folder, kind, rng):
    path = folder / f"song.{kind.removesuffix('24').removesuffix('64')}"
    options = {
        "wav": {"subtype": "PCM_16"},
        "wav24": {"subtype": "PCM_24"},
        "wav64": {"subtype": "PCM_16", "format": "RF64"},
        "ogg": {"format": "OGG", "subtype": "VORBIS"},
    }.get(kind, {})
    soundfile.write(path, noise(rng, RATE, 2), RATE, **options)
    return path


@pytest.mark.parametrize("kind", ["wav", "wav24", "wav64", "flac", "mp3", "aiff", "ogg"])
@pytest.mark.parametrize("kept", [0.5, 0.98])
@pytest.mark.filterwarnings("ignore")
def test_truncated_file_is_named(tmp_path, rng, kind, kept):
    path = _written(tmp_path, kind, rng)
    whole, _ = audio.read(path)
    assert whole.shape == (2, RATE)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(AudioDecodeError, match="truncated") as caught:
        audio.read(path)
    assert str(path) in str(caught.value)


def test_wav_written_to_a_pipe_has_no_size_and_is_read(tmp_path, rng):
    path = _written(tmp_path, "wav", rng)
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)
    assert audio.read(path)[0].shape == (2, RATE)


def test_flac_written_to_a_pipe_does_not_state_its_length_and_is_read(tmp_path, rng):
    path = _written(tmp_path, "flac", rng)
    whole, _ = audio.read(path)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0  # the 36 bits of STREAMINFO's number of samples
    data[22:26] = bytes(4)
    path.write_bytes(data)
    assert audio.info(path).frames == RATE
    np.testing.assert_array_equal(audio.read(path)[0], whole)


def _without_tag(path):
    """Cut the first frame of an MP3 file, which holds no sound but the length."""
    from phasewise.audio._headers import _mp3_frame

    data = path.read_bytes()
    assert data[36:40] in (b"Xing", b"Info")
    path.write_bytes(data[_mp3_frame(data[:4])[0] :])


def test_mp3_of_variable_rate_without_a_length_is_not_cut_in_silence(tmp_path, rng):
    path = tmp_path / "song.mp3"
    fading = noise(rng, 10 * RATE, 2) * np.linspace(1, 0, 10 * RATE)[:, None] ** 4
    soundfile.write(path, fading, RATE, bitrate_mode="VARIABLE", compression_level=0.3)
    assert audio.info(path).frames == 10 * RATE
    _without_tag(path)
    with pytest.raises(AudioDecodeError, match="variable bit rate without a length"):
        audio.read(path)


def test_mp3_of_constant_rate_needs_no_length(tmp_path, rng):
    path = tmp_path / "song.mp3"
    soundfile.write(path, noise(rng, RATE, 2), RATE, bitrate_mode="CONSTANT", compression_level=0.5)
    _without_tag(path)
    assert abs(audio.read(path)[0].shape[1] - RATE) < 2 * 1152 + 529


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"no audio at all " * 99, "cannot be decoded: Format not recognised"),
        (None, "No such file"),
    ],
)
def test_unreadable_file_is_named(tmp_path, content, message):
    path = tmp_path / "song.wav"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(AudioDecodeError, match=message) as caught:
        audio.read(path)
    assert str(path) in str(caught.value)


def test_folder_is_not_a_file(tmp_path):
    with pytest.raises(AudioDecodeError, match="is a folder"):
        audio.read(tmp_path)


def test_header_without_samples(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.zeros((0, 2)), RATE)
    with pytest.raises(AudioDecodeError, match="holds no samples"):
        audio.read(tmp_path / "x.wav")


def test_nan_in_a_file_is_refused(tmp_path):
    soundfile.write(tmp_path / "x.wav", np.array([0.0, np.nan]), RATE, subtype="FLOAT")
    with pytest.raises(AudioDecodeError, match="NaN"):
        audio.read(tmp_path / "x.wav")


def test_missing_library_is_explained(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "soundfile", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "phasewise\[audio\]"'):
        audio.read(tmp_path / "x.wav")


# writing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_nothing_is_left_behind_when_writing_stops(tmp_path, rng, error):
    encoding = audio.encoding_for("wav", "16", source=source())
    old = tmp_path / "a.wav"
    old.write_bytes(b"an older file")
    paths = {"a": old, "b": tmp_path / "new" / "deep" / "b.wav"}

    def interrupted():
        with audio.StemWriter(paths, RATE, 2, encoding) as writer:
            writer.write(noise(rng, 2, 5000), noise(rng, 2, 2, 5000))
            assert len(os.listdir(tmp_path)) == 3  # the old file, a temporary one and a folder
            raise error

    with pytest.raises(error):
        interrupted()
    assert os.listdir(tmp_path) == ["a.wav"]
    assert old.read_bytes() == b"an older file"


def test_files_appear_when_they_are_complete(tmp_path, rng):
    path = tmp_path / "x.flac"
    with audio.AudioWriter(path, RATE, 2, audio.encoding_for("flac", "16", source=source())) as writer:
        writer.write(noise(rng, 2, 5000))
        assert not path.exists()
    assert os.listdir(tmp_path) == ["x.flac"]


def test_stem_left_out_still_counts(tmp_path, rng):
    stems = noise(rng, 3, 1, 3000, peak=0.3)
    paths = {"a": tmp_path / "a.wav", "b": None, "c": tmp_path / "c.wav"}
    with audio.StemWriter(
        paths, RATE, 1, audio.encoding_for("wav", "16", source=source(channels=1))
    ) as writer:
        writer.write(stems.sum(axis=0), stems)
    rest = stems.sum(axis=0) - audio.read(tmp_path / "a.wav")[0] - audio.read(tmp_path / "c.wav")[0]
    assert sorted(os.listdir(tmp_path)) == ["a.wav", "c.wav"]
    np.testing.assert_allclose(rest, stems[1], atol=2 / 2**15)


def test_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AudioDecodeError, match="cannot make the folder"):
        audio.write(tmp_path / "file" / "x.wav", np.zeros((1, 10)), RATE)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs a device that is always full")
def test_full_disk_is_reported(tmp_path, monkeypatch, rng):
    from phasewise.audio import writing

    link = tmp_path / "full.wav"
    link.symlink_to("/dev/full")
    monkeypatch.setattr(writing, "temporary_name", lambda path: link)
    encoding = audio.encoding_for("wav", "16", source=source(channels=1))
    with (
        pytest.raises(AudioDecodeError, match=r"x\.wav: cannot be written"),
        audio.AudioWriter(tmp_path / "x.wav", RATE, 1, encoding) as writer,
    ):
        writer.write(noise(rng, 1, 10**6))
    assert not (tmp_path / "x.wav").exists()
