"""What README and documentation show runs as printed, and the reference is complete."""

from __future__ import annotations

import importlib
import inspect
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import phasewise as pw
from phasewise import cli

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

pytestmark = pytest.mark.skipif(not (ROOT / "docs").exists(), reason="the pages are part of the source tree")


def blocks(path, language):
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", path.read_text(encoding="utf-8"))


def commands():
    for path in PAGES:
        for block in blocks(path, "bash"):
            for line in block.splitlines():
                for part in line.split("#")[0].split("&&"):
                    words = shlex.split(part)
                    if words[:1] == ["phasewise"]:
                        yield pytest.param(words[1:], id=f"{path.name}: {' '.join(words)}")


@pytest.mark.parametrize("arguments", list(commands()))
def test_commands_are_understood(arguments):
    parser = cli._parser(arguments)
    assert parser.parse_args(arguments).command == arguments[0]


@pytest.mark.parametrize("path", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_examples_run(path, rng):
    stems = {name: 0.1 * rng.standard_normal(44100).astype(np.float32) for name in ("vocals", "rest")}
    mixture = stems["vocals"] + stems["rest"]
    magnitudes = np.stack([np.abs(pw.stft(stem)) for stem in stems.values()])
    names = {"pw": pw, "np": np, "mixture": mixture, "magnitudes": magnitudes, "stems": stems}
    names |= stems | {"y": mixture.copy()}
    for block in blocks(path, "python"):
        exec(compile(block, str(path), "exec"), names)
    if "sources" in names:
        np.testing.assert_allclose(names["sources"].sum(axis=0), pw.stft(mixture), atol=1e-4)
    assert np.allclose(sum(names["stems"].values()), mixture, atol=1e-5)


def test_reference_has_every_public_name():
    directives = re.findall(r"(?m)^::: (\S+)$", (ROOT / "docs" / "reference.md").read_text(encoding="utf-8"))
    pages = [importlib.import_module(name) for name in directives]
    shown = [getattr(page, name) for page in pages for name in page.__all__]
    public = [(name, getattr(pw, name)) for name in pw.__all__ if name not in ("__version__", "reference")]
    for name, value in list(public):
        if inspect.ismodule(value):
            public.remove((name, value))
            public += [(f"{name}.{inner}", getattr(value, inner)) for inner in value.__all__]
    missing = [name for name, value in public if not any(value is other for other in shown)]
    assert not missing, f"docs/reference.md lacks {missing}"
