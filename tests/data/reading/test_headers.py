"""Whether a first row of a CSV file is a header or an item."""

from __future__ import annotations

from pathlib import Path

import pytest

from rdx.data.reading.headers import names_columns
from rdx.errors import InputError

ITEM = "0.5,1.5,2.5,3.5,4.5,5.5"


@pytest.mark.parametrize(
    ("first", "second", "named"),
    [
        ("a,b", ITEM, True),
        ("0.1,0.2", ITEM, False),
        ("NA,0.2", ITEM, False),
        (",0.2", ITEM, False),
        ("nan,1e-5,inf", ITEM, False),
        ("0,1,2", ITEM, True),
        ("0,1,2,3,4,5", "7,8,9,7,8,9", True),
        ("0", "0.5", True),
        (",0,1,2", "0,0.5,1.5,2.5", True),
        ("id,0,1,2", "x,0.5,1.5,2.5", True),
        ("0,1,2,label", "0.5,1.5,2.5,owl", True),
        ("country,1990,1991,1992", "x,0.5,1.5,2.5", True),
        (",a,b", "0,1,2", True),
        ("3,1,2", ITEM, False),
        ("1,2,3", "4,5,6", False),
        ('"[0.1, 0.2]"', ITEM, False),
        ("7", "8", False),
        # either
        ("0,1", "1,0", None),
        ("0", "1", None),
        ("0,1,2", "1,0,2", None),
        ("1,2,3", ITEM, None),
        ("owl,0.5", "elk,1.5", None),
        ("owl,5,3", "elk,1,2", None),
        ("NA,5,7", ITEM, None),
        ("0.5p", "1.5", None),  # a misspelt number is no name
        ("NA,NA", ITEM, None),
    ],
)
def test_header_or_item(first, second, named):
    import csv

    rows = list(csv.reader([first, second]))
    if named is None:
        with pytest.raises(InputError, match="may be a header or an item: add '.header=first' or '.header=none'"):
            names_columns(Path("a.csv"), *rows)
    else:
        assert names_columns(Path("a.csv"), *rows)[0] is named
