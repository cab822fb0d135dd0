"""Files of features that are damaged, or leave open what is a feature: refused in one line that names the way out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from rdx.config import read_yaml
from rdx.data import load_items
from rdx.errors import InputError
from rdx.features.arrays import read_array

X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
BODY = pd.DataFrame(X, columns=[f"d{i}" for i in range(6)]).to_csv(index=False)
TENSOR = torch.from_numpy(X)
LISTS = X.tolist()


def arrow(column: pa.Array, **others) -> Callable[[Path], None]:
    return lambda path: pq.write_table(pa.table({"embedding": column, **others}), path)


def matlab(path: Path, **content) -> None:
    import scipy.io

    scipy.io.savemat(path, content, appendmat=False)


def matlab_4(path: Path) -> None:
    import scipy.io

    scipy.io.savemat(path, {"features": X}, appendmat=False, format="4")


def matlab_cut(path: Path) -> None:
    matlab(path, features=X)
    path.write_bytes(path.read_bytes()[:500])


def claims_much(path: Path) -> None:
    import h5py
    with h5py.File(path, "w") as file:
        file.create_dataset("features", shape=(10**6, 10**6), dtype="f4", chunks=(1000, 1000))


def zipped(change: Callable[[bytearray, int], None]) -> Callable[[Path], None]:
    """An .npz changed at its central directory."""

    def write(path: Path) -> None:
        np.savez(path, features=X)
        content = bytearray(path.read_bytes())
        change(content, content.find(b"PK\x01\x02"))
        path.write_bytes(content)

    return write


def flip(content: bytearray, _: int) -> None:
    content[300] ^= 4


def encrypt(content: bytearray, directory: int) -> None:
    content[6] |= 1
    content[directory + 8] |= 1


def other_compression(content: bytearray, directory: int) -> None:
    content[8] = content[directory + 10] = 93


def npy_of(shape: str) -> Callable[[Path], None]:
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return lambda path: path.write_bytes(b"\x93NUMPY\x01\x00\x76\x00" + header.encode() + bytes(80))


def text(content: str) -> Callable[[Path], object]:
    return lambda path: path.write_text(content)


def wrong_sparse(path: Path) -> None:
    torch.save(torch.sparse_coo_tensor([[0], [10**9]], [1.0], size=(4, 3), check_invariants=False), path)


REFUSED = {
    "two arrays in a row": (
        "a.npy",
        lambda p: p.write_bytes((np.save(p, X) or p.read_bytes()) * 2),
        "hold more than the one array",
    ),
    "an absurd shape": ("a.npy", npy_of("(1000000000000, 1000000)"), "can't be read: Unable to allocate"),
    "a negative shape": ("a.npy", npy_of("(4, -5)"), "can't be read"),
    "a shape past any number": ("a.npy", npy_of("(9" + 30 * "9" + ", 2)"), "can't be read"),
    "a broken header": ("a.npy", npy_of("(4"), "can't be read"),
    "a flipped byte": ("a.npz", zipped(flip), "can't be read: Bad CRC-32"),
    "encrypted": ("a.npz", zipped(encrypt), "can't be read: File 'features.npy' is encrypted"),
    "another compression": (
        "a.npz",
        zipped(other_compression),
        "can't be read: That compression method is not supported",
    ),
    "several layers": (
        "a.pt",
        lambda p: torch.save({11: TENSOR, 10: TENSOR}, p),
        r"hold 2 arrays (11, 10); add '?key=NAME'",
    ),
    "no values": ("a.pt", lambda p: torch.save(TENSOR.to("meta"), p), "have no values"),
    "nested": (
        "a.pt",
        lambda p: torch.save(torch.nested.nested_tensor([TENSOR, TENSOR[:2]]), p),
        "nested",
    ),
    "a list of vectors": (
        "a.pt",
        lambda p: torch.save(list(TENSOR), p),
        "are a list of 40 tensors: save torch.stack of them",
    ),
    "two of a name": ("a.pt", lambda p: torch.save({11: TENSOR, "11": TENSOR}, p), "two tensors are called '11'"),
    "arrays of NumPy": (
        "a.pt",
        lambda p: torch.save({"a": X}, p),
        "it holds more than tensors (numpy._core.multiarray._rec",
    ),
    "sparse, outside its memory": ("a.pt", wrong_sparse, "can't be read by the weights-only loader"),
    "claims what it does not hold": (
        "a.h5",
        claims_much,
        "'/features' claims shape (1000000, 1000000), and holds 0 bytes",
    ),
    "no HDF5": ("a.h5", text("nothing"), "read"),
    "no MATLAB": ("a.mat", text("nothing"), "can't be read"),
    "MATLAB without numbers": ("a.mat", lambda p: matlab(p, a=["x", "y"]), "holds no array of numbers"),
    "MATLAB 4": ("a.mat", matlab_4, "version 5 to 7.3 (save it with -v7)"),
    "half of MATLAB": ("a.mat", matlab_cut, "can't be read: an element is longer than the file"),
    "two of MATLAB": ("a.mat", lambda p: matlab(p, a=X, b=X), "hold 2 arrays (a, b); add '?key=NAME'"),
    "a long row": ("a.csv", text(BODY + "1,2,3,4,5,6,7\n"), "line 42: 7 cells where the header has 6"),
    "long rows": (
        "a.csv",
        text(BODY.replace("\n", ",1,1\n").replace(",1,1\n", "\n", 1)),
        "line 2: 8 cells where the header has 6",
    ),
    "a short row": ("a.csv", text(BODY + "1,2\n"), "line 42: 2 cells where the header has 6"),
    "a name too few": ("a.csv", text(BODY.replace("d5\n", "\n").replace("d4,", "d4")), "which name is missing?"),
    "two names too few": ("a.csv", text(BODY.replace("d0,d1,", "", 1)), "line 2: 6 cells where the header has 4"),
    "words and numbers first": (
        "a.csv",
        text("owl,0.1,0.2\nelk,0.3,0.4\n"),
        "may be a header or an item: add '?header=first'",
    ),
    "0 and 1 first": ("a.csv", text("0,1\n1,0\n"), "may be a header or an item"),
    "points and commas": (
        "a.csv",
        text("a;b\n1,5;1.234\n2,5;2.345\n"),
        "with commas (column 'a') and with points (column 'b')",
    ),
    "decimal commas between commas": (
        "a.csv",
        text("-1,51234567\n-1,25\n2,0912\n"),
        "one column with decimal commas, or two?",
    ),
    "thousands": ("a.csv", text('a,b\n"1,234",5\n'), "column 'a' is not numeric, see item 0 ('1,234')"),
    "a number misspelt": (
        "a.csv",
        text(BODY + "1,2,3,four,5,6\n"),
        "'d3' is not numeric, see item 40 ('four'); leave it out with '?drop=d3'",
    ),
    "ids without a header": (
        "a.csv",
        text("".join(f"{7 * i % 5 + 100},0.{i}5\n" for i in range(5))),
        "column '0' has another whole number in every row: ids ('?id=0')",
    ),
    "an empty column": ("a.csv", text("a,b\n1,\n2,\n"), "column 'b' is empty"),
    "ids twice": ("a.csv", text("id,a\nx,1\nx,2\n"), "column 'id' can't be the ids: item 1 has 'x' a second time"),
    "an id that is missing": ("a.csv", text("id,a\nx,1\n,2\n"), "column 'id' can't be the ids: item 1 has none"),
    "ids with fractions": ("a.csv", text("id,a\n0.5,1\n1.5,2\n"), "column 'id' can't be the ids"),
    "an index twice": (
        "a.csv",
        text(",a\n3,1\n3,2\n"),
        "without a name can't be the ids: item 1 has '3' a second time",
    ),
    "names of items twice over": (
        "a.csv",
        text("path,uuid,a\nx,y,1\nz,w,2\n"),
        "columns 'path', 'uuid' may all name the items: say which with '?id=path'",
    ),
    "two of one name": ("a.csv", text("a,a\n1,2\n"), "two columns of the same name: 'a'"),
    "an open quote": ("a.csv", text('a,b\n1,"2\n3,4\n'), "line 3: not a CSV file in UTF-8: unexpected end of data"),
    "a blank line in one column": ("a.csv", text("a\n0.5\n\n1.5\n"), "line 3 is blank"),
    "lists cut short": ("a.csv", text('e\n"[0.1 ... 0.2]"\n'), "the lists of column 'e' are not numbers alone"),
    "lists of unlike length": (
        "a.parquet",
        arrow(pa.array([[1.0, 2.0], [1.0]])),
        "'embedding', item 1 has 1 numbers, that of item 0 has 2",
    ),
    "no list": ("a.parquet", arrow(pa.array([[1.0, 2.0], None])), "column 'embedding', item 1 has no vector"),
    "maps": ("a.parquet", arrow(pa.array([[[1.0, 2.0]]])), "column 'embedding' holds maps, not vectors"),
    "two vectors": ("a.parquet", arrow(pa.array(LISTS), other=pa.array(LISTS)), "choose with '?column=embedding'"),
    "a date": ("a.parquet", arrow(pa.array([0, 1], pa.timestamp("s"))), "column 'embedding' is not numeric"),
}


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("way", REFUSED)
def test_refused_in_one_line(tmp_path, way):
    name, write, said = REFUSED[way]
    path = tmp_path / name
    write(path)
    before = path.read_bytes()
    with pytest.raises(InputError) as caught:
        read_array(path)
    assert path.read_bytes() == before
    told = str(caught.value)
    assert said in told and name in told
    assert told.isprintable() and len(told) < 400 + len(str(tmp_path))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["data_10.parquet", "data_2.parquet"], "2 Parquet files ('data_10.parquet', …): write them as one, in the"),
        (["b.npy", "a.npy"], "name a file in it, such as 'a.npy'"),
        ([], "is a folder"),
    ],
)
def test_a_folder_is_no_file(tmp_path, names, said):
    """As Spark, DuckDB and datasets write tables: in which order the parts come is not for us to guess."""
    for name in names:
        (tmp_path / name).touch()
    with pytest.raises(InputError) as caught:
        read_array(tmp_path)
    assert said in str(caught.value) and str(tmp_path) in str(caught.value)
    assert type(caught.value) is InputError  # not one of the things that --dry-run lists as missing


def test_links_in_a_circle_are_refused(tmp_path):
    """As features, configuration and images: by name, and as what they are."""
    first, second = tmp_path / "first.npy", tmp_path / "second.npy"
    first.symlink_to(second)
    second.symlink_to(first)
    for read in (read_array, read_yaml, lambda path: load_items("image_folder", root=str(path))):
        with pytest.raises(InputError, match=r"first\.npy.*([Ss]ymlink loop|symbolic links)"):
            read(first)
