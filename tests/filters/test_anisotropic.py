"""The anisotropic Wiener filter: its twin, and what theory says of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phasewise.reference import anisotropic as twin
from tolerances import relative_error, tolerance

N_FFT, HOP = 256, 64
DTYPES = [np.float64, np.float32]


@pytest.fixture(scope="module")
def sources():
    """Harmonic sounds whose partials overlap, with some noise: (3, freq, frames)."""
    n = np.arange(3000)
    y = [
        sum(np.sin(2 * np.pi * f0 * h * n + (j + 1) * h**1.5) / h for h in range(1, 12))
        for j, f0 in enumerate((0.0081, 0.0102, 0.0121))
    ]
    y = np.array(y) + 1e-3 * np.random.default_rng(0).standard_normal((3, 3000))
    return pw.stft(y, n_fft=N_FFT, hop_length=HOP)


@pytest.fixture(scope="module")
def problem(sources):
    """Return mixture and magnitudes with silent stretches, one bin without any magnitude."""
    V = abs(sources)
    V[0, 10:20, 30:35] = 0
    V[:, 5, 7] = 0
    return sources.sum(axis=0), V


def score(S, sources):
    return 10 * np.log10(np.sum(abs(sources) ** 2) / np.sum(abs(S - sources) ** 2))


@pytest.mark.parametrize("kappa", [0, 1e-9, 0.3, 1.0, [0.5, 1.6, 3.0]], ids=str)
def test_equals_twin(isa, threads, problem, kappa):
    ours = pw.anisotropic_wiener(*problem, kappa=kappa, return_moments=True)
    theirs = twin.anisotropic_wiener(*problem, HOP, kappa)
    for actual, expected in zip(ours, theirs[:3], strict=True):
        assert relative_error(actual, expected) < 1e-10
    assert relative_error(ours[0].sum(axis=0), problem[0]) < tolerance("sum", np.float64)


@pytest.mark.parametrize("given_phase", [False, True])
def test_onsets_equal_twin(isa, rng, problem, given_phase):
    X, V = problem
    onsets = rng.random((3, V.shape[-1])) < 0.2
    options = {"onsets": onsets, "onset_phase": rng.uniform(-3, 3, V.shape) if given_phase else None}
    ours = pw.anisotropic_wiener(X, V, kappa=1.6, **options)
    assert relative_error(ours, twin.anisotropic_wiener(X, V, HOP, 1.6, **options)[0]) < 1e-10


@pytest.mark.parametrize("kappa", [2.0, 50.0])
@pytest.mark.parametrize("complex_phase", [False, True])
def test_given_phases_equal_twin(isa, problem, sources, complex_phase, kappa):
    """Without the recursion over frames, in which rounding grows, high concentrations compare too."""
    X, V = problem
    phase = sources if complex_phase else np.angle(sources)
    ours = pw.anisotropic_wiener(X, V, kappa=kappa, phase=phase, return_moments=True)
    theirs = twin.anisotropic_wiener(X, V, HOP, kappa, phase=sources)
    for actual, expected in zip(ours, theirs[:3], strict=True):
        assert relative_error(actual, expected) < 1e-10


@pytest.mark.parametrize("n_fft", [250, 255])
def test_other_sizes_equal_twin(rng, n_fft):
    X = rng.standard_normal((1 + n_fft // 2, 6, 2)).view(np.complex128)[..., 0]
    V = rng.uniform(0, 1, (5, *X.shape))
    ours = pw.anisotropic_wiener(X, V, n_fft=n_fft, hop_length=50)
    assert relative_error(ours, twin.anisotropic_wiener(X, V, 50, n_fft=n_fft)[0]) < 1e-10


@pytest.mark.parametrize("kappa", [1.0, 500.0])
def test_single_precision(isa, problem, sources, kappa):
    X, V = problem[0].astype(np.complex64), problem[1].astype(np.float32)
    ours = pw.anisotropic_wiener(X, V, kappa=kappa, phase=sources)
    assert ours.dtype == np.complex64
    assert relative_error(ours, twin.anisotropic_wiener(X, V, HOP, kappa, phase=sources)[0]) < 1e-3
    assert relative_error(ours.sum(axis=0), X) < tolerance("sum", np.float32)


@pytest.mark.parametrize("dtype", DTYPES)
def test_no_concentration_is_wiener(isa, problem, dtype):
    X, V = problem[0].astype(np.result_type(dtype, np.complex64)), problem[1].astype(dtype)
    np.testing.assert_array_equal(pw.anisotropic_wiener(X, V, kappa=0), pw.wiener(X, V))
    near = pw.anisotropic_wiener(X, V, kappa=1e-6)
    assert 0 < relative_error(near, pw.wiener(X, V)) < 1e-5


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.integers(1, 5),
    kappa=st.floats(0, 500),
    level=st.sampled_from([1e-120, 1e-20, 1.0, 1e20, 1e120]),
)
@settings(max_examples=60, deadline=None)
def test_invariants_of_the_posterior(seed, count, kappa, level):
    rng = np.random.default_rng(seed)
    X = level * rng.standard_normal((17, 4, 2)).view(np.complex128)[..., 0]
    V = level * rng.uniform(0, 1, (count, 17, 4)) ** 8
    V[rng.random(V.shape) < 0.1] = 0
    S, variance, relation = pw.anisotropic_wiener(X, V, kappa=kappa, return_moments=True)
    assert relative_error(S.sum(axis=0), X) < 1e-13
    room = 1e-11 * (V**2).max()
    assert (variance >= 0).all()
    assert (variance <= V**2 + room).all()
    assert (abs(relation) <= variance + room).all()
    if count == 1:  # the source is the mixture, nothing is left to vary
        assert variance.max() <= room
    permuted = pw.anisotropic_wiener(X, V[::-1], kappa=kappa)
    assert relative_error(permuted[::-1], S) < 1e-9


@given(kappa=st.floats(0, 500), scale=st.integers(-60, 60))
@settings(max_examples=30, deadline=None)
def test_level_does_not_matter(kappa, scale):
    rng = np.random.default_rng(3)
    X = rng.standard_normal((17, 4, 2)).view(np.complex128)[..., 0]
    V = rng.uniform(0, 1, (3, 17, 4))
    phase, gain = rng.uniform(-3, 3, V.shape), 2.0**scale
    louder = pw.anisotropic_wiener(X * gain, V * gain, kappa=kappa, phase=phase)
    np.testing.assert_array_equal(louder, gain * pw.anisotropic_wiener(X, V, kappa=kappa, phase=phase))


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 4), kappa=st.floats(0, 60))
@settings(max_examples=40, deadline=None)
def test_phases_only_matter_relative_to_each_other(seed, count, kappa):
    """Turning mixture and expected phases of a bin turns the estimates; mirroring mirrors them."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((17, 4, 2)).view(np.complex128)[..., 0]
    V, phase = rng.uniform(0, 1, (count, 17, 4)) ** 4, rng.uniform(-3, 3, (count, 17, 4))
    S, variance, relation = pw.anisotropic_wiener(X, V, kappa=kappa, phase=phase, return_moments=True)
    angle = rng.uniform(-3, 3, X.shape)
    turn = np.exp(1j * angle)
    turned = pw.anisotropic_wiener(X * turn, V, kappa=kappa, phase=phase + angle, return_moments=True)
    assert relative_error(turned[0], S * turn) < 1e-9
    for actual, expected in zip(turned[1:], (variance, relation * turn**2), strict=True):
        assert abs(actual - expected).max() < 1e-9 * (V**2).max()
    mirrored = pw.anisotropic_wiener(X.conj(), V, kappa=kappa, phase=-phase)
    assert relative_error(mirrored, S.conj()) < 1e-9


def test_model_of_the_phase_helps(sources):
    X, V = sources.sum(axis=0), abs(sources)
    wiener, model = score(pw.wiener(X, V), sources), score(pw.anisotropic_wiener(X, V), sources)
    oracle = score(pw.anisotropic_wiener(X, V, kappa=500, phase=sources), sources)
    assert wiener + 0.5 < model < oracle
    assert oracle > 40


def test_posterior_is_the_conditional_mean():
    """The mean of samples of two Gaussian sources whose sum happens to be near X."""
    rng = np.random.default_rng(0)
    V, mu, kappa, X = np.array([1.0, 0.7]), np.array([0.4, -1.1]), 2.0, 0.9 + 0.3j
    mean, radial, tangential = twin.moments(kappa)
    z = rng.standard_normal((2, 4_000_000, 2)) * np.sqrt([radial, tangential])
    S = V[:, None] * np.exp(1j * mu[:, None]) * (mean + z[..., 0] + 1j * z[..., 1])
    near = abs(S.sum(axis=0) - X) < 0.03
    ours = pw.anisotropic_wiener(
        np.full((2, 1), X),
        np.tile(V[:, None, None], (1, 2, 1)),
        kappa=kappa,
        phase=np.tile(mu[:, None, None], (1, 2, 1)),
        n_fft=2,
        hop_length=1,
    )
    np.testing.assert_allclose(ours[:, 0, 0], S[:, near].mean(axis=1), atol=0.02)


@pytest.mark.parametrize("dtype", DTYPES)
def test_batch_threads_and_memory_order_do_not_matter(isa, rng, dtype):
    X = rng.standard_normal((2, 2, 257, 20, 2)).view(np.complex128)[..., 0]
    V = rng.uniform(0, 1, (2, 2, 3, 257, 20)).astype(dtype)
    X = X.astype(np.result_type(dtype, np.complex64))
    onsets = rng.random((2, 2, 3, 20)) < 0.2
    S = pw.anisotropic_wiener(X, V, onsets=onsets)
    for item in np.ndindex(2, 2):
        np.testing.assert_array_equal(pw.anisotropic_wiener(X[item], V[item], onsets=onsets[item]), S[item])
    before = pw.get_num_threads()
    try:
        for n in (1, 2, 3):
            pw.set_num_threads(n)
            again = pw.anisotropic_wiener(np.asfortranarray(X), np.asfortranarray(V), onsets=onsets)
            np.testing.assert_array_equal(again, S)
    finally:
        pw.set_num_threads(before)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kappa": -1}, r"kappa must lie in \[0, 500\]"),
        ({"kappa": np.nan}, r"kappa must lie in \[0, 500\]"),
        ({"kappa": 501}, r"kappa must lie in \[0, 500\]"),
        ({"kappa": [1, 2]}, "kappa must be a number or one number for each of the 3 sources"),
        ({"kappa": "high"}, "kappa must be a number"),
        ({"phase": "mixture"}, "phase must be 'sinusoidal' or an array"),
        ({"phase": np.zeros(4)}, "phase must be a real array of phases"),
        ({"phase": np.zeros((3, 33, 10)), "onsets": np.zeros((3, 10), bool)}, "belong to phase='sinusoidal'"),
        ({"hop_length": 0}, "hop_length must be an integer >= 1"),
        ({"n_fft": 9}, r"X must have 1 \+ n_fft // 2 = 5 bins"),
        ({"onsets": [1, 5]}, "onsets must be a boolean array"),
        ({"onset_phase": np.full((3, 33, 10), np.inf)}, "onset_phase must be finite"),
        ({"X": np.full((33, 10), np.nan)}, "X must be finite"),
        ({"V": -np.ones((3, 33, 10))}, "V must be nonnegative"),
    ],
)
def test_errors(options, message):
    arrays = [options.pop("X", np.ones((33, 10))), options.pop("V", np.ones((3, 33, 10)))]
    with pytest.raises(pw.ParameterError, match=message):
        pw.anisotropic_wiener(*arrays, **options)
