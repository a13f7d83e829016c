"""librosa's own tests of its transforms, with ours inside.

They are in librosa's source distribution only (``pip download --no-deps --no-binary :all: librosa``):
unpack it and name the folder in ``PHASEWISE_LIBROSA_SOURCE``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = os.environ.get("PHASEWISE_LIBROSA_SOURCE")
# Those that need no recordings.
SELECTION = "toolong or winsizes or preallocate or prealloc or istft_reconstruction or griffinlim or reassign"


@pytest.mark.slow
@pytest.mark.skipif(SOURCE is None, reason="PHASEWISE_LIBROSA_SOURCE does not name librosa's sources")
def test_suite_of_librosa_passes(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\nxfail_strict = true\n")
    (tmp_path / "tests").symlink_to(Path(SOURCE).resolve() / "tests")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "librosa_on_phasewise"]
    done = subprocess.run(
        [*command, "-c", "pytest.ini", "--rootdir", ".", "tests/test_core.py", "-k", SELECTION],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) > 1000
    stft, istft = map(int, re.search(r"phasewise calls: (\d+) stft, (\d+) istft", done.stdout).groups())
    assert min(stft, istft) > 1000
