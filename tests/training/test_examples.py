"""Training examples: the same for the same number, mixed as the recipe says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import phasewise as pw
from phasewise.songs import find_songs, prepare
from phasewise.training.examples import AUGMENTATIONS, Augmentation, Examples, ShardedSampler, active_chunks

STEMS = ("bass", "drums", "other", "vocals")
RATE = 8000


@pytest.fixture(scope="module")
def files(songs_folder, tmp_path_factory):
    return prepare(
        find_songs(songs_folder, STEMS), STEMS, sample_rate=RATE, cache=tmp_path_factory.mktemp("cache")
    )


def examples(files, augmentation, **changes):
    return Examples(files, **{"seconds": 0.25, "sample_rate": RATE, "augmentation": augmentation, **changes})


@pytest.mark.parametrize("recipe", AUGMENTATIONS)
def test_an_example_depends_on_seed_and_number_only(files, recipe):
    a, b = (examples(files, AUGMENTATIONS[recipe], seed=3) for _ in range(2))
    other = examples(files, AUGMENTATIONS[recipe], seed=4)
    for i in (5, 0, 7):
        assert a[i].shape == (4, 2, RATE // 4)
        assert a[i].dtype == torch.float32
        assert torch.equal(a[i], b[i])
        assert not torch.equal(a[i], other[i])
        assert not torch.equal(a[i], a[i + 1])


def test_without_augmentation_an_example_is_a_piece_of_a_song(files):
    data = examples(files, AUGMENTATIONS["none"])
    songs = [np.load(file).astype(np.float32) for file in files]
    for i in range(5):
        chunk = data[i].numpy()
        places = [
            (s, t)
            for s, song in enumerate(songs)
            for t in np.flatnonzero(song[3, 0, : 2 * RATE - RATE // 4 + 1] == chunk[3, 0, 0])
            if np.array_equal(song[..., t : t + RATE // 4], chunk)
        ]
        assert places


def test_gains_stay_in_their_range_and_silence_is_as_often_as_asked(files):
    data = examples(files, Augmentation(gain=(-6.0, 6.0), decibels=True, swap=0.0, silence=0.25))
    chunks = torch.stack([data[i] for i in range(300)])
    silent = chunks.abs().amax(dim=(2, 3)) == 0
    level = chunks.square().mean(dim=(2, 3)).sqrt() / (0.2 / 2**0.5)
    assert 0.2 < silent[:, 1:].float().mean() < 0.3
    loud = level[~silent]
    assert loud.min() > 0.45
    assert loud.max() < 2.1
    assert loud.log2().std() > 0.4


def test_remixed_stems_come_from_different_songs(files):
    """Songs are told by their frequencies, 10 Hz apart."""

    def song_of(signal, stem):
        found = np.abs(np.fft.rfft(signal, 8 * RATE)).argmax() / 8
        return round((found - 110 * 2**stem) / 10)

    for remix in (0.0, 1.0):
        data = examples(files, Augmentation(remix=remix), seconds=1.0)
        songs = [[song_of(data[i][j, 0].numpy(), j) for j in (1, 2, 3)] for i in range(20)]
        assert all(0 <= s < 4 for row in songs for s in row)
        assert any(len(set(row)) > 1 for row in songs) == (remix == 1.0)


def test_normalised_examples_have_a_peak_of_one(files):
    data = examples(files, AUGMENTATIONS["active"])
    for i in range(10):
        chunk = data[i]
        assert max(chunk.abs().max(), chunk.sum(0).abs().max()) == pytest.approx(1)


def test_channels_can_be_averaged(files):
    stereo, mono = (examples(files, AUGMENTATIONS["plain"], channels=c) for c in (2, 1))
    torch.testing.assert_close(mono[2], stereo[2].mean(1, keepdim=True))


def test_active_chunks_are_where_the_sound_is():
    signal = np.zeros((2, 60 * RATE), np.float32)
    signal[:, 20 * RATE : 40 * RATE] = 0.1 * np.random.default_rng(0).standard_normal((2, 20 * RATE))
    starts = active_chunks(signal, RATE) / RATE
    assert len(starts) > 3
    assert starts.min() >= 20 - 3
    assert starts.max() <= 40 - 3
    assert len(active_chunks(signal[:, :RATE], RATE)) == 0
    assert len(active_chunks(np.zeros((2, 60 * RATE)), RATE)) == 0


def test_workers_and_processes_see_the_same_examples(files):
    data = examples(files, AUGMENTATIONS["plain"])

    def batches(world, batch, workers=0):
        loaders = [
            DataLoader(
                data,
                batch_size=batch // world,
                sampler=ShardedSampler(8, rank=r, world=world),
                num_workers=workers,
            )
            for r in range(world)
        ]
        return [torch.cat(parts) for parts in zip(*loaders, strict=True)]

    one = batches(1, 4)
    for other in (batches(1, 4, workers=2), batches(2, 4)):
        for a, b in zip(one, other, strict=True):
            key = a.flatten(1).sum(1).argsort(), b.flatten(1).sum(1).argsort()
            assert torch.equal(a[key[0]], b[key[1]])
    sampler = ShardedSampler(8, rank=1, world=2)
    sampler.set_epoch(3)
    assert list(sampler) == [25, 27, 29, 31]
    assert len(sampler) == 4


def test_arguments_are_checked(files):
    with pytest.raises(pw.ParameterError, match="seconds must be less than the songs have, got 5"):
        examples(files, AUGMENTATIONS["plain"], seconds=5.0)
    with pytest.raises(pw.ParameterError, match="gain must be a range"):
        Augmentation(gain=(1.0, 0.5))
    with pytest.raises(pw.ParameterError, match="silence"):
        Augmentation(silence=1.5)
    with pytest.raises(pw.ParameterError, match="length must be a multiple of the 2 processes, got 7"):
        ShardedSampler(7, world=2)
