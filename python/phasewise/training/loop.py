"""The training loop: Lightning, with everything that a run needs to survive being killed at any time.

A run is a folder: ``config.toml``, ``metrics.csv``, ``checkpoint.ckpt`` (the state after the last whole
epoch) and ``best.safetensors`` (the network with the best validation so far). Files are complete or not
there. Examples depend on seed, epoch and number only, and random numbers are seeded anew at every step: a
run that goes on from its checkpoint ends with the weights of one that was never disturbed.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import EarlyStopping, ModelCheckpoint
from lightning.pytorch.utilities import rank_zero_only
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from phasewise._whole_file import whole_file
from phasewise.errors import ParameterError
from phasewise.models.storage import load_network, make_network
from phasewise.songs import Song, find_songs, prepare
from phasewise.training.config import TrainConfig, load_config, to_toml
from phasewise.training.examples import Examples, ShardedSampler
from phasewise.training.steps import MONITORED, Module, Record, WholeCheckpoints

__all__ = ["train"]


def train(
    config: TrainConfig,
    run: str | os.PathLike[str],
    *,
    cache: str | os.PathLike[str],
    resume: bool = False,
    devices: int = 1,
    nodes: int = 1,
    accelerator: str = "auto",
    strategy: str = "auto",
    workers: int = 0,
    on_epoch: Callable[[dict[str, float]], Any] | None = None,
    progress: bool = False,
) -> Path:
    """Train a network and return the file of the best one.

    Parameters
    ----------
    config : TrainConfig
    run : path
        Folder of the run.
    cache : path
        Folder of the songs at the rate of the model, which runs may share.
    resume : bool
        Go on from the last whole epoch of the run, if it has one.
    devices, nodes, accelerator, strategy
        Of Lightning's trainer.
    workers : int
        Processes that load examples, per device.
    on_epoch : callable, optional
        Called with the row of `metrics.csv` after every epoch.
    progress : bool
        Whether to show Lightning's progress bar.

    Returns
    -------
    Path
        ``best.safetensors`` of the run.

    Raises
    ------
    ParameterError
        If the run exists and `resume` is false, or the configuration of the run is another one.
    """
    run = Path(run)
    checkpoint = run / "checkpoint.ckpt"
    torch.manual_seed(config.seed)
    network: Any = make_network(config.network, config.model)
    _start_from(network, config)
    rate: int = network.transform.sample_rate
    training, validation = _songs(config)
    world = devices * nodes
    if config.optimizer.batch % world or config.data.examples % config.optimizer.batch:
        raise ParameterError(
            f"batch must divide examples={config.data.examples} and be a multiple of the {world} processes, "
            f"got {config.optimizer.batch}."
        )
    rank_zero_only(_claim)(run, config, resume)
    files, held_out = (
        prepare(songs, config.data.stems, sample_rate=rate, cache=cache) for songs in (training, validation)
    )
    module = Module(config, network)
    examples = Examples(
        files,
        seconds=config.data.seconds,
        sample_rate=rate,
        augmentation=config.augmentation,
        seed=config.seed,
        channels=config.data.channels,
    )
    with _few_words(progress):
        trainer = lightning.Trainer(
            accelerator=accelerator,
            devices=devices,
            num_nodes=nodes,
            strategy=strategy,
            precision=config.precision,  # type: ignore[arg-type]
            max_epochs=config.optimizer.epochs,
            gradient_clip_val=config.optimizer.clip or None,
            callbacks=[
                Record(run, config, on_epoch),
                EarlyStopping(MONITORED, mode="max", patience=config.optimizer.patience),
                ModelCheckpoint(
                    run, filename="checkpoint", save_top_k=1, every_n_epochs=1, enable_version_counter=False
                ),
            ],
            plugins=[WholeCheckpoints()],
            logger=False,
            enable_progress_bar=progress,
            enable_model_summary=False,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            deterministic=True,
            default_root_dir=run,
        )
        sampler = ShardedSampler(config.data.examples, rank=trainer.global_rank, world=world)
        loader = DataLoader(
            examples,
            batch_size=config.optimizer.batch // world,
            sampler=sampler,
            num_workers=workers,
            drop_last=True,
        )
        whole = DataLoader(_WholeSongs(held_out, config, rate), batch_size=None)
        past = checkpoint if resume and checkpoint.exists() else None
        trainer.fit(module, loader, whole, ckpt_path=past, weights_only=True)
    return run / "best.safetensors"


@contextlib.contextmanager
def _few_words(progress: bool) -> Iterator[None]:
    """Keep Lightning from announcing what it does, unless progress is wanted."""
    logger = logging.getLogger("lightning.pytorch")
    level = logger.level
    logger.setLevel(level if progress else logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)


def _start_from(network: Any, config: TrainConfig) -> None:
    """Take the weights of networks that were trained before for parts of this one."""
    for part, path in config.start.items():
        before = load_network(path)
        target = network.get_submodule("" if part == "all" else part)
        if type(before) is not type(target) or before.config != target.config:
            raise ParameterError(
                f"start.{part} must name a {type(target).__name__} of the same configuration, but {path} is "
                "another network."
            )
        target.load_state_dict(before.state_dict())


def _claim(run: Path, config: TrainConfig, resume: bool) -> None:
    """Make the folder of a run with its configuration, or check that it is the same."""
    path = run / "config.toml"
    if path.exists():
        if not resume:
            raise ParameterError(
                f"run must be a new folder, but {run} holds one; resume it, or take another name."
            )
        if load_config(path) != config:
            raise ParameterError(
                f"run must be resumed with its own configuration, {path}, which is another one."
            )
        return
    run.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as temporary:
        temporary.write_text(to_toml(config), encoding="utf-8")


def _songs(config: TrainConfig) -> tuple[list[Song], list[Song]]:
    """Return the songs to train and to validate with."""
    data = config.data
    roots = [Path(root) for root in data.root.split(":") if root]
    if not roots:
        raise ParameterError("data.root must name a folder of songs, got none; give --data DIR.")
    training: list[Song] = []
    validation: list[Song] = []
    for root in roots:
        if (root / "train").is_dir() and (root / "test").is_dir():
            training += find_songs(root, data.stems, split="train")
            validation += find_songs(root, data.stems, split="valid") if not data.valid_root else []
        else:
            songs = find_songs(root, data.stems)
            kept = [] if data.valid_root else songs[::10][: max(1, len(songs) // 2)]
            validation += kept
            training += [song for song in songs if song not in kept]
    if data.valid_root:
        validation = find_songs(data.valid_root, data.stems)
    if not training or not validation:
        raise ParameterError("data.root must hold two songs or more, one of them to validate with.")
    return training, validation


class _WholeSongs(Dataset[Tensor]):
    """The first part of every song, without augmentation: (1, stem, channel, samples)."""

    def __init__(self, files: Sequence[Path], config: TrainConfig, sample_rate: int) -> None:
        self._files, self._config = files, config
        self._samples = round(config.data.valid_seconds * sample_rate)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Tensor:
        song = np.load(self._files[index], mmap_mode="r")
        part = song[..., : self._samples].astype(np.float32)
        if self._config.data.channels == 1:
            part = part.mean(axis=1, keepdims=True)
        return torch.from_numpy(part[None])
