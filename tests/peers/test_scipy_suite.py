"""scipy's own tests of ShortTimeFFT with our transforms inside."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = "scipy.signal.tests.test_short_time_fft"


@pytest.mark.parametrize("level", [pytest.param("frames", marks=pytest.mark.slow), "signals"])
def test_suite_of_scipy_passes(level, tmp_path):
    pytest.importorskip(SUITE, reason="scipy was installed without its tests")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    plugin = "scipy_on_phasewise"
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        plugin,
        "--phasewise",
        level,
    ]
    done = subprocess.run(
        [*command, "-c", str(tmp_path / "pytest.ini"), "--rootdir", str(tmp_path), "--pyargs", SUITE],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = int(re.search(r"(\d+) passed", done.stdout)[1])
    assert passed > 200
    assert "failed" not in done.stdout
    stft, istft = map(int, re.search(r"phasewise calls: (\d+) stft, (\d+) istft", done.stdout).groups())
    assert stft > 100
    assert istft > 100
