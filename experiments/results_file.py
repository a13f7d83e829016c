"""The file of results: every experiment owns a section between two marks, and replaces it."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["replace_section"]


def replace_section(path: Path, name: str, text: str) -> None:
    """Put ``text`` in the place of the section ``name`` of an earlier run, or at the end of the file."""
    begin, end = f"<!-- {name}: written by experiments/{name}.py -->", f"<!-- end of {name} -->"
    section = f"{begin}\n{text}\n{end}"
    old = path.read_text("utf-8") if path.exists() else "# Results\n"
    pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.S)
    new = pattern.sub(lambda _: section, old) if pattern.search(old) else f"{old.rstrip()}\n\n{section}\n"
    path.write_text(new, "utf-8")
