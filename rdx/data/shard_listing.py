"""WebDataset shards as a listing: tar files whose members of one name are one sample (NAME.jpg, NAME.cls, NAME.json,
NAME.txt).

Shards come in the order of their names, or of the list in braces, samples in that of their tar. Members are read one
after the other and never unpacked to the disk; links and devices are none.
"""

from __future__ import annotations

import json
import re
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rdx.data.items import OWN_COLUMNS
from rdx.data.labels import LABEL_COLUMNS, encode_labels
from rdx.data.listing import Listing
from rdx.data.reading.decoding import SUFFIXES
from rdx.errors import InputError, first_line

SUFFIX = ".tar"
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")
_MOST = 1_000_000  # shards that braces may stand for


def shards_in(path: Path) -> list[Path]:
    """The shards that a path means: a tar file, a folder's, or those of a range in braces; none for anything else."""
    if path.is_dir():
        return sorted(one for one in path.iterdir() if one.suffix == SUFFIX and one.is_file())
    if path.suffix != SUFFIX:
        return []
    ends = _RANGE.search(path.name)
    if path.exists() or not ends:
        return [path] if path.is_file() else []
    first, last = int(ends[1]), int(ends[2])
    if not 0 <= last - first < _MOST:
        raise InputError(f"shards '{path}': '{ends[0]}' is no range")
    wide = len(ends[1])
    return [path.with_name(path.name.replace(ends[0], f"{i:0{wide}d}")) for i in range(first, last + 1)]


def list_shards(shards: list[Path]) -> Listing:
    """The images of all shards. Raises InputError naming the shard, and the sample, at fault."""
    samples = [(shard, key, parts) for shard in shards for key, parts in _samples(shard)]
    held = [(shard, key, _image(parts), parts) for shard, key, parts in samples]
    kept = [one for one in held if one[2] is not None]
    if not kept:
        raise InputError(f"shards '{shards[0]}' …: no images found (looked for {', '.join(SUFFIXES)})")
    keys = [key for _, key, _, _ in kept]
    ids = keys if len(set(keys)) == len(keys) else [f"{shard.stem}/{key}" for shard, key, _, _ in kept]
    rows = [_columns(shard, key, parts) for shard, key, _, parts in kept]
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name, "") for row in rows] for name in names}
    label = next((name for name in ("cls", *LABEL_COLUMNS) if all(columns.get(name, [""]))), None)
    labels, label_names = (None, {}) if label is None else encode_labels(columns.pop(label))
    left = len(samples) - len(kept)
    notes = [f"shards: {len(shards)}, from '{shards[0].name}' to '{shards[-1].name}', samples in the order of each"]
    notes += [f"samples without an image are left out: {left}"] if left else []
    return Listing(
        [Path(f"{shard}, {key}") for shard, key, _, _ in kept], ids, labels, label_names, tuple(notes),
        contents=[image for _, _, image, _ in kept],
        columns={f"table_{name}" if name in OWN_COLUMNS else name: cells for name, cells in columns.items()},
    )  # fmt: skip


def _samples(shard: Path) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The samples of a shard in its order: key, and contents by what follows the name's first dot."""
    seen: dict[str, dict[str, bytes]] = {}
    if not shard.is_file():
        raise InputError(f"shard '{shard}' does not exist")
    try:
        with tarfile.open(shard, "r:") as tar:
            for member in tar:
                folder, _, name = member.name.removeprefix("./").rpartition("/")
                stem, _, kind = name.partition(".")
                if not member.isreg() or member.issparse() or not stem or not kind:
                    continue
                parts = seen.setdefault(f"{folder}/{stem}" if folder else stem, {})
                if kind.lower() in parts:
                    raise InputError(f"shard '{shard}' has '{member.name}' twice")
                parts[kind.lower()] = tar.extractfile(member).read()
    except (tarfile.TarError, OSError, EOFError) as error:
        said = f"is no whole tar file (compressed ones are not read): {first_line(error)}"
        raise InputError(f"shard '{shard}' {said}") from None
    yield from seen.items()


def _image(parts: dict[str, bytes]) -> bytes | None:
    return next((held for kind, held in parts.items() if f".{kind.rpartition('.')[2]}" in SUFFIXES), None)


def _columns(shard: Path, key: str, parts: dict[str, bytes]) -> dict[str, str]:
    """What else a sample says: cls, its text, and the plain values of its JSON."""
    found = {name: _text(shard, key, parts[kind]) for kind, name in (("cls", "cls"), ("txt", "text")) if kind in parts}
    if "json" not in parts:
        return found
    try:
        told: Any = json.loads(_text(shard, key, parts["json"]))
    except (ValueError, RecursionError) as error:
        raise InputError(f"shard '{shard}', '{key}.json' is no JSON: {first_line(error)}") from None
    plain = told if isinstance(told, dict) else {}
    return {str(name): str(value) for name, value in plain.items() if isinstance(value, str | int | float)} | found


def _text(shard: Path, key: str, held: bytes) -> str:
    try:
        return held.decode("utf-8").strip()
    except UnicodeDecodeError:
        raise InputError(f"shard '{shard}', sample '{key}': its text is not UTF-8") from None
