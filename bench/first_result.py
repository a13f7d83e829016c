"""Time from a fresh interpreter to the first transform, next to the import of numpy alone and of the peers.

Every round starts one interpreter for each program, so that a busy moment hits all of them.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

FRAME = "import numpy as np; y = np.zeros(4096, np.float32); "
PROGRAMS = {
    "import numpy": FRAME,
    "phasewise.stft": FRAME + "import phasewise; phasewise.stft(y)",
    "scipy.signal.stft": FRAME + "import scipy.signal; scipy.signal.stft(y)",
    "torch.stft": FRAME
    + "import torch; torch.stft(torch.from_numpy(y), 2048, window=torch.ones(2048), return_complex=True)",
    "librosa.stft": FRAME + "import librosa; librosa.stft(y)",
}


def main() -> None:
    """Print medians in milliseconds, and what each adds to numpy."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=21)
    rounds = parser.parse_args().rounds
    times: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for _ in range(rounds):
        for name, program in PROGRAMS.items():
            start = time.perf_counter()
            subprocess.run([sys.executable, "-W", "ignore", "-c", program], check=True)
            times[name].append(1e3 * (time.perf_counter() - start))
    medians = {name: statistics.median(values) for name, values in times.items()}
    for name, median in medians.items():
        print(f"{name:20} {median:7.0f} ms  numpy + {median - medians['import numpy']:6.0f} ms")


if __name__ == "__main__":
    main()
