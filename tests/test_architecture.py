"""The rings of the architecture and the rules between them, checked on sources and installed package."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from importlib.metadata import version
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


def _names(nodes) -> set[str]:
    names: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            module = "" if node.level else node.module
            names |= {module} | {f"{module}.{alias.name}" for alias in node.names}
    return names


def _run_on_import(node: ast.AST):
    """Yield what is executed when a module is imported: no bodies of functions, no type-checking blocks."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _run_on_import(child)


def imported_at_top(path: Path) -> set[str]:
    """Return the modules that importing ``path`` imports, inside of ``try``, ``if`` and classes too."""
    return _names(_run_on_import(ast.parse(path.read_text())))


def imported_anywhere(path: Path) -> set[str]:
    return _names(ast.walk(ast.parse(path.read_text())))


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


HEAVY = {
    "torch",
    "matplotlib",
    "soundfile",
    "soxr",
    "scipy",
    "sklearn",
    "librosa",
    "tqdm",
    "jinja2",
    "lightning",
}


def broken_rules(part: tuple[str, ...], top: set[str], anywhere: set[str]) -> list[str]:
    """Return the rules that the module at ``part`` below the package breaks by its imports."""

    def of(names, *modules):
        return [n for n in names if any(n == m or n.startswith(f"{m}.") for m in modules)]

    outer = ("torch", "models", "training")
    rules = {
        "optional libraries are imported where they are used": part[0] not in outer and of(top, *HEAVY),
        "torch's ring is imported by torch, models and training, by others inside of functions": (
            part[0] not in outer and of(top, "phasewise.torch", "phasewise.models", "phasewise.training")
        ),
        "twins import numpy and each other": part[0] == "reference"
        and [n for n in of(anywhere, "phasewise") if not n.startswith("phasewise.reference")],
        "twins are never a fallback": part[0] != "reference" and of(top, "phasewise.reference"),
        "torch reaches the core, its plans and its memory through its bridge": part[0] == "torch"
        and part[-1] != "_bridge.py"
        and of(anywhere, "phasewise._core", "phasewise._framing", "phasewise._memory", "phasewise._arrays"),
        "operators are used by functions, functions by modules": part[:2] == ("torch", "nn")
        and of(anywhere, "phasewise.torch._ops", "phasewise.torch._bridge"),
        "models use the public torch functions": part[0] == "models"
        and of(anywhere, "phasewise._core", "phasewise.torch._ops", "phasewise.torch._bridge"),
        "models know nothing of their training": part[0] == "models" and of(anywhere, "phasewise.training"),
        "imports are absolute, so that these rules can read them": "" in anywhere,
    }
    return [rule for rule, broken in rules.items() if broken]


@pytest.mark.parametrize("path", MODULES, ids=ids)
def test_python_rings(path):
    assert not broken_rules(path.relative_to(PACKAGE).parts, imported_at_top(path), imported_anywhere(path))


@pytest.mark.parametrize(
    ("where", "source"),
    [
        ("filters.py", "try:\n    import torch\nexcept ImportError:\n    torch = None"),
        ("filters.py", "if True:\n    from scipy import signal"),
        ("filters.py", "class A:\n    import soundfile"),
        ("separation.py", "from phasewise.models import MagBS"),
        ("separation.py", "from phasewise import torch"),
        ("filters.py", "from phasewise.reference import filters"),
        ("reference/filters.py", "def f():\n    from phasewise import _core"),
        ("torch/functional.py", "def f():\n    from phasewise import _core"),
        ("torch/functional.py", "from phasewise._framing import framing"),
        ("torch/nn/transforms.py", "from phasewise.torch._ops import transforms"),
        ("models/magbs.py", "from phasewise.torch import _ops"),
        ("models/magbs.py", "def f():\n    import phasewise.training.losses"),
        ("filters.py", "from . import metrics"),
        ("filters.py", "def f():\n    from .metrics import sdr"),
    ],
)
def test_broken_rings_are_seen(tmp_path, where, source):
    path = tmp_path / "module.py"
    path.write_text(source)
    assert broken_rules(tuple(where.split("/")), imported_at_top(path), imported_anywhere(path))


@pytest.mark.parametrize(
    ("where", "source"),
    [
        ("filters.py", "if TYPE_CHECKING:\n    import torch"),
        ("filters.py", "def f():\n    import scipy.signal"),
        ("separation.py", "def f():\n    from phasewise.models import MagBS"),
        ("models/magbs.py", "import torch\nfrom phasewise.torch import nn"),
        ("torch/_bridge.py", "from phasewise import _core"),
    ],
)
def test_rings_allow_what_they_should(tmp_path, where, source):
    path = tmp_path / "module.py"
    path.write_text(source)
    assert not broken_rules(tuple(where.split("/")), imported_at_top(path), imported_anywhere(path))


def test_operators_are_registered_in_one_place():
    users = {
        path.relative_to(PACKAGE).parts[:2]
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and ast.unparse(node) == "torch.library"
    }
    assert users == {("torch", "_ops")}


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
    assert version("phasewise") == phasewise.__version__
    stated = {
        "CMakeLists.txt": r"project\(phasewise VERSION ([\d.]+) ",
        "pyproject.toml": r'(?m)^version = "(.+)"$',
        "CHANGELOG.md": r"(?m)^## (\S+)",
    }
    for name, pattern in stated.items():
        found = re.search(pattern, (ROOT / name).read_text(encoding="utf-8"))
        assert found is not None, name
        assert found[1] == phasewise.__version__, name
