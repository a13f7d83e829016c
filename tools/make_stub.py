"""Print the stub of the compiled module, made from the signatures that pybind11 writes into docstrings.

python tools/make_stub.py > python/phasewise/_core.pyi
"""

from __future__ import annotations

import ast
import inspect
import re
from types import ModuleType
from typing import Any

_HEADER = '''"""Compiled core of phasewise; made by tools/make_stub.py."""

{imports}
import numpy
from numpy.typing import NDArray

'''
_REPLACEMENTS = (
    (r"phasewise\._core\.", ""),
    (r"(?:typing\.)?SupportsInt \| (?:typing\.)?SupportsIndex", "int"),
    (r"(?:typing\.)?SupportsFloat \| (?:typing\.)?SupportsIndex", "float"),
    (r"numpy\.typing\.NDArray", "NDArray"),
    (r"<(\w+)\.(\w+): -?\d+>", r"\1.\2"),
    (r"(?:collections\.abc|typing)\.(Callable|Sequence)", r"\1"),
)
_SIGNATURE = re.compile(r"^(?:\d+\. )?(\w*)(\(.*\) -> .+)$", re.MULTILINE)


def signatures(function: Any) -> list[str]:
    """Return the signatures of a bound function, one for each overload, without its name."""
    found = [match[2] for match in _SIGNATURE.finditer(function.__doc__ or "") if "*args" not in match[2]]
    result = []
    for text in found:
        for pattern, replacement in _REPLACEMENTS:
            text = re.sub(pattern, replacement, text)
        text = re.sub(r"\(self: \w+", "(self", text)
        result.append(text)
    return result


def _function(name: str, function: Any, indent: str) -> list[str]:
    found = signatures(function)
    mark = [f"{indent}@overload"] if len(found) > 1 else []
    return [line for text in found for line in (*mark, f"{indent}def {name}{text}: ...")]


def _class(name: str, cls: type) -> list[str]:
    members = getattr(cls, "__members__", None)
    if members is not None:  # an enumeration
        return [f"class {name}:", *(f"    {member}: {name}" for member in members)]
    lines = [f"class {name}:"]
    for key, value in vars(cls).items():
        if key == "__init__" or (not key.startswith("_") and inspect.isroutine(value)):
            lines += _function(key, value, "    ")
        elif isinstance(value, property):
            kind = signatures(value.fget)[0].split("-> ")[1]
            settable = value.fset is not None
            lines += (
                [f"    {key}: {kind}"]
                if settable
                else ["    @property", f"    def {key}(self) -> {kind}: ..."]
            )
    return lines


def stub(module: ModuleType) -> str:
    """Return the text of the stub of ``module``."""
    names = sorted(name for name in vars(module) if not name.startswith("_"))
    lines: list[str] = []
    for name in names:
        value = getattr(module, name)
        if isinstance(value, type):
            lines += ["", *_class(name, value)]
    lines.append("")
    for name in names:
        value = getattr(module, name)
        if inspect.isroutine(value):
            lines += _function(name, value, "")
        elif not isinstance(value, type):
            lines.append(f"{name}: {type(value).__name__}")
    body = "\n".join(lines).strip() + "\n"
    used = ", ".join(name for name in ("Callable", "Sequence") if name in body)
    imports = f"from collections.abc import {used}\n" if used else ""
    text = _HEADER.format(imports=imports + "from typing import overload\n") + body
    ast.parse(text)
    return text


if __name__ == "__main__":
    from phasewise import _core

    print(stub(_core), end="")
