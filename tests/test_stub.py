"""The committed stub belongs to the compiled module."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

import phasewise
from phasewise import _core

TOOL = Path(__file__).parents[1] / "tools" / "make_stub.py"


@pytest.mark.skipif(not TOOL.exists(), reason="the tool is part of the source tree only")
def test_stub_is_current():
    spec = importlib.util.spec_from_file_location("make_stub", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    installed = Path(phasewise.__file__).with_name("_core.pyi").read_text()
    # The stub is formatted after it is made: compare what it says.
    assert ast.dump(ast.parse(installed)) == ast.dump(ast.parse(tool.stub(_core))), (
        "run: python tools/make_stub.py > python/phasewise/_core.pyi && ruff format python"
    )
