"""The promise of the product, end to end: stems sum to the mixture, for every rate, channels and format."""

from __future__ import annotations

import json

import numpy as np
import pytest

import phasewise as pw
from phasewise.cli import main

soundfile = pytest.importorskip("soundfile")
pytest.importorskip("soxr")

RNG_SEED = 0


def song(channels, rate, seconds=1.5):
    """Return float audio of tones, clicks and noise, (channels, samples)."""
    rng = np.random.default_rng(RNG_SEED)
    t = np.arange(int(seconds * rate)) / rate
    tone = 0.3 * np.sin(2 * np.pi * 220 * t) + 0.1 * np.sin(2 * np.pi * 661 * t)
    clicks = np.where((t * 4) % 1 < 0.01, 0.4, 0.0) * rng.standard_normal(t.size)
    noise = 0.05 * rng.standard_normal((channels, t.size))
    return np.clip(tone + clicks + noise, -1, 1)


def read(path, dtype="int32"):
    return soundfile.read(path, dtype=dtype, always_2d=True)[0].astype(np.int64)


@pytest.mark.parametrize(("rate", "channels"), [(44100, 2), (48000, 1), (16000, 3), (8000, 2)])
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_separated_files_sum_exactly(tmp_path, rate, channels, subtype):
    path = tmp_path / "song.wav"
    soundfile.write(path, song(channels, rate).T, rate, subtype=subtype)
    assert main(["separate", str(path), "-o", str(tmp_path / "out"), "-q"]) == 0
    folder = tmp_path / "out" / "nmf-music4" / "song"
    stems = sorted(folder.glob("*.wav"))
    assert [s.stem for s in stems] == ["bass", "drums", "other", "vocals"]
    assert soundfile.info(stems[0]).subtype == subtype
    assert soundfile.info(stems[0]).samplerate == rate
    assert np.array_equal(sum(read(s) for s in stems), read(path))
    record = json.loads((folder / "phasewise.json").read_text())
    assert record["sample_rate"] == rate


@pytest.mark.parametrize("algo", ["auto", "MISI", "wiener"])
def test_refined_files_sum_exactly(tmp_path, algo):
    rate = 16000
    mixture = song(2, rate)
    soundfile.write(tmp_path / "mixture.wav", mixture.T, rate, subtype="PCM_16")
    rng = np.random.default_rng(1)
    for i, share in enumerate((0.6, 0.4)):
        rough = share * mixture + 0.02 * rng.standard_normal(mixture.shape)
        soundfile.write(tmp_path / f"stem{i}.wav", rough.T, rate, subtype="PCM_16")
    stems = [str(tmp_path / f"stem{i}.wav") for i in range(2)]
    out = tmp_path / "out"
    arguments = ["refine", str(tmp_path / "mixture.wav"), *stems, "-o", str(out), "--algo", algo, "-q"]
    assert main(arguments) == 0
    written = sorted(out.rglob("*.wav"))
    assert len(written) == 2
    assert np.array_equal(sum(read(s) for s in written), read(tmp_path / "mixture.wav"))


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32, np.float64])
def test_arrays_sum(dtype):
    mixture = song(2, 44100, 1.0)
    if np.issubdtype(dtype, np.integer):
        mixture = np.round(mixture * np.iinfo(dtype).max).astype(dtype)
    mixture = mixture.astype(dtype)
    stems = pw.separate(mixture, 44100)
    assert set(stems) == {"bass", "drums", "other", "vocals"}
    assert all(s.shape == mixture.shape and s.dtype == dtype for s in stems.values())
    if np.issubdtype(dtype, np.integer):
        assert np.array_equal(sum(s.astype(np.int64) for s in stems.values()), mixture)
    else:
        # Where loud stems cancel to a soft sample, no floating-point stems near them can do better than this.
        smallest = np.min([np.abs(s) for s in stems.values()], axis=0).astype(dtype)
        error = np.abs(sum(s.astype(np.float64) for s in stems.values()) - mixture)
        bound = np.maximum(np.spacing(smallest), np.spacing(np.abs(mixture))) / 2
        if dtype == np.float64:  # the sum of this test rounds too
            bound = 4 * np.spacing(sum(np.abs(s) for s in stems.values()))
        assert np.all(error <= bound)
    refined = pw.refine(mixture, {"low": stems["bass"], "rest": mixture - stems["bass"]}, 44100, n_iter=3)
    if np.issubdtype(dtype, np.integer):
        assert np.array_equal(sum(s.astype(np.int64) for s in refined.values()), mixture)


def test_refining_recovers_phase():
    rate = 16000
    t = np.arange(2 * rate) / rate
    rng = np.random.default_rng(2)
    vibrato = np.sin(2 * np.pi * 5 * t)
    sources = {
        "one": 0.3 * sum(np.sin(2 * np.pi * 220 * k * t + 2 * k * vibrato) / k for k in range(1, 8)),
        "two": 0.3 * sum(np.sin(2 * np.pi * 275 * k * t) / k for k in range(1, 8)),
        "noise": 0.03 * rng.standard_normal(t.size),
    }
    mixture = sum(sources.values())
    X = pw.stft(mixture, n_fft=1024)
    # What a magnitude-only separator gives: right magnitudes with the phase of the mixture.
    rough = {
        name: pw.istft(np.abs(pw.stft(s, n_fft=1024)) * np.exp(1j * np.angle(X)), length=t.size)
        for name, s in sources.items()
    }
    refined = pw.refine(mixture, rough, rate, n_fft=1024, algo="RAAR")

    def quality(stems):
        return np.mean([pw.metrics.si_sdr(sources[name], stems[name]) for name in sources])

    assert quality(refined) > quality(rough) + 1


def test_the_cut_of_a_stream_does_not_matter():
    separator = pw.Separator(chunk_seconds=1.0)
    mixture = song(1, 44100, 3.0).astype(np.float32)
    whole = np.concatenate([s for _, s in separator.stream([mixture], 44100)], axis=-1)
    cuts = np.split(mixture, [1, 5000, 5001, 60000, 100000], axis=-1)
    pieces = np.concatenate([s for _, s in separator.stream(cuts, 44100)], axis=-1)
    assert np.array_equal(whole, pieces)


@pytest.mark.parametrize("stop", ["false", "interrupt"])
def test_cancelling(stop):
    seen = []

    def callback(fraction):
        seen.append(fraction)
        if fraction > 0.3:
            if stop == "interrupt":
                raise KeyboardInterrupt
            return False
        return True

    mixture = song(1, 44100, 3.0)
    with pytest.raises((pw.Cancelled, KeyboardInterrupt)):
        pw.separate(mixture, 44100, chunk_seconds=1.0, callback=callback)
    assert seen == sorted(seen)
    assert seen[-1] < 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "nothing"}, "nothing"),
        ({"phase": "magic"}, "phase must be one of"),
        ({"stems": ["kazoo"]}, "stems must be one of"),
        ({"device": "toaster"}, "device must be one of"),
    ],
)
def test_bad_arguments_are_explained(arguments, message):
    with pytest.raises((pw.ParameterError, pw.DictionaryError), match=message):
        pw.separate(song(1, 44100, 0.5), 44100, **arguments)


def test_command_errors(tmp_path, capsys):
    good, bad = tmp_path / "good.wav", tmp_path / "bad.wav"
    soundfile.write(good, song(1, 16000).T, 16000)
    bad.write_bytes(good.read_bytes()[:200])
    out = tmp_path / "out"
    assert main(["separate", str(good), str(bad), "-o", str(out), "-q"]) == 1
    assert "bad.wav" in capsys.readouterr().err
    assert (out / "nmf-music4" / "good" / "bass.wav").exists()
    assert not [p for p in out.rglob("*") if p.is_file() and p.parent.name == "bad"]
    assert main(["separate", str(good), "--phase", "magic"]) == 2
    short = tmp_path / "short.wav"
    soundfile.write(short, song(1, 16000)[:, :8000].T, 16000)
    assert main(["refine", str(good), str(short), str(short), "-o", str(out)]) != 0
    assert "short" in capsys.readouterr().err
