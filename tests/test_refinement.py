"""Refinement of given stems."""

import numpy as np
import pytest

import phasewise as pw
from phasewise.errors import Cancelled, ParameterError
from phasewise.refinement import Refiner, refine

RATE = 16000


@pytest.fixture(scope="module")
def sources():
    """Two chirps with vibrato and a noise with a beat, stereo, 2 s."""
    rng = np.random.default_rng(0)
    t = np.arange(2 * RATE) / RATE
    one = np.sin(2 * np.pi * (400 * t + 8 * np.sin(2 * np.pi * 5 * t)))
    two = np.sign(np.sin(2 * np.pi * (523 * t + 100 * t**2))) * np.abs(np.sin(3 * t))
    three = rng.standard_normal(t.size) * np.exp(-((8 * t) % 2))
    return {
        name: 0.1 * np.stack([left * x, right * x]).astype(np.float32)
        for name, x, left, right in (("one", one, 1, 0.5), ("two", two, 0.6, 1), ("three", three, 1, 1))
    }


@pytest.fixture(scope="module")
def mixture(sources):
    return sum(sources.values())


def blurred(sources, rng, amount=0.3):
    """The sources with an error in every bin, in proportion to its magnitude."""
    result = {}
    for name, source in sources.items():
        S = pw.stft(source, n_fft=1024)
        error = amount * np.abs(S) * (rng.standard_normal(S.shape) + 1j * rng.standard_normal(S.shape))
        result[name] = pw.istft((S + error).astype(np.complex64), length=source.shape[-1])
    return result


def mean_si_sdr(sources, stems):
    return np.mean([np.mean(pw.metrics.si_sdr(sources[name], stems[name])) for name in sources])


@pytest.mark.parametrize("algo", ["auto", "MISI", "RAAR", "Mag+Incons_hardMix"])
def test_noisy_stems_become_better_and_sum_to_the_mixture(sources, mixture, algo):
    stems = blurred(sources, np.random.default_rng(1))
    refined = refine(mixture, stems, RATE, algo=algo)
    np.testing.assert_allclose(sum(v.astype(np.float64) for v in refined.values()), mixture, atol=1e-8)
    assert list(refined) == list(stems)
    assert mean_si_sdr(sources, refined) > mean_si_sdr(sources, stems) + (3 if algo == "auto" else 0.3)


def test_true_stems_stay_as_they_are(sources, mixture):
    refined = refine(mixture, sources, RATE)
    for name, source in sources.items():
        np.testing.assert_allclose(refined[name], source, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.int16, np.int32])
def test_integers_sum_exactly(sources, mixture, dtype):
    peak = np.iinfo(dtype).max
    rng = np.random.default_rng(2)
    given = np.rint(mixture.astype(np.float64) / np.abs(mixture).max() * peak).astype(dtype)
    stems = {k: np.rint(v.astype(np.float64) * peak).astype(dtype) for k, v in blurred(sources, rng).items()}
    refined = refine(given, stems, RATE)
    assert all(stem.dtype == dtype for stem in refined.values())
    np.testing.assert_array_equal(sum(stem.astype(np.int64) for stem in refined.values()), given)


def test_mono_keeps_its_shape(sources, mixture):
    refined = refine(mixture[0], {name: source[0] for name, source in sources.items()})
    assert all(stem.shape == mixture[0].shape for stem in refined.values())


@pytest.mark.parametrize("algo", ["auto", "MISI"])
def test_chunks_make_the_whole(sources, mixture, algo):
    stems = blurred({k: np.tile(v, 3) for k, v in sources.items()}, np.random.default_rng(3))
    long = np.tile(mixture, 3)
    whole = refine(long, stems, RATE, algo=algo, chunk_seconds=60)
    parts = refine(long, stems, RATE, algo=algo, chunk_seconds=2)
    for name, stem in whole.items():
        # "auto" judges every chunk by itself.
        assert np.abs(parts[name] - stem).max() < (1e-3 if algo == "auto" else 1e-4) * np.abs(long).max()


def test_frames_follow_the_sample_rate(sources, mixture):
    stems = blurred(sources, np.random.default_rng(1))

    def refined(*rate, **options):
        return refine(mixture, stems, *rate, n_iter=2, **options)["one"]

    np.testing.assert_array_equal(refined(), refined(44100, n_fft=2048, hop_length=512))
    np.testing.assert_array_equal(refined(RATE), refined(RATE, n_fft=1024))
    assert np.abs(refined(RATE) - refined(RATE, n_fft=1024, hop_length=128)).max() > 1e-6


def test_progress_and_cancellation(sources, mixture):
    fractions = []
    refine(mixture, sources, RATE, callback=fractions.append)
    assert fractions[0] == 0
    assert fractions[-1] == 1
    assert (np.diff(fractions) >= 0).all()
    with pytest.raises(Cancelled):
        refine(mixture, sources, RATE, callback=lambda fraction: False)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stems": {}}, "stems must hold at least one"),
        ({"stems": {"a": np.zeros((2, 99))}}, r"stems\['a'\] must have the shape of the mixture, \(2, 100\)"),
        ({"stems": {"a": np.full((2, 100), np.inf)}}, r"stems\['a'\] must be finite"),
        ({"algo": "magic"}, "algo must be one of"),
        ({"n_iter": -1}, "n_iter must be"),
        ({"n_fft": 512, "hop_length": 400}, "hop_length must be at most"),
        ({"hop_length": 2000}, "hop_length must be at most"),
    ],
)
def test_mistakes_are_explained(change, message):
    options = {"mixture": np.zeros((2, 100)), "stems": {"a": np.zeros((2, 100))}, **change}
    with pytest.raises(ParameterError, match=message):
        refine(options.pop("mixture"), options.pop("stems"), RATE, **options)


def test_stream_is_the_whole(sources, mixture):
    stems = blurred(sources, np.random.default_rng(1))
    expected = refine(mixture, stems, RATE)
    blocks = np.stack([mixture, *stems.values()])
    pieces = list(Refiner().stream(np.array_split(blocks, 7, axis=-1), RATE))
    np.testing.assert_array_equal(np.concatenate([given for given, _ in pieces], axis=-1), mixture)
    refined = np.concatenate([part for _, part in pieces], axis=-1)
    for stem, wanted in zip(refined, expected.values(), strict=True):
        np.testing.assert_allclose(stem, wanted, atol=1e-7)
