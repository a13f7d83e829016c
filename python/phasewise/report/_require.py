"""Optional libraries, imported by name when a page is written."""

from __future__ import annotations

import importlib
from typing import Any

from phasewise.errors import MissingDependencyError

__all__ = ["require"]


def require(module: str, what: str = "a report") -> Any:
    """Import ``module``, one of those behind ``phasewise[report]``, or say that `what` needs it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = {"PIL.Image": "Pillow", "jinja2": "Jinja2", "matplotlib.figure": "matplotlib"}.get(
            module, module
        )
        raise MissingDependencyError(
            f'{what} needs {name}, which cannot be imported ({error}); pip install "phasewise[report]".'
        ) from error
