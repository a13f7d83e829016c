"""Optional libraries, imported by name when a page is written."""

from __future__ import annotations

import importlib
from typing import Any

from phasewise.errors import MissingDependencyError

__all__ = ["require"]


def require(module: str) -> Any:
    """Import ``module``, one of those behind ``phasewise[report]``, or say how to install it."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        name = {"PIL.Image": "Pillow", "jinja2": "Jinja2"}.get(module, module)
        raise MissingDependencyError(
            f'a report needs {name}, which cannot be imported ({error}); pip install "phasewise[report]".'
        ) from error
