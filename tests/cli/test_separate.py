"""``phasewise separate``: files, folders, exact sums, failures, cancellation."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from phasewise import audio
from phasewise.cli import main
from phasewise.separation import Separator

STEMS = ("low", "mid", "high")


@pytest.fixture
def separate(model, tmp_path, capsys):
    """Run the command with the tiny model into ``tmp_path/out`` and return code, out and err."""

    def run(*arguments):
        code = main(["separate", *map(str, arguments), "-m", model, "-o", str(tmp_path / "out")])
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out" / "tiny"


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*") if path.is_file())


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32"])
@pytest.mark.parametrize(("channels", "rate"), [(1, 8000), (2, 11025), (3, 8000)])
def test_stems_sum_to_the_song(separate, song, out, integers, subtype, channels, rate):
    path = song(subtype=subtype, channels=channels, rate=rate, peak=0.99)
    assert separate(path)[0] == 0
    assert files_below(out) == sorted([f"song/{stem}.wav" for stem in STEMS] + ["song/phasewise.json"])
    stems = [out / "song" / f"{stem}.wav" for stem in STEMS]
    assert all(soundfile.info(stem).subtype == subtype for stem in stems)
    assert all(soundfile.info(stem).samplerate == rate for stem in stems)
    np.testing.assert_array_equal(sum(map(integers, stems)), integers(path))


@pytest.mark.parametrize("phase", ["wiener", "misi", "RAAR"])
def test_phase_algorithms_sum_to_the_song(separate, song, out, integers, phase):
    path = song()
    assert separate(path, "--phase", phase, "--n-iter", "2", "--format", "flac")[0] == 0
    np.testing.assert_array_equal(sum(integers(out / "song" / f"{s}.flac") for s in STEMS), integers(path))


def test_long_song_of_many_chunks_sums_exactly(separate, song, out, integers):
    path = song(seconds=50, channels=1)
    assert separate(path, "--max-memory", "248M")[0] == 0
    np.testing.assert_array_equal(sum(integers(out / "song" / f"{s}.wav") for s in STEMS), integers(path))


def test_float_song(separate, song, out):
    path = song(subtype="FLOAT", peak=3.0)
    assert separate(path)[0] == 0
    stems = [soundfile.read(out / "song" / f"{stem}.wav")[0] for stem in STEMS]
    assert soundfile.info(out / "song" / "low.wav").subtype == "FLOAT"
    np.testing.assert_allclose(sum(stems), soundfile.read(path)[0], atol=1e-7)


@pytest.mark.parametrize("name", ["song.mp3", "song.ogg"])
def test_lossy_song_becomes_24_bits(separate, song, out, integers, name):
    path = song(name, rate=8000, subtype=None)
    assert separate(path)[0] == 0
    assert soundfile.info(out / "song" / "low.wav").subtype == "PCM_24"
    total = sum(integers(out / "song" / f"{stem}.wav") for stem in STEMS)
    np.testing.assert_array_equal(total.T >> 8, audio.quantize(audio.read(path)[0], 24)[0])


@pytest.mark.parametrize("file_format", ["mp3", "ogg"])
def test_lossy_stems_are_announced(separate, song, out, file_format):
    code, _, err = separate(song(), "--format", file_format)
    assert code == 0
    assert f"{file_format} is lossy" in err
    assert json.loads((out / "song" / "phasewise.json").read_text())["sum"] == "lossy"
    assert soundfile.info(out / "song" / f"low.{file_format}").frames > 7000


def test_two_stems(separate, song, out, integers):
    path = song()
    assert separate(path, "--two-stems", "mid")[0] == 0
    assert files_below(out) == ["song/mid.wav", "song/no_mid.wav", "song/phasewise.json"]
    pair = [integers(out / "song" / f"{stem}.wav") for stem in ("mid", "no_mid")]
    np.testing.assert_array_equal(sum(pair), integers(path))


def test_chosen_stems_are_those_of_all(separate, song, out, integers):
    path = song()
    separate(path)
    everything = {stem: integers(out / "song" / f"{stem}.wav") for stem in STEMS}
    for file in (out / "song").iterdir():
        file.unlink()
    assert separate(path, "--stems", "high, low")[0] == 0
    assert files_below(out) == ["song/high.wav", "song/low.wav", "song/phasewise.json"]
    np.testing.assert_array_equal(integers(out / "song" / "low.wav"), everything["low"])


@pytest.mark.parametrize("jobs", [1, 3])
def test_folder_keeps_its_sub_folders(separate, song, tmp_path, out, integers, jobs):
    paths = {name: song(f"music/{name}.wav", seed=i) for i, name in enumerate(["a", "one/b", "one/two/c"])}
    song("music/.hidden/d.wav")
    (tmp_path / "music" / "notes.txt").write_text("not audio")
    code, _, err = separate(tmp_path / "music", "-j", jobs)
    assert code == 0
    assert "3 of 3 tracks written" in err
    assert len(files_below(out)) == 3 * 4
    for name, path in paths.items():
        total = sum(integers(out / name / f"{stem}.wav") for stem in STEMS)
        np.testing.assert_array_equal(total, integers(path))


def test_results_are_no_inputs(model, song, tmp_path, capsys):
    song("music/a.wav")
    for _ in range(2):
        assert (
            main(["separate", str(tmp_path / "music"), "-m", model, "-o", str(tmp_path / "music" / "out")])
            == 0
        )
        assert "1 of 1 tracks" in capsys.readouterr().err


def test_record(separate, song, out, model):
    path = song(subtype="PCM_24", channels=1)
    separate(path, "--seed", "5", "--init", "random", "--phase", "misi", "--n-iter", "1")
    record = json.loads((out / "song" / "phasewise.json").read_text())
    assert record["model"] == {"name": "tiny", "sha256": Separator(model).model.digest}
    assert record["arguments"]["phase"] == "MISI"
    assert record["arguments"]["seed"] == 5
    assert record["input"]["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (record["sample_rate"], record["channels"], record["samples"]) == (8000, 1, 8000)
    assert (record["format"], record["bit_depth"], record["sum"]) == ("wav", "24", "exact")
    assert record["stems"] == {stem: f"{stem}.wav" for stem in STEMS}


def test_skip_existing(separate, song, out):
    path = song()
    separate(path)
    times = {file: os.stat(out / file).st_mtime_ns for file in files_below(out)}
    assert "skipped" in separate(path, "--skip-existing", "-v")[2]
    assert times == {file: os.stat(out / file).st_mtime_ns for file in files_below(out)}
    (out / "song" / "mid.wav").unlink()
    assert "skipped" not in separate(path, "--skip-existing", "-v")[2]
    assert (out / "song" / "mid.wav").exists()


def test_flat_names(separate, song, out):
    assert separate(song(), song("more/tune.wav"), "--filename", "{track}_{stem}.{ext}")[0] == 0
    stems = [f"{track}_{stem}.wav" for track in ("song", "tune") for stem in STEMS]
    assert files_below(out) == sorted([*stems, "song.phasewise.json", "tune.phasewise.json"])


def test_bad_files_do_not_stop_the_good_ones(separate, song, tmp_path, out):
    (tmp_path / "bad.wav").write_bytes(b"no audio")
    cut = song("cut.wav")
    cut.write_bytes(cut.read_bytes()[:9000])
    flac = song("cut.flac")
    flac.write_bytes(flac.read_bytes()[:9000])
    code, _, err = separate(tmp_path / "bad.wav", cut, flac, song(), tmp_path / "missing.wav")
    assert code == 1
    summary = err[err.index("4 of 5 files failed:") :]
    for path, reason in [
        ("bad.wav", "cannot be decoded"),
        ("cut.wav", "truncated"),
        ("missing.wav", "No such"),
    ]:
        assert any(str(tmp_path / path) in line and reason in line for line in summary.splitlines())
    assert {file.split("/")[0] for file in files_below(out)} == {"song"}
    assert sorted(os.listdir(out)) == ["song"]


def test_one_file_that_cannot_be_held_fails(separate, song, tmp_path):
    code, _, err = separate(song(rate=11025 * 8, name="fast.wav"), "--format", "mp3")
    assert code == 1
    assert "mp3 cannot hold a sample rate of 88200 Hz" in err
    assert not (tmp_path / "out").exists()


def test_clipped_stems_are_announced(separate, song, out, integers):
    path = song(subtype="FLOAT", peak=1.5)
    code, _, err = separate(path, "--bit-depth", "16")
    assert code == 0
    assert "beyond full scale" in err
    assert json.loads((out / "song" / "phasewise.json").read_text())["clipped_samples"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--phase", "magic"], "phase must be one of 'auto', 'wiener'"),
        (["--two-stems", "violin"], "--two-stems must be one of 'low', 'mid', 'high'"),
        (["--stems", "low,violin"], "--stems must be one of 'low', 'mid', 'high'"),
        (["--stems", ","], "--stems must name some of low, mid, high"),
        (["--filename", "{stem}.{ext}"], "must contain {track}"),
        (["--filename", "{track}.{ext}"], "must contain {stem}"),
        (["--filename", "{track}/{stem}.{kind}"], "{kind} is unknown"),
        (["--filename", "../{track}/{stem}"], "must stay inside the output folder"),
        (["--filename", "{track"], "is malformed"),
        (["--n-iter", "-3"], "n_iter must be an integer >= 0"),
    ],
)
def test_usage_mistakes_exit_with_2(separate, song, tmp_path, arguments, message):
    code, _, err = separate(song(), *arguments)
    assert (code, message in err) == (2, True), err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--format", "aac"],
        ["--bit-depth", "12"],
        ["--max-memory", "lots"],
        ["-j", "0"],
        ["-q", "-v"],
        ["--stems", "a", "--two-stems", "a"],
    ],
)
def test_argparse_mistakes_exit_with_2(separate, song, arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        separate(song(), *arguments)
    assert stop.value.code == 2


def test_folder_without_audio(separate, tmp_path):
    (tmp_path / "empty").mkdir()
    code, _, err = separate(tmp_path / "empty")
    assert code == 2
    assert "no audio files in this folder" in err


def test_output_folder_that_cannot_be_written(model, song, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["separate", str(song()), "-m", model, "-o", str(tmp_path / "file")]) == 1
    assert f"cannot make the folder {tmp_path / 'file'}" in capsys.readouterr().err


def test_too_little_memory(separate, song):
    code, _, err = separate(song(), "--max-memory", "100M")
    assert code == 1
    assert "--max-memory must be at least" in err


def test_json_progress(separate, song, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"no audio")
    path = song(seconds=5)
    code, text, _ = separate(path, bad, "--json-progress", "--max-memory", "251M")
    events = [json.loads(line) for line in text.splitlines()]
    assert code == 1
    kinds = [event["event"] for event in events]
    assert kinds[0] == "start"
    assert kinds[-1] == "finished"
    assert events[-1] == {"event": "finished", "succeeded": 1, "failed": 1}
    progress = [event for event in events if event["event"] == "progress"]
    for key in ("fraction", "overall"):
        values = [event[key] for event in progress]
        assert values == sorted(values)
        assert len(set(values)) > 5
    assert progress[-1]["fraction"] == 1
    done = next(event for event in events if event["event"] == "done")
    assert done["file"] == str(path)
    assert all(Path(file).exists() for file in done["stems"].values())
    assert next(event for event in events if event["event"] == "failed")["file"] == str(bad)


def test_quiet_prints_nothing(separate, song):
    assert separate(song(), "-q") == (0, "", "")


@pytest.mark.skipif(sys.platform == "win32", reason="sends a POSIX signal")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("jobs", [1, 2])
def test_interrupt_leaves_nothing_behind(model, song, tmp_path, number, jobs):
    paths = [str(song(f"{i}.wav", seconds=400, channels=1)) for i in range(2)]
    command = [
        sys.executable,
        "-m",
        "phasewise",
        "separate",
        *paths,
        "-m",
        model,
        "-o",
        str(tmp_path / "out"),
    ]
    process = subprocess.Popen(
        [*command, "--json-progress", "-j", str(jobs), "--phase", "RAAR", "--n-iter", "400"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # background jobs ignore it
    )
    while '"progress"' not in process.stdout.readline():
        pass
    assert list((tmp_path / "out").rglob(".*.part"))
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "cancelled" in err
    assert files_below(tmp_path) == ["0.wav", "1.wav"]
    assert not (tmp_path / "out").exists()
