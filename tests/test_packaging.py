"""Source distribution and wheel: what they hold, and that the one makes the other without network."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path, PurePosixPath

import pytest

ROOT = Path(__file__).parents[1]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="needs the source tree"),
]

# All that a source distribution may hold.
TOP_FILES = {
    ".clang-format",
    ".clang-tidy",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CMakeLists.txt",
    "CMakePresets.json",
    "CONTRIBUTING.md",
    "LICENSE",
    "PKG-INFO",
    "README.md",
    "constraints.txt",
    "mkdocs.yml",
    "pyproject.toml",
}
FOLDERS = {
    "LICENSES": {".txt"},
    "cmake": {".cmake", ".in"},
    "cpp": {".cpp", ".hpp", ".inl", ".txt"},
    "docs": {".md"},
    "examples": {".cpp", ".hpp", ".txt"},
    "python": {".py", ".pyi", ".typed", ".js", ".css", ".j2", ".md", ".txt", ".flac", ".safetensors"},
    "tests": {".py"},
    "tools": {".py"},
}


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    out = tmp_path_factory.mktemp("sdist")
    command = [sys.executable, "-m", "build", "--sdist", "--no-isolation", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (path,) = out.glob("phasewise-*.tar.gz")
    return path


@pytest.fixture(scope="module")
def wheel(sdist, tmp_path_factory):
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-build-isolation", "--no-deps", "--no-index"]
    subprocess.run([*command, "--wheel-dir", str(out), str(sdist)], check=True, capture_output=True)
    (path,) = out.glob("phasewise-*.whl")
    return path


def test_sdist_holds_the_sources(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    for needed in (
        "pyproject.toml",
        "CMakeLists.txt",
        "LICENSE",
        "README.md",
        "cmake/Kernels.cmake",
        "cpp/src/fft.cpp",
        "cpp/src/kernels/vec.hpp",
        "cpp/bindings/module.cpp",
        "python/phasewise/__init__.py",
        "python/phasewise/_core.pyi",
        "python/phasewise/data/nmf-music4.safetensors",
        "tests/test_transform.py",
    ):
        assert needed in names
    parts = [PurePosixPath(n) for n in names]
    strangers = [str(p) for p in parts if len(p.parts) == 1 and p.name not in TOP_FILES]
    strangers += [str(p) for p in parts if len(p.parts) > 1 and p.suffix not in FOLDERS.get(p.parts[0], ())]
    assert not strangers
    assert sdist.stat().st_size < 8e6


def test_wheel_holds_the_package_alone(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert any(n.startswith("phasewise/_core.") and n.endswith((".so", ".pyd")) for n in names)
    for needed in ("phasewise/py.typed", "phasewise/_core.pyi", "phasewise/data/nmf-music4.safetensors"):
        assert needed in names
    assert any(n.startswith("phasewise/data/demo-song/") for n in names)
    licences = [n for n in names if ".dist-info/licenses/" in n]
    assert any(n.endswith("LICENSE") for n in licences)
    assert any("MPL-2.0" in n for n in licences), "Eigen's licence goes with the compiled module"
    top = {n.split("/")[0] for n in names}
    assert {n for n in top if not n.endswith(".dist-info")} == {"phasewise"}
    package = {PurePosixPath(n).suffix for n in names if n.startswith("phasewise/")}
    assert package <= FOLDERS["python"] | {".so", ".pyd"}
    assert wheel.stat().st_size < 12e6
