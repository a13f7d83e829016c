"""Measure the peak memory of unfolded inversion with its gradients, each case in a process of its own.

    python bench/torch_memory.py [--seconds 4]

Prints, in MiB, by how much the resident memory grew above what inputs take, and the ratios that are promised.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path


def measure(case: str, layers: int, seconds: float) -> float:
    """Return the growth in MiB of one case, in this process."""
    import torch

    import phasewise.torch as pwt
    from jobs.torch_ops import HOP, N_FFT, composed_misi, sources

    torch.set_num_threads(1)
    y, window = sources(4, seconds), torch.hann_window(N_FFT)
    S = pwt.stft(y, N_FFT, HOP, window=window, pad_mode="constant")
    X, V = S.sum(0), S.abs()
    del S

    def run(x: torch.Tensor, v: torch.Tensor, count: int) -> None:
        v = v.detach().requires_grad_()
        samples = HOP * (x.shape[-1] - 1)
        if case == "composed":
            estimate = composed_misi(x, v, count, window, samples)
        else:
            model = pwt.UnfoldedInversion(count, case, N_FFT, HOP)
            estimate = model(x, v, length=samples)
        estimate.abs().pow(2).sum().backward()

    run(X[..., :40], V[..., :40], 1)  # loads what is loaded once
    before = status("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    run(X, V, layers)
    return (status("VmHWM") - before) / 1024


def status(field: str) -> int:
    """Return a field of the process's status in KiB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(field))


def main() -> None:
    """Measure all cases, or one for a parent process."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--case", nargs=2, metavar=("NAME", "LAYERS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case:
        print(measure(arguments.case[0], int(arguments.case[1]), arguments.seconds))
        return
    peaks = {}
    for case, layers in (("MISI", 2), ("MISI", 5), ("MISI", 10), ("RAAR", 2), ("RAAR", 10), ("composed", 5)):
        command = [sys.executable, __file__, "--seconds", str(arguments.seconds), "--case", case, str(layers)]
        peaks[case, layers] = float(
            subprocess.run(command, check=True, capture_output=True, text=True).stdout
        )
        print(f"{case:10} {layers:3} layers  {peaks[case, layers]:8.1f} MiB", flush=True)
    for name, ratio, bound in (
        ("MISI 5, ours / composed", peaks["MISI", 5] / peaks["composed", 5], 1 / 3),
        ("MISI 10 / 2 layers", peaks["MISI", 10] / peaks["MISI", 2], 1.3),
        ("RAAR 10 / 2 layers", peaks["RAAR", 10] / peaks["RAAR", 2], 2.0),
    ):
        print(f"{name:26} {ratio:5.2f}  at most {bound:.2f}: {'met' if ratio <= bound else 'MISSED'}")


if __name__ == "__main__":
    main()
