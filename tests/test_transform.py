"""The transform against librosa, torch and scipy, against its twin, and against mathematics."""

from __future__ import annotations

import itertools

import librosa
import numpy as np
import pytest
import scipy.signal
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phasewise.reference import transform as twin
from tolerances import relative_error, tolerance

DTYPES = [np.float32, np.float64]
SIZES = [
    *range(1, 33), 45, 49, 64, 97, 100, 120, 127, 128, 160, 210, 243, 256, 320, 360, 441, 480, 500, 509, 512,
    600, 625, 640, 768, 1000, 1021, 1024, 1536, 2000, 2048, 2187, 3000, 4096,
]  # fmt: skip


def noise(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_size_equals_numpy(isa, dtype):
    for n in SIZES:
        y = noise(3 * n, dtype, n)
        window = np.random.default_rng(n).uniform(0.5, 1.5, n)
        S = pw.stft(y, n_fft=n, hop_length=n, window=window, center=False)
        expected = np.fft.rfft(y.reshape(3, n).astype(np.float64) * window).T
        assert relative_error(S, expected) < tolerance("stft", dtype), n
        back = pw.istft(S, n_fft=n, hop_length=n, window=window, center=False)
        assert relative_error(back, y) < 4 * tolerance("istft", dtype), n


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
def test_all_sizes_equal_numpy(isa, dtype):
    for n in [*range(1, 700), 8191, 8192, 16384, 44100, 65536, 131072, 100003, 1048573, 1048576]:
        y, window = noise(n, dtype, n), np.ones(n)
        S = pw.stft(y, n_fft=n, hop_length=n, window=window, center=False)
        assert relative_error(S[:, 0], np.fft.rfft(y.astype(np.float64))) < tolerance("stft", dtype), n


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("n_fft", [16, 100, 127, 512, 997, 2048])
def test_equals_librosa(n_fft, center, dtype):
    y = noise((2, 5000), dtype)
    for hop, win_length, window in itertools.product(
        (n_fft // 8, n_fft // 4, n_fft // 3, n_fft // 2),
        (n_fft, 2 * n_fft // 3),
        ("hann", "hamming", "blackman"),
    ):
        options = {"hop_length": hop, "win_length": win_length, "window": window, "center": center}
        S = pw.stft(y, n_fft=n_fft, **options)
        theirs = librosa.stft(y, n_fft=n_fft, **options)
        assert S.dtype == theirs.dtype
        assert relative_error(S, theirs) < tolerance("stft", dtype)
        if center and win_length >= 2 * hop:
            y_ours = pw.istft(S, n_fft=n_fft, length=5000, **options)
            y_theirs = librosa.istft(theirs, n_fft=n_fft, length=5000, **options)
            assert relative_error(y_ours, y_theirs) < 10 * tolerance("istft", dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("pad_mode", ["reflect", "constant"])
@pytest.mark.parametrize("n_fft", [16, 100, 127, 512, 2048])
def test_equals_torch(n_fft, pad_mode, dtype):
    y = noise((2, 5000), dtype)
    for hop, win_length in itertools.product((n_fft // 4, n_fft // 2), (n_fft, n_fft - n_fft // 4)):
        window = torch.hann_window(win_length, dtype=torch.from_numpy(y).dtype)
        theirs = torch.stft(
            torch.from_numpy(y), n_fft, hop, win_length, window=window, pad_mode=pad_mode, return_complex=True
        )
        S = pw.stft(y, n_fft=n_fft, hop_length=hop, win_length=win_length, pad_mode=pad_mode)
        assert relative_error(S, theirs.numpy()) < tolerance("stft", dtype)
        length = 4000
        theirs = torch.istft(theirs, n_fft, hop, win_length, window=window, length=length).numpy()
        ours = pw.istft(S, n_fft=n_fft, hop_length=hop, win_length=win_length, length=length)
        assert relative_error(ours, theirs) < 10 * tolerance("istft", dtype)


@pytest.mark.parametrize("n_fft", [64, 100, 512])
def test_equals_scipy(n_fft):
    y, hop = noise(3000), n_fft // 4
    window = scipy.signal.get_window("hann", n_fft)
    transform = scipy.signal.ShortTimeFFT(window, hop, fs=1.0, fft_mode="onesided", phase_shift=None)
    # Slice p of ShortTimeFFT is centred on sample p hop, as our frame p is.
    theirs = transform.stft(y, p0=0, p1=20)
    ours = pw.stft(y, n_fft=n_fft, hop_length=hop)[:, :20]
    assert relative_error(ours, theirs) < tolerance("stft", np.float64)


@pytest.mark.parametrize("pad_mode", ["constant", "edge", "reflect"])
@pytest.mark.parametrize("samples", [1, 2, 5, 63, 64, 65, 200])
def test_short_signals_equal_twin(samples, pad_mode):
    y = noise(samples)
    options = {"n_fft": 128, "hop_length": 32, "pad_mode": pad_mode}
    assert relative_error(pw.stft(y, **options), twin.stft(y, **options)) < tolerance("stft", np.float64)


@given(
    n_fft=st.integers(1, 300),
    hop=st.integers(1, 150),
    shorter=st.floats(0, 0.9),
    center=st.booleans(),
    samples=st.integers(1, 2000),
    double=st.booleans(),
    window=st.sampled_from(["hann", "hamming", "boxcar", "bartlett"]),
)
@settings(max_examples=150, deadline=None)
def test_twin_and_reconstruction(n_fft, hop, shorter, center, samples, double, window):
    dtype = np.float64 if double else np.float32
    win_length = max(1, round(n_fft * (1 - shorter)))
    y = noise(samples + (0 if center else n_fft), dtype, samples)
    options = {"hop_length": hop, "win_length": win_length, "window": window, "center": center}
    S = pw.stft(y, n_fft=n_fft, **options)
    assert relative_error(S, twin.stft(y.astype(np.float64), n_fft=n_fft, **options)) < tolerance(
        "stft", dtype
    )
    energy = overlap_energy(n_fft, win_length, window, hop, S.shape[-1], center)
    try:
        back = pw.istft(S, n_fft=n_fft, **options)
    except pw.ParameterError:
        assert energy.min() < 1e-10 * energy.max()
        return
    if back.size == 0:
        assert energy.size == 0
        return
    kept = min(back.size, y.size)
    # Samples in which the window hardly has energy amplify the rounding of the transform.
    bound = 50 * tolerance("reconstruction", dtype) * np.sqrt(n_fft) * max(1.0, 1 / energy.min())
    assert np.abs(back[:kept] - y[:kept]).max(initial=0.0) < bound


def overlap_energy(n_fft, win_length, window, hop, frames, center):
    """Return the sum of squared windows at the samples that an inverse returns."""
    from phasewise.windows import padded_window

    values = padded_window(window, win_length, n_fft)
    total = np.zeros(n_fft + hop * (frames - 1))
    for t in range(frames):
        total[t * hop : t * hop + n_fft] += values**2
    lead = n_fft // 2 if center else 0
    return total[lead : total.size - lead]


@pytest.mark.parametrize("window", ["hann", "hamming", "blackman", "boxcar", ("kaiser", 8.0)])
@pytest.mark.parametrize(("n_fft", "hop"), [(512, 128), (512, 100), (500, 125), (101, 25), (2048, 512)])
@pytest.mark.parametrize("dtype", DTYPES)
def test_reconstruction_is_exact_to_the_last_sample(isa, dtype, n_fft, hop, window):
    y = noise((2, 5003), dtype)
    S = pw.stft(y, n_fft=n_fft, hop_length=hop, window=window)
    back = pw.istft(S, n_fft=n_fft, hop_length=hop, window=window, length=5003)
    assert relative_error(back, y) < 5 * tolerance("reconstruction", dtype)


def test_threads_and_batches_do_not_change_a_bit(threads):
    y = noise((3, 2, 40000), np.float32)
    transform = pw.STFT(1024, 256)
    S, magnitude = transform.analyze(y), transform.magnitude(y)
    back = transform.synthesize(S, 40000)
    pw.set_num_threads(1)
    for index in np.ndindex(3, 2):
        assert np.array_equal(transform.analyze(y[index]), S[index])
        assert np.array_equal(transform.magnitude(y[index]), magnitude[index])
        assert np.array_equal(transform.synthesize(S[index], 40000), back[index])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_fft", [255, 256])
def test_fused_magnitudes(isa, dtype, n_fft):
    y = noise((2, 3000), dtype)
    transform = pw.STFT(n_fft, 64)
    S = transform.analyze(y)
    for power in (1, 2, 0.5):
        V = transform.magnitude(y, power)
        assert V.dtype == dtype
        assert relative_error(V, np.abs(S) ** power) < 10 * tolerance("stft", dtype)


def test_project_consistent_is_an_orthogonal_projector():
    transform = pw.STFT(128, 32)
    S = noise((129 // 2 + 1, 40)) + 1j * noise((129 // 2 + 1, 40), seed=1)
    once = transform.project_consistent(S)
    assert relative_error(transform.project_consistent(once), once) < 1e-13
    a = np.r_[1.0, np.full(63, 2.0), 1.0][:, None]
    assert abs(np.sum(a * np.conj(once) * (S - once)).real) < 1e-10 * np.sum(a * np.abs(S) ** 2)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize(
    ("n_fft", "hop", "samples"),
    [(128, 32, 3000), (127, 31, 3000), (128, 100, 3000), (64, 64, 700), (256, 64, 70)],
)
def test_projector_is_synthesis_then_analysis(isa, threads, n_fft, hop, samples, center, dtype):
    transform = pw.STFT(n_fft, hop, window="hamming", center=center)
    samples += 0 if center else n_fft
    S = transform.analyze(noise((2, samples), dtype)) * noise((n_fft // 2 + 1, 1), dtype, seed=1)
    for length in (samples, transform.framing.samples(S.shape[-1])):
        if length < 1 or transform.framing.frames(length) != S.shape[-1]:
            continue
        expected = transform.analyze(transform.synthesize(S, length))
        assert np.array_equal(transform.project_consistent(S, length), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("pad_mode", ["constant", "reflect", "edge", None])
@pytest.mark.parametrize(
    ("n_fft", "hop", "samples"), [(128, 32, 1000), (127, 40, 1000), (64, 64, 500), (128, 32, 40)]
)
def test_adjoints(isa, n_fft, hop, samples, pad_mode, dtype):
    transform = pw.STFT(
        n_fft, hop, center=pad_mode is not None, pad_mode=pad_mode or "constant", window="hamming"
    )
    if pad_mode is None:
        samples += n_fft
    y = noise((2, samples), dtype)
    S = transform.analyze(y)
    G = (noise(S.shape, seed=1) + 1j * noise(S.shape, seed=2)).astype(S.dtype)

    def dot(a, b):
        return np.sum(a.real * b.real, dtype=np.float64) + np.sum(a.imag * b.imag, dtype=np.float64)

    bound = 1e-12 if dtype == np.float64 else 1e-4
    forward = dot(S, G)
    assert abs(forward - dot(y, transform.analyze_adjoint(G, samples))) < bound * (
        abs(forward) + np.sqrt(dot(S, S))
    )
    g = noise(y.shape, dtype, seed=3)
    back = dot(transform.synthesize(G, samples), g)
    adjoint = transform.synthesize_adjoint(g, S.shape[-1])
    assert abs(back - dot(G, adjoint)) < bound * (abs(back) + np.sqrt(dot(g, g)))


def test_projector_is_self_adjoint_in_the_weighted_product():
    transform = pw.STFT(128, 32)
    A, B = (noise((65, 40), seed=s) + 1j * noise((65, 40), seed=s + 10) for s in (0, 1))
    a = np.r_[1.0, np.full(63, 2.0), 1.0][:, None]
    left = np.sum(a * np.conj(A) * transform.project_consistent(B)).real
    right = np.sum(a * np.conj(transform.project_consistent(A)) * B).real
    assert abs(left - right) < 1e-10 * abs(left)


def test_out_is_used():
    y = noise((2, 3000), np.float32)
    expected = pw.stft(y, n_fft=256)
    for out in (
        np.empty_like(expected),
        np.empty(expected.shape, np.complex64),
        np.empty((2, 129, 100), np.complex64),
    ):
        result = pw.stft(y, n_fft=256, out=out)
        assert np.shares_memory(result, out)
        assert np.array_equal(result, expected)
    signal = np.empty((2, 3000), np.float32)
    assert pw.istft(expected, length=3000, out=signal) is signal
    with pytest.raises(pw.ParameterError, match="out must have shape"):
        pw.stft(y, n_fft=256, out=np.empty((2, 129, 10), np.complex64))
    with pytest.raises(pw.ParameterError, match="out must have shape"):
        pw.istft(expected, length=3000, out=np.empty((2, 3001), np.float32))


def test_precision_follows_the_input_or_dtype():
    y = noise(1000)
    assert pw.stft(y, n_fft=64).dtype == np.complex128
    assert pw.stft(y.astype(np.float32), n_fft=64).dtype == np.complex64
    assert pw.stft(y, n_fft=64, dtype=np.complex64).dtype == np.complex64
    with pytest.raises(pw.ParameterError, match=r"y must be floating-point, got dtype int16.*/ 32768"):
        pw.stft((1000 * y).astype(np.int16), n_fft=64)
    assert pw.istft(pw.stft(y, n_fft=64), dtype=np.float32).dtype == np.float32


def test_memory_is_frame_major_as_in_librosa():
    y = noise(3000, np.float32)
    assert pw.stft(y, n_fft=256).flags.f_contiguous
    assert librosa.stft(y, n_fft=256).flags.f_contiguous


def test_strided_input_gives_the_same_bits():
    y = noise((4000, 2), np.float32).T
    assert np.array_equal(pw.stft(y, n_fft=256), pw.stft(np.ascontiguousarray(y), n_fft=256))
    S = np.ascontiguousarray(pw.stft(y, n_fft=256))
    assert np.array_equal(pw.istft(S), pw.istft(pw.stft(y, n_fft=256)))


def test_length_and_default_length():
    y = noise(1000)
    S = pw.stft(y, n_fft=128, hop_length=32)
    assert pw.istft(S, hop_length=32).size == 32 * (S.shape[-1] - 1)
    longer = pw.istft(S, hop_length=32, length=1500)
    assert np.array_equal(longer[1100:], np.zeros(400))
    assert relative_error(longer[:1000], y) < 1e-13
    S = pw.stft(y, n_fft=128, hop_length=32, center=False, window="hamming")
    assert pw.istft(S, hop_length=32, center=False, window="hamming").size == 32 * (S.shape[-1] - 1) + 128


def test_zero_overlap_raises_or_masks():
    y = noise(4000)
    S = pw.stft(y, n_fft=512, center=False)
    with pytest.raises(
        pw.ParameterError, match=r"leave samples 0 to \d+ without energy.*center=True.*'mask'"
    ):
        pw.istft(S, center=False)
    masked = pw.istft(S, center=False, on_zero_overlap="mask")
    assert np.isfinite(masked).all()
    assert relative_error(masked[10:3000], y[10:3000]) < 1e-7
    theirs = librosa.istft(S, center=False)
    assert relative_error(masked, theirs) < 1e-10
    blackman = pw.stft(y, n_fft=512, center=False, window="blackman")  # its first value is -1e-17, not 0
    assert np.abs(pw.istft(blackman, center=False, window="blackman", on_zero_overlap="mask")).max() < 10
    S = pw.stft(y, n_fft=512, hop_length=700)
    with pytest.raises(pw.ParameterError, match="hop_length <= 256"):
        pw.istft(S, hop_length=700)
    assert np.isfinite(pw.istft(S, hop_length=700, on_zero_overlap="mask")).all()


def test_large_finite_values_are_not_taken_for_infinity():
    y = np.full(500, 3e38, np.float32)
    with np.errstate(over="ignore"):
        assert np.isinf(pw.STFT(64).magnitude(y, 2)).any()
    assert np.isfinite(pw.stft(np.full(500, 1e300), n_fft=64)).all()


def test_imaginary_dc_and_nyquist_have_no_effect():
    S = pw.stft(noise(1000), n_fft=64)
    changed = S.copy()
    changed[0] += 3j
    changed[-1] -= 2j
    assert np.array_equal(pw.istft(changed), pw.istft(S))


def test_empty_batch():
    assert pw.stft(np.zeros((0, 1000)), n_fft=64).shape == (0, 33, 63)
    assert pw.istft(np.zeros((0, 33, 10), complex)).shape == (0, 144)
