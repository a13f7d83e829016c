"""PU-Iter and the anisotropic Wiener filter of streams: the offline frames bit for bit, however they come."""

from __future__ import annotations

import doctest
import itertools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phasewise.filters import online as filter_module
from phasewise.phase.online import unwrapping as mixing_module
from phasewise.reference import anisotropic as filter_twin
from phasewise.reference import unwrapping as mixing_twin
from tolerances import relative_error, tolerance

N_FFT, HOP = 256, 64
DTYPES = [np.float64, np.float32]
# The stream, what it does offline, and options of both.
METHODS = {
    "pu_iter": (pw.OnlinePUIter, pw.pu_iter, {"n_iter": 7}),
    "anisotropic": (pw.OnlineAnisotropicWiener, pw.anisotropic_wiener, {"kappa": 1.3}),
}


@pytest.fixture(params=METHODS)
def method(request):
    return METHODS[request.param]


def scene(dtype=np.float64, sources=3, channels=1, frames=25, bins=1 + N_FFT // 2, seed=0):
    """Return mixture, magnitudes and onsets of many channels; with silence, and a bin that nobody fills."""
    rng = np.random.default_rng(seed)
    n = np.arange(frames * 20)
    y = [np.sin(0.05 * (1 + j) * (n + 9 * c)) for c in range(channels) for j in range(sources)]
    y = np.array(y).reshape(channels, sources, -1) + 0.1 * rng.standard_normal((channels, sources, n.size))
    n_fft = 2 * (bins - 1)
    S = pw.stft(y, n_fft=n_fft, hop_length=20)[..., :frames]
    V = np.abs(S) * rng.uniform(0.5, 1.5, S.shape)
    V[:, 0, 3:8, frames // 2 :] = 0
    V[..., 5, : frames // 3] = 0
    X = S.sum(axis=1)
    X[..., 9, :] = 0
    onsets = rng.random((channels, sources, frames)) < 0.2
    return X.astype(np.result_type(dtype, np.complex64)), V.astype(dtype), onsets


def cut(total, sizes):
    begin = 0
    for size in itertools.cycle(sizes):
        if begin == total:
            return
        yield slice(begin, min(total, begin + size))
        begin = min(total, begin + size)


def samples(stream, X, V, onsets, sizes, length=None):
    parts = [
        stream.push(X[..., i], V[..., i], onsets=None if onsets is None else onsets[..., i])
        for i in cut(X.shape[-1], sizes)
    ]
    assert all(
        p.shape[-1] == HOP * (i.stop - i.start) for p, i in zip(parts, cut(X.shape[-1], sizes), strict=True)
    )
    return np.concatenate([*parts, stream.flush(length)], axis=-1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("with_onsets", [False, True])
def test_frames_are_those_of_the_whole(isa, method, dtype, with_onsets):
    online, offline, options = method
    X, V, onsets = scene(dtype, channels=2)
    marks = onsets if with_onsets else None
    expected = offline(X, V, hop_length=HOP, onsets=marks, **options)
    stream = online(3, N_FFT, HOP, channels=2, **options)
    for sizes in ([100], [1], [0, 3, 7]):  # one after the other with the same object
        parts = [
            stream.push_frames(X[..., i], V[..., i], onsets=None if marks is None else marks[..., i])
            for i in cut(X.shape[-1], sizes)
        ]
        assert parts[0].dtype == X.dtype
        np.testing.assert_array_equal(np.concatenate(parts, axis=-1), expected)
        assert stream.flush_frames().shape == (2, 3, 1 + N_FFT // 2, 0)


@pytest.mark.parametrize("with_onsets", [False, True])
def test_mixing_equals_twin(isa, with_onsets):
    X, V, onsets = (array[0] for array in scene())
    marks = onsets if with_onsets else None
    ours = pw.OnlinePUIter(3, N_FFT, HOP, n_iter=10).push_frames(X, V, onsets=marks)
    assert relative_error(ours, mixing_twin.pu_iter(X, V, HOP, 10, onsets=marks)[0]) < 1e-10


@pytest.mark.parametrize("kappa", [0, 0.7, [0.5, 1.6, 3.0]], ids=str)
def test_filter_equals_twin(isa, kappa):
    X, V, onsets = (array[0] for array in scene())
    ours = pw.OnlineAnisotropicWiener(3, N_FFT, HOP, kappa=kappa).push_frames(X, V, onsets=onsets)
    assert relative_error(ours, filter_twin.anisotropic_wiener(X, V, HOP, kappa, onsets=onsets)[0]) < 1e-10


@pytest.mark.parametrize(
    "options",
    [
        {"mixing_weights": "magnitude"},
        {"mixing_weights": "equal"},
        {"mixing_weights": "refreshed", "model_weight": 0.3},
        {"mixing_weights": [0.1, 2.0, 0.7]},
        {"mixing_weights": 1},
        {"model_weight": 1e-3},
        {"n_iter": 0},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", DTYPES)
def test_options_of_pu_iter(options, dtype):
    X, V, _ = (array[0] for array in scene(dtype))
    stream = pw.OnlinePUIter(3, N_FFT, HOP, **options)
    np.testing.assert_array_equal(stream.push_frames(X, V), pw.pu_iter(X, V, hop_length=HOP, **options))


@pytest.mark.parametrize("sources", [1, 2, 4, 5])
@pytest.mark.parametrize("n_fft", [64, 254, 33])
def test_other_sizes(method, sources, n_fft):
    online, offline, options = method
    rng = np.random.default_rng(n_fft)
    X = rng.standard_normal((1 + n_fft // 2, 9, 2)).view(np.complex128)[..., 0]
    V = rng.uniform(0, 1, (sources, *X.shape)) ** 4
    frames = online(sources, n_fft, n_fft // 3, **options).push_frames(X, V)
    np.testing.assert_array_equal(frames, offline(X, V, n_fft=n_fft, hop_length=n_fft // 3, **options))


@given(
    name=st.sampled_from(list(METHODS)),
    n_fft=st.sampled_from([128, 200]),
    channels=st.integers(1, 2),
    double=st.booleans(),
    center=st.booleans(),
    marked=st.booleans(),
    sizes=st.lists(st.integers(0, 9), max_size=5).map(lambda sizes: [*sizes, 1 + sum(sizes)]),
    frames=st.integers(4, 30),
    beyond=st.none() | st.integers(0, 300),
)
@settings(max_examples=80, deadline=None)
def test_any_split_gives_the_samples_of_the_whole(
    name, n_fft, channels, double, center, marked, sizes, frames, beyond
):
    online, offline, options = METHODS[name]
    X, V, onsets = scene(DTYPES[not double], channels=channels, frames=frames, bins=1 + n_fft // 2)
    transform = {"hop_length": HOP, "window": "hamming", "center": center}
    stream = online(3, n_fft, channels=channels, **transform, **options)
    whole = offline(X, V, hop_length=HOP, onsets=onsets if marked else None, **options)
    determined = (frames - 1) * HOP + (0 if center else n_fft)
    length = None if beyond is None else max(determined, frames * HOP - stream.latency) + beyond
    expected = pw.istft(whole, n_fft=n_fft, length=length or determined, on_zero_overlap="mask", **transform)
    if beyond and beyond > n_fft // 2:
        return  # beyond what the last frame reaches: an error, tested elsewhere
    y = samples(stream, X, V, onsets if marked else None, sizes, length)
    assert y.shape[-1] == stream.latency + expected.shape[-1]
    assert not y[..., : stream.latency].any()
    np.testing.assert_array_equal(y[..., stream.latency :], expected)


@pytest.mark.parametrize("dtype", DTYPES)
def test_channels_are_loops(method, dtype):
    online, _, options = method
    X, V, onsets = scene(dtype, channels=3)
    together = samples(online(3, N_FFT, HOP, channels=3, **options), X, V, onsets, [4])
    alone = online(3, N_FFT, HOP, **options)
    for c in range(3):
        np.testing.assert_array_equal(samples(alone, X[c], V[c], onsets[c], [5]), together[c])
        with_axis = samples(alone, X[c : c + 1], V[c : c + 1], onsets[c : c + 1], [5])
        np.testing.assert_array_equal(with_axis, together[c : c + 1])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kappa", [0.0, 1.0, 500.0])
def test_filter_sums_to_the_mixture(isa, dtype, kappa):
    X, V, onsets = (array[0] for array in scene(dtype))
    stream = pw.OnlineAnisotropicWiener(3, N_FFT, HOP, kappa=kappa)
    frames = stream.push_frames(X, V, onsets=onsets)
    assert relative_error(frames.sum(axis=0), X) < tolerance("sum", dtype)
    if kappa == 0:
        np.testing.assert_array_equal(frames, pw.wiener(X, V))
    stream.reset()
    total = samples(stream, X, V, onsets, [3])[:, stream.latency :].sum(axis=0)
    assert relative_error(total, pw.istft(X, n_fft=N_FFT, hop_length=HOP)) < 2 * tolerance("istft", dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_silence_is_finite_and_carries_on(method, dtype):
    online, _, options = method
    X, V, _ = (array[0] for array in scene(dtype))
    V[..., 8:14] = 0
    X[:, 10:12] = 0
    y = samples(online(3, N_FFT, HOP, **options), X, V, None, [1])
    assert np.isfinite(y).all()
    assert not samples(online(3, N_FFT, HOP, **options), 0 * X, 0 * V, None, [2]).any()


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(
    ("n_fft", "hop", "window"), [(256, 64, "hamming"), (255, 60, "hamming"), (64, 56, "boxcar")]
)
def test_an_impulse_comes_when_declared(method, center, n_fft, hop, window):
    online, _, options = method
    transform = {"n_fft": n_fft, "hop_length": hop, "window": window, "center": center}
    y = np.zeros(3000)
    y[1501] = 1
    X = pw.stft(y, **transform)
    stream = online(1, **transform, **options)
    values = np.concatenate(
        [stream.push(X[:, [t]], abs(X[None, :, [t]])) for t in range(X.shape[-1])], axis=-1
    )
    assert stream.latency >= (n_fft // 2 if center else 0)
    # From samples to samples: what a transform waits for is declared by its own object.
    impulse = np.zeros(values.shape[-1])
    impulse[1501 + stream.latency] = 1
    if online is pw.OnlineAnisotropicWiener:  # a single source is the mixture
        np.testing.assert_allclose(values[0], impulse, atol=1e-12)
    else:  # the model has guessed the phases, but the place cannot be another
        assert abs(int(np.argmax(abs(values[0]))) - 1501 - stream.latency) <= n_fft // 2


def test_out_is_used_and_nothing_else_is_made(method):
    online, _, options = method
    X, V, onsets = scene(np.float32, channels=2, frames=60)
    stream = online(3, N_FFT, HOP, channels=2, dtype=np.float32, **options)
    expected = stream.push(X, V, onsets=onsets)
    stream.reset()
    turned = [np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2) for a in (X, V)]
    out = np.full((2, 3, 60 * HOP + 5), np.nan, np.float32)
    tracemalloc.start()
    result = stream.push(*turned, out, onsets=onsets)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.shares_memory(result, out)
    np.testing.assert_array_equal(result, expected)
    assert np.isnan(out[..., 60 * HOP :]).all()
    assert peak < 20_000  # views, shapes, messages; a frame of all sources would be 12 kB, the block 500 kB


def test_precision_follows_the_first_frames(method):
    online, _, options = method
    X, V, _ = (array[0] for array in scene(np.float32))
    stream = online(3, N_FFT, HOP, **options)
    assert stream.push(X, V).dtype == np.float32
    with pytest.raises(pw.ParameterError, match="more precision"):
        stream.push(X.astype(np.complex128), V)
    stream.reset()
    assert stream.push(X.astype(np.complex128), V).dtype == np.float64


def test_a_stream_gives_samples_or_frames(method):
    online, _, options = method
    X, V, _ = (array[0] for array in scene())
    stream = online(3, N_FFT, HOP, **options)
    stream.push(X, V)
    with pytest.raises(pw.ParameterError, match="the stream returns samples, now frames are asked for"):
        stream.push_frames(X, V)
    with pytest.raises(pw.ParameterError, match="the stream returns samples"):
        stream.flush_frames()
    stream.flush()
    with pytest.raises(pw.ParameterError, match="the stream has no frames"):
        stream.flush_frames()
    stream.push_frames(X, V)
    with pytest.raises(pw.ParameterError, match="the stream returns frames, now samples are asked for"):
        stream.push(X, V)
    with pytest.raises(pw.ParameterError, match="the stream returns frames"):
        stream.flush()
    stream.flush_frames()
    stream.push(X, V)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_sources": 0}, "n_sources must be an integer >= 1"),
        ({"hop_length": 0}, "hop_length must be an integer >= 1"),
        ({"channels": 0}, "channels must be an integer >= 1"),
        ({"window": "hann", "center": False}, "without energy"),
        ({"dtype": np.int16}, "dtype must be float32 or float64"),
    ],
)
def test_bad_parameters(method, arguments, message):
    online, _, options = method
    with pytest.raises(pw.ParameterError, match=message):
        online(**({"n_sources": 3, "n_fft": N_FFT} | options | arguments))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_iter": -1}, "n_iter must be an integer >= 0"),
        ({"mixing_weights": 0.5}, "mixing_weights of a stream must be a name, an exponent 0, 1 or 2"),
        ({"mixing_weights": np.ones((3, 4, 1))}, "mixing_weights of a stream must be"),
        ({"mixing_weights": [1.0, 2.0]}, "mixing_weights must broadcast"),
        ({"mixing_weights": "loud"}, "mixing_weights must be one of"),
        ({"model_weight": -1}, "model_weight must be a finite number"),
    ],
)
def test_bad_parameters_of_pu_iter(arguments, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.OnlinePUIter(3, N_FFT, **arguments)


def test_bad_kappa():
    with pytest.raises(pw.ParameterError, match="kappa must be a number or one number for each of the 3"):
        pw.OnlineAnisotropicWiener(3, kappa=[1, 2])
    with pytest.raises(pw.ParameterError, match=r"kappa must lie in \[0, 500\]"):
        pw.OnlineAnisotropicWiener(3, kappa=-1)


@pytest.mark.parametrize(
    "onsets", [np.zeros((3, 24), bool), np.zeros((3, 25)), np.zeros(25, bool), np.zeros((1, 3, 25), bool)]
)
def test_bad_onsets(method, onsets):
    online, _, options = method
    X, V, _ = (array[0] for array in scene())
    with pytest.raises(pw.ParameterError, match=r"onsets must be a boolean array of shape \(3, 25\)"):
        online(3, N_FFT, **options).push(X, V, onsets=onsets)


@pytest.mark.parametrize("module", [mixing_module, filter_module])
def test_examples_of_the_documentation(module):
    result = doctest.testmod(module)
    assert result.attempted > 5
    assert result.failed == 0
