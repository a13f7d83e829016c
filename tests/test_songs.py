"""Songs as folders: found, checked, prepared."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

import phasewise as pw
from phasewise.songs import MUSDB_VALIDATION, find_songs, prepare

STEMS = ("bass", "drums", "other", "vocals")
RATE = 8000


def test_plain_folders(songs_folder):
    songs = find_songs(songs_folder, STEMS)
    assert [song.name for song in songs] == ["a", "b", "c", "d"]
    assert songs[1].path("bass") is None
    assert songs[1].path("drums").name == "drums.wav"
    assert [song.name for song in find_songs(songs_folder, ["bass"])] == ["a", "c", "d"]
    with pytest.raises(pw.ParameterError, match="split must be None"):
        find_songs(songs_folder, STEMS, split="train")
    with pytest.raises(pw.ParameterError, match="must hold songs as folders"):
        find_songs(songs_folder / "a", STEMS)


def test_parts_of_musdb(songs_folder, tmp_path):
    for part, names in {"train": ("x", MUSDB_VALIDATION[0]), "test": ("y",)}.items():
        for name in names:
            shutil.copytree(songs_folder / "a", tmp_path / part / name)

    def names(split):
        return [song.name for song in find_songs(tmp_path, STEMS, split=split)]

    assert len(set(MUSDB_VALIDATION)) == 14
    assert names("train") == ["x"]
    assert names("valid") == [MUSDB_VALIDATION[0]]
    assert names("test") == ["y"]
    assert sorted(names(None)) == sorted(["x", "y", MUSDB_VALIDATION[0]])


def test_prepared_songs_are_the_stems_at_the_rate_of_the_model(songs_folder, tmp_path):
    songs, converted = find_songs(songs_folder, STEMS), []
    files = prepare(songs, STEMS, sample_rate=RATE, cache=tmp_path, on_song=converted.append)
    assert converted == songs
    for song, file in zip(songs, files, strict=True):
        array = np.load(file, mmap_mode="r")
        assert array.shape == (4, 2, 2 * RATE)
        assert array.dtype == np.float16
        for j, stem in enumerate(STEMS):
            if song.path(stem) is None:
                assert not array[j].any()
            else:
                original = pw.audio.read(song.path(stem))[0]
                np.testing.assert_allclose(array[j], np.broadcast_to(original, (2, 2 * RATE)), atol=2e-4)
    assert prepare(songs, STEMS, sample_rate=RATE, cache=tmp_path, on_song=converted.append) == files
    assert len(converted) == 4
    assert not list(tmp_path.glob(".*"))
    slower = prepare(songs[:1], STEMS, sample_rate=RATE // 2, cache=tmp_path)
    assert np.load(slower[0]).shape == (4, 2, RATE)


def test_excluded_seconds_are_cut_out(songs_folder, tmp_path):
    shutil.copytree(songs_folder, tmp_path / "songs")
    manifest = tmp_path / "songs" / "manifest.json"
    manifest.write_text(json.dumps([{"name": "a", "exclude": [{"start": 0.5, "end": 1.25}]}, {"name": "b"}]))
    songs = find_songs(tmp_path / "songs", STEMS)
    assert songs[0].exclude == ((0.5, 1.25),)
    files = prepare(songs[:1], STEMS, sample_rate=RATE, cache=tmp_path / "cache")
    array, original = np.load(files[0]), pw.audio.read(songs[0].path("bass"))[0]
    assert array.shape == (4, 2, round(1.25 * RATE))
    np.testing.assert_allclose(array[0][:, RATE // 2 :], original[:, round(1.25 * RATE) :], atol=2e-4)
    manifest.write_text('{"a": 1}')
    with pytest.raises(pw.ParameterError, match="must be a list of songs with name and exclude"):
        find_songs(tmp_path / "songs", STEMS)


def test_stems_must_agree(songs_folder, tmp_path):
    soundfile = pytest.importorskip("soundfile")
    shutil.copytree(songs_folder / "a", tmp_path / "songs" / "a")
    soundfile.write(tmp_path / "songs" / "a" / "drums.wav", np.zeros((100, 2)), RATE)
    with pytest.raises(pw.ParameterError, match=r"drums.wav must have the 16000 samples at 8000 Hz.*got 100"):
        prepare(find_songs(tmp_path / "songs", STEMS), STEMS, sample_rate=RATE, cache=tmp_path / "cache")
    assert not list((tmp_path / "cache").iterdir())
