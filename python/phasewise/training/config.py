"""What a training run is made of: plain data, written in TOML."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from phasewise._validate import choice, integer, number
from phasewise.errors import ParameterError
from phasewise.training.examples import AUGMENTATIONS, Augmentation

__all__ = ["PRESETS", "DataConfig", "OptimizerConfig", "TrainConfig", "from_dict", "load_config", "to_toml"]


@dataclass(frozen=True)
class DataConfig:
    """Which examples, and how many.

    Parameters
    ----------
    root : str
        Folder of songs, see `phasewise.songs`; more than one with ``:`` between them.
    valid_root : str
        Folder of the songs to validate with; empty: the 14 songs that are kept for it in MUSDB18-HQ,
        elsewhere every tenth song.
    stems : sequence of str
        Of the songs; all of them make the mixture.
    seconds : float
        Of a chunk.
    channels : {1, 2}
    examples : int
        Per epoch.
    valid_seconds : float
        At most so much is validated of every song.
    """

    root: str = ""
    valid_root: str = ""
    stems: tuple[str, ...] = ("bass", "drums", "other", "vocals")
    seconds: float = 3.0
    channels: int = 2
    examples: int = 20000
    valid_seconds: float = 30.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "stems", tuple(self.stems))
        for name in ("seconds", "valid_seconds"):
            number(name, getattr(self, name), minimum=0.01)
        if integer("channels", self.channels) > 2:
            raise ParameterError(f"channels must be 1 or 2, got {self.channels}.")
        integer("examples", self.examples)


@dataclass(frozen=True)
class OptimizerConfig:
    """How the weights move.

    Parameters
    ----------
    learning_rate : float
        Of Adam, for batches of 16 examples; it grows in proportion to the batch of all processes together.
    decay, decay_every : float, int
        Factor of the learning rate after so many epochs.
    clip : float
        Largest norm of the gradient.
    batch : int
        Examples between two updates, all processes together.
    epochs : int
        At most.
    patience : int
        Epochs without improvement after which training ends.
    """

    learning_rate: float = 1e-3
    decay: float = 0.98
    decay_every: int = 2
    clip: float = 5.0
    batch: int = 16
    epochs: int = 200
    patience: int = 10

    def __post_init__(self) -> None:
        number("learning_rate", self.learning_rate, minimum=0.0)
        number("decay", self.decay, minimum=0.0, maximum=1.0)
        number("clip", self.clip, minimum=0.0)
        for name in ("decay_every", "batch", "epochs", "patience"):
            integer(name, getattr(self, name))


@dataclass(frozen=True)
class TrainConfig:
    """A training run.

    Parameters
    ----------
    network : str
        A key of `phasewise.models.storage.NETWORKS`.
    model : mapping
        Arguments of its constructor.
    start : mapping of str to path
        Files of networks with whose weights parts begin, by the names of the parts (``magnitude`` and
        ``phase`` of a `Demixer`); ``all`` for the whole.
    loss : str
        A key of `phasewise.training.tasks.TASKS`, or "auto": the one that fits the network.
    data : DataConfig
    augmentation : Augmentation
    optimizer : OptimizerConfig
    seed : int
    precision : str
        Of Lightning: "32-true", "bf16-mixed", "16-mixed".
    """

    network: str = "MagBS"
    model: Mapping[str, Any] = field(default_factory=dict)
    start: Mapping[str, str] = field(default_factory=dict)
    loss: str = "auto"
    data: DataConfig = field(default_factory=DataConfig)
    augmentation: Augmentation = field(default_factory=Augmentation)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    seed: int = 0
    precision: str = "32-true"

    def to_dict(self) -> dict[str, Any]:
        """Return nested plain data."""
        return _plain(dataclasses.asdict(self))


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


_ATTENTION = {"attention": [1, 8]}
_LARGE = {"features": 128, "repeats": 12, "exchange": True, "attention": [2, 16]}
# The published schedules: 200 epochs of 20000 examples of 3 s.
PRESETS: dict[str, dict[str, Any]] = {
    "musdb-magbs": {"network": "MagBS", "model": {**_ATTENTION}},
    "musdb-bsrnn": {"network": "BSRNN"},
    "musdb-bsrnn-active": {"network": "BSRNN", "augmentation": dataclasses.asdict(AUGMENTATIONS["active"])},
    "musdb-bsrnn-large": {"network": "BSRNN", "model": _LARGE, "optimizer": {"patience": 30}},
    "musdb-phase": {"network": "PhaseCRNN", "model": {"concentration": True}},
    "small": {
        "network": "MagBS",
        "model": {
            "stems": ["bass", "drums", "other", "vocals"],
            "scheme": "joint",
            "features": 32,
            "repeats": 4,
            "mask_factor": 2,
        },
        "data": {"examples": 1600},
        "optimizer": {"batch": 4},
    },
}


def from_dict(values: Mapping[str, Any]) -> TrainConfig:
    """Return the configuration that nested plain data describe; what they leave out has its default.

    Raises
    ------
    ParameterError
        If there is an unknown name, or a value is out of range.
    """
    parts = {"data": DataConfig, "augmentation": Augmentation, "optimizer": OptimizerConfig}
    _known("the configuration", values, TrainConfig)
    arguments = dict(values)
    for name, part in parts.items():
        section = arguments.get(name, {})
        if isinstance(section, str):
            section = dataclasses.asdict(AUGMENTATIONS[choice(name, section, AUGMENTATIONS)])
        _known(name, section, part)
        arguments[name] = part(**section)
    return TrainConfig(**arguments)


def _known(name: str, values: Mapping[str, Any], cls: Any) -> None:
    if not isinstance(values, Mapping):
        raise ParameterError(f"{name} must be a table, got {values!r}.")
    unknown = set(values) - {f.name for f in dataclasses.fields(cls)}
    if unknown:
        known = ", ".join(f.name for f in dataclasses.fields(cls))
        raise ParameterError(f"{name} must have no names but {known}; got {', '.join(sorted(unknown))}.")


def load_config(
    path: str | Path | None = None, *, preset: str | None = None, changes: Mapping[str, Any] | None = None
) -> TrainConfig:
    """Return a preset, changed by a file, changed by single values.

    Parameters
    ----------
    path : path, optional
        Of a TOML file; its tables may be incomplete.
    preset : str, optional
        A key of `PRESETS`.
    changes : mapping, optional
        Dotted names, ``{"optimizer.batch": 4}``.

    Raises
    ------
    ParameterError
        If the file cannot be read, or a name or value is wrong.
    """
    values: dict[str, Any] = {}
    if preset is not None:
        _merge(values, PRESETS[choice("preset", preset, PRESETS)])
    if path is not None:
        _merge(values, _read_toml(Path(path)))
    for name, value in (changes or {}).items():
        *tables, last = name.split(".")
        nested: Any = {last: value}
        for table in reversed(tables):
            nested = {table: nested}
        _merge(values, nested)
    return from_dict(values)


def _merge(into: dict[str, Any], values: Mapping[str, Any]) -> None:
    for name, value in values.items():
        if isinstance(value, Mapping):
            table = into.setdefault(name, {})
            if not isinstance(table, dict):
                raise ParameterError(f"{name} must be one value or a table, not both.")
            _merge(table, value)
        else:
            into[name] = value


def _read_toml(path: Path) -> dict[str, Any]:
    if sys.version_info >= (3, 11):
        import tomllib
    else:
        import tomli as tomllib
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ParameterError(f"{path}: cannot be read: {error.strerror}.") from error
    except tomllib.TOMLDecodeError as error:
        raise ParameterError(f"{path}: is not TOML: {error}.") from error


def to_toml(config: TrainConfig) -> str:
    """Return the configuration as TOML; `load_config` reads it back. What is None is left out."""
    tables = {name: value for name, value in config.to_dict().items() if isinstance(value, dict)}
    top = {name: value for name, value in config.to_dict().items() if name not in tables}
    lines = _lines(top)
    for name, table in tables.items():
        lines += ["", f"[{name}]", *_lines(table)]
    return "\n".join(lines) + "\n"


def _lines(values: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {_inline(value)}" for name, value in values.items() if value is not None]


def _inline(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{ " + ", ".join(_lines(value)) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value)  # strings, numbers and booleans look the same in JSON
