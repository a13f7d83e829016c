"""Generated files that are committed belong to what they were made from."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

import phasewise
from phasewise import _core

ROOT = Path(__file__).parents[1]
TOOLS = ROOT / "tools"

pytestmark = pytest.mark.skipif(not TOOLS.exists(), reason="the tools are part of the source tree only")


def tool(name):
    spec = importlib.util.spec_from_file_location(name, TOOLS / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_stub_is_current():
    installed = Path(phasewise.__file__).with_name("_core.pyi").read_text()
    # The stub is formatted after it is made: compare what it says.
    assert ast.dump(ast.parse(installed)) == ast.dump(ast.parse(tool("make_stub").stub(_core))), (
        "run: python tools/make_stub.py > python/phasewise/_core.pyi && ruff format python"
    )


def test_algorithm_table_is_current():
    assert (ROOT / "docs" / "algorithms.md").read_text() == tool("make_algorithm_table").page(), (
        "run: python tools/make_algorithm_table.py > docs/algorithms.md"
    )


PARITY = list(tool("make_parity_table").rows()) if TOOLS.exists() else []


@pytest.mark.parametrize("row", PARITY, ids=lambda row: f"{row.result} {row.peer} {row.precision}")
def test_parity_table_holds(row):
    assert row.measure() <= row.bound
    published = (ROOT / "docs" / "parity.md").read_text()
    assert tool("make_parity_table").line(row, "").removesuffix(" |\n") in published, (
        "run: python tools/make_parity_table.py > docs/parity.md"
    )
