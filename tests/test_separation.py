"""Separation: stems that sum to the mixture, at any rate, in chunks, with progress and cancellation."""

import dataclasses

import numpy as np
import pytest

import phasewise as pw
from phasewise._context import Neighbours
from phasewise.dictionary import Dictionary
from phasewise.errors import Cancelled, DictionaryError, ParameterError
from phasewise.separation import Separator, separate

RATE = 8000


def tones(frequencies, seconds, rate=RATE, channels=1):
    """Tones that come and go, one after the other."""
    t = np.arange(int(seconds * rate)) / rate
    parts = [
        np.sin(2 * np.pi * f * t) * (np.sin(2 * np.pi * (0.7 + 0.3 * i) * t) > 0)
        for i, f in enumerate(frequencies)
    ]
    signal = 0.2 * np.sum(parts, axis=0)
    return np.stack([signal * (1 - 0.3 * c) for c in range(channels)]).astype(np.float32)


@pytest.fixture(scope="module")
def model():
    """Two stems, low and high tones, and a third with everything."""
    rng = np.random.default_rng(0)
    W = {}
    for stem, frequencies in {"low": (300, 500), "high": (1700, 2300)}.items():
        spectra = [np.abs(pw.stft(tones([f], 1.0)[0], n_fft=512)).mean(axis=-1) for f in frequencies]
        W[stem] = np.stack(spectra, axis=1) + 1e-4
    W["rest"] = rng.random((257, 3)) ** 4 + 1e-3
    return Dictionary(("low", "high", "rest"), W, RATE, 512, 128)


@pytest.fixture
def mixture():
    rng = np.random.default_rng(1)
    signal = tones([300, 1700, 500], 3.0, channels=2)
    return signal + (0.01 * rng.standard_normal(signal.shape)).astype(np.float32)


def total(stems):
    return sum(np.asarray(stem, np.float64) for stem in stems.values())


@pytest.mark.parametrize("phase", ["wiener", "auto", "MISI", "raar", "PU-Iter", "AM"])
def test_stems_are_found_and_sum_to_the_mixture(model, phase):
    low, high = tones([300, 500], 3.0), tones([1700, 2300], 3.0)
    stems = separate(low + high, RATE, model=model, phase=phase)
    assert list(stems) == ["low", "high", "rest"]
    for name, truth in {"low": low, "high": high}.items():
        assert stems[name].shape == truth.shape
        assert np.min(pw.metrics.si_sdr(truth, stems[name])) > 15
    np.testing.assert_allclose(total(stems), low + high, atol=1e-8)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("channels", [None, 1, 2, 5])
def test_shape_and_type_are_the_input_s(model, dtype, channels):
    audio = tones([300, 1700], 1.0, channels=channels or 1).astype(dtype)
    audio = audio[0] if channels is None else audio
    stems = separate(audio, RATE, model=model)
    assert all((stem.shape, stem.dtype) == (audio.shape, audio.dtype) for stem in stems.values())
    np.testing.assert_allclose(total(stems), audio, atol=1e-8 if dtype == np.float32 else 1e-15)


@pytest.mark.parametrize("dtype", [np.int16, np.int32])
@pytest.mark.parametrize("kind", ["quiet", "full scale", "noise"])
def test_integers_sum_exactly(model, dtype, kind):
    rng = np.random.default_rng(2)
    limits = np.iinfo(dtype)
    if kind == "noise":
        audio = rng.integers(limits.min, limits.max, (2, RATE), dtype, endpoint=True)
    else:
        gain = 0.1 if kind == "quiet" else 10
        wave = np.rint(gain * tones([300, 1700, 500], 1.0, channels=2).astype(np.float64) * limits.max)
        audio = np.clip(wave, limits.min, limits.max).astype(dtype)
    stems = separate(audio, RATE, model=model)
    assert all(stem.dtype == dtype for stem in stems.values())
    np.testing.assert_array_equal(sum(stem.astype(np.int64) for stem in stems.values()), audio)


@pytest.mark.parametrize("rate", [4000, 7350, 8000, 11025, 16000, 44100])
def test_every_rate(model, rate):
    audio = tones([300, 1700], 1.0, rate=rate, channels=2)
    if rate > RATE:
        audio += tones([0.45 * rate], 1.0, rate=rate, channels=2)  # the model cannot hear this
    stems = separate(audio, rate, model=model)
    assert stems["low"].shape == audio.shape
    np.testing.assert_allclose(total(stems), audio, atol=1e-8)
    assert np.min(pw.metrics.si_sdr(tones([300], 1.0, rate=rate, channels=2), stems["low"])) > 8


# Chunks of the model's rate start on its frames, so that neighbours see the same frames. What is left is
# rounding, and for algorithms with iterations what the edges of a chunk do through them.
@pytest.mark.parametrize(("phase", "tolerance"), [("wiener", 1e-6), ("auto", 1e-3), ("RAAR", 1e-3)])
def test_chunks_make_the_whole(model, mixture, phase, tolerance):
    long = np.tile(mixture, 3)
    whole = separate(long, RATE, model=model, phase=phase, chunk_seconds=60)
    parts = separate(long, RATE, model=model, phase=phase, chunk_seconds=2.5)
    for name, stem in whole.items():
        assert np.abs(parts[name] - stem).max() < tolerance * np.abs(long).max()


def test_chunks_hear_the_surroundings_of_their_frames(model, mixture):
    """Chunks overlap as far as the model looks around."""
    rng = np.random.default_rng(3)
    group = Neighbours(-6, 6, [0, 20, 60, 257], 3.0)
    context = {stem: 1e-2 * rng.random((3, model.ranks[stem])) for stem in model.stems}
    around = dataclasses.replace(model, neighbours=(group,), context=context)
    long = np.tile(mixture, 3)
    whole, parts = (
        separate(long, RATE, model=around, phase="wiener", chunk_seconds=s)["low"] for s in (60, 2.5)
    )
    assert np.abs(parts - whole).max() < 1e-6 * np.abs(long).max()
    alone = separate(long, RATE, model=model, phase="wiener")["low"]
    assert np.abs(alone - whole).max() > 1e-2 * np.abs(long).max()


def test_filter_has_the_power_of_the_model(model, mixture):
    X = pw.stft(mixture, n_fft=512, hop_length=128)
    V = model.magnitudes(np.abs(X).mean(axis=0, keepdims=True))
    S = pw.wiener(X, np.broadcast_to(V, (2, *V.shape[1:])), power=1.2)
    expected = pw.istft(S[:, 0], n_fft=512, hop_length=128, length=mixture.shape[-1])
    soft = dataclasses.replace(model, power=1.2)
    found = separate(mixture, RATE, model=soft, phase="wiener")["low"]
    assert np.abs(found - expected).max() < 1e-4


def test_result_does_not_depend_on_how_the_stream_is_cut(model, mixture):
    separator = Separator(model, chunk_seconds=1.5)
    expected = [np.concatenate(p, axis=-1) for p in zip(*separator.stream([mixture], RATE), strict=True)]
    np.testing.assert_array_equal(expected[0], mixture)
    for size in (100, 7777):
        blocks = np.split(mixture, range(size, mixture.shape[-1], size), axis=-1)
        pieces = zip(*separator.stream(blocks, RATE), strict=True)
        for got, wanted in zip(pieces, expected, strict=True):
            np.testing.assert_array_equal(np.concatenate(got, axis=-1), wanted)


def test_random_start_is_seeded(model, mixture):
    def run(seed):
        return separate(mixture, RATE, model=model, phase="MISI", init="random", seed=seed, n_iter=2)["low"]

    np.testing.assert_array_equal(run(3), run(3))
    assert np.abs(run(3) - run(4)).max() > 1e-4


def test_threads_change_nothing(model, mixture):
    threads = pw.get_num_threads()
    try:
        results = []
        for n in (1, 2):
            pw.set_num_threads(n)
            results.append(separate(mixture, RATE, model=model)["low"])
        np.testing.assert_array_equal(*results)
    finally:
        pw.set_num_threads(threads)


def test_channels_keep_their_places(model):
    audio = tones([300, 1700], 2.0, channels=2)
    audio[1] *= 0.25
    stems = separate(audio, RATE, model=model, phase="wiener")
    for name in ("low", "high"):
        left, right = stems[name]
        assert np.dot(left, right) / np.dot(left, left) == pytest.approx(0.7 * 0.25, rel=1e-3)


@pytest.mark.parametrize("n", [1, 100, 511, 513])
def test_short_audio(model, n):
    audio = tones([300], 1.0)[:, :n] + 0.1
    np.testing.assert_allclose(total(separate(audio, RATE, model=model)), audio, atol=1e-8)


def test_silence_stays_silent(model):
    stems = separate(np.zeros((2, 3000), np.float32), RATE, model=model)
    assert all(not stem.any() for stem in stems.values())


def test_some_stems_in_the_order_asked_for(model, mixture):
    everything = separate(mixture, RATE, model=model)
    some = separate(mixture, RATE, model=model, stems=["rest", "low"])
    assert list(some) == ["rest", "low"]
    np.testing.assert_array_equal(some["low"], everything["low"])


def test_package_model_separates():
    rng = np.random.default_rng(4)
    audio = (0.1 * rng.standard_normal((2, 44100))).astype(np.float32)
    stems = separate(audio, 44100)
    assert sorted(stems) == ["bass", "drums", "other", "vocals"]
    np.testing.assert_allclose(total(stems), audio, atol=1e-8)
    assert Separator().name == "nmf-music4"


def test_progress_rises_to_one(model, mixture):
    fractions = []
    separate(mixture, RATE, model=model, chunk_seconds=1.0, callback=fractions.append)
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert len(fractions) > 10
    assert (np.diff(fractions) >= 0).all()


@pytest.mark.parametrize("at", [0.0, 0.3, 0.7])
def test_callback_cancels(model, mixture, at):
    seen = []

    def stop(fraction):
        seen.append(fraction)
        return fraction < at

    with pytest.raises(Cancelled):
        separate(mixture, RATE, model=model, chunk_seconds=1.0, callback=stop)
    assert sum(fraction >= at for fraction in seen) == 1

    def interrupt(fraction):
        raise KeyboardInterrupt

    with pytest.raises(Cancelled):
        separate(mixture, RATE, model=model, callback=interrupt)


@pytest.mark.parametrize(
    ("audio", "options", "message"),
    [
        (np.zeros((2, 0), np.float32), {}, "audio is empty"),
        (np.zeros((2, 3, 4), np.float32), {}, "audio must have shape"),
        (np.zeros((1000, 2), np.float32), {}, "looks transposed, pass audio.T"),
        (np.zeros((2, 100), np.uint8), {}, "audio must be float32, float64, int16 or int32"),
        (np.array([[0.0, np.nan]]), {}, "audio must be finite"),
        (np.zeros((2, 100)), {"phase": "magic"}, "phase must be one of 'auto', 'wiener', 'AM', 'MISI'"),
        (
            np.zeros((2, 100)),
            {"stems": ["violin"]},
            "stems must be one of 'low', 'high', 'rest'; got 'violin'",
        ),
        (np.zeros((2, 100)), {"device": "cuda"}, "device must be one of 'cpu'"),
        (np.zeros((2, 100)), {"init": "zero"}, "init must be one of"),
        (np.zeros((2, 100)), {"n_iter": -1}, "n_iter must be an integer >= 0"),
        (np.zeros((2, 100)), {"chunk_seconds": 0}, "chunk_seconds must be"),
        (np.zeros((2, 100)), {"sample_rate": 0}, "sample_rate must be"),
    ],
)
def test_mistakes_are_explained(model, audio, options, message):
    options = {"sample_rate": RATE, "model": model, **options}
    with pytest.raises(ParameterError, match=message):
        separate(audio, **options)


def test_unknown_model():
    with pytest.raises(DictionaryError, match="nmf-music5"):
        separate(np.zeros((2, 100)), RATE, model="nmf-music5")


def test_model_of_a_file_has_its_name(model, tmp_path):
    model.save(tmp_path / "tones.safetensors")
    separator = Separator(tmp_path / "tones.safetensors")
    assert (separator.name, separator.stems) == ("tones", ("low", "high", "rest"))
