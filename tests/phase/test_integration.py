"""PGHI and SPSI: their twin, sounds whose phase is known, and what they are for."""

from __future__ import annotations

import numpy as np
import pytest

import phasewise as pw
from phasewise._framing import framing
from phasewise.phase._window_model import gaussian_model, main_lobe
from phasewise.reference import integration as twin
from tolerances import relative_error, tolerance

N_FFT, HOP, LENGTH = 512, 128, 128 * 60
METHODS = {"pghi": (pw.pghi, twin.pghi), "spsi": (pw.spsi, twin.spsi)}


def music(n=LENGTH, seed=0):
    """Gliding partials, attacks and a little noise."""
    rng = np.random.default_rng(seed)
    t = np.arange(n)
    y = sum(np.sin(0.05 * k * t + k * 2e-6 * t**2) / k for k in range(1, 9))
    y *= 0.2 + np.exp(-(t % 2000) / 500)
    return y + 1e-3 * rng.standard_normal(n)


def spectrogram(y, **options):
    return np.abs(pw.stft(y, **({"n_fft": N_FFT, "hop_length": HOP} | options)))


def convergence(S, V, **options):
    """Spectral convergence in dB: how far the magnitudes of the signal made of S are from V."""
    options = {"n_fft": N_FFT, "hop_length": HOP} | options
    heard = spectrogram(pw.istft(S, **options), **options)
    return 20 * np.log10(np.linalg.norm(heard - V) / np.linalg.norm(V))


def phase_error(S, T):
    """Angle between two spectrograms, weighted by power, after turning them towards each other."""
    product = S * T.conj()
    return np.arccos(min(1.0, abs(product.sum()) / np.abs(product).sum()))


def awkward(rng, shape=(2, 3, 33, 40)):
    """Magnitudes with ties, islands, silence, plateaus, and bins below any tolerance."""
    V = rng.uniform(0, 1, shape) ** 6
    V[V < 1e-4] = 0
    V[..., 7:9] = 0
    V[..., 12] = 0.5
    V[..., 4:7, 15:20] = 1
    V[..., 20:] = np.round(V[..., 20:], 2)
    V[1, 1] = 0
    return V


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "V", [awkward(np.random.default_rng(1)), spectrogram(music(3000))], ids=["awkward", "music"]
)
def test_pghi_equals_twin(isa, threads, V, dtype):
    options = {"hop_length": 12, "tol": 1e-3}
    S = pw.pghi(V.astype(dtype), rng=5, **options)
    assert S.dtype == np.result_type(dtype, np.complex64)
    seeds = np.random.default_rng(5).integers(0, 2**64, size=V.shape[:-2] or (1,), dtype=np.uint64)
    expected = twin.pghi(V.astype(dtype), seeds=seeds if V.ndim > 2 else seeds[0], **options)
    assert relative_error(S, expected) < 100 * tolerance("phase", dtype)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(
    "V", [awkward(np.random.default_rng(1)), spectrogram(music(3000))], ids=["awkward", "music"]
)
def test_spsi_equals_twin(isa, threads, V, dtype):
    S = pw.spsi(V.astype(dtype), hop_length=13)
    assert S.dtype == np.result_type(dtype, np.complex64)
    assert relative_error(S, twin.spsi(V.astype(dtype), 13)) < tolerance("phase", dtype)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("n_fft", [1, 2, 3, 8, 33])
@pytest.mark.parametrize("frames", [1, 2, 9])
def test_few_bins_and_frames_equal_twin(rng, name, n_fft, frames):
    ours, theirs = METHODS[name]
    V = rng.uniform(0.1, 1, (1 + n_fft // 2, frames))
    window = np.ones(1) if n_fft == 1 else "hann"
    assert (
        relative_error(ours(V, n_fft=n_fft, hop_length=3, window=window), theirs(V, 3, n_fft, window)) < 1e-10
    )


@pytest.mark.parametrize(
    "options", [{"window": "blackman"}, {"win_length": 300}, {"window": "hamming", "win_length": 401}]
)
@pytest.mark.parametrize("name", METHODS)
def test_windows_equal_twin(name, options):
    ours, theirs = METHODS[name]
    V = spectrogram(music(4000), **options)
    options = options | ({"tol": 0.0} if name == "pghi" else {})
    assert relative_error(ours(V, hop_length=HOP, **options), theirs(V, HOP, **options)) < 1e-10


@pytest.mark.parametrize("slope", [0.0, 1e-5, 4e-5])
def test_pghi_is_right_on_chirps_under_a_gaussian_window(slope):
    t = np.arange(LENGTH)
    y = np.exp(-(((t - LENGTH / 2) / 1500) ** 2)) * np.cos(0.5 * t + slope * t**2)
    options = {"n_fft": N_FFT, "hop_length": 32, "window": ("gaussian", N_FFT / 8)}
    S = pw.stft(y, **options)
    assert phase_error(pw.pghi(np.abs(S), rng=0, **options), S) < 0.05


@pytest.mark.parametrize("center", [True, False])
def test_pghi_finds_the_place_of_an_impulse(center):
    y = np.zeros(4096)
    y[2100] = 1
    options = {"n_fft": N_FFT, "hop_length": 32, "center": center, "window": ("gaussian", N_FFT / 8)}
    S = pw.stft(y, **options)
    # The phase of the whole is free: the impulse may come out turned, but in its place.
    assert phase_error(pw.pghi(np.abs(S), rng=0, **options), S) < 0.05


@pytest.mark.parametrize("position", [40.0, 40.3, 77.5, 100.8])
def test_spsi_is_right_on_steady_partials(position):
    t = np.arange(LENGTH)
    V = spectrogram(np.cos(2 * np.pi * position / N_FFT * t))
    inner = np.s_[:, 4:12]  # later, the small error of the frequencies adds up
    S = pw.stft(np.cos(2 * np.pi * position / N_FFT * t), n_fft=N_FFT, hop_length=HOP)
    assert phase_error(pw.spsi(V, hop_length=HOP)[inner], S[inner]) < 0.1


@pytest.mark.parametrize(
    ("window", "constant"), [("hann", 0.25645), ("hamming", 0.29794), ("blackman", 0.17954)]
)
def test_widths_of_windows_are_near_the_published_ones(window, constant):
    centre, width = gaussian_model(framing(2048, window=window))
    assert centre == pytest.approx(1024, abs=0.1)
    assert width / 2048**2 == pytest.approx(constant, rel=0.03)


def test_models_of_windows():
    assert gaussian_model(framing(2048, window=("gaussian", 200.0)))[1] == pytest.approx(
        2 * np.pi * 200**2, rel=1e-6
    )
    assert gaussian_model(framing(2048, win_length=1024))[0] == 1024
    lobes = {"boxcar": 1, "hann": 2, "hamming": 2, "blackman": 3}
    assert {name: main_lobe(framing(512, window=name)) for name in lobes} == lobes
    assert main_lobe(framing(512, win_length=256)) == 4


@pytest.mark.parametrize("hop", [64, 128])
def test_methods_beat_random_phase(hop):
    options = {"hop_length": hop}
    V = spectrogram(music(), **options)
    random = convergence(V * np.exp(2j * np.pi * np.random.default_rng(0).random(V.shape)), V, **options)
    assert convergence(pw.pghi(V, rng=0, **options), V, **options) < random - 12
    assert convergence(pw.spsi(V, **options), V, **options) < random - 5


@pytest.mark.parametrize("name", METHODS)
def test_scale_does_not_matter(name):
    method, _ = METHODS[name]
    V = spectrogram(music(3000)).astype(np.float32)
    options = {"hop_length": HOP} | ({"rng": 0} if name == "pghi" else {})
    S = method(V, **options)
    for gain in (2.0**-100, 2.0**60):
        np.testing.assert_array_equal(method(V * np.float32(gain), **options), S * np.float32(gain))


@pytest.mark.parametrize("name", METHODS)
def test_magnitudes_are_kept_and_silence_is_silent(name, rng):
    method, _ = METHODS[name]
    V = awkward(rng)
    S = method(V, hop_length=16)
    np.testing.assert_allclose(np.abs(S), V, rtol=1e-12)
    assert np.isfinite(method(np.zeros((5, 3)), hop_length=2)).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_batches_are_loops(threads, rng, dtype):
    V = awkward(rng, (3, 2, 33, 20)).astype(dtype)
    source = np.random.default_rng(3)
    loop = [[pw.pghi(v, hop_length=16, tol=1e-2, rng=source) for v in item] for item in V]
    np.testing.assert_array_equal(pw.pghi(V, hop_length=16, tol=1e-2, rng=3), loop)
    np.testing.assert_array_equal(pw.pghi(np.asfortranarray(V), hop_length=16, tol=1e-2, rng=3), loop)
    np.testing.assert_array_equal(
        pw.spsi(V, hop_length=16), [[pw.spsi(v, hop_length=16) for v in item] for item in V]
    )


def test_random_phases_come_from_rng():
    V = np.full((33, 10), 1e-9)
    V[16, 5] = 1
    first, again, other = (pw.pghi(V, hop_length=16, rng=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert phase_error(first[:16], other[:16]) > 1
    quiet = np.angle(first[:, :5]).ravel()
    assert np.abs(np.exp(1j * quiet).mean()) < 0.25


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"hop_length": 0}, "hop_length must be an integer >= 1"),
        ({"n_fft": 100}, "V must have 1 \\+ n_fft // 2 = 51 bins"),
        ({"length": 10}, "length=10 makes"),
        ({"tol": -1.0}, "tol must be a finite number"),
        ({"rng": "x"}, "rng must be None"),
    ],
)
def test_bad_arguments_are_explained(arguments, message):
    V = np.ones((33, 20))
    for method in (pw.pghi, pw.spsi):
        if method is pw.pghi or not {"tol", "rng"} & set(arguments):
            with pytest.raises(pw.ParameterError, match=message):
                method(V, **arguments)
    with pytest.raises(pw.ParameterError, match="V must be nonnegative"):
        pw.pghi(-V)
    with pytest.raises(pw.ParameterError, match="at least one bin and one frame"):
        pw.spsi(V[:, :0])
