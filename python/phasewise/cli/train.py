"""``phasewise train``: networks learnt from songs."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import Any

from phasewise.cli._options import add_json, positive, write_json
from phasewise.errors import MissingDependencyError, ParameterError

__all__ = ["SUMMARY", "add_arguments", "run"]

SUMMARY = "train a network on songs with their stems"

_EXAMPLE = """\
Songs are folders <song>/{bass,drums,other,vocals}.wav (or .flac, .ogg), or MUSDB18-HQ as it comes. A run is
a folder with its configuration, metrics, curves, the state after the last epoch and the best network so far.
It may be killed at any time: --resume goes on, and ends with the same weights.

examples:
  phasewise train --data songs --preset small --run runs/small
  phasewise train --data songs --preset small --run runs/small --resume
  phasewise train --data musdb18hq --preset musdb-magbs --set model.stems='["bass"]' --set model.scheme=bass
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Fill the parser of ``phasewise train``."""
    parser.epilog = _EXAMPLE
    parser.add_argument(
        "--data",
        action="append",
        default=[],
        metavar="DIR",
        help="folder of songs, also several times (that of the configuration, else PHASEWISE_DATA/train)",
    )
    parser.add_argument("--preset", metavar="NAME", help="where to begin: a name that --list-presets shows")
    parser.add_argument("--config", metavar="FILE", help="TOML file that changes the preset")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="changes",
        metavar="NAME=VALUE",
        help="one value, as optimizer.epochs=20, also several times",
    )
    parser.add_argument("--list-presets", action="store_true", help="print the presets and end")
    parser.add_argument("--run", default="runs/train", metavar="DIR", help="folder of the run (runs/train)")
    parser.add_argument("--resume", action="store_true", help="go on with a run that was stopped")
    parser.add_argument(
        "--cache", metavar="DIR", help="folder of converted songs (PHASEWISE_CACHE, else runs/songs)"
    )
    machine = parser.add_argument_group("machine")
    machine.add_argument("--accelerator", default="auto", help="of Lightning: cpu, gpu, ... (auto)")
    machine.add_argument("--devices", type=positive, default=1, metavar="N", help="per node (1)")
    machine.add_argument("--nodes", type=positive, default=1, metavar="N", help="(1)")
    machine.add_argument("--strategy", default="auto", help="of Lightning, for several devices (auto)")
    machine.add_argument("--workers", type=int, default=0, metavar="N", help="processes that read songs (0)")
    machine.add_argument("--threads", type=positive, metavar="N", help="of torch, per process")
    add_json(parser)


def run(args: argparse.Namespace) -> int:
    """Train and return the exit code."""
    try:
        import lightning  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f'training needs torch and Lightning ({error}); pip install "phasewise[train]".'
        ) from error
    from phasewise.training.config import PRESETS, load_config, to_toml

    if args.list_presets:
        for name in PRESETS:
            print(f"# {name}\n{to_toml(load_config(preset=name))}")
        return 0
    changes = dict(_change(text) for text in args.changes)
    if args.data:
        changes["data.root"] = ":".join(args.data)
    config = load_config(args.config, preset=args.preset, changes=changes)
    if not config.data.root and os.environ.get("PHASEWISE_DATA"):
        root = str(Path(os.environ["PHASEWISE_DATA"]) / "train")
        config = load_config(args.config, preset=args.preset, changes={**changes, "data.root": root})
    return _train(args, config)


def _train(args: argparse.Namespace, config: Any) -> int:
    import torch

    from phasewise.training.curves import draw_curves
    from phasewise.training.loop import train

    if args.threads:
        torch.set_num_threads(args.threads)
    rows: list[dict[str, float]] = []

    def tell(row: dict[str, float]) -> None:
        rows.append(row)
        scores = "  ".join(
            f"{name} {value:.3f}" for name, value in row.items() if name not in ("epoch", "step")
        )
        print(f"epoch {row['epoch']:.0f}  step {row['step']:.0f}  {scores}", flush=True)

    best = train(
        config,
        args.run,
        cache=args.cache or os.environ.get("PHASEWISE_CACHE") or "runs/songs",
        resume=args.resume,
        devices=args.devices,
        nodes=args.nodes,
        accelerator=args.accelerator,
        strategy=args.strategy,
        workers=args.workers,
        on_epoch=tell,
    )
    try:
        draw_curves(args.run)
    except MissingDependencyError as error:
        print(f"no curves were drawn: {error}")
    print(f"best network: {best}")
    if args.json:
        write_json(args.json, {"best": str(best), "epochs": rows})
    return 0


def _change(text: str) -> tuple[str, Any]:
    """Return name and value; what is not JSON is a string."""
    name, separator, value = text.partition("=")
    if not separator or not name:
        raise ParameterError(f"--set must be NAME=VALUE, as optimizer.epochs=20, got {text!r}.")
    try:
        return name, json.loads(value)
    except json.JSONDecodeError:
        return name, value
