"""How dictionaries are learnt from tracks."""

import numpy as np
import pytest

from phasewise.dictionary_learning import fit_stem, learn, track_frames
from phasewise.errors import ParameterError
from small_dictionary import EDGES, N_FFT, RATE
from tolerances import relative_error


def tone(frequency, seconds, rate=RATE, level=0.5):
    return level * np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def write(path, signal, rate=RATE):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(path, signal, rate, subtype="FLOAT")
    return path


def test_fit_stem_finds_the_spectra(rng):
    W = np.eye(12, 3) + np.eye(12, 3, -4)
    found = fit_stem(W @ rng.random((3, 200)) ** 3, 3, n_iter=300, rng=1)
    found = found[:, np.argsort(found[:3].argmax(axis=0))]
    assert relative_error(found, W / 2) < 0.02


def test_track_frames_are_a_bounded_sample_of_the_loud_ones(tmp_path, rng):
    path = write(
        tmp_path / "a.wav", np.concatenate([tone(1000, 20), np.zeros(80 * RATE), tone(1000, 1, level=1e-4)])
    )
    settings = {"sample_rate": RATE, "n_fft": N_FFT, "hop_length": 64}
    frames = track_frames(path, 50, rng=rng, **settings)
    assert frames.shape == (129, 50)
    assert (frames.argmax(axis=0) == 32).all()
    assert frames.mean() == pytest.approx(1, rel=1e-5)
    everything = track_frames(path, 10**4, rng=rng, **settings)
    assert everything.shape[1] == pytest.approx(20 * RATE / 64, abs=5)


def test_track_frames_of_silence_and_of_less_than_a_frame(tmp_path, rng):
    settings = {"sample_rate": RATE, "n_fft": N_FFT, "hop_length": 64, "rng": rng}
    assert track_frames(write(tmp_path / "0.wav", np.zeros(RATE)), 9, **settings).shape == (129, 0)
    assert track_frames(write(tmp_path / "1.wav", tone(1000, 0.01)), 9, **settings).shape == (129, 1)


def test_learn_from_tracks_of_several_rates_and_channels(tmp_path):
    low = write(tmp_path / "low.wav", np.stack([tone(300, 2), tone(400, 2)], axis=1))
    high = write(tmp_path / "high.wav", tone(2000, 2, 16000), 16000)
    seen = []
    dictionary = learn(
        {"low": [low], "high": [high, high]},
        rank={"low": 2, "high": 1},
        sample_rate=RATE,
        n_fft=N_FFT,
        max_frames=100,
        rng=0,
        metadata={"origin": "tones"},
        callback=seen.append,
    )
    assert dictionary.hop_length == 64
    assert dictionary.ranks == {"low": 2, "high": 1}
    assert dictionary.metadata["origin"] == "tones"
    frequency = np.arange(129) * RATE / N_FFT
    centroid = {stem: float((frequency @ W).mean()) for stem, W in dictionary.W.items()}
    assert centroid["low"] == pytest.approx(350, abs=40)
    assert centroid["high"] == pytest.approx(2000, abs=40)
    assert seen == sorted(seen)
    assert seen[-1] == 1

    from phasewise.transform import stft

    parts = np.stack([np.abs(stft(tone(f, 1), n_fft=N_FFT)) for f in (300, 2000)])
    found = dictionary.magnitudes(parts.sum(axis=0))
    energy = np.einsum("jft,kft->jk", found, parts)
    assert (np.diag(energy) > 20 * energy[[0, 1], [1, 0]]).all()


def test_learning_is_reproducible(tmp_path):
    path = write(tmp_path / "a.wav", np.random.default_rng(0).standard_normal(RATE))
    one, two, other = (
        learn({"x": [path]}, rank=3, sample_rate=RATE, n_fft=N_FFT, n_iter=5, max_frames=30, rng=seed).digest
        for seed in (1, 1, 2)
    )
    assert one == two != other


@pytest.mark.parametrize(
    ("bands", "beta", "expected"), [("auto", 1.0, len(EDGES) - 1), ("none", 1.0, 129), ("auto", 2.0, 129)]
)
def test_bands_are_for_the_divergence_that_they_are_exact_with(tmp_path, bands, beta, expected):
    path = write(tmp_path / "a.wav", np.random.default_rng(0).standard_normal(RATE))
    dictionary = learn(
        {"x": [path]}, rank=2, sample_rate=RATE, n_fft=N_FFT, n_iter=2, beta=beta, bands=bands, rng=0
    )
    assert dictionary.bands == expected


def test_learn_rejects_too_little_sound(tmp_path):
    path = write(tmp_path / "a.wav", tone(500, 0.1))
    with pytest.raises(ParameterError, match=r"tracks\['x'\] must have at least 50 frames .* but has 9"):
        learn({"x": [path]}, rank=50, sample_rate=RATE, n_fft=N_FFT)
    with pytest.raises(ParameterError, match=r"tracks\['x'\] must have at least one audio file"):
        learn({"x": []})
    with pytest.raises(ParameterError, match="at least one stem"):
        learn({})
