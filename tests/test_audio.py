"""Audio files: round trips, exact sums, truncation, and nothing half-written."""

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


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def source(subtype="PCM_16", rate=RATE, channels=2, frames=1000, kind="WAV"):
    return audio.AudioInfo(None, rate, channels, frames, kind, subtype)


# rounding --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
@pytest.mark.parametrize("n_stems", [1, 2, 4, 5])
def test_integer_stems_sum_to_the_mixture(rng, bits, n_stems):
    stems = noise(rng, n_stems, 2, 20001, peak=0.99 / n_stems, dtype=np.float64)
    mixture, _ = audio.quantize(stems.sum(axis=0), bits)
    settled, clipped = audio.settle_integer_stems(mixture, stems, bits)
    np.testing.assert_array_equal(settled.sum(axis=0, dtype=np.int64), mixture)
    assert clipped == 0
    assert np.abs(settled - stems * 2.0 ** (bits - 1)).max() < 1 + 1e-6


def test_residue_goes_to_the_largest_rounding_error():
    stems = np.array([[0.4], [1.3], [0.45], [-0.2]]) / 128  # sums to 1.95; rounds to 0, 1, 0, 0
    mixture = np.array([2], np.int32)
    settled, _ = audio.settle_integer_stems(mixture, stems, 8)
    np.testing.assert_array_equal(settled[:, 0], [0, 1, 1, 0])
    settled, _ = audio.settle_integer_stems(np.array([0], np.int32), stems, 8)
    np.testing.assert_array_equal(settled[:, 0], [0, 1, 0, -1])


@pytest.mark.parametrize("bits", [8, 16, 24, 32])
def test_integer_sum_survives_full_scale_and_clipping(rng, bits):
    high = 2 ** (bits - 1) - 1
    mixture = rng.choice(np.array([-high - 1, -high, -1, 0, 1, high - 1, high]), size=(2, 4096)).astype(
        np.int32
    )
    stems = rng.choice([-3.0, -1.0, -0.5, 0.0, 1e-9, 0.999999, 1.0, 2.5], size=(3, 2, 4096))
    settled, clipped = audio.settle_integer_stems(mixture, stems, bits)
    np.testing.assert_array_equal(settled.sum(axis=0, dtype=np.int64), mixture)
    assert settled.min() >= -high - 1
    assert settled.max() <= high
    assert clipped == np.count_nonzero((np.rint(stems * (high + 1)) > high) | (stems < -1))


def test_stem_that_would_clip_keeps_its_limit_and_the_others_take_the_rest():
    settled, clipped = audio.settle_integer_stems(np.array([100], np.int32), np.array([[1.5], [-0.71875]]), 8)
    assert clipped == 1
    np.testing.assert_array_equal(settled[:, 0], [127, -27])


def test_settling_does_not_depend_on_how_the_audio_is_cut(rng):
    stems = noise(rng, 3, 1, 40000, peak=0.6)
    mixture, _ = audio.quantize(stems.sum(axis=0), 16)
    whole, _ = audio.settle_integer_stems(mixture, stems, 16)
    parts = [
        audio.settle_integer_stems(mixture[:, s], stems[..., s], 16)[0]
        for s in (slice(0, 777), slice(777, None))
    ]
    np.testing.assert_array_equal(np.concatenate(parts, axis=-1), whole)


@pytest.mark.parametrize("bits", [16, 24])
def test_float_stems_sum_to_a_mixture_that_came_from_integers(rng, bits):
    mixture = (rng.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (2, 30000)) / 2.0 ** (bits - 1)).astype(
        np.float32
    )
    stems = noise(rng, 4, 2, 30000, peak=0.9)
    stems[3] = mixture - stems[:3].sum(axis=0)
    settled = audio.settle_float_stems(mixture, stems)
    assert settled.dtype == np.float32
    np.testing.assert_array_equal(settled.astype(np.float64).sum(axis=0).astype(np.float32), mixture)
    assert np.abs(settled - stems).max() < 1e-6


def test_float_stems_sum_to_any_mixture_within_the_smallest_stem_s_last_place(rng):
    stems = noise(rng, 4, 2, 30000)
    mixture = stems.sum(axis=0)
    settled = audio.settle_float_stems(mixture, stems).astype(np.float64)
    error = np.abs(settled.sum(axis=0) - mixture)
    smallest = np.abs(settled).min(axis=0).astype(np.float32)
    assert (error <= np.spacing(smallest) / 2 + 1e-16).all()
    certain = smallest < np.abs(mixture)
    assert certain.mean() > 0.5
    np.testing.assert_array_equal(settled.sum(axis=0).astype(np.float32)[certain], mixture[certain])


def test_quantize_counts_what_it_clips():
    integers, clipped = audio.quantize(np.array([-1.5, -1.0, 0.25, 1.0]), 8)
    np.testing.assert_array_equal(integers, [-128, -128, 32, 127])
    assert clipped == 2


@pytest.mark.parametrize(
    ("mixture", "stems", "bits", "message"),
    [
        (np.zeros((2, 5), np.int32), np.zeros((3, 2, 6)), 16, "stems must have shape"),
        (np.full((2, 5), 200, np.int32), np.zeros((3, 2, 5)), 8, "mixture must fit 8 bits"),
        (np.zeros((2, 5), np.int32), np.zeros((3, 2, 5)), 33, "bits must be between"),
        (np.zeros((2, 5), np.int32), np.full((3, 2, 5), np.nan), 16, "stems must be finite"),
    ],
)
def test_settling_rejects(mixture, stems, bits, message):
    with pytest.raises(ParameterError, match=message):
        audio.settle_integer_stems(mixture, stems, bits)


# files -----------------------------------------------------------------------------------------------


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


# resampling ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), [(44100, 48000), (48000, 44100), (8000, 44100), (44100, 16000)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_streamed_resampling_is_the_whole_one(rng, old, new, dtype):
    x = noise(rng, 2, 20011, dtype=dtype)
    whole = audio.resample(x, old, new)
    resampler = audio.Resampler(old, new, 2, dtype)
    parts = list(resampler.stream(np.array_split(x, [1, 500, 501, 9000], axis=-1)))
    assert whole.shape == (2, round(20011 * new / old))
    assert whole.dtype == parts[0].dtype == dtype
    np.testing.assert_allclose(np.concatenate(parts, axis=-1), whole, atol=1e-6)


def test_resampling_keeps_a_tone(rng):
    x = np.sin(2 * np.pi * 1000 * np.arange(48000) / 48000)
    y = audio.resample(x, 48000, 44100, length=44100)
    expected = np.sin(2 * np.pi * 1000 * np.arange(44100) / 44100)
    assert np.abs(y - expected)[500:-500].max() < 1e-4
    assert audio.resample(x, 48000, 48000) is x
