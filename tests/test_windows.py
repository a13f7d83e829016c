"""Windows against scipy and their defining properties; overlap checks and duals against scipy."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

import phasewise as pw
from phasewise import ParameterError
from phasewise.windows import WINDOWS, check_cola, check_nola, dual_window, get_window, padded_window
from phasewise.windows.selection import _ALIASES

OURS = ("sine", "sqrt_hann", "vorbis")
# Several settings of the windows that have any.
PARAMETERS = {
    "chebwin": [(60.0,), (100.0,), (20.0,)],
    "dpss": [(0.7,), (2.5,)],
    "exponential": [(), (None, 3.0)],
    "gaussian": [(12.0,), (0.3,)],
    "general_cosine": [([0.5, 0.3, 0.2],), ((1.0, 0.2),)],
    "general_gaussian": [(1.5, 5.0), (0.5, 3.0)],
    "general_hamming": [(0.6,), (0.54,)],
    "kaiser": [(8.6,), (0.0,), (-2.0,)],
    "kaiser_bessel_derived": [(4.0,), (20.0,)],
    "taylor": [(), (5, 40.0), (4, 30.0, False), (1,)],
    "tukey": [(), (0.3,), (0.0,), (1.0,), (2.0,)],
}
PARAMETERLESS = sorted(set(WINDOWS) - set(PARAMETERS))
SAME_AS_SCIPY = [
    (name, *parameters) for name in WINDOWS if name not in OURS for parameters in PARAMETERS.get(name, [()])
]
pytestmark = pytest.mark.filterwarnings("ignore:This window is not suitable")  # scipy on chebwin below 45 dB


# ---- values --------------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", SAME_AS_SCIPY, ids=str)
def test_equals_scipy(spec):
    name, *parameters = spec
    for length in (1, 2, 3, 4, 5, 8, 15, 64, 101, 256):
        for periodic in (True, False):
            if name == "kaiser_bessel_derived" and (periodic or length % 2):
                continue
            if name == "dpss" and length <= 2 * parameters[0]:
                continue
            expected = getattr(scipy.signal.windows, name)(length, *parameters, sym=not periodic)
            actual = get_window(spec if parameters else name, length, fftbins=periodic)
            assert actual.dtype == np.float64
            np.testing.assert_allclose(actual, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("alias", sorted(_ALIASES))
def test_aliases_of_scipy(alias):
    name = _ALIASES[alias]
    parameters = PARAMETERS.get(name, [()])[0]
    spec = (alias, *parameters) if parameters else alias
    actual = get_window(spec, 16, fftbins=False)
    assert np.array_equal(actual, get_window((name, *parameters), 16, fftbins=False))
    if alias != "hanning":
        np.testing.assert_allclose(actual, scipy.signal.get_window(spec, 16, fftbins=False), atol=1e-12)


def test_long_slepian_window_is_an_eigenvector():
    # scipy's own values err by 1e-11 here: compare with what the window is, the eigenvector of a sinc kernel.
    length, half_width = 2048, 2.5
    values = get_window(("dpss", half_width), length, fftbins=False)
    lags = np.arange(1 - length, length)
    kernel = 2 * half_width / length * np.sinc(2 * half_width / length * lags)
    low_passed = scipy.signal.fftconvolve(values, kernel, mode="same")
    share = low_passed @ values / (values @ values)
    assert 0.9999 < share < 1
    np.testing.assert_allclose(low_passed, share * values, rtol=0, atol=1e-13)
    np.testing.assert_allclose(values, scipy.signal.windows.dpss(length, half_width), rtol=0, atol=1e-10)


@pytest.mark.parametrize("name", ["sine", "vorbis", "sqrt_hann", ("kaiser_bessel_derived", 4.0)])
def test_power_complementary(name):
    for length in (2, 8, 30, 2048):
        values = get_window(name, length)
        np.testing.assert_allclose(values**2 + np.roll(values, length // 2) ** 2, 1, atol=1e-14)


def test_sine_and_cosine():
    n = np.arange(10)
    for periodic in (True, False):
        assert np.allclose(get_window("sine", 10, fftbins=periodic), np.sin(np.pi * (n + 0.5) / 10))
    assert np.allclose(get_window("cosine", 10, fftbins=False), get_window("sine", 10))
    periodic = get_window("cosine", 10)
    assert np.allclose(periodic, np.sin(np.pi * (n + 0.5) / 11))
    assert not check_cola(periodic, 5, power=2)
    assert np.allclose(get_window("sqrt_hann", 10) ** 2, get_window("hann", 10))
    assert np.allclose(get_window("sqrt_hann", 10, fftbins=False) ** 2, get_window("hann", 10, fftbins=False))
    phase = np.sin(np.pi * (n + 0.5) / 10)
    assert np.allclose(get_window("vorbis", 10), np.sin(np.pi / 2 * phase**2))


@pytest.mark.parametrize("name", [*PARAMETERLESS, ("kaiser", 8.6), ("dpss", 3.0), ("chebwin", 60.0)], ids=str)
@given(length=st.integers(7, 300))
@settings(max_examples=20, deadline=None)
def test_forms(name, length):
    symmetric = get_window(name, length, fftbins=False)
    np.testing.assert_allclose(symmetric, symmetric[::-1], rtol=0, atol=1e-13)
    periodic = get_window(name, length)
    if name not in ("sine", "vorbis"):
        np.testing.assert_array_equal(periodic, get_window(name, length + 1, fftbins=False)[:-1])
    assert np.array_equal(get_window(name, length, fftbins=True), periodic)
    if isinstance(name, str):
        assert np.array_equal(get_window(f"{name}_symmetric", length), symmetric)
        assert np.array_equal(get_window(f"{name}_periodic", length, fftbins=False), periodic)


def test_other_specifications():
    values = np.arange(1.0, 9.0)
    assert np.array_equal(get_window(values, 8), values)
    assert np.array_equal(get_window(list(values), 8), values)
    assert np.array_equal(get_window(np.ones, 8), np.ones(8))
    for beta in (8.6, np.float32(2), 3):
        assert np.array_equal(get_window(beta, 8), get_window(("kaiser", float(beta)), 8))
    assert np.array_equal(get_window(("general hamming", 0.6), 8), get_window(("general_hamming", 0.6), 8))
    assert np.array_equal(padded_window("boxcar", 3, 8), [0, 0, 1, 1, 1, 0, 0, 0])
    assert pw.windows.get_window is get_window


def test_values_belong_to_the_caller():
    first = get_window("hann", 8)
    first[:] = 7
    assert get_window("hann", 8)[0] == 0


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ("nothing", "window must be one of barthann, .*; got 'nothing'"),
        ((), "window must be one of"),
        ((3, 4), "window must be one of"),
        (np.ones(9), r"shape \(8,\) to fit win_length=8, got \(9,\)"),
        (np.zeros(8), "must have energy"),
        (np.full(8, np.inf), "window must be finite"),
        ("kaiser", r"wrong parameters .*; it takes \('kaiser', beta\)"),
        (("tukey", 0.5, 3), r"it takes \('tukey', alpha\)"),
        (("hann", 3), "wrong parameters .*; it takes none"),
        (("gaussian", 0), "std must be a finite number in"),
        (("gaussian", "wide"), "std must be a number"),
        (("taylor", 2.5), "nbar must be an integer"),
        (("dpss", 4.5), "NW must lie between 0 and half of 9 samples, got 4.5"),
        (("general_cosine", 0.5), "wrong parameters"),
    ],
)
def test_errors(window, message):
    with pytest.raises(ParameterError, match=message):
        get_window(window, 8)


def test_errors_of_the_length():
    with pytest.raises(ParameterError, match="win_length must be an integer"):
        get_window("hann", 0)
    with pytest.raises(ParameterError, match="even length, got 7; use 8"):
        get_window(("kbd", 4.0), 7)


# ---- overlap -------------------------------------------------------------------------------------

windows = st.sampled_from(
    ["hann", "hamming", "boxcar", "bartlett", "blackman", "sine", "flattop", ("tukey", 0.4)]
)


@given(window=windows, length=st.integers(2, 96), hop=st.integers(1, 96), symmetric=st.booleans())
@settings(max_examples=300, deadline=None)
def test_checks_equal_scipy(window, length, hop, symmetric):
    hop = min(hop, length)
    values = get_window(window, length, fftbins=not symmetric)
    if not values.any():
        return
    cola, nola = check_cola(values, hop), check_nola(values, hop)
    assert bool(cola) == scipy.signal.check_COLA(values, length, length - hop)
    assert bool(nola) == scipy.signal.check_NOLA(values, length, length - hop, tol=1e-11 * nola.sums.max())
    assert cola.sums.shape == nola.sums.shape == (hop,)
    np.testing.assert_allclose(cola.sums.sum(), values.sum())
    np.testing.assert_allclose(nola.sums.sum(), (values**2).sum())


@given(window=windows, length=st.integers(2, 96), hop=st.integers(1, 150))
@settings(max_examples=200, deadline=None)
def test_proposed_hops_work(window, length, hop):
    for check in (check_nola, check_cola, lambda *args: check_cola(*args, power=2)):
        outcome = check(window, hop, length)
        assert str(outcome) == outcome.message
        if outcome:
            assert outcome.require() is outcome
            continue
        with pytest.raises(ParameterError) as caught:
            outcome.require()
        assert str(caught.value) == outcome.message
        for sign in ("Use hop_length <= ", "Use hop_length="):
            if sign in outcome.message:
                proposed = int(outcome.message.split(sign)[1].split(",")[0])
                assert 1 <= proposed < hop
                assert check(window, proposed, length)


@given(window=windows, length=st.integers(2, 96), hop=st.integers(1, 96), extra=st.integers(0, 20))
@settings(max_examples=200, deadline=None)
def test_dual_window(window, length, hop, extra):
    n_fft = length + extra
    if not check_nola(window, hop, n_fft, win_length=length):
        with pytest.raises(ParameterError, match="Use hop_length <="):
            dual_window(window, hop, n_fft, win_length=length)
        return
    dual = dual_window(window, hop, n_fft, win_length=length)
    frame = padded_window(window, length, n_fft)
    shifts = -(-n_fft // hop)
    total = np.zeros(n_fft + 2 * shifts * hop)
    for k in range(2 * shifts + 1):
        total[k * hop : k * hop + n_fft] += frame * dual
    np.testing.assert_allclose(total[shifts * hop : shifts * hop + hop], 1, atol=1e-12)
    transform = scipy.signal.ShortTimeFFT(frame, hop, fs=1)
    np.testing.assert_allclose(dual, transform.dual_win, atol=1e-9 * np.abs(dual).max())


def test_dual_of_a_power_complementary_window_is_itself():
    for name in ("sine", "vorbis", "sqrt_hann"):
        np.testing.assert_allclose(dual_window(name, 32, 64), get_window(name, 64), atol=1e-14)


def test_messages_say_what_to_change():
    assert "Use hop_length=256, or the window 'sqrt_hann' or 'sine'" in str(
        check_cola("hann", 512, 1024, power=2)
    )
    assert "the periodic form get_window('hann', 1024)" in str(check_cola(np.hanning(1024), 512))
    assert "sums to 2 everywhere" in str(check_cola("hann", 256, 1024))
    assert "hop_length=2048 leaves 3 samples, the first 0, of every" in str(check_nola("hann", 2048, 2048))
    assert "hop_length=1024 leaves sample 0 of every 1024 without" in str(check_nola("hann", 1024, 1024))
    assert "Use hop_length <= 1023, or a window without zeros" in str(check_nola("hann", 1024, 1024))
    assert "of at least 2000 samples" in str(check_nola("hann", 2000, 1024))
    assert "leaves sample 0 of every 4" in str(check_nola(np.array([0.0, 1, 1, 1]), 4))


def test_nola_agrees_with_istft():
    for hop, length in [(1023, 1024), (1024, 1024), (2045, 2048), (2047, 2048), (700, 512)]:
        y = np.random.default_rng(0).standard_normal(10 * length)
        parameters = {"n_fft": length, "hop_length": hop}
        S = pw.stft(y, **parameters)
        if check_nola("hann", hop, length):
            pw.istft(S, **parameters)
        else:
            with pytest.raises(ParameterError, match="without energy"):
                pw.istft(S, **parameters)


def test_errors_of_the_checks():
    with pytest.raises(ParameterError, match="n_fft must be given"):
        check_cola("hann", 4)
    with pytest.raises(ParameterError, match="win_length must be at most n_fft=8, got 9"):
        check_nola(np.ones(9), 4, 8)
    with pytest.raises(ParameterError, match="hop_length must be an integer"):
        dual_window("hann", 0, 8)
    with pytest.raises(ParameterError, match="power must be one of"):
        check_cola("hann", 4, 8, power=3)
