"""Folders of Hugging Face's datasets library as tables: what `save_to_disk` writes, and Parquet shards as on the hub.

Such a folder may hold several splits (train, test, …), of several subsets: whose rows are meant is never guessed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from rdx.data.listing import images_below, is_hidden
from rdx.data.reading.arrow_streams import read_stream
from rdx.data.reading.parquet_files import read_parquet
from rdx.data.reading.table import Table
from rdx.errors import InputError, first_line, unknown

_SAVED = "state.json"  # lists the files of one split
_SPLITS = "dataset_dict.json"  # lists the folders of several
_SHARD = re.compile(r"(.+)-(\d{5,})-of-(\d{5,})")
_USUAL = ("train", "training", "validation", "valid", "val", "dev", "test", "testing", "eval")  # names of splits
_ALL = "all"  # what the one split is called that has no name


def splits_in(folder: Path) -> dict[str, list[Path]]:
    """Split → its files in their order; none for a folder that is not of the datasets library, or has images too.

    Raises InputError for a list of files that can't be read, and for a shard that is missing.
    """
    if (folder / _SAVED).is_file():
        return {_ALL: _listed(folder / _SAVED, "_data_files")}
    if (folder / _SPLITS).is_file():
        return {split.name: _listed(split / _SAVED, "_data_files") for split in _listed(folder / _SPLITS, "splits")}
    found = sorted(path.relative_to(folder) for path in folder.rglob("*.parquet"))
    found = [path for path in found if not any(map(is_hidden, path.parts))]
    if not found or images_below(folder):
        return {}
    splits: dict[str, list[Path]] = {}
    for path in found:
        splits.setdefault(_split_of(path), []).append(folder / path)
    for files in splits.values():
        _refuse_missing_shards(files)
    return splits


def read_split(folder: Path, splits: Mapping[str, Sequence[Path]], asked: str | None) -> Table:
    """The rows of the split `asked` for, or of the only one. Raises InputError for all that leaves them in doubt."""
    files = splits[_chosen(folder, list(splits), asked)]
    tables = [read_stream(file) if file.suffix == ".arrow" else read_parquet(file) for file in files]
    whole = tables[0] if len(tables) == 1 else _joined(files, tables)
    if not len(whole):
        raise InputError(f"'{folder}' has no rows")
    said = f"rows of {files[0].relative_to(folder)}"
    if len(files) > 1:
        said += f" … {files[-1].relative_to(folder)} ({len(files)} files), one after the other"
    return replace(whole, notes=(*whole.notes, said))


def _chosen(folder: Path, splits: Sequence[str], asked: str | None) -> str:
    if asked is None:
        if len(splits) > 1:
            several = f"'{folder}' holds several splits ({', '.join(splits)})"
            raise InputError(f"{several}: say which with data.split, as in --set data.split={splits[0]}")
        return splits[0]
    by_last = [split for split in splits if split.rpartition("/")[2] == asked]
    if asked not in splits and len(by_last) != 1:
        raise unknown(f"split of '{folder}'", asked, splits)
    return asked if asked in splits else by_last[0]


def _listed(listed: Path, key: str) -> list[Path]:
    """The files or folders that a JSON file of the library lists: all directly beside it."""
    try:
        told: Any = json.loads(listed.read_text(encoding="utf-8"))
        names = [one["filename"] if isinstance(one, dict) else one for one in told[key]]
        chosen = told.get("_indices_data_files")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"'{listed}' is not as the datasets library writes it: {first_line(error)}") from None
    if chosen:
        raise InputError(f"'{listed}' chooses rows by an index, as old versions did: load and save the data set again")
    if not names:
        raise InputError(f"'{listed.parent}' has no rows")
    for name in names:
        if not isinstance(name, str) or Path(name).name != name:
            raise InputError(f"'{listed}' lists '{name}', which is not beside it")
    return [listed.parent / name for name in names]


def _split_of(path: Path) -> str:
    """What the rows of a Parquet file below the folder belong to: `train`, or with its subset `en/train`."""
    shard = _SHARD.fullmatch(path.stem)
    own = shard[1] if shard else path.stem if path.stem in _USUAL else ""
    parts = [*(part for part in path.parent.parts if part != "data"), own]
    return "/".join(filter(None, parts)) or _ALL


def _refuse_missing_shards(files: Sequence[Path]) -> None:
    for path in files:
        shard = _SHARD.fullmatch(path.stem)
        if shard is None:
            continue
        for number in range(int(shard[3])):
            other = path.with_stem(f"{shard[1]}-{number:0{len(shard[2])}d}-of-{shard[3]}")
            if other not in files:
                raise InputError(f"'{path}' is one of {int(shard[3])} files, and '{other.name}' is missing")


def _joined(files: Sequence[Path], tables: Sequence[Table]) -> Table:
    """All rows as one table. Raises InputError where the files differ in their columns or in what they call classes."""
    import pyarrow

    first = tables[0]
    names = [name for name in first.columns if name not in first.index]  # each part would count its own rows
    parts = []
    for file, table in zip(files, tables, strict=True):
        other = sorted(set(names) ^ (set(table.columns) - set(table.index)))
        if other:
            raise InputError(f"'{file}' and '{files[0].name}' differ in their columns: {', '.join(other)}")
        if table.class_names != first.class_names:
            raise InputError(f"'{file}' and '{files[0].name}' give their classes other names")
        parts.append(pyarrow.table({name: table.columns[name] for name in names}))
    try:
        whole = pyarrow.concat_tables(parts, promote_options="permissive")
    except pyarrow.ArrowException as error:
        raise InputError(f"'{files[0].parent}': its files do not go together: {first_line(error)}") from None
    notes = tuple(dict.fromkeys(chain.from_iterable(table.notes for table in tables)))
    return Table(dict(zip(names, whole.columns, strict=True)), notes=notes, class_names=first.class_names)
