"""That docs/promises.md names tests which are there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/promises.md").read_text(encoding="utf-8")


def named() -> list[tuple[str, str]]:
    """File and function of every test on the page; a function named alone is in the file before it."""
    found, file = [], ""
    for text in re.findall(r"`([^`]+)`", PAGE):
        path, _, function = text.partition("::")
        if path.startswith("tests/") and path.endswith(".py"):
            file = path
            found.append((file, function))
        elif re.fullmatch(r"…?_?\w*(test_\w+|\w+_programs)…?", text):
            found.append((file, text))
    return found


@pytest.mark.parametrize(("file", "function"), named(), ids=str)
def test_a_named_test_is_there(file, function):
    source = (ROOT / file).read_text(encoding="utf-8")
    if function:
        pattern = r"\w*".join(re.escape(part) for part in function.split("…"))
        assert re.search(rf"def \w*{pattern}", source)


def test_the_page_names_enough():
    assert len(named()) > 25
