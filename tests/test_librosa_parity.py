"""stft and istft against librosa: values, types, memory order, `out`, errors, and librosa running on ours."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import warnings

import librosa
import numpy as np
import pytest
import scipy.signal

import phasewise as pw
from peers.librosa_on_phasewise import exchange
from tolerances import relative_error, tolerance


def noise(shape, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_same(ours, theirs, quantity="stft"):
    assert ours.dtype == theirs.dtype
    assert relative_error(ours, theirs) < tolerance(quantity, theirs.dtype)


def ramp_up(vector, width, axis, options):
    """Pad as `numpy.pad` asks a function to."""
    if width[0]:
        vector[: width[0]] = np.linspace(-1, 1, width[0])
    if width[1]:
        vector[-width[1] :] = 0.25


WINDOWS = [
    "hann",
    "ones",
    ("gaussian", 20.0),
    ("tukey", 0.3),
    8.6,
    np.float32(3),
    np.hanning,
    scipy.signal.windows.hamming,
    np.ones,
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("shape", [(2000,), (2, 2000), (2, 1, 700)])
def test_transform_and_inverse_over_the_parameters(shape, center, dtype):
    y = noise(shape, dtype)
    for n_fft, hop_length, win_length in [
        (256, None, None),
        (255, 50, None),
        (256, 64, 200),
        (100, np.int64(33), np.int32(61)),
        (512, 512, None),
        (7, 1, None),
    ]:
        parameters = {"hop_length": hop_length, "win_length": win_length, "center": center}
        theirs = librosa.stft(y, n_fft=n_fft, **parameters)
        ours = pw.stft(y, n_fft=n_fft, **parameters)
        assert_same(ours, theirs)
        for length in (None, shape[-1], shape[-1] + 3000, 99):
            options = {**parameters, "n_fft": n_fft, "length": length}
            back = pw.istft(theirs, **options, on_zero_overlap="mask")
            expected = librosa.istft(theirs, **options)
            assert back.dtype == expected.dtype
            assert back.shape == expected.shape
            assert back.flags.c_contiguous
            # Dividing by squared windows amplifies the rounding of both, here up to a hundred times.
            energy = overlap(n_fft, hop_length, win_length, center, theirs.shape[-1], back.shape[-1])
            kept = energy > 1e-4 * energy.max()
            assert kept.mean() > 0.04
            assert relative_error(back[..., kept], expected[..., kept]) < 100 * tolerance("istft", dtype)


def overlap(n_fft, hop_length, win_length, center, frames, length):
    win_length = win_length or n_fft
    energy = librosa.filters.window_sumsquare(
        window="hann",
        n_frames=frames,
        hop_length=int(hop_length or win_length // 4),
        win_length=win_length,
        n_fft=n_fft,
        dtype=np.float64,
    )
    return librosa.util.fix_length(energy[n_fft // 2 if center else 0 :], size=length)


@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_window_specifications(window):
    y = noise(1500)
    theirs = librosa.stft(y, n_fft=128, window=window)
    assert_same(pw.stft(y, n_fft=128, window=window), theirs)
    assert_same(pw.istft(theirs, window=window), librosa.istft(theirs, window=window), "istft")


@pytest.mark.parametrize("values", [np.hamming(96), list(np.hamming(96)), np.hamming(96).astype(np.float32)])
def test_window_arrays(values):
    y = noise(1500)
    parameters = {"n_fft": 128, "win_length": 96, "window": values}
    theirs = librosa.stft(y, **parameters)
    assert_same(pw.stft(y, **parameters), theirs)
    # librosa squares the window in the precision that it has
    error = relative_error(pw.istft(theirs, **parameters), librosa.istft(theirs, **parameters))
    assert error < tolerance("istft", np.asarray(values).dtype)


@pytest.mark.parametrize("samples", [1, 2, 40, 129, 256, 300, 3000])
@pytest.mark.parametrize(
    "pad_mode", ["constant", "reflect", "edge", "symmetric", "linear_ramp", ramp_up], ids=str
)
def test_paddings(pad_mode, samples):
    for shape in [(samples,), (3, samples)]:
        y = noise(shape)
        for n_fft, hop_length in [(256, 64), (255, 100)]:
            parameters = {"n_fft": n_fft, "hop_length": hop_length, "pad_mode": pad_mode}
            theirs = librosa.stft(y, **parameters)
            assert_same(pw.stft(y, **parameters), theirs)
            transform = pw.STFT(n_fft, hop_length, pad_mode=pad_mode)
            assert_same(transform.magnitude(y), np.abs(theirs))


def test_object_form_with_paddings_of_numpy():
    y = noise(1000)
    transform = pw.STFT(128, 32, pad_mode="symmetric")
    S = transform.analyze(y)
    assert_same(transform.synthesize(S, 1000), y, "istft")
    assert_same(transform.project_consistent(S, 1000), S)
    changed = transform.project_consistent(2 * S + 1, 1000)
    assert_same(changed, transform.analyze(transform.synthesize(2 * S + 1, 1000)))
    with pytest.raises(pw.ParameterError, match=r"adjoint is known for pad_mode.*'symmetric'"):
        transform.analyze_adjoint(S, 1000)


def test_empty_padding_has_the_right_shape():
    y = noise(1000)
    assert pw.stft(y, n_fft=64, pad_mode="empty").shape == librosa.stft(y, n_fft=64, pad_mode="empty").shape


@pytest.mark.parametrize("pad_mode", ["wrap", "maximum", "mean", "median", "minimum"])
def test_paddings_that_librosa_refuses(pad_mode):
    y = noise(1000)
    with pytest.raises(librosa.ParameterError):
        librosa.stft(y, pad_mode=pad_mode)
    with pytest.raises(librosa.ParameterError, match=f"pad_mode='{pad_mode}' is not supported"):
        pw.stft(y, pad_mode=pad_mode)
    expected = librosa.stft(y, n_fft=64, center=False, pad_mode=pad_mode)
    assert_same(pw.stft(y, n_fft=64, center=False, pad_mode=pad_mode), expected)


# ---- types, memory, out --------------------------------------------------------------------------


def test_types():
    for given in (np.float16, np.float32, np.float64):
        y = noise(1000, given)
        theirs = librosa.stft(y, n_fft=64)
        assert pw.stft(y, n_fft=64).dtype == theirs.dtype
        for dtype in (None, np.complex64, np.complex128, "complex64"):
            expected = librosa.stft(y, n_fft=64, dtype=dtype)
            assert pw.stft(y, n_fft=64, dtype=dtype).dtype == expected.dtype
        for dtype in (None, np.float32, np.float64):
            back = pw.istft(theirs, dtype=dtype)
            expected = librosa.istft(theirs, dtype=dtype)
            assert back.dtype == expected.dtype
            assert relative_error(back, expected) < 2e-6


def test_real_types_name_the_precision():
    # librosa would drop the imaginary part; its own tests of griffinlim do so.
    y = noise(1000)
    assert np.array_equal(pw.stft(y, n_fft=64, dtype=np.float32), pw.stft(y, n_fft=64, dtype=np.complex64))
    S = pw.stft(y, n_fft=64)
    assert np.array_equal(pw.istft(S, dtype=np.complex64), pw.istft(S, dtype=np.float32))


@pytest.mark.parametrize("frames_left_over", [0, 5])
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
@pytest.mark.parametrize("channels", [(), (2,)])
def test_out_of_stft(channels, dtype, order, frames_left_over):
    y = noise((*channels, 1000))
    needed = librosa.stft(y, n_fft=64)
    shape = (*needed.shape[:-1], needed.shape[-1] + frames_left_over)
    outs = [np.full(shape, 7, dtype, order=order) for _ in range(2)]
    theirs = librosa.stft(y, n_fft=64, out=outs[0])
    ours = pw.stft(y, n_fft=64, out=outs[1])
    assert_same(ours, theirs)
    assert np.shares_memory(ours, outs[1])
    assert (ours is outs[1]) == (theirs is outs[0]) == (frames_left_over == 0)
    assert np.array_equal(outs[1][..., needed.shape[-1] :], outs[0][..., needed.shape[-1] :])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [(), (2,)])
@pytest.mark.parametrize("length", [None, 950])
def test_out_of_istft(channels, dtype, order, length):
    S = librosa.stft(noise((*channels, 1000)), n_fft=64)
    expected = librosa.istft(S, length=length)
    out = np.full(expected.shape, 7, dtype, order=order)
    assert pw.istft(S, length=length, out=out) is out
    assert relative_error(out, expected) < tolerance("istft", dtype)
    for wrong in (expected.shape[-1] - 1, expected.shape[-1] + 1):
        for transform in (pw.istft, librosa.istft):
            with pytest.raises(librosa.ParameterError):
                transform(S, length=length, out=np.empty((*channels, wrong), dtype))


def test_read_only_out_is_refused_and_kept():
    y = noise(1000)
    S = pw.stft(y, n_fft=64)
    kept = S.copy(order="F")
    kept.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        pw.stft(2 * y, n_fft=64, out=kept)
    signal = np.zeros(992)
    signal.flags.writeable = False
    with pytest.raises(ValueError, match="read-only"):
        pw.istft(S, out=signal)
    assert np.array_equal(kept, S)
    assert not signal.any()


def test_one_signal_is_fortran_ordered():
    y = noise(1000)
    for n_fft in (64, 63, 3000):
        assert pw.stft(y, n_fft=n_fft).flags.f_contiguous
        assert librosa.stft(y, n_fft=n_fft).flags.f_contiguous


@pytest.mark.parametrize("transform", [pw.stft, librosa.stft])
def test_warning_for_short_signals(transform):
    with pytest.warns(UserWarning, match="n_fft=2048 is too large for input signal of length=128"):
        transform(np.zeros(128))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        transform(np.zeros(2048))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mean_and_nyquist_are_real(dtype):
    for n_fft in (255, 256, 11, 1, 2, 509, 2 * 509, 243, 2049):
        S = pw.stft(noise(5000, dtype), n_fft=n_fft, hop_length=100)
        assert not S[0].imag.any()
        assert n_fft % 2 or not S[-1].imag.any()


def test_keywords_of_librosa():
    y = noise(1000)
    assert np.array_equal(pw.stft(y=y, n_fft=64), pw.stft(y, n_fft=64))
    for transform in (pw.stft, librosa.stft):
        with pytest.raises(TypeError, match="positional"):
            transform(y, 64)


# ---- errors --------------------------------------------------------------------------------------

Y, S = np.zeros(1000), np.zeros((33, 10), complex)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("stft", {"y": np.zeros(1000, int)}),
        ("stft", {"y": np.zeros(1000, np.int16)}),
        ("stft", {"y": np.zeros(1000, bool)}),
        ("stft", {"y": np.array(0.0)}),
        ("stft", {"y": np.r_[Y, np.nan]}),
        ("stft", {"y": np.r_[Y, np.inf]}),
        ("stft", {"y": Y, "hop_length": 0}),
        ("stft", {"y": Y, "hop_length": -5}),
        ("stft", {"y": Y, "hop_length": 10.5}),
        ("stft", {"y": Y, "hop_length": 16.0}),
        ("stft", {"y": Y, "n_fft": 64, "win_length": 65}),
        ("stft", {"y": Y, "n_fft": 64, "window": np.ones(63)}),
        ("stft", {"y": Y, "n_fft": 64, "window": [1.0] * 65}),
        ("stft", {"y": Y, "n_fft": 2048, "center": False}),
        ("stft", {"y": Y, "n_fft": 64, "pad_mode": "wrap"}),
        ("stft", {"y": Y, "n_fft": 64, "window": None}),
        ("stft", {"y": Y, "n_fft": 64, "out": np.zeros((33, 63))}),
        ("stft", {"y": Y, "n_fft": 64, "out": np.zeros((33, 62), complex)}),
        ("stft", {"y": Y, "n_fft": 64, "out": np.zeros((34, 63), complex)}),
        ("istft", {"stft_matrix": S, "win_length": 65}),
        ("istft", {"stft_matrix": S, "window": np.ones(32)}),
        ("istft", {"stft_matrix": S, "out": np.zeros(1)}),
    ],
)
def test_both_raise_the_error_of_librosa(name, arguments):
    with pytest.raises(librosa.ParameterError):
        getattr(librosa, name)(**arguments)
    if name == "istft":
        arguments = {"S" if key == "stft_matrix" else key: value for key, value in arguments.items()}
    with pytest.raises(librosa.ParameterError) as caught:
        getattr(pw, name)(**arguments)
    assert isinstance(caught.value, pw.ParameterError)
    assert isinstance(caught.value, ValueError)


def test_unknown_windows_are_value_errors():
    for transform in (pw.stft, librosa.stft):
        with pytest.raises(ValueError, match="hat"):
            transform(Y, n_fft=64, window="hat")


def test_error_that_is_also_librosa_travels():
    error = pw.ParameterError("message", 3)
    assert isinstance(error, librosa.ParameterError)
    assert repr(error) == "ParameterError('message', 3)"
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert isinstance(twin, pw.ParameterError)
        assert twin.args == error.args
    assert type(pw.ParameterError("x")) is type(error)


def test_librosa_is_not_imported_for_an_error():
    program = (
        "import sys, phasewise as pw\n"
        "error = pw.ParameterError('message')\n"
        "assert type(error) is pw.ParameterError and 'librosa' not in sys.modules\n"
        "import librosa\n"
        "try:\n    pw.stft([1.0], hop_length=0)\n"
        "except librosa.ParameterError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "hop_length must be an integer >= 1, got 0" in done.stdout


# ---- librosa running on our transforms -----------------------------------------------------------


@pytest.fixture
def exchanged(monkeypatch):
    """Exchange the transforms in every module of librosa; the calls of ours are counted."""
    return exchange(monkeypatch.setattr)


SR = 8000
MUSIC = np.sum([librosa.tone(f, sr=SR, length=3 * SR) for f in (220, 277, 330, 1760)], axis=0)
MUSIC += librosa.clicks(times=np.arange(0.1, 3, 0.25), sr=SR, length=3 * SR) + 0.01 * noise(3 * SR)
MUSIC = MUSIC.astype(np.float32)
PURPOSES = {
    "melspectrogram": lambda y: librosa.feature.melspectrogram(y=y, sr=SR),
    "mfcc": lambda y: librosa.feature.mfcc(y=y, sr=SR),
    "chroma": lambda y: librosa.feature.chroma_stft(y=y, sr=SR),
    "rms": lambda y: librosa.feature.rms(S=np.abs(librosa.stft(y))),
    "centroid": lambda y: librosa.feature.spectral_centroid(y=y, sr=SR),
    "tonnetz_cqt": lambda y: librosa.cqt(y, sr=SR, n_bins=48),
    "vqt": lambda y: librosa.vqt(y, sr=SR, n_bins=48, intervals="equal"),
    "icqt": lambda y: librosa.icqt(librosa.cqt(y, sr=SR, n_bins=48), sr=SR),
    "griffinlim": lambda y: librosa.griffinlim(np.abs(librosa.stft(y)), n_iter=4, random_state=0),
    "griffinlim_uncentred": lambda y: librosa.griffinlim(
        np.abs(librosa.stft(y, center=False, window="hamming")),
        n_iter=2,
        window="hamming",
        random_state=0,
        center=False,
        length=len(y),
    ),
    "hpss": lambda y: np.stack(librosa.effects.hpss(y)),
    "time_stretch": lambda y: librosa.effects.time_stretch(y, rate=1.3),
    "pitch_shift": lambda y: librosa.effects.pitch_shift(y, sr=SR, n_steps=2, res_type="soxr_lq"),
    "tempogram": lambda y: np.abs(librosa.feature.fourier_tempogram(y=y, sr=SR, win_length=101)),
    "plp": lambda y: librosa.beat.plp(y=y, sr=SR),
    "onset_strength": lambda y: librosa.onset.onset_strength(y=y, sr=SR),
    "piptrack": lambda y: librosa.piptrack(y=y, sr=SR)[1],
    "reassigned": lambda y: np.nan_to_num(
        librosa.reassigned_spectrogram(y, sr=SR, ref_power=1.0, fill_nan=True)[0]
    ),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("purpose", list(PURPOSES))
def test_librosa_runs_on_our_transforms(purpose, request):
    theirs = PURPOSES[purpose](MUSIC)
    calls = request.getfixturevalue("exchanged")
    ours = PURPOSES[purpose](MUSIC)
    assert sum(calls.values()) > 0
    assert ours.dtype == theirs.dtype
    assert relative_error(ours, theirs) < 2e-3
    assert np.median(np.abs(ours - theirs)) < 1e-5 * np.max(np.abs(theirs))


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("window", ["hann", "rect"])
@pytest.mark.parametrize("hop_length", [None, 1024])
@pytest.mark.parametrize("win_length", [None, 1024])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_griffinlim_runs_where_samples_have_no_energy(
    exchanged, dtype, win_length, hop_length, window, center
):
    y = MUSIC[:5000]
    parameters = {"hop_length": hop_length, "win_length": win_length, "window": window, "center": center}
    S = np.abs(librosa.stft(y, **parameters, dtype=dtype, pad_mode="reflect"))
    for length in (None, y.size):
        back = librosa.griffinlim(S, **parameters, dtype=dtype, n_iter=3, length=length, random_state=0)
        assert back.dtype == dtype
        assert length is None or back.size == length
        assert np.isfinite(back).all()
    assert exchanged == {"stft": 7, "istft": 8}
