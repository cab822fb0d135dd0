"""For FiftyOne: its JSON form of a data set, one file a comparison, with concepts as tags.

`fiftyone.Dataset.from_json(PATH, rel_dir=FOLDER)` reads it: a name, the type of every field by its class, and samples
with the paths of their images.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdx.analysis.export.contents import NONE, item_table
from rdx.errors import InputError
from rdx.files import copy_file, write_json
from rdx.method.concepts import DIRECTIONS

if TYPE_CHECKING:
    from rdx.analysis.export import Choice
    from rdx.data.items import Items
    from rdx.experiment.finished import FinishedComparison, FinishedRun

IMAGES = "data"  # folder of images that are no files, or are copied
LABEL = "ground_truth"
_FIELDS = "fiftyone.core.fields"
_CLASSIFICATION = f"{_FIELDS}.EmbeddedDocumentField(fiftyone.core.labels.Classification)"
_KINDS = {"i": "IntField", "u": "IntField", "f": "FloatField", "b": "BooleanField"}
_TAKEN = ("id", "path", "index", "label", "label_name")  # columns that have another place in a sample
_RESERVED = ("filepath", "tags", "metadata", "media_type", "created_at", "last_modified_at", LABEL)


def write(run: FinishedRun, folder: Path, place: Path, choice: Choice) -> list[str]:
    """FOLDER/<a>_vs_<b>.json, and FOLDER/data/ where images are copied or are no files; the lines open it."""
    items = run.items
    if not items.has_images:
        raise InputError(f"run '{run.root}' has no images, which FiftyOne shows, or they are not where they were")
    paths = _images(items, folder, choice)
    said = []
    for pair in run.comparisons:
        path = folder / f"{pair.name}.json"
        write_json(path, _dataset(pair, paths))
        said.append(
            f"python -c 'import fiftyone; d = fiftyone.Dataset.from_json(\"{place / path.name}\", "
            f"rel_dir=\"{place}\"); fiftyone.launch_app(d).wait()'"
        )
    return said


def _images(items: Items, folder: Path, choice: Choice) -> list[str]:
    """Where each item's image is: absolute, or below the folder."""
    found = []
    for i, own in enumerate(items.paths):
        if own and not choice.copy:
            found.append(os.path.abspath(own))
            continue
        target = folder / IMAGES / (f"{i:06d}{Path(own).suffix}" if own else f"{i:06d}.png")
        target.parent.mkdir(exist_ok=True)
        copy_file(own, target) if own else items.image(i).save(target)
        found.append(f"{IMAGES}/{target.name}")
    return found


def _dataset(pair: FinishedComparison, paths: list[str]) -> dict[str, Any]:
    table = item_table(pair)
    fields = {name: _field_name(name) for name in table.columns if name not in _TAKEN}
    kinds = {fields[name]: f"{_FIELDS}.{_KINDS.get(table[name].dtype.kind, 'StringField')}" for name in fields}
    labelled = bool(table["label"].notna().all())
    return {
        "name": f"{pair.run.config.name} {pair.name}",
        "media_type": "image",
        "sample_fields": {"filepath": f"{_FIELDS}.StringField", "tags": f"{_FIELDS}.ListField({_FIELDS}.StringField)"}
        | {"item": f"{_FIELDS}.StringField"} | ({LABEL: _CLASSIFICATION} if labelled else {}) | kinds,
        "info": {"a": pair.title(pair.a), "b": pair.title(pair.b)},
        "samples": [
            _sample(row, path, _tags(pair, row), fields, labelled)
            for row, path in zip(table.to_dict("records"), paths, strict=True)
        ],
    }  # fmt: skip


def _sample(
    row: dict[str, Any], path: str, tags: list[str], fields: dict[str, str], labelled: bool
) -> dict[str, Any]:
    sample = {"_media_type": "image", "filepath": path, "tags": tags, "item": str(row["id"])}
    if labelled:
        sample[LABEL] = {"_cls": "Classification", "tags": [], "label": str(row["label_name"])}
    return sample | {fields[name]: _plain(row[name]) for name in fields}


def _tags(pair: FinishedComparison, row: dict[str, Any]) -> list[str]:
    """The item's concepts: `rdx a_not_b concept 1`."""
    both = [(method.name, direction) for method in pair.run.methods for direction in DIRECTIONS]
    held = {f"{name} {direction}": row[f"{name}_{direction}_concept"] for name, direction in both}
    return [f"{name} {concept}" for name, concept in held.items() if concept != NONE]


def _plain(value: Any) -> Any:
    return None if value is None or value != value else value


def _field_name(name: str) -> str:
    """A column's name as FiftyOne takes it: letters, digits and underscores, none of its own."""
    name = re.sub(r"\W", "_", name).lstrip("_") or "column"
    return f"table_{name}" if name in _RESERVED or name[0].isdigit() else name
