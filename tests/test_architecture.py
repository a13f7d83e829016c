"""The rings of the architecture and the rules between them, checked on sources and installed package."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import phasewise
from phasewise import _core, cli

PACKAGE = Path(phasewise.__file__).parent
ROOT = Path(__file__).parents[1]
CPP = ROOT / "cpp"
SOURCES = sorted(path for path in CPP.rglob("*") if path.suffix in {".cpp", ".hpp", ".inl"})
MODULES = sorted(PACKAGE.rglob("*.py"))

KERNEL_HEADERS = {"cmath", "cstddef", "cstdint", "cstring", "limits", "utility", "immintrin.h", "arm_neon.h"}


def included(path: Path) -> list[str]:
    return re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', path.read_text(), re.MULTILINE)


def imported_at_top(path: Path) -> set[str]:
    """Return the modules that importing ``path`` imports, type-checking blocks left out."""
    names: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def imported_anywhere(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module or ""} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def ids(path: Path) -> str:
    return str(path.relative_to(ROOT if path.is_relative_to(ROOT) else PACKAGE.parent))


@pytest.mark.parametrize("path", SOURCES, ids=ids)
def test_cpp_rings(path):
    part = path.relative_to(CPP).parts
    headers = included(path)
    if part[0] in ("include", "src", "tests"):
        assert not [h for h in headers if h.startswith(("pybind11", "Python", "torch", "ATen"))]
    if path.name != "gemm_eigen.cpp":
        assert not [h for h in headers if h.startswith("Eigen")], "Eigen belongs in gemm_eigen.cpp alone"
    if part[0] == "include":
        assert all(h.startswith("phasewise/") or re.fullmatch("[a-z]+", h) for h in headers), (
            "installed headers need nothing but each other and the standard library"
        )
    if "kernels" in part:
        own = {p.name for p in path.parent.iterdir()}
        tables = {f"phasewise/kernels/{p.name}" for p in (CPP / "include/phasewise/kernels").iterdir()}
        assert set(headers) <= KERNEL_HEADERS | own | tables
        text = re.sub(r"//.*", "", path.read_text())
        assert not re.search(r"\bstd::(vector|string|map|function|unique_ptr|shared_ptr)\b", text)
        assert not re.search(
            r"\b(throw|new|(?<!= )delete|malloc|static\s+(?!_assert|constexpr|PW_INLINE|inline))\b", text
        )
    if part[0] == "bindings":
        assert not [h for h in headers if "kernels/" in h]


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_python_rings(path):
    part = path.relative_to(PACKAGE).parts
    top, anywhere = imported_at_top(path), imported_anywhere(path)
    heavy = {"torch", "matplotlib", "soundfile", "soxr", "scipy", "sklearn", "librosa", "tqdm", "jinja2"}
    if part[0] not in ("torch", "models", "training"):
        assert not {name.split(".")[0] for name in top} & heavy, (
            "optional libraries are imported where they are used"
        )
    if part[0] == "reference":
        assert not [name for name in anywhere if name.startswith("phasewise") and "reference" not in name]
        assert "phasewise._core" not in anywhere
    else:
        assert not [name for name in top if name.startswith("phasewise.reference")], (
            "twins are never a fallback"
        )
    if part[0] == "models":
        assert not [name for name in anywhere if name.endswith(("._core", "._ops", "._bridge"))]


def test_import_is_light():
    code = (
        "import sys, phasewise, phasewise.cli; phasewise.stft; phasewise.misi; "
        "heavy = {'torch', 'matplotlib', 'soundfile', 'soxr', 'scipy', 'sklearn'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_public_names_resolve():
    for name in phasewise.__all__:
        assert getattr(phasewise, name) is not None
        assert name in dir(phasewise)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = phasewise.nothing


def public_functions():
    for name in phasewise.__all__:
        value = getattr(phasewise, name)
        if inspect.isroutine(value):
            yield name, value
        elif inspect.isclass(value) and not issubclass(value, Exception):
            yield name, value
            for method, function in vars(value).items():
                if not method.startswith("_") and inspect.isroutine(function):
                    yield f"{name}.{method}", function


@pytest.mark.parametrize(("name", "function"), list(public_functions()))
def test_docstrings_are_complete(name, function):
    text = inspect.getdoc(function) or ""
    assert text, f"{name} has no docstring"
    if inspect.isclass(function):
        return
    parameters = [p for p in inspect.signature(function).parameters if p not in ("self", "cls")]
    if parameters and "." not in name:
        assert "Parameters\n----------" in text, f"{name} does not describe its parameters"
        for parameter in parameters:
            assert re.search(rf"\b{parameter}\b", text.split("Parameters\n----------")[1]), (
                f"{name}: {parameter}"
            )
    annotation = inspect.signature(function).return_annotation
    if "." not in name and annotation not in (None, "None"):
        assert re.search(r"^Returns\n-------", text, re.MULTILINE), f"{name} does not describe its result"


def test_subcommands_keep_the_protocol():
    for name in cli.COMMANDS:
        module = importlib.import_module(f"phasewise.cli.{name}")
        assert isinstance(module.SUMMARY, str)
        assert callable(module.add_arguments)
        assert callable(module.run)


def test_versions_agree():
    assert _core.version == phasewise.__version__
