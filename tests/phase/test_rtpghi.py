"""RTPGHI: its twin, sounds whose phase is known, and what it owes to a stream."""

from __future__ import annotations

import doctest
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phasewise.phase.online import integration
from phasewise.reference.rtpghi import rtpghi as twin
from tolerances import relative_error, tolerance

N_FFT, HOP = 256, 64
DTYPES = [np.float64, np.float32]


def seed_of(rng, channels=1):
    return np.random.default_rng(rng).integers(0, 2**64, size=channels, dtype=np.uint64)


def frames(stream, V, size=1000):
    parts = [stream.push_frames(V[..., t : t + size]) for t in range(0, V.shape[-1], size)]
    return np.concatenate([*parts, stream.flush_frames()], axis=-1)


def samples(stream, V, size=1000, length=None):
    parts = [stream.push(V[..., t : t + size]) for t in range(0, V.shape[-1], size)]
    return np.concatenate([*parts, stream.flush(length)], axis=-1)


def music(n=6000, seed=0):
    """Gliding partials, attacks and a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    y = sum(np.sin(0.05 * k * t + k * 2e-6 * t**2) / k for k in range(1, 9))
    y *= 0.2 + np.exp(-(t % 2000) / 500)
    return y + 1e-3 * rng.standard_normal(n)


def awkward(shape=(33, 40)):
    """Magnitudes with ties, islands, silence, plateaus, and bins below any tolerance."""
    rng = np.random.default_rng(1)
    V = rng.uniform(0, 1, shape) ** 6
    V[V < 1e-4] = 0
    V[..., 7:9] = 0
    V[..., 12] = 0.5
    V[..., 4:7, 15:20] = 1
    V[..., 20:] = np.round(V[..., 20:], 2)
    V[..., 30:35] = 0
    return V


def phase_error(S, T):
    """Angle between two spectrograms, weighted by power, after turning them towards each other."""
    product = S * T.conj()
    return np.arccos(min(1.0, abs(product.sum()) / np.abs(product).sum()))


def convergence(S, V, **options):
    """Spectral convergence in dB: how far the magnitudes of the signal made of S are from V."""
    heard = abs(pw.stft(pw.istft(S, **options), **options))
    return 20 * np.log10(np.linalg.norm(heard - V) / np.linalg.norm(V))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lookahead", [0, 1])
@pytest.mark.parametrize("tol", [1e-3, 1e-6, 0.0])
@pytest.mark.parametrize("V", [awkward(), abs(pw.stft(music(3000), n_fft=128))], ids=["awkward", "music"])
def test_equals_twin(isa, V, dtype, lookahead, tol):
    V = V.astype(dtype)
    n_fft = 2 * (len(V) - 1)
    stream = pw.RTPGHI(n_fft, 16, lookahead=lookahead, tol=tol, rng=5)
    expected = twin(V, 16, n_fft, tol=tol, seed=seed_of(5)[0], lookahead=lookahead)
    for size in (1, 1000):
        S = frames(stream, V, size)
        assert S.dtype == np.result_type(dtype, np.complex64)
        assert relative_error(S, expected) < (1e-10 if dtype == np.float64 else 1e-5)


@pytest.mark.parametrize("n_fft", [1, 2, 3, 8, 33])
@pytest.mark.parametrize("count", [1, 2, 9])
@pytest.mark.parametrize("lookahead", [0, 1])
def test_few_bins_and_frames_equal_twin(rng, n_fft, count, lookahead):
    V = rng.uniform(0.1, 1, (1 + n_fft // 2, count))
    window = np.ones(n_fft)
    stream = pw.RTPGHI(n_fft, max(1, n_fft // 3), window=window, lookahead=lookahead)
    expected = twin(V, max(1, n_fft // 3), n_fft, window, lookahead=lookahead)
    assert relative_error(frames(stream, V), expected) < 1e-10


@pytest.mark.parametrize(
    "options", [{"window": "blackman"}, {"win_length": 150}, {"window": "hamming", "win_length": 201}]
)
def test_windows_equal_twin(options):
    V = abs(pw.stft(music(3000), n_fft=N_FFT, hop_length=30, **options))
    S = frames(pw.RTPGHI(N_FFT, 30, tol=0.0, **options), V)
    assert relative_error(S, twin(V, 30, tol=0.0, **options)) < 1e-10


@given(
    lookahead=st.integers(0, 1),
    channels=st.integers(1, 3),
    double=st.booleans(),
    center=st.booleans(),
    size=st.integers(1, 12),
    count=st.integers(4, 30),
    beyond=st.none() | st.integers(0, 100),
)
@settings(max_examples=60, deadline=None)
def test_any_split_gives_the_samples_of_the_whole(lookahead, channels, double, center, size, count, beyond):
    V = np.random.default_rng(count).uniform(0, 1, (channels, 65, count)).astype(DTYPES[not double]) ** 4
    transform = {"n_fft": 128, "hop_length": 32, "window": "hamming", "center": center}
    stream = pw.RTPGHI(**transform, lookahead=lookahead, rng=1, channels=channels)
    whole = frames(stream, V)
    determined = (count - 1) * 32 + (0 if center else 128)
    length = None if beyond is None else max(determined - 40, count * 32 - stream.latency) + min(beyond, 90)
    expected = pw.istft(whole, **transform, length=length or determined)
    y = samples(stream, V, size, length)
    assert stream.latency == 64 * center + 32 * lookahead
    assert y.shape[-1] == stream.latency + expected.shape[-1]
    assert not y[..., : stream.latency].any()
    np.testing.assert_array_equal(y[..., stream.latency :], expected)
    for c, seed in enumerate(seed_of(1, channels)):
        one = V[c].astype(np.float64)
        theirs = twin(one, 32, 128, "hamming", seed=seed, lookahead=lookahead)
        assert relative_error(whole[c], theirs) < (1e-10 if double else 1e-4)


def test_short_streams():
    V = np.ones((33, 1))
    for lookahead in (0, 1):
        stream = pw.RTPGHI(64, 16, lookahead=lookahead)
        first = stream.push(V)
        assert not first.any()
        rest = stream.flush(20)
        assert first.size + rest.size == stream.latency + 20
        assert np.isfinite(rest).all()
        assert stream.push(V[:, :0]).shape == (0,)
        with pytest.raises(pw.ParameterError, match="the stream has no frames"):
            stream.flush()
        assert stream.push_frames(V).shape == (33, 1 - lookahead)
        assert stream.flush_frames().shape == (33, lookahead)


# What is known of the phase of sounds: under a Gaussian window the gradient is exact.
GAUSS = {"n_fft": 512, "hop_length": 32, "window": ("gaussian", 64)}


@pytest.mark.parametrize("lookahead", [0, 1])
@pytest.mark.parametrize("frequency", [0.3, 1.234, 2.5])
def test_sinusoids_keep_their_phase(lookahead, frequency):
    S = pw.stft(np.cos(frequency * np.arange(8000)), **GAUSS)[:, 20:-20]
    assert phase_error(frames(pw.RTPGHI(**GAUSS, lookahead=lookahead, rng=0), abs(S)), S) < 0.02


@pytest.mark.parametrize("lookahead", [0, 1])
@pytest.mark.parametrize("slope", [1e-5, 4e-5, -3e-5])
def test_chirps_keep_their_phase(lookahead, slope):
    t = np.arange(8000)
    y = np.exp(-(((t - 4000) / 1500) ** 2)) * np.cos(1.0 * t + slope * t**2)
    S = pw.stft(y, **GAUSS)
    assert phase_error(frames(pw.RTPGHI(**GAUSS, lookahead=lookahead, rng=0), abs(S)), S) < 0.1


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("lookahead", [0, 1])
def test_impulses_keep_their_place(center, lookahead):
    y = np.zeros(4096)
    y[2100] = 1
    S = pw.stft(y, **GAUSS, center=center)
    stream = pw.RTPGHI(**GAUSS, center=center, lookahead=lookahead, rng=0)
    # The phase of the whole is free: the impulse may come out turned, but in its place.
    assert phase_error(frames(stream, abs(S)), S) < 0.05
    heard = samples(stream, abs(S), 1, length=4000)[stream.latency :]
    envelope = np.convolve(heard**2, np.ones(9), "same")
    assert abs(int(np.argmax(envelope)) - 2100) <= 4


def test_the_future_does_not_matter():
    V = abs(pw.stft(music(), n_fft=N_FFT))
    other = V.copy()
    other[:, 40:] = 0.3
    for lookahead in (0, 1):
        same, changed = (frames(pw.RTPGHI(N_FFT, lookahead=lookahead, rng=0), v) for v in (V, other))
        settled = 40 - lookahead
        np.testing.assert_array_equal(same[:, :settled], changed[:, :settled])
        assert relative_error(changed, same) > 0.1


@pytest.mark.parametrize("hop", [64, 32])
def test_between_random_phase_and_all_frames(hop):
    options = {"n_fft": N_FFT, "hop_length": hop}
    V = abs(pw.stft(music(12000), **options))
    random = V * np.exp(2j * np.pi * np.random.default_rng(0).random(V.shape))
    causal, ahead = (frames(pw.RTPGHI(**options, lookahead=k, rng=0), V) for k in (0, 1))
    offline = pw.pghi(V, hop_length=hop, rng=0)
    scores = [convergence(S, V, **options) for S in (random, causal, ahead, offline)]
    assert scores[0] > scores[1] + 8
    assert scores[1] > scores[2]
    assert scores[2] > scores[3] - 3


@pytest.mark.parametrize("lookahead", [0, 1])
def test_scale_does_not_matter(lookahead):
    V = abs(pw.stft(music(3000), n_fft=N_FFT)).astype(np.float32)
    S = frames(pw.RTPGHI(N_FFT, lookahead=lookahead, rng=0), V)
    for gain in (2.0**-90, 2.0**60):
        louder = frames(pw.RTPGHI(N_FFT, lookahead=lookahead, rng=0), V * np.float32(gain))
        np.testing.assert_array_equal(louder, S * np.float32(gain))


@pytest.mark.parametrize("level", [1e-308, 1e-160, 1e300])
@pytest.mark.parametrize("lookahead", [0, 1])
def test_any_level_is_finite_and_magnitudes_are_kept(lookahead, level):
    V = awkward()
    V[:, 20:22] *= level
    S = frames(pw.RTPGHI(64, 16, lookahead=lookahead, rng=0), V)
    assert np.isfinite(S).all()
    np.testing.assert_allclose(abs(S), V, rtol=1e-12)
    silence = samples(pw.RTPGHI(64, 16, lookahead=lookahead), np.zeros((33, 9)))
    assert not silence.any()


def test_random_phases_come_from_rng():
    V = np.full((33, 10), 1e-9)
    V[16] = 1
    stream = pw.RTPGHI(64, 16, rng=1)
    first, again = frames(stream, V), frames(stream, V, 3)
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first, frames(pw.RTPGHI(64, 16, rng=np.random.default_rng(1)), V))
    other = frames(pw.RTPGHI(64, 16, rng=2), V)
    assert phase_error(first[:16], other[:16]) > 1
    assert abs(np.exp(1j * np.angle(first[:16])).mean()) < 0.25
    two = frames(pw.RTPGHI(64, 16, rng=1, channels=2), np.stack([V, V]))
    np.testing.assert_array_equal(two[0], first)
    assert phase_error(two[0, :16], two[1, :16]) > 1


def test_out_is_used_and_nothing_else_is_made():
    V = np.abs(music(2 * 129 * 50)).reshape(2, 50, 129).astype(np.float32).swapaxes(-1, -2)
    stream = pw.RTPGHI(N_FFT, HOP, channels=2, lookahead=1, rng=0, dtype=np.float32)
    expected = stream.push(V)
    stream.reset()
    out = np.full((2, 50 * HOP + 3), np.nan, np.float32)
    tracemalloc.start()
    result = stream.push(V, out)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.shares_memory(result, out)
    np.testing.assert_array_equal(result, expected)
    assert np.isnan(out[:, 50 * HOP :]).all()
    assert peak < 20_000  # views, shapes, messages; the block is 52 kB


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"lookahead": 2}, "lookahead must be 0 or 1, got 2; phasewise.pghi sees all frames"),
        ({"lookahead": -1}, "lookahead must be an integer >= 0"),
        ({"tol": -1.0}, "tol must be a finite number"),
        ({"rng": "x"}, "rng must be None"),
        ({"channels": 0}, "channels must be an integer >= 1"),
        ({"hop_length": 0}, "hop_length must be an integer >= 1"),
    ],
)
def test_bad_parameters(arguments, message):
    with pytest.raises(pw.ParameterError, match=message):
        pw.RTPGHI(64, **arguments)


def test_bad_frames():
    stream = pw.RTPGHI(64)
    with pytest.raises(pw.ParameterError, match="magnitude_frames must be nonnegative"):
        stream.push(-np.ones((33, 2)))
    with pytest.raises(pw.ParameterError, match="magnitude_frames must have 1 \\+ n_fft // 2 = 33 bins"):
        stream.push_frames(np.ones((32, 2)))
    stream.push(np.ones((33, 2)))
    with pytest.raises(pw.ParameterError, match="the stream returns samples"):
        stream.push_frames(np.ones((33, 2)))
    assert "RTPGHI(n_fft=64, hop_length=16" in repr(stream)
    assert tolerance("phase", np.float32) < 1e-5


def test_examples_of_the_documentation():
    result = doctest.testmod(integration)
    assert result.attempted > 5
    assert result.failed == 0
