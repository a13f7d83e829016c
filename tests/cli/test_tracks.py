"""Which files are worked on, under which names."""

from pathlib import Path

import pytest

from phasewise.audio import formats
from phasewise.cli import _options
from phasewise.cli._tracks import Layout, find_tracks


@pytest.fixture
def tree(tmp_path):
    for name in (
        "a/mix.wav",
        "b/mix.wav",
        "b/mix.mp3",
        "b/c/mix.flac",
        "b/out/x/vocals.wav",
        "b/notes.txt",
        "d.OGG",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def names(tree, *paths, exclude="b/out"):
    tracks = find_tracks([str(tree / path) for path in paths], exclude=tree / exclude)
    return {track.name: str(track.source.relative_to(tree)) for track in tracks}


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        (["a/mix.wav"], {"mix": "a/mix.wav"}),
        (["d.OGG"], {"d": "d.OGG"}),
        (["a", "d.OGG"], {"mix": "a/mix.wav", "d": "d.OGG"}),
        (["b"], {"c/mix": "b/c/mix.flac", "mix.mp3": "b/mix.mp3", "mix.wav": "b/mix.wav"}),
        (["a/mix.wav", "b/c/mix.flac"], {"a/mix": "a/mix.wav", "c/mix": "b/c/mix.flac"}),
        (["a", "b/c"], {"a/mix": "a/mix.wav", "c/mix": "b/c/mix.flac"}),
        (["a/mix.wav", "a"], {"mix": "a/mix.wav"}),
    ],
)
def test_names(tree, paths, expected):
    assert names(tree, *paths) == expected


def test_whole_tree_keeps_its_folders(tree):
    assert set(names(tree, ".")) == {"a/mix", "b/mix.wav", "b/mix.mp3", "b/c/mix", "d"}


def test_output_is_searched_when_it_is_elsewhere(tree):
    assert "out/x/vocals" in names(tree, "b", exclude="elsewhere")


def test_record_is_beside_the_stems():
    nested = Layout(Path("out"), "{track}/{stem}.{ext}", "wav")
    assert nested.stem("one/song", "low") == Path("out/one/song/low.wav")
    assert nested.record("one/song") == Path("out/one/song/phasewise.json")
    flat = Layout(Path("out"), "all/{track} - {stem}.{ext}", "flac")
    assert flat.stem("song", "low") == Path("out/all/song - low.flac")
    assert flat.record("song") == Path("out/all/song.phasewise.json")


def test_options_offer_what_the_audio_module_knows():
    assert _options.FORMATS == formats.FORMATS
    assert _options.BIT_DEPTHS == formats.BIT_DEPTHS
