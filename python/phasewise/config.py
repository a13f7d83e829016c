"""Threads, instruction set and build information of the compiled core."""

from __future__ import annotations

from typing import Any

from phasewise import __version__, _core
from phasewise._validate import integer

__all__ = ["build_info", "get_num_threads", "set_num_threads"]


def get_num_threads() -> int:
    """Return the number of threads that the core uses.

    Returns
    -------
    int
        By default ``PHASEWISE_NUM_THREADS`` or, without it, the number of cores this process may run on.
    """
    return _core.num_threads()


def set_num_threads(n: int) -> None:
    """Set the number of threads that the core uses from now on.

    Results do not depend on it, not even in the last bit.

    Parameters
    ----------
    n : int >= 1
        Threads, the calling one included.
    """
    _core.set_num_threads(integer("n", n))


def build_info() -> dict[str, Any]:
    """Describe the build and the machine: what a bug report needs.

    Returns
    -------
    dict
        ``version``, ``isa`` (instruction set in use; pin it with ``PHASEWISE_ISA``), ``isa_available``
        (built in and runnable here, slowest first), ``threads``, ``compiler`` and ``eigen`` (version).
    """
    return {
        "version": __version__,
        "isa": _core.active_isa(),
        "isa_available": _core.available_isas(),
        "threads": _core.num_threads(),
        "compiler": _core.compiler,
        "eigen": _core.eigen_version,
    }
