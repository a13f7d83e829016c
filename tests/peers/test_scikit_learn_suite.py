"""scikit-learn's own tests of NMF with our updates inside: every outcome is as with its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = "sklearn.decomposition.tests.test_nmf"


def outcomes(folder, *options):
    """Run the suite; return the outcome of every test and the output."""
    plugin = "scikit_learn_on_phasewise"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", plugin, *options]
    done = subprocess.run(
        [*command, "-c", str(folder / "pytest.ini"), "--rootdir", str(folder), "--pyargs", SUITE],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent)},
        capture_output=True,
        text=True,
    )
    found = re.findall(r"(?m)^(passed|failed|error|skipped|xfailed|xpassed): (.+)$", done.stdout)
    assert found, done.stdout[-2000:] + done.stderr[-2000:]
    return {name: outcome for outcome, name in found}, done.stdout


@pytest.mark.slow
def test_suite_of_scikit_learn_passes(tmp_path):
    pytest.importorskip(SUITE, reason="scikit-learn was installed without its tests")
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    theirs, _ = outcomes(tmp_path)
    ours, output = outcomes(tmp_path, "--phasewise")
    assert ours == theirs, output[-4000:]
    assert list(ours.values()).count("passed") > 200
    dense, sparse = map(int, re.search(r"phasewise calls: (\d+) dense, (\d+) sparse", output).groups())
    assert dense > 200
    assert sparse > 20
