"""Columns are read as what they are, or left out with the reason."""

from __future__ import annotations

import numpy as np
import pytest

from rdx.data.column_kinds import attributes_of

NAN = float("nan")
MANY = [str(i * i) for i in range(20)]  # whole numbers that differ


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1.5", "2", "-3e2", "1.5"], [1.5, 2, -300, 1.5]),
        (["1.5", "", "nan", "2.5"], [1.5, NAN, NAN, 2.5]),
        ([*MANY, "0"], [*map(float, MANY), 0]),
        (["2024-01-01", "2024-07-02", "2023/01/01"], [2024, 2024.5, 2023]),
        (["2024:07:02 12:00:00", "2023-01-01T00:00:00Z"], [2024 + 183.5 / 366, 2023]),
    ],
)
def test_numbers_and_dates_are_numbers(cells, expected):
    attribute = attributes_of("age", cells)[0]
    assert not attribute.is_category
    np.testing.assert_allclose(attribute.values, expected)


@pytest.mark.parametrize(
    ("cells", "names", "values"),
    [
        (["cat", "dog", "cat", "dog"], ("cat", "dog"), [0, 1, 0, 1]),
        (["1", "0", "0", "1"], ("0", "1"), [1, 0, 0, 1]),  # few whole numbers
        (["True", "False", "True", "False"], ("False", "True"), [1, 0, 1, 0]),
        (["cat", "", "cat", ""], ("(missing)", "cat"), [1, 0, 1, 0]),
        (["cat", "cat", "cat", "dog"], ("cat",), [0, 0, 0, -1]),  # one dog has nothing in common with others
        (["1", "two", "1", "1"], ("1",), [0, -1, 0, 0]),  # one word among numbers
        (["01", "02", "01", "02"], ("01", "02"), [0, 1, 0, 1]),  # codes
        (["2024-13-01", "x", "x", "2024-13-01"], ("2024-13-01", "x"), [0, 1, 1, 0]),  # no date
    ],
)
def test_all_else_is_a_category(cells, names, values):
    (attribute,) = attributes_of("kind", cells)
    assert attribute.names == names and attribute.values.tolist() == values


def test_missing_numbers_are_an_attribute_of_their_own():
    numbers, missing = attributes_of("age", ["1.5", "", "2.5", "3.5"])
    assert np.isnan(numbers.values[1]) and missing.names == ("(missing)",)
    assert missing.values.tolist() == [-1, 0, -1, -1]


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        ("x", ["", " ", "nan"], "is empty"),
        ("file", [f"{i}.jpg" for i in range(9)], "nearly every item"),
        ("note", [*"abcdefg", "a", "b"], "nearly every item"),
        ("row", [str(i) for i in range(5, 30)], "each item"),
        ("image_id", [str(7 * i * i + 1) for i in range(30)], "each item"),
        ("mixed", [*MANY, "unknown"], "nearly every item"),
    ],
)
def test_names_of_items_are_no_attribute(name, cells, why):
    assert why in attributes_of(name, cells)


@pytest.mark.parametrize(
    "name",
    ["patient", "Patient", "patientid", "PatientID", "patient_no", "accession", "serial", "study uid", "index", "MRN"],
)
def test_whole_numbers_that_identify_are_no_attribute(name):
    assert attributes_of(name, MANY) == "names each item differently"
    assert attributes_of(name, [*MANY, "0"])[0].values[-1] == 0  # two items share it


@pytest.mark.parametrize("name", ["file size", "timestamp", "visits per patient", "patient age", "n_samples", "年齢"])
def test_what_was_measured_stays_an_attribute_where_all_differ(name):
    assert attributes_of(name, MANY)[0].values.tolist() == list(map(float, MANY))
