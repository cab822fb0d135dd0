"""docs/configuration.md lists every key with its type, default and meaning: the page is written from the code."""

from __future__ import annotations

import re

from rdx.config.schema import Experiment
from rdx.experiment.reference import MARK, PAGE, page

TEXT = PAGE.read_text(encoding="utf-8")


def test_the_page_says_what_the_code_says():
    assert page(TEXT.partition(MARK)[0]) == TEXT, "write it again: python -m rdx.experiment.reference"


def test_every_key_has_a_type_a_default_and_a_meaning():
    rows = [re.split(r" (?<!\\)\| ", line.strip("| ")) for line in TEXT.splitlines() if line.startswith("| `")]
    assert len(rows) > 150
    for row in rows:
        assert len(row) == 4 and all(cell.strip() for cell in row), row
    assert {f"`{key}`" for key in Experiment.model_fields} <= {row[0] for row in rows}
