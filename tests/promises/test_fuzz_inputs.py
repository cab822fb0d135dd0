"""Hundreds of odd and damaged files of features and labels, made from seeds: read right, or refused in a line.

Whole files hold the array, ids and labels that went in, whichever way they are written. Damaged ones keep the number of
items and features, or are refused: a changed digit nobody can see, a lost or shifted row somebody must.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.numpy import save_file

from rdx.data.labels import read_labels
from rdx.errors import InputError
from rdx.features.arrays import read_array

WHOLE, DAMAGED, LABELS = 250, 60, 250  # files: of tables, of each kind of damage, of labels
LONGEST = 700  # characters of a message, a path among them


def attempt(path: Path, read: Callable[[Path], object]) -> object:
    """What `read` gives; None where it refuses, in one printable line of a bearable length. The file stays as it is."""
    before = path.read_bytes()
    try:
        return read(path)
    except InputError as error:
        assert str(error).isprintable() and path.name in str(error) and len(str(error)) < LONGEST, str(error)
        return None
    finally:
        assert path.read_bytes() == before


def seeds(count: int) -> Iterator[np.random.Generator]:
    return (np.random.default_rng(seed) for seed in range(count))


def one_of(rng: np.random.Generator, *choices):
    return choices[rng.integers(len(choices))]


def some_array(rng: np.random.Generator) -> np.ndarray:
    n, d = rng.integers(5, 25), rng.integers(1, 7)
    kind = one_of(rng, "normal", "normal", "whole", "small", "gaps")
    values = rng.normal(size=(n, d)) * (1e-6 if kind == "small" else 1)
    if kind == "whole":
        values = rng.integers(0, 9, (n, d))
    if kind == "gaps":
        values[rng.random((n, d)) < 0.1] = np.nan
    return values.astype(np.float32)


def some_ids(rng: np.random.Generator, n: int) -> list[str]:
    order = rng.permutation(n)
    return one_of(
        rng,
        [f"item {i}" for i in order],
        [f"{i}.jpg" for i in range(n)],
        [str(i) for i in order],
        [str(100 + i) for i in order],
        [f"{i:04}" for i in order],
        ["NA", "null", "nan", *(f"a,{i}" for i in order[3:])],
    )


def some_table(rng: np.random.Generator, path: Path) -> tuple[np.ndarray, list[str] | None]:
    """A CSV file as some program may write it, with the array and the ids in it."""
    X = some_array(rng)
    n, d = X.shape
    delimiter = one_of(rng, ",", ",", ",", ";", "\t")
    comma = delimiter != "," and rng.random() < 0.6

    def cell(value: np.float32) -> str:
        text = (
            one_of(rng, "", "NA", "nan") if np.isnan(value) else one_of(rng, str, repr, "{:.9g}".format)(float(value))
        )
        return text.replace(".", ",") if comma else text

    rows = [[cell(value) for value in row] for row in X]
    names = one_of(rng, [f"d{i}" for i in range(d)], [str(i) for i in range(d)], list("pqrstu"[:d]))
    header = rng.random() < 0.8
    ids = some_ids(rng, n) if rng.random() < 0.5 else None
    place = rng.integers(d + 1) if header else 0
    if ids is not None:
        own_name = one_of(rng, "id", " id", "ID", "image_id", "path", "") if header else "id"
        place = 0 if own_name == "" else place
        names = [*names[:place], own_name, *names[place:]]
        rows = [[*row[:place], own, *row[place:]] for own, row in zip(ids, rows, strict=True)]
    if header and rng.random() < 0.3:
        names.append(one_of(rng, "label", "Class", "target"))
        rows = [[*row, str(rng.integers(3))] for row in rows]
    if header and rng.random() < 0.3:  # row numbers
        names.insert(0, one_of(rng, "index", "Unnamed: 0") if "" in names else one_of(rng, "", "index", "Unnamed: 0"))
        rows = [[str(i), *row] for i, row in enumerate(rows)]
    text = io.StringIO()
    writer = csv.writer(
        text, delimiter=delimiter, lineterminator=one_of(rng, "\n", "\r\n", "\n\n"),
        quoting=one_of(rng, csv.QUOTE_MINIMAL, csv.QUOTE_ALL),
    )  # fmt: skip
    writer.writerows([names, *rows] if header else rows)
    mark = one_of(rng, "utf-8", "utf-8-sig")
    path.write_bytes((text.getvalue() + one_of(rng, "", "", "\n\n")).encode(mark))
    return X, ids


def test_whole_tables_are_read_as_they_were_written(tmp_path):
    path, read_as_written = tmp_path / "a.csv", 0
    for rng in seeds(WHOLE):
        X, ids = some_table(rng, path)
        array = attempt(path, read_array)
        if array is None:
            continue
        read_as_written += 1
        told = f"{path.read_text()[:400]}\n{array}"
        assert array.values.shape == X.shape, told
        np.testing.assert_allclose(array.values, X, rtol=1e-6, err_msg=told)
        if ids is not None and ids != [str(i) for i in range(len(ids))]:
            assert array.ids == tuple(ids), told
    assert read_as_written > 0.8 * WHOLE


def flipped(rng: np.random.Generator, content: bytes) -> bytes:
    changed = bytearray(content)
    changed[rng.integers(len(content))] ^= 1 << rng.integers(8)
    return bytes(changed)


def cut(rng: np.random.Generator, content: bytes) -> bytes:
    return content[: rng.integers(len(content) - 8)]


def overwritten(rng: np.random.Generator, content: bytes) -> bytes:
    start = rng.integers(len(content))
    return content[:start] + rng.bytes(16) + content[start + 16 :]


X = np.random.default_rng(0).normal(size=(40, 6)).astype(np.float32)
FRAME = pd.DataFrame(X, columns=[f"d{i}" for i in range(6)])


def matlab(path: Path) -> None:
    import scipy.io

    scipy.io.savemat(path, {"features": X}, appendmat=False)


BINARY: dict[str, Callable[[Path], object]] = {
    ".npy": lambda path: np.save(path, X),
    ".npz": lambda path: np.savez_compressed(path, features=X),
    ".safetensors": lambda path: save_file({"features": X}, path),
    ".pt": lambda path: torch.save({11: torch.from_numpy(X)}, path),
    ".parquet": FRAME.to_parquet,
    ".mat": matlab,
}


@pytest.mark.parametrize("suffix", BINARY)
def test_damaged_arrays_keep_their_shape_or_are_refused(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    BINARY[suffix](path)
    whole = path.read_bytes()
    refused = 0
    for damage in (flipped, cut, overwritten) if suffix != ".mat" else (cut,):
        for rng in seeds(DAMAGED):
            path.write_bytes(damage(rng, whole))
            array = attempt(path, read_array)
            refused += array is None
            assert array is None or array.values.shape == X.shape, (damage, array)
            if suffix == ".npz" and array is not None:  # it has checksums
                np.testing.assert_array_equal(array.values, X)
    assert refused > DAMAGED // 2


def comma_more(rng: np.random.Generator, lines: list[str]) -> None:
    row = rng.integers(1, len(lines))
    lines[row] = one_of(rng, lines[row] + ",1", "1," + lines[row])


def cell_less(rng: np.random.Generator, lines: list[str]) -> None:
    row = rng.integers(1, len(lines))
    lines[row] = lines[row].rpartition(",")[0]


def name_less(rng: np.random.Generator, lines: list[str]) -> None:
    lines[0] = lines[0].partition(",")[2]


def open_quote(rng: np.random.Generator, lines: list[str]) -> None:
    row = rng.integers(1, len(lines))
    cells = lines[row].split(",")
    column = rng.integers(len(cells))
    cells[column] = f'"{cells[column]}'
    lines[row] = ",".join(cells)


def joined(rng: np.random.Generator, lines: list[str]) -> None:
    row = rng.integers(1, len(lines) - 1)
    lines[row : row + 2] = [lines[row] + one_of(rng, " ", ",", "\t") + lines[row + 1]]


def word(rng: np.random.Generator, lines: list[str]) -> None:
    row, cells = rng.integers(1, len(lines)), FRAME.columns.size
    column = rng.integers(cells)
    parts = lines[row].split(",")
    parts[column] = one_of(rng, "four", "1.2.3", "--1", "1_0", "#REF!", "0x1", "[1, 2]", "\x1b[31m", "1 2")
    lines[row] = ",".join(parts)


@pytest.mark.parametrize("spoil", [comma_more, cell_less, name_less, open_quote, joined, word])
def test_tables_whose_rows_were_spoilt_are_refused(tmp_path, spoil):
    path = tmp_path / "a.csv"
    for rng in seeds(DAMAGED):
        lines = FRAME.to_csv(index=False).splitlines()
        spoil(rng, lines)
        path.write_text("\n".join(lines) + "\n")
        assert attempt(path, read_array) is None, "\n".join(lines[:3])


@pytest.mark.parametrize("header", [True, False])
def test_flipped_bits_of_a_table_move_no_row(tmp_path, header):
    path = tmp_path / "a.csv"
    whole = FRAME.to_csv(index=False, header=header).encode()
    for rng in seeds(2 * DAMAGED):
        path.write_bytes(flipped(rng, whole))
        array = attempt(path, read_array)
        assert array is None or array.values.shape == X.shape, path.read_text()[:300]


def some_labels(rng: np.random.Generator, path: Path, ids: list[str]) -> tuple[Path, list[str]]:
    """A file of labels for `ids`, rows in any order where something names them, with the labels in the ids' order."""
    n = len(ids)
    pool = one_of(rng, ["owl", "elk", "ant"], ["7", "007", "12"], ["NA", "null", "a, b"], ["0", "1", "2"])
    labels = [one_of(rng, *pool) for _ in range(n)]
    kind = one_of(rng, "lines", "label", "id", "index", "unnamed", "parquet", "tsv")
    if kind == "lines":
        path = path.with_suffix(".txt")
        path.write_text("\n".join(labels) + one_of(rng, "", "\n", "\n\n"))
        return path, labels
    table = pd.DataFrame({"label": labels}, index=pd.Index(ids))
    if kind == "label":
        table.to_csv(path, index=False)
        return path, labels
    table = table.iloc[rng.permutation(n)]
    if kind == "id":
        table.rename_axis("id").to_csv(path, sep=one_of(rng, ",", ";"))
    elif kind == "index":
        table.rename_axis("index").to_csv(path)
    elif kind == "unnamed":
        table.to_csv(path)
    elif kind == "tsv":
        path = path.with_suffix(".tsv")
        table.rename_axis("id").to_csv(path, sep="\t")
    else:
        path = path.with_suffix(".parquet")
        table.to_parquet(path)
    return path, labels


def test_labels_follow_their_items_or_are_refused(tmp_path):
    read_as_written = 0
    for rng in seeds(LABELS):
        n = int(rng.integers(5, 20))
        ids = one_of(rng, [str(i) for i in range(n)], some_ids(rng, n))
        path, labels = some_labels(rng, tmp_path / "l.csv", ids)
        found = attempt(path, lambda path, ids=ids: read_labels(path, ids))
        if found is not None:
            numbers, names, *_ = found
            assert [names[number] for number in numbers.tolist()] == labels, path.read_bytes()[:300]
            read_as_written += 1
        damaged = one_of(rng, flipped, cut, overwritten)(rng, path.read_bytes() + b" " * 9)
        path.write_bytes(damaged)
        found = attempt(path, lambda path, ids=ids: read_labels(path, ids))
        assert found is None or len(found[0]) == n
    assert read_as_written > 0.8 * LABELS
