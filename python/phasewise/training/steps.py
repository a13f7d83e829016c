"""What Lightning needs to know of a run: its steps, its records, its checkpoints."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.plugins.io import TorchCheckpointIO
from torch import Tensor

import phasewise
from phasewise import metrics
from phasewise._whole_file import whole_file
from phasewise.models.storage import save_network
from phasewise.training.config import TrainConfig
from phasewise.training.tasks import task_for

__all__ = ["MONITORED", "Module", "Record", "WholeCheckpoints"]

MONITORED = "valid_usdr"


class Module(lightning.LightningModule):
    """Loss, optimiser and validation of a task."""

    def __init__(self, config: TrainConfig, network: torch.nn.Module) -> None:
        super().__init__()
        self.task = task_for(network, config.data.stems, config.loss)
        self.config = config
        self.scores: list[np.ndarray[Any, Any]] = []
        self.sums = [0.0, 0]

    def on_train_epoch_start(self) -> None:
        self.sums = [0.0, 0]

    def training_step(self, sources: Tensor, index: int) -> Tensor:
        # Whoever takes this step, first or again, draws the same numbers (dropout).
        seeds = np.random.SeedSequence((self.config.seed, self.current_epoch, index, self.global_rank))
        torch.manual_seed(int(seeds.generate_state(1)[0]))
        loss = self.task.loss(sources)
        self.sums[0] += float(loss.detach())
        self.sums[1] += 1
        return loss

    def on_validation_epoch_start(self) -> None:
        self.scores = []

    def validation_step(self, sources: Tensor, index: int) -> None:
        estimate = self.task.estimate(sources)[0].float().cpu().numpy()
        reference = self.task.targets(sources)[0].float().cpu().numpy()
        self.scores.append(np.asarray(metrics.usdr(reference, estimate)))

    def on_validation_epoch_end(self) -> None:
        scores = np.stack(self.scores)  # (song, stem)
        for name, values in zip(self.task.names, scores.T, strict=True):
            if np.isfinite(values).any():
                self.log(f"valid_usdr_{name}", float(np.nanmean(values)))
        self.log(MONITORED, float(np.nanmean(scores)))

    def configure_optimizers(self) -> Any:
        o = self.config.optimizer
        optimizer = torch.optim.Adam(self.parameters(), lr=o.learning_rate * o.batch / 16)
        return [optimizer], [torch.optim.lr_scheduler.StepLR(optimizer, o.decay_every, o.decay)]


class Record(Callback):
    """Writes metrics, curves and the best network after every epoch."""

    def __init__(
        self, run: Path, config: TrainConfig, on_epoch: Callable[[dict[str, float]], Any] | None
    ) -> None:
        self._run, self._config, self._on_epoch = run, config, on_epoch
        self._rows: list[dict[str, float]] = []

    def state_dict(self) -> dict[str, Any]:
        return {"rows": self._rows}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._rows = state_dict["rows"]

    def on_train_epoch_end(self, trainer: lightning.Trainer, pl_module: Any) -> None:
        row: dict[str, float] = {"epoch": trainer.current_epoch, "step": trainer.global_step}
        row["train_loss"] = pl_module.sums[0] / max(1, pl_module.sums[1])
        row.update(
            {name: float(value) for name, value in trainer.callback_metrics.items() if "valid" in name}
        )
        best = max((r.get(MONITORED, -np.inf) for r in self._rows), default=-np.inf)
        self._rows = [r for r in self._rows if r["epoch"] < row["epoch"]] + [row]
        if not trainer.is_global_zero:
            return
        if row.get(MONITORED, -np.inf) > best:
            facts = {
                "epoch": str(row["epoch"]),
                MONITORED: f"{row[MONITORED]:.3f}",
                "seed": str(self._config.seed),
            }
            facts["version"] = phasewise.__version__
            save_network(pl_module.task.network, self._run / "best.safetensors", metadata=facts)
        _write_csv(self._run / "metrics.csv", self._rows)
        if self._on_epoch is not None:
            self._on_epoch(row)


class WholeCheckpoints(TorchCheckpointIO):
    """Checkpoints that are complete or not there."""

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None) -> None:
        with whole_file(Path(path)) as temporary:
            super().save_checkpoint(checkpoint, temporary, storage_options)


def _write_csv(path: Path, rows: list[dict[str, float]]) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    with whole_file(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)
