"""Files appear whole or not at all; fingerprints tell contents apart."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from rdx.files import atomic_path, copy_file, fingerprint, sha256_file, write_json, write_text


def test_a_file_appears_only_when_it_is_whole(tmp_path):
    path = tmp_path / "new" / "table.csv"
    with atomic_path(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()
        assert temporary.parent.parent == path.parent and temporary.suffix == ".csv"
    assert path.read_text() == "half"
    assert os.listdir(path.parent) == ["table.csv"]


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    path = tmp_path / "table.csv"
    path.write_text("old")
    with pytest.raises(error), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise error
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["table.csv"]


def test_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "plain").write_text("x")
    write_text(tmp_path / "ours", "x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_copy_and_checksum(tmp_path):
    write_text(tmp_path / "a", "abc\n")
    copy_file(tmp_path / "a", tmp_path / "b")
    assert sha256_file(tmp_path / "b") == "edeaaff3f1774ad2888673770c6d64097e391bc362d7d6fb34982ddf0efd18cb"


def test_json_refuses_nan(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "x.json", {"a": float("nan")})
    assert not list(tmp_path.iterdir())


def test_equal_values_have_equal_fingerprints():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert fingerprint({"a": 1, "b": array}) == fingerprint({"b": array.copy(), "a": 1})
    assert fingerprint(array.T) == fingerprint(np.ascontiguousarray(array.T))
    assert fingerprint(array) == fingerprint(array.astype(">f4"))
    assert fingerprint(Path("x"), (1, 2), np.int64(3)) == fingerprint("x", [1, 2], 3)


def test_different_values_have_different_fingerprints():
    array = np.arange(6, dtype=np.float32)
    values = [
        ("ab", "c"), ("a", "bc"), ("abc",), (b"abc",), (1,), ("1",), (1.5,), (None,), (True,),
        (array,), (array.reshape(2, 3),), (array.astype(np.float64),), (array + 1,), ({"a": 1},), (["a", 1],),
    ]  # fmt: skip
    assert len({fingerprint(*value) for value in values}) == len(values)


def test_what_cannot_be_told_apart_is_refused():
    with pytest.raises(TypeError, match="object"):
        fingerprint(object())
