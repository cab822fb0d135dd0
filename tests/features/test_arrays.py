"""Representations that come as files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import save_file

from rdx.errors import InputError
from rdx.features.arrays import read_array

VALUES = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)
IDS = tuple("abcdef")


def written(folder, kind):
    path = folder / f"array{kind}"
    table = pd.DataFrame(VALUES.astype(np.float64), columns=["x", "y", "z"])
    if kind == ".npy":
        np.save(path, VALUES)
    elif kind == ".npz":
        np.savez(path, VALUES)
    elif kind == ".safetensors":
        save_file({"features": VALUES, "other": VALUES[:2]}, path)
    elif kind == ".pt":
        torch.save(torch.from_numpy(VALUES).requires_grad_(), path)
    elif kind == ".csv":
        table.assign(id=IDS).to_csv(path, index=False)
    else:
        table.assign(ID=IDS).to_parquet(path)
    return path


@pytest.mark.parametrize("kind", [".npy", ".npz", ".safetensors", ".pt", ".csv", ".parquet"])
def test_every_kind(tmp_path, kind):
    array = read_array(written(tmp_path, kind))
    values, ids = array.values, array.ids
    assert values.dtype == np.float32 and values.flags.c_contiguous
    np.testing.assert_array_equal(values, VALUES)
    assert ids == (IDS if kind in (".csv", ".parquet") else None)


def test_relative_path(tmp_path, monkeypatch):
    written(tmp_path, ".npy")
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(read_array("array.npy").values, VALUES)


def test_keys(tmp_path):
    np.savez(tmp_path / "two.npz", a=VALUES, b=VALUES + 1)
    torch.save({"a": torch.from_numpy(VALUES), "b": torch.ones(6, 2, dtype=torch.bfloat16)}, tmp_path / "two.pt")
    np.testing.assert_array_equal(read_array(tmp_path / "two.npz", {"key": "b"}).values, VALUES + 1)
    np.testing.assert_array_equal(read_array(tmp_path / "two.pt", {"key": "b"}).values, np.ones((6, 2)))
    np.testing.assert_array_equal(read_array(written(tmp_path, ".safetensors"), {"key": "other"}).values, VALUES[:2])
    with pytest.raises(InputError, match="hold 2 arrays.*key=NAME"):
        read_array(tmp_path / "two.npz")
    with pytest.raises(InputError, match="did you mean 'features'"):
        read_array(tmp_path / "array.safetensors", {"key": "feature"})
    with pytest.raises(InputError, match="leave out"):
        read_array(written(tmp_path, ".npy"), {"key": "a"})


def test_csv_without_header_and_numeric_ids(tmp_path):
    path = tmp_path / "plain.csv"
    path.write_text("1,2\n3,4\n5,nan\n")
    array = read_array(path)
    np.testing.assert_array_equal(array.values, [[1, 2], [3, 4], [5, np.nan]])
    assert array.ids is None
    path.write_text("id,x\n07,1\n8,2\n")
    array = read_array(path)
    assert array.values.shape == (2, 1) and array.ids == ("07", "8")


def test_refused(tmp_path):
    def refused(name, said):
        with pytest.raises(InputError, match="^[^\n]*$") as error:
            read_array(tmp_path / name)
        assert name in str(error.value) and said in str(error.value), str(error.value)

    refused("none.npy", "no file")
    (tmp_path / "a.txt").write_text("1 2")
    refused("a.txt", "unknown suffix '.txt'")
    np.save(tmp_path / "a.npy", VALUES[0])
    refused("a.npy", "shape (3,)")
    np.save(tmp_path / "a.npy", np.empty((0, 3)))
    refused("a.npy", "shape (0, 3)")
    np.save(tmp_path / "a.npy", np.array([["a", "b"]]))
    refused("a.npy", "not numbers")
    np.save(tmp_path / "a.npy", VALUES + 1j)
    refused("a.npy", "not numbers")
    np.save(tmp_path / "a.npy", np.array([[1, None]]), allow_pickle=True)
    refused("a.npy", "can't be read")
    (tmp_path / "a.npy").write_bytes(written(tmp_path, ".npz").read_bytes())
    refused("a.npy", "call the file .npz")
    for kind in (".npy", ".npz", ".safetensors", ".pt", ".parquet"):
        path = written(tmp_path, kind)
        path.write_bytes(path.read_bytes()[:-20])
        refused(path.name, "")
    torch.save({"a": "text"}, tmp_path / "text.pt")
    refused("text.pt", "not an array of numbers")
    (tmp_path / "a.csv").write_text("x,y\n1,2\n3,four\n")
    refused("a.csv", "column 'y' is not numeric, see item 1 ('four')")
    (tmp_path / "a.csv").write_text("")
    refused("a.csv", "has no rows")


class Planted:
    def __reduce__(self):
        return (print, ("executed",))


def test_pickle_is_never_executed(tmp_path, capsys):
    torch.save({"features": Planted()}, tmp_path / "evil.pt")
    np.save(tmp_path / "evil.npy", np.array([[Planted()]]), allow_pickle=True)
    for name in ("evil.pt", "evil.npy"):
        with pytest.raises(InputError):
            read_array(tmp_path / name)
    assert "executed" not in capsys.readouterr().out
