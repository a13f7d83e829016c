"""Streams, however they are cut, give the bits of the whole signal's transform, no later than declared."""

from __future__ import annotations

import doctest
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phasewise import streaming

DTYPES = [np.float32, np.float64]


def noise(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def cuts(total, sizes):
    """Yield (begin, end) of blocks of these sizes, again and again, until ``total`` is reached."""
    begin = 0
    for size in itertools.cycle(sizes):
        if begin == total:
            return
        end = min(total, begin + size)
        yield begin, end
        begin = end


def analyze(stream, y, sizes):
    """Return all frames of a stream cut into blocks of ``sizes``, after checking the announced numbers."""
    parts = []
    for begin, end in cuts(y.shape[-1], sizes):
        announced = stream.frames(end - begin)
        parts.append(stream.push(y[..., begin:end]))
        assert parts[-1].shape[-1] == announced
    return np.concatenate([*parts, stream.flush()], axis=-1)


def synthesize(stream, S, sizes, length=None):
    parts = []
    for begin, end in cuts(S.shape[-1], sizes):
        announced = stream.samples(end - begin)
        parts.append(stream.push(S[..., begin:end]))
        assert parts[-1].shape[-1] == announced
    return np.concatenate([*parts, stream.flush(length)], axis=-1)


@st.composite
def transforms(draw):
    n_fft = draw(st.integers(1, 90))
    win_length = draw(st.integers(1, n_fft))
    options = {
        "hop_length": draw(st.integers(1, 2 * n_fft + 20)),
        "win_length": win_length,
        "window": draw(st.sampled_from(["hann", "hamming", "boxcar", "array"])),
        "center": draw(st.booleans()),
        "pad_mode": draw(st.sampled_from(["constant", "reflect", "edge"])),
    }
    if options["window"] == "array":
        options["window"] = noise(win_length, seed=win_length)
    return n_fft, options


@given(
    transform=transforms(),
    samples=st.integers(0, 700),
    channels=st.integers(1, 3),
    sizes=st.lists(st.integers(0, 300), max_size=5).map(lambda sizes: [*sizes, 1 + sum(sizes)]),
    frame_sizes=st.lists(st.integers(0, 9), max_size=5).map(lambda sizes: [*sizes, 1]),
    double=st.booleans(),
    beyond=st.none() | st.integers(-5, 60),
)
@settings(max_examples=300, deadline=None)
def test_any_split_gives_the_bits_of_the_whole(
    transform, samples, channels, sizes, frame_sizes, double, beyond
):
    n_fft, options = transform
    y = noise((channels, samples), np.float64 if double else np.float32, samples)
    stream = pw.StreamingSTFT(n_fft, **options, channels=channels)
    if samples < (1 if options["center"] else n_fft):
        with pytest.raises(pw.ParameterError, match="y has"):
            pw.stft(y, n_fft=n_fft, **options)
        with pytest.raises(pw.ParameterError, match="the stream has"):
            analyze(stream, y, sizes)
        return
    expected = pw.stft(y, n_fft=n_fft, **options)
    S = analyze(stream, y, sizes)
    assert S.dtype == expected.dtype
    assert np.array_equal(S, expected)

    inverse = pw.StreamingISTFT(n_fft, **options, channels=channels, on_zero_overlap="mask")
    del options["pad_mode"]
    length = None if beyond is None else max(1, samples + beyond)
    whole = pw.STFT(n_fft, **options).synthesize(S, length, on_zero_overlap="mask")
    if length is not None and length < max(0, S.shape[-1] * options["hop_length"] - inverse.latency):
        with pytest.raises(pw.ParameterError, match="length must be at least"):
            synthesize(inverse, S, frame_sizes, length)
        return
    back = synthesize(inverse, S, frame_sizes, length)
    assert back.dtype == y.dtype
    assert np.array_equal(back, whole)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("pad_mode", ["constant", "reflect", "edge", None])
@pytest.mark.parametrize(("n_fft", "hop"), [(64, 16), (63, 20), (64, 64), (32, 100), (512, 128)])
def test_every_instruction_set_and_single_samples(isa, n_fft, hop, pad_mode, dtype):
    options = {"hop_length": hop, "center": pad_mode is not None, "pad_mode": pad_mode or "constant"}
    y = noise(1500, dtype)
    S = pw.stft(y, n_fft=n_fft, **options)
    whole = pw.STFT(n_fft, **options).synthesize(S, on_zero_overlap="mask")
    stream = pw.StreamingSTFT(n_fft, **options)
    inverse = pw.StreamingISTFT(n_fft, **options, on_zero_overlap="mask")
    for sizes in ([1], [hop], [999]):  # one after the other with the same objects
        assert np.array_equal(analyze(stream, y, sizes), S)
        assert np.array_equal(synthesize(inverse, S, sizes), whole)


def test_large_transforms_and_blocks(threads):
    y = noise((2, 60000), np.float32)
    S = pw.stft(y, pad_mode="reflect")
    assert np.array_equal(analyze(pw.StreamingSTFT(pad_mode="reflect", channels=2), y, [0, 25000, 17]), S)
    back = synthesize(pw.StreamingISTFT(channels=2), S, [50, 1], 60000)
    assert np.array_equal(back, pw.istft(S, length=60000))
    assert np.abs(back - y).max() < 2e-6


FRAMINGS = [
    {"n_fft": 64, "hop_length": 16},
    {"n_fft": 64, "hop_length": 16, "pad_mode": "reflect"},
    {"n_fft": 63, "hop_length": 20, "pad_mode": "edge"},
    {"n_fft": 64, "hop_length": 32, "win_length": 48},
    {"n_fft": 63, "hop_length": 15, "window": "hamming", "center": False},
    {"n_fft": 16, "hop_length": 14, "window": "boxcar"},
    {"n_fft": 16, "hop_length": 16, "window": "boxcar", "center": False},
]


@pytest.mark.parametrize("options", FRAMINGS)
def test_frames_come_when_declared(options):
    stream, hop = pw.StreamingSTFT(**options), options["hop_length"]
    arrival = [i for i in range(500) for _ in range(stream.push(np.zeros(1)).shape[-1])]
    late = np.array(arrival) - hop * np.arange(len(arrival))
    assert late.max() == late[0] == stream.latency
    if options.get("pad_mode") != "reflect":  # elsewhere the mirror image is known before the frame is
        assert late.min() == stream.latency


@pytest.mark.parametrize("options", FRAMINGS)
def test_an_impulse_comes_back_when_declared(options):
    delays = []
    for at in range(100, 100 + options["hop_length"]):
        analysis, synthesis = pw.StreamingSTFT(**options), pw.StreamingISTFT(**options)
        values, arrival = [], []
        for i in range(300):
            samples = synthesis.push(analysis.push(np.array([float(i == at)])))
            values.extend(samples)
            arrival.extend([i] * samples.size)
        assert np.abs(np.array(values) - (np.arange(len(values)) == at)).max() < 1e-12
        delays.append(arrival[at] - at)
    # Only the start of a stream waits for its mirror image.
    mirrored = options.get("pad_mode") == "reflect"
    assert max(delays) == analysis.latency + synthesis.latency - mirrored


def test_declared_latencies():
    assert pw.StreamingSTFT(2048, 512).latency == 1023
    assert pw.StreamingSTFT(2048, 512, pad_mode="reflect").latency == 1024
    assert pw.StreamingSTFT(2048, 512, center=False).latency == 2047
    assert pw.StreamingSTFT(2047, 512).latency == 1023
    assert pw.StreamingISTFT(2048, 512).latency == 1024
    assert pw.StreamingISTFT(2048, 1500, window="boxcar").latency == 1500
    assert pw.StreamingISTFT(2048, 512, center=False, window="hamming").latency == 0


def test_one_channel_with_and_without_its_axis():
    y = noise(1000)
    stream, inverse = pw.StreamingSTFT(64, 16), pw.StreamingISTFT(64, 16)
    bare, full = stream.push(y[:500]), stream.push(y[None, 500:])
    assert bare.ndim == 2
    assert full.shape[0] == 1
    assert full.ndim == stream.flush().ndim == 3
    assert inverse.push(bare).ndim == 1
    assert inverse.push(full).shape[0] == 1
    assert inverse.flush().ndim == 2


def test_flush_and_reset_start_anew():
    y = noise((2, 777), np.float32)
    stream, inverse = pw.StreamingSTFT(128, 32, channels=2), pw.StreamingISTFT(128, 32, channels=2)
    S = pw.stft(y, n_fft=128)
    for _ in range(2):
        assert np.array_equal(analyze(stream, y, [100]), S)
        assert np.array_equal(synthesize(inverse, S, [4], 777), pw.istft(S, length=777))
        stream.push(y)
        stream.reset()
        inverse.push(S)
        inverse.reset()


def test_precision_is_that_of_the_first_block():
    y = noise(500)
    stream = pw.StreamingSTFT(64)
    for dtype in (np.float64, np.float32, np.float64):
        block = y.astype(dtype)
        assert np.array_equal(analyze(stream, block, [100]), pw.stft(block, n_fft=64))
    stream.push(y[:0])
    assert stream.push(y[:100].astype(np.float32)).dtype == np.complex64
    with pytest.raises(pw.ParameterError, match="block has more precision than the stream, which is float32"):
        stream.push(y[100:])
    stream = pw.StreamingSTFT(64, dtype=np.float64)
    single = y.astype(np.float32)
    assert np.array_equal(analyze(stream, single, [100]), pw.stft(single, n_fft=64, dtype=np.complex128))
    with pytest.raises(pw.ParameterError, match="convert it, or make the stream with dtype=float64"):
        pw.StreamingSTFT(64, dtype=np.float32).push(y)
    S = pw.stft(y, n_fft=64)
    assert pw.StreamingISTFT(64).push(S).dtype == np.float64
    assert pw.StreamingISTFT(64).push(S.astype(np.complex64)).dtype == np.float32
    with pytest.raises(pw.ParameterError, match="frames has more precision"):
        pw.StreamingISTFT(64, dtype=np.float32).push(S)


@pytest.mark.parametrize("channels", [1, 2])
def test_out_is_used(channels):
    y = noise((channels, 1000), np.float32)
    S = pw.stft(y, n_fft=64)
    memory = np.zeros((channels, S.shape[-1] + 3, 33), np.complex64).swapaxes(-1, -2)  # written directly
    for out in (memory, np.zeros((channels, 33, 70), np.complex64)):  # by way of a copy
        stream = pw.StreamingSTFT(64, channels=channels)
        first = stream.push(y, out)
        assert np.shares_memory(first, out)
        last = stream.flush(out[..., first.shape[-1] :])
        assert np.shares_memory(last, out)
        assert np.array_equal(out[..., : S.shape[-1]], S)
        assert not out[..., S.shape[-1] :].any()
    for out in (np.zeros((channels, 1100), np.float32), np.zeros((1100, channels), np.float32).T):
        inverse = pw.StreamingISTFT(64, channels=channels)
        first = inverse.push(S, out)
        assert np.shares_memory(first, out)
        inverse.flush(1000, out[:, first.shape[-1] :])
        assert np.array_equal(out[:, :1000], pw.istft(S, length=1000))
        assert not out[:, 1000:].any()
    stream = pw.StreamingSTFT(64, channels=channels)
    for wrong in (memory[:, :, :3], memory[0], memory.astype(np.complex128), memory[:, 1:]):
        with pytest.raises(pw.ParameterError, match=r"out must have shape \(\d, 33, 61\) \(or more"):
            stream.push(y, wrong)
    assert np.array_equal(stream.push(y), S[..., :61])  # the refused blocks were not taken


def test_strided_blocks_are_read():
    y = noise((3000, 2), np.float32).T
    S = analyze(pw.StreamingSTFT(256, channels=2), y, [700])
    assert np.array_equal(S, pw.stft(y, n_fft=256))
    back = synthesize(pw.StreamingISTFT(256, channels=2), np.ascontiguousarray(S), [5])
    assert np.array_equal(back, pw.istft(S))


def test_gaps_are_refused_or_masked():
    with pytest.raises(
        pw.ParameterError, match=r"leave samples 0 to \d+ without energy.*on_zero_overlap='mask'"
    ):
        pw.StreamingISTFT(512, center=False)
    with pytest.raises(pw.ParameterError, match=r"hop_length=600 leave samples \d+ to \d+"):
        pw.StreamingISTFT(512, 600)
    S = pw.stft(noise(9000), n_fft=4096)
    inverse = pw.StreamingISTFT(4096)
    first = inverse.push(S)
    with pytest.raises(pw.ParameterError, match="leave samples 10238 to 10239 without energy"):
        inverse.flush(11000)  # past the last samples of the last window
    assert np.array_equal(np.r_[first, inverse.flush(10238)], pw.istft(S, length=10238))
    inverse = pw.StreamingISTFT(4096, on_zero_overlap="mask")
    whole = pw.istft(S, length=11000, on_zero_overlap="mask")
    assert np.array_equal(synthesize(inverse, S, [2], 11000), whole)


def test_a_huge_hop_needs_no_memory():
    hop = 10**12
    y = noise(300)
    stream = pw.StreamingSTFT(64, hop)
    assert np.array_equal(analyze(stream, y, [7]), pw.stft(y, n_fft=64, hop_length=hop))
    inverse = pw.StreamingISTFT(64, hop, on_zero_overlap="mask")
    assert inverse.latency == hop
    assert inverse.push(pw.stft(y, n_fft=64, hop_length=hop)).size == 0
    assert inverse.flush(40).size == 40


def test_a_failed_end_leaves_the_stream_alone():
    y = noise(100)
    stream = pw.StreamingSTFT(64, center=False)
    stream.push(y[:50])
    with pytest.raises(pw.ParameterError, match="the stream has 50 samples, but n_fft=64 with center=False"):
        stream.flush()
    S = stream.push(y[50:])
    assert np.array_equal(S, pw.stft(y, n_fft=64, center=False))
    inverse = pw.StreamingISTFT(64)
    with pytest.raises(pw.ParameterError, match="the stream has no frames; push at least one"):
        inverse.flush()
    S = pw.stft(y, n_fft=64)
    first = inverse.push(S)
    with pytest.raises(pw.ParameterError, match=f"length must be at least {first.size}.*got 3"):
        inverse.flush(3)
    assert np.array_equal(np.r_[first, inverse.flush(100)], pw.istft(S, length=100))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_fft": 0}, "n_fft must be an integer >= 1"),
        ({"hop_length": 0}, "hop_length must be an integer >= 1"),
        ({"win_length": 4000}, "win_length must be at most n_fft=2048"),
        ({"channels": 0}, "channels must be an integer >= 1, got 0"),
        ({"dtype": np.int16}, "dtype must be float32 or float64, got int16"),
        ({"dtype": np.complex64}, "dtype must be float32 or float64, got complex64"),
        ({"window": "hat"}, "window must be one of"),
        ({"pad_mode": "sideways"}, "pad_mode must be one of"),
    ],
)
def test_bad_parameters_are_explained(arguments, message):
    for stream in (pw.StreamingSTFT, pw.StreamingISTFT):
        with pytest.raises(pw.ParameterError, match=message):
            stream(**arguments)


def test_bad_blocks_are_explained():
    stream, inverse = pw.StreamingSTFT(64, channels=2), pw.StreamingISTFT(64)
    with pytest.raises(
        pw.ParameterError, match=r"block must have shape \(2, samples\) for channels=2, got \(9,\)"
    ):
        stream.push(np.zeros(9))
    with pytest.raises(
        pw.ParameterError, match=r"frames must have shape \(1, 33, frames\) or \(33, frames\).*\(2, 33, 5\)"
    ):
        inverse.push(np.zeros((2, 33, 5), complex))
    with pytest.raises(pw.ParameterError, match="frames must have 1 \\+ n_fft // 2 = 33 bins"):
        inverse.push(np.zeros((32, 5), complex))
    with pytest.raises(pw.ParameterError, match="block must be floating-point, got dtype int16"):
        stream.push(np.zeros((2, 9), np.int16))
    with pytest.raises(pw.ParameterError, match="block must be finite"):
        stream.push(np.full((2, 9), np.nan))
    with pytest.raises(
        pw.ParameterError, match="pad_mode must be 'constant', 'reflect' or 'edge' for a stream"
    ):
        pw.StreamingSTFT(64, pad_mode="symmetric")
    with pytest.raises(pw.ParameterError, match="samples must be an integer >= 0, got -1"):
        stream.frames(-1)
    assert "StreamingSTFT(n_fft=64, hop_length=16" in repr(stream)
    assert stream.channels == 2


def test_examples_of_the_documentation():
    result = doctest.testmod(streaming)
    assert result.attempted > 10
    assert result.failed == 0
