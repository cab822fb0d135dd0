"""One array, written in every way that other programs write features: read as the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.numpy import save_file

from rdx.features.arrays import Array, read_array

X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
PLAIN = pd.DataFrame(X)  # columns 0 … 5
NAMED = pd.DataFrame(X, columns=[f"d{i}" for i in range(6)])
NAMES = [f"item {i}" for i in range(40)]
SHUFFLED = np.random.default_rng(1).permutation(40)
TENSOR = torch.from_numpy(X)


def read(folder: Path, name: str, write: Callable[[Path], object], options: dict[str, str]) -> Array:
    path = folder / name
    write(path)
    before = path.read_bytes()
    array = read_array(path, options)
    assert path.read_bytes() == before
    return array


def with_index(index, name: str | None = None) -> pd.DataFrame:
    return NAMED.set_index(pd.Index(index, name=name))


def arrow(column: pa.Array, **others) -> Callable[[Path], None]:
    return lambda path: pq.write_table(pa.table({"embedding": column, **others}), path)


def hdf5(name: str, **arrays) -> tuple[str, Callable[[Path], None]]:
    def write(path: Path) -> None:
        import h5py
        with h5py.File(path, "w") as file:
            for key, values in arrays.items():
                file[key] = values

    return name, write


def matlab(path: Path, **content) -> None:
    import scipy.io

    scipy.io.savemat(path, content, appendmat=False)


def matlab_compressed(path: Path) -> None:
    import scipy.io

    scipy.io.savemat(path, {"features": X}, appendmat=False, do_compression=True)


def sparse():
    import scipy.sparse

    return scipy.sparse.csc_matrix(X.astype(np.float64))


def matlab_73(path: Path) -> None:
    """As MATLAB's -v7.3 writes it: HDF5 behind a text, columns first."""
    import h5py
    with h5py.File(path, "w", userblock_size=512) as file:
        file["features"] = X.T
    content = bytearray(path.read_bytes())
    content[:20] = b"MATLAB 7.3 MAT-file,"
    path.write_bytes(content)


def sparse_npz(path: Path) -> None:
    import scipy.sparse

    scipy.sparse.save_npz(path, scipy.sparse.csr_matrix(X))


def npy(path: Path) -> None:
    with open(path, "wb") as file:  # given a name, NumPy adds a second suffix to .NPY
        np.save(file, X)


LISTS = [row.tolist() for row in X]
ROWS = "0 … 39, is taken as row numbers"
NO_NAME = "the first column without a name"
HEADER = "the first row, 0 … 5, is taken as the header"
INDEX_AS_IDS = "the index 'index' is taken as the ids"

# name of the file, what writes it, ids, remarks, options
READ = {
    "npy": ("a.npy", npy, None, [], {}),
    "npy, upper case": ("a.NPY", npy, None, [], {}),
    "npy, columns first": ("a.npy", lambda p: np.save(p, np.asfortranarray(X)), None, [], {}),
    "npy, float64": ("a.npy", lambda p: np.save(p, X.astype(np.float64)), None, [], {}),
    "npz": ("a.npz", lambda p: np.savez_compressed(p, features=X, labels=X[:, 0]), None, [], {}),
    "npz of SciPy": ("a.npz", sparse_npz, None, [], {}),
    "safetensors": ("a.safetensors", lambda p: save_file({"features": X}, p), None, [], {}),
    "pt": ("a.pt", lambda p: torch.save(TENSOR, p), None, [], {}),
    "pt, upper case": ("a.PTH", lambda p: torch.save(TENSOR, p), None, [], {}),
    "pt, whole keys": ("a.pt", lambda p: torch.save({11: TENSOR, 10: 0 * TENSOR}, p), None, [], {"key": "11"}),
    "pt, pairs as keys": (
        "a.pt",
        lambda p: torch.save({("vit", 11): TENSOR, 1: TENSOR}, p),
        None,
        [],
        {"key": "vit.11"},
    ),
    "pt, within each other": ("a.pt", lambda p: torch.save({"vit": {11: TENSOR}, "epoch": 3}, p), None, [], {}),
    "pt, a list of layers": ("a.pt", lambda p: torch.save([0 * TENSOR, TENSOR], p), None, [], {"key": "1"}),
    "pt, sparse": ("a.pt", lambda p: torch.save(TENSOR.to_sparse(), p), None, [], {}),
    "pt, compressed rows": ("a.pt", lambda p: torch.save(TENSOR.to_sparse_csr(), p), None, [], {}),
    "h5": (*hdf5("a.h5", features=X, labels=X[:, 0]), None, [], {}),
    "hdf5, groups": (*hdf5("a.HDF5", **{"vit/11": X, "vit/10": 0 * X}), None, [], {"key": "vit/11"}),
    "mat of thingsvision": ("a.mat", lambda p: matlab(p, features=X), None, [], {}),
    "mat, double": ("a.mat", lambda p: matlab(p, x=X.astype(np.float64)), None, [], {}),
    "mat, compressed": ("a.mat", lambda p: matlab_compressed(p), None, [], {}),
    "mat, sparse": ("a.mat", lambda p: matlab(p, features=sparse()), None, [], {}),
    "mat, version 7.3": ("a.mat", matlab_73, None, [], {}),
    # CSV
    "to_csv(index=False) of an array": ("a.csv", lambda p: PLAIN.to_csv(p, index=False), None, [HEADER], {}),
    "to_csv() of an array": ("a.csv", lambda p: PLAIN.to_csv(p), None, [HEADER, f"{NO_NAME}, {ROWS}"], {}),
    "without a header": ("a.csv", lambda p: PLAIN.to_csv(p, index=False, header=False), None, [], {}),
    "row numbers, no header": ("a.csv", lambda p: PLAIN.to_csv(p, header=False), None, [f"column '0', {ROWS}"], {}),
    "savetxt": ("a.csv", lambda p: np.savetxt(p, X, delimiter=",", header=",".join("abcdef")), None, [], {}),
    "named": ("a.csv", lambda p: NAMED.to_csv(p, index=False), None, [], {}),
    "named, to_csv()": ("a.csv", lambda p: NAMED.to_csv(p), None, [f"{NO_NAME}, {ROWS}"], {}),
    "read and written again": (
        "a.csv",
        lambda p: with_index(range(40), "Unnamed: 0").to_csv(p),
        None,
        [f"{NO_NAME}, {ROWS}"],
        {},
    ),
    "reset_index()": (
        "a.csv",
        lambda p: NAMED.reset_index().to_csv(p, index=False),
        None,
        [f"the index 'index', {ROWS}"],
        {},
    ),
    "a shuffled frame": (
        "a.csv",
        lambda p: with_index(SHUFFLED).to_csv(p),
        list(map(str, SHUFFLED)),
        [f"{NO_NAME} is taken as the ids"],
        {},
    ),
    "R's write.csv": (
        "a.csv",
        lambda p: with_index(range(1, 41)).to_csv(p),
        None,
        [f"{NO_NAME}, 1 … 40, is taken as row numbers"],
        {},
    ),
    "R's write.table": (
        "a.csv",
        lambda p: p.write_text(with_index(NAMES).to_csv()[1:]),
        NAMES,
        [
            "the header is one name short: the first column is taken as the rows' names",
            f"{NO_NAME} is taken as the ids",
        ],
        {},
    ),
    "ids": ("a.csv", lambda p: with_index(NAMES, "id").to_csv(p), NAMES, [], {}),
    "ids behind a space": ("a.csv", lambda p: NAMED.assign(**{" id": NAMES}).to_csv(p, index=False), NAMES, [], {}),
    "image_id": (
        "a.csv",
        lambda p: NAMED.assign(image_id=range(7, 47)).to_csv(p, index=False),
        [str(i) for i in range(7, 47)],
        ["column 'image_id' is taken as the ids"],
        {},
    ),
    "paths": (
        "a.csv",
        lambda p: NAMED.assign(path=NAMES).to_csv(p, index=False),
        NAMES,
        ["column 'path' is taken as the ids"],
        {},
    ),
    "ids by option": ("a.csv", lambda p: NAMED.assign(bird=NAMES).to_csv(p, index=False), NAMES, [], {"id": "bird"}),
    "labels": (
        "a.csv",
        lambda p: NAMED.assign(label=1, Target=2.5, y=0).to_csv(p, index=False),
        None,
        ["columns 'label', 'Target', 'y' left out: labels are no features"],
        {},
    ),
    "words left out": ("a.csv", lambda p: NAMED.assign(bird="owl").to_csv(p, index=False), None, [], {"drop": "bird"}),
    "columns by option": (
        "a.csv",
        lambda p: NAMED.assign(age=3, bird="owl").to_csv(p, index=False),
        None,
        [],
        {"column": "d0,d1,d2,d3,d4,d5"},
    ),
    "tsv": ("a.tsv", lambda p: NAMED.to_csv(p, sep="\t", index=False), None, [], {}),
    "tabs in a csv": ("a.csv", lambda p: NAMED.to_csv(p, sep="\t", index=False), None, [], {}),
    "semicolons": ("a.csv", lambda p: NAMED.to_csv(p, sep=";", index=False), None, [], {}),
    "decimal commas": (
        "a.csv",
        lambda p: NAMED.to_csv(p, sep=";", decimal=",", index=False),
        None,
        ["commas are taken as decimal signs"],
        {},
    ),
    "decimal commas, no header": (
        "a.csv",
        lambda p: NAMED.to_csv(p, sep=";", decimal=",", index=False, header=False),
        None,
        ["commas are taken as decimal signs"],
        {},
    ),
    "a byte order mark": ("a.csv", lambda p: NAMED.to_csv(p, index=False, encoding="utf-8-sig"), None, [], {}),
    "line ends of Windows": ("a.csv", lambda p: NAMED.to_csv(p, index=False, lineterminator="\r\r\n"), None, [], {}),
    "lists in cells": (
        "a.csv",
        lambda p: pd.DataFrame({"id": NAMES, "e": LISTS}).to_csv(p, index=False),
        NAMES,
        [],
        {},
    ),
    # Parquet
    "parquet": ("a.parquet", lambda p: PLAIN.to_parquet(p), None, [], {}),
    "parquet, ids as index": ("a.parquet", lambda p: with_index(NAMES, "id").to_parquet(p), NAMES, [], {}),
    "parquet, an index without a name": (
        "a.parquet",
        lambda p: with_index(NAMES).to_parquet(p),
        NAMES,
        ["the table's index is taken as the ids"],
        {},
    ),
    "parquet, turned round": (
        "a.parquet",
        lambda p: with_index(pd.RangeIndex(39, -1, -1)).to_parquet(p),
        [str(i) for i in range(39, -1, -1)],
        [INDEX_AS_IDS],
        {},
    ),
    "lists": ("a.parquet", arrow(pa.array(LISTS, pa.list_(pa.float32()))), None, [], {}),
    "large lists (polars)": ("a.parquet", arrow(pa.array(LISTS, pa.large_list(pa.float32()))), None, [], {}),
    "lists of one size (duckdb)": ("a.parquet", arrow(pa.array(LISTS, pa.list_(pa.float64(), 6))), None, [], {}),
    "tensors": ("a.parquet", arrow(pa.FixedShapeTensorArray.from_numpy_ndarray(X)), None, [], {}),
    "vectors as text": ("a.parquet", arrow(pa.array(map(str, LISTS))), None, [], {}),
    "vectors and all else": (
        "a.parquet",
        arrow(pa.array(LISTS), label=pa.array(range(40)), caption=pa.array(NAMES), x=pa.array(X[:, 0])),
        None,
        [
            "column 'label' left out: labels are no features",
            "column 'embedding' is taken as the features, columns 'caption', 'x' left out",
        ],
        {},
    ),
    "one of two vectors": (
        "a.parquet",
        arrow(pa.array(LISTS), other=pa.array(LISTS)),
        None,
        [],
        {"column": "embedding"},
    ),
}


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
@pytest.mark.parametrize("way", READ)
def test_the_same_numbers(tmp_path, way):
    name, write, ids, notes, options = READ[way]
    array = read(tmp_path, name, write, options)
    assert array.values.dtype == np.float32 and array.values.flags.c_contiguous
    np.testing.assert_array_equal(array.values, X)
    assert array.ids == (None if ids is None else tuple(ids))
    assert list(array.notes) == notes


def test_numbers_that_are_no_dimensions_are_said_or_left_out(tmp_path):
    table = NAMED.assign(patient_id=np.arange(40) // 2, age=3)
    array = read(tmp_path, "a.csv", lambda path: table.to_csv(path, index=False), {})
    np.testing.assert_array_equal(array.values, np.c_[X, np.full(40, 3)])
    assert array.notes == (
        "column 'patient_id' left out: called like ids",
        "column 'age' taken as features as well, though not called like 'd0' ('drop=' leaves out)",
    )
    coordinates = NAMED.rename(columns={"d0": "x", "d1": "y"})
    array = read(tmp_path, "a.csv", lambda path: coordinates.to_csv(path, index=False), {})
    np.testing.assert_array_equal(array.values, X)


def test_gaps_stay_gaps_and_no_row_is_lost(tmp_path):
    _, _, rest = PLAIN.to_csv(index=False, header=False).partition(",")
    for gap in ("", "NA", "nan"):
        (tmp_path / "a.csv").write_text(f"{gap},{rest}")
        values = read_array(tmp_path / "a.csv").values
        assert np.isnan(values[0, 0]) and values.shape == X.shape
        np.testing.assert_array_equal(values.ravel()[1:], X.ravel()[1:])


def test_ids_that_read_like_missing_values_stay_words(tmp_path):
    ids = ("NA", "null", "nan", *NAMES[3:])
    for name, write in (("a.csv", pd.DataFrame.to_csv), ("a.parquet", pd.DataFrame.to_parquet)):
        assert read(tmp_path, name, lambda path, write=write: write(with_index(ids, "id"), path), {}).ids == ids


def test_folders_are_no_columns(tmp_path):
    (tmp_path / "k=3").mkdir()
    array = read(tmp_path, "k=3/a.parquet", NAMED.to_parquet, {})
    np.testing.assert_array_equal(array.values, X)
