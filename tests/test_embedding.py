"""The C++ package, installed, in the build tree and in another project: the example agrees with Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

import phasewise as pw
from tolerances import relative_error, tolerance

soundfile = pytest.importorskip("soundfile")

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "cpp"
CMAKE = shutil.which("cmake", path=os.pathsep.join([sysconfig.get_path("scripts"), os.environ["PATH"]]))

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not EXAMPLE.exists(), reason="needs the source tree"),
    pytest.mark.skipif(CMAKE is None, reason="needs cmake"),
]

# A project that embeds phasewise's sources, as add_subdirectory and FetchContent do.
SUPERPROJECT = """
cmake_minimum_required(VERSION 3.18)
project(app LANGUAGES CXX)
add_subdirectory("{root}" phasewise)
add_executable(denoise "{root}/examples/cpp/denoise.cpp")
target_link_libraries(denoise PRIVATE phasewise::phasewise)
"""


def run(*command):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def configure(source, build, *definitions):
    run(CMAKE, "-S", source, "-B", build, "-DCMAKE_BUILD_TYPE=Release", *definitions)


def make(build):
    run(CMAKE, "--build", build, "--config", "Release", "--parallel", "2")
    (program,) = [
        p for p in build.rglob("denoise*") if p.is_file() and p.stem == "denoise" and os.access(p, os.X_OK)
    ]
    return program


@pytest.fixture(scope="module")
def embedded(tmp_path_factory):
    """Build folder of the project that embeds phasewise: the one build of the library of all these tests."""
    folder = tmp_path_factory.mktemp("embedded")
    source, build = folder / "source", folder / "build"
    source.mkdir()
    (source / "CMakeLists.txt").write_text(SUPERPROJECT.format(root=ROOT.as_posix()))
    eigen = [p for p in sys.path if (Path(p) / "cmeel.prefix").exists()]
    configure(
        source,
        build,
        "-DPHASEWISE_LEVELS=baseline;neon",
        "-DPHASEWISE_INSTALL=ON",
        f"-DCMAKE_PREFIX_PATH={';'.join(eigen)}",
    )
    make(build)
    return build


@pytest.fixture(scope="module", params=["within another project", "installed", "build tree"])
def denoise(request, embedded, tmp_path_factory):
    """Build the example in one of the ways to find the library."""
    if request.param == "within another project":
        return make(embedded)
    folder = tmp_path_factory.mktemp("example")
    package = embedded / "phasewise"
    if request.param == "installed":
        run(CMAKE, "--install", embedded, "--config", "Release", "--prefix", folder / "here")
        # What is installed refers to itself alone.
        package = (folder / "here").rename(folder / "prefix")
    # No hint that leads to Eigen.
    configure(EXAMPLE, folder / "build", f"-DCMAKE_PREFIX_PATH={package}")
    return make(folder / "build")


@pytest.fixture(scope="module")
def recording():
    """Stereo noise, into which tones enter after 0.4 s."""
    rng = np.random.default_rng(0)
    t = np.arange(33001) / 22050
    tones = np.stack([np.sin(2 * np.pi * 440 * t), np.sin(2 * np.pi * 1234.5 * t)]) * (t > 0.4)
    return (0.3 * tones + 0.02 * rng.standard_normal(tones.shape)).astype(np.float32)


def denoised(y, sample_rate):
    """Return what the example computes."""
    S = pw.stft(y, n_fft=2048, hop_length=512)
    power = np.abs(S.astype(np.complex128)) ** 2
    learning = int(0.25 * sample_rate / 512)
    noise = power[..., :learning].mean(axis=-1, keepdims=True)
    gain = np.sqrt(np.maximum(1 - 2 * noise / np.maximum(power, 1e-30), 0.01))
    gain[..., :learning] = 0.1
    return pw.istft(S * gain.astype(np.float32), hop_length=512, length=y.shape[-1])


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_32", "FLOAT"])
def test_example_agrees_with_python(denoise, recording, tmp_path, subtype):
    soundfile.write(tmp_path / "in.wav", recording.T, 22050, subtype=subtype)
    said = run(denoise, tmp_path / "in.wav", tmp_path / "out.wav")
    assert "2 channels of 33001 samples at 22050 Hz, 65 frames" in said
    result, sample_rate = soundfile.read(tmp_path / "out.wav", dtype="float32")
    assert sample_rate == 22050
    read = soundfile.read(tmp_path / "in.wav", dtype="float32")[0]
    expected = denoised(np.ascontiguousarray(read.T), 22050)
    assert relative_error(result.T, expected) <= tolerance("reconstruction", np.float32)
    quiet = slice(0, 8000)
    assert np.mean(expected[:, quiet] ** 2) < 0.1 * np.mean(recording[:, quiet] ** 2)


@pytest.mark.parametrize("samples", [0, 1, 700, 33001])
def test_blocks_of_any_size_give_the_same_file(denoise, recording, tmp_path, samples):
    soundfile.write(tmp_path / "in.wav", recording[:, :samples].T, 22050, subtype="FLOAT")
    files = set()
    for block in (100, 4096, 100000):
        run(denoise, tmp_path / "in.wav", tmp_path / "out.wav", block)
        files.add((tmp_path / "out.wav").read_bytes())
    assert len(files) == 1
    assert len(soundfile.read(tmp_path / "out.wav")[0]) == samples


def test_example_explains_errors(denoise, tmp_path):
    (tmp_path / "text.wav").write_text("not a recording")
    for path, words in (
        (tmp_path / "text.wav", "is not a WAV file"),
        (tmp_path / "none.wav", "cannot be opened"),
    ):
        done = subprocess.run(
            [denoise, path, tmp_path / "out.wav"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert words in done.stderr


def test_another_minor_version_is_refused(embedded, tmp_path):
    version = pw.__version__.split(".")
    newer = f"{version[0]}.{int(version[1]) + 1}"
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.18)\nproject(app LANGUAGES CXX)\n"
        f"find_package(phasewise {newer} CONFIG QUIET)\n"
        'if(phasewise_FOUND)\n  message(FATAL_ERROR "found")\nendif()\n'
    )
    configure(tmp_path, tmp_path / "build", f"-DCMAKE_PREFIX_PATH={embedded / 'phasewise'}")
