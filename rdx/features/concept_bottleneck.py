"""CUB's concept-bottleneck representation: ``rdx train`` with ``kind: concept_bottleneck``.

A backbone's features of every image, projected on a bank of linear concepts, one an attribute. The folder gets
projections.safetensors ("features" (n, k), rows as the items; "weights" and "biases" of the bank) and
attributes.csv (dimension, attribute, name, …). Where the published projections are on disk they are taken as
they are, and only attributes.csv is made.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rdx.data import load_items
from rdx.data.items import Items
from rdx.data.locate import locate
from rdx.data.sets.cub import ROOT, read_catalogue, read_split
from rdx.data.sets.cub_attributes import Attributes, read_attributes
from rdx.errors import InputError
from rdx.features import cache, check_representation, load_representation, representation_fingerprint
from rdx.features.arrays import read_array
from rdx.features.concept_bank import ConceptBank, fit_bank, project
from rdx.files import atomic_files, atomic_path, before_replacing, fingerprint, set_aside, sha256_file
from rdx.models.training import TrainingResult
from rdx.models.weights import checksum, contents, read_safetensors

PROJECTIONS = "projections.safetensors"
ATTRIBUTES = "attributes.csv"
COLUMNS = ("dimension", "attribute", "name", "n_positive", "n_negative", "accuracy")
_log = logging.getLogger(__name__)
_VERSION = 1  # raise it when the same settings come to give other projections
_KEY = "rdx"  # of the header's one entry

Count = Annotated[int, Field(ge=1)]


class CubData(BaseModel):
    """The data set: `cub` and its settings."""

    model_config = ConfigDict(extra="allow")

    dataset: Literal["cub"]


class BottleneckSettings(BaseModel):
    """Everything that makes the projections."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._=+-]*$")]  # its folder below checkpoints/
    data: CubData  # `dataset: cub` and its settings
    model: str  # SPEC of the backbone
    layer: str | None = None  # None: the model's own default layer
    pool: str | None = None  # None: what suits the layer
    batch_size: Count | None = None  # images at once; None: by model and device
    C: Annotated[float, Field(gt=0)] = 0.1  # of the SVMs: the smaller, the wider their margin
    n_positive: Count = 100  # samples with the attribute for each SVM, or as many as there are
    n_negative: Count = 100  # those without it
    min_classes: Count = 10  # an attribute present in fewer classes is left out
    published: str | None = None  # projections to take instead, where this file is there
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0  # of the samples
    output_dir: str | None = None  # None: checkpoints/<name>

    @property
    def folder(self) -> Path:
        """Where the files go, relative to the current folder."""
        return Path(self.output_dir).expanduser() if self.output_dir else Path("checkpoints") / self.name

    @property
    def backbone(self) -> dict[str, Any]:
        """The representation that is projected."""
        return {key: getattr(self, key) for key in ("model", "layer", "pool", "batch_size")}


@dataclass(frozen=True)
class _Projections:
    values: np.ndarray  # (n, k) float32
    bank: ConceptBank | None  # None for published ones


def parse_training(values: Mapping[str, Any], *, source: str) -> BottleneckSettings:
    """Check a mapping against the settings; `source` names it in the InputError."""
    from rdx.config import one_line

    try:
        return BottleneckSettings.model_validate(dict(values))
    except ValidationError as error:
        raise one_line(error, BottleneckSettings, values, source) from None


def train(
    settings: BottleneckSettings, *, device: str = "cpu", progress: bool = False, force: bool = False
) -> TrainingResult:
    """Make projections and attributes.csv; nothing is done where they exist, unless `force`.

    Raises InputError for wrong data or models, for published projections whose rows are not those of the items,
    and for an attribute that all items have, or none.
    """
    published = locate(settings.published) if settings.published else None
    published = published if published is not None and published.is_file() else None
    items = load_items(**settings.data.model_dump(), progress=progress)
    attributes = _attributes(settings, items)
    if published is None:
        check_representation(settings.backbone, items)
    source = contents(published) if published else representation_fingerprint(settings.backbone, items)
    chosen = settings.model_dump(include={"C", "n_positive", "n_negative", "seed"}) if published is None else None
    made_of = fingerprint(_VERSION, chosen, source, items.fingerprint, attributes.present, attributes.names)
    paths = (settings.folder / ATTRIBUTES, settings.folder / PROJECTIONS)
    if not force and _is_there(paths, made_of):
        return TrainingResult(paths, None, reused=True)
    if published is not None:
        if progress:
            print(f"taking the published projections: {published}")
        found = _published(published, items)
        attributes = _fitting(attributes, found.values.shape[1])
    else:
        if force:
            cache.forget(source)
        found = _computed(settings, items, attributes, device, progress)
    with before_replacing(_keep_others), atomic_files(settings.folder, [ATTRIBUTES, PROJECTIONS]) as folder:
        _write_attributes(folder / ATTRIBUTES, attributes, found.bank)
        files = {ATTRIBUTES: sha256_file(folder / ATTRIBUTES)}
        header = {"made_of": made_of, "published": published is not None, "files": files}
        _write_projections(folder / PROJECTIONS, found, header)
    return TrainingResult(paths, None, reused=False)


def _attributes(settings: BottleneckSettings, items: Items) -> Attributes:
    """The attributes of the items, in their order."""
    data = settings.data.model_dump()
    root, split = locate(data.get("root", ROOT)), data.get("split", "train")
    catalogue = read_catalogue(root)
    listed = read_split(root, split, catalogue)
    found = read_attributes(root, listed, catalogue, min_classes=settings.min_classes)
    rows = {f"images/{catalogue.paths[image]}": row for row, image in enumerate(listed.images)}
    return Attributes(found.present[[rows[name] for name in items.ids]], found.ids, found.names)


def _computed(
    settings: BottleneckSettings, items: Items, attributes: Attributes, device: str, progress: bool
) -> _Projections:
    features = load_representation(settings.backbone, items, device=device, progress=progress).values
    row = int(np.argmin(np.isfinite(features).all(axis=1)))
    if not np.isfinite(features[row]).all():
        raise InputError(f"model '{settings.model}' gives NaN or infinity for image '{items.ids[row]}'")
    for name, column in zip(attributes.names, attributes.present.T, strict=True):
        if column.all() or not column.any():
            kind = "all" if column.all() else "none"
            raise InputError(f"attribute '{name}' is present in {kind} of the {len(items)} images: take more classes")
    bank = fit_bank(
        features,
        attributes.present,
        C=settings.C,
        n_positive=settings.n_positive,
        n_negative=settings.n_negative,
        seed=settings.seed,
    )
    return _Projections(project(features, bank).astype(np.float32), bank)


def _published(path: Path, items: Items) -> _Projections:
    values = read_array(path).values
    if len(values) != len(items):
        raise InputError(
            f"published projections '{path}' have {len(values)} rows, the train list has {len(items)} images: they "
            "follow class_attr_data_10/train.pkl, which `bash download_cub.sh` brings"
        )
    return _Projections(values, None)


def _fitting(attributes: Attributes, k: int) -> Attributes:
    """The attributes of k published columns: without names where they are not as many as the data set's."""
    if len(attributes.names) == k:
        return attributes
    return Attributes(attributes.present, [None] * k, [f"attribute {column}" for column in range(k)])


def _is_there(paths: tuple[Path, Path], made_of: str) -> bool:
    if not all(path.is_file() for path in paths):
        return False
    try:
        header = _header(paths[1])
        if header["made_of"] != made_of:
            return False
        if header["files"] == {ATTRIBUTES: sha256_file(paths[0])}:
            return True
        reason = "a checksum is wrong"
    except InputError as error:
        reason = str(error)
    _log.warning("'%s' is damaged (%s); it is made again", paths[1], reason)
    return False


def _header(path: Path) -> dict[str, Any]:
    """The header of projections. Raises InputError where they are not as they were written."""
    tensors, metadata = read_safetensors(path)
    try:
        header = json.loads(metadata[_KEY])
        if header["checksum"] == checksum(tensors) and {"made_of", "files"} <= set(header):
            return header
    except (KeyError, ValueError, TypeError):
        raise InputError(f"'{path}' has no header of ours") from None
    raise InputError(f"the checksum of '{path}' is wrong")


def _keep_others(path: Path, new: Path) -> None:
    """Before `new` takes the place of `path`: what was not written here stays, under another name."""
    try:
        is_ours = path.name == PROJECTIONS and bool(_header(path))
        is_ours = is_ours or _header(path.with_name(PROJECTIONS))["files"].get(path.name) == sha256_file(path)
    except (InputError, OSError):
        is_ours = False
    if path.exists() and not is_ours:
        set_aside(path)


def _write_attributes(path: Path, attributes: Attributes, bank: ConceptBank | None) -> None:
    import csv

    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(COLUMNS)
        for j, (number, name) in enumerate(zip(attributes.ids, attributes.names, strict=True)):
            fitted: list[Any] = ["", "", ""]
            if bank is not None:
                accuracy = bank.accuracy[j]
                fitted = [bank.n_positive[j], bank.n_negative[j], "" if np.isnan(accuracy) else f"{accuracy:.6g}"]
            writer.writerow([j, "" if number is None else number, name, *fitted])


def _write_projections(path: Path, found: _Projections, header: dict[str, Any]) -> None:
    from safetensors.numpy import save_file

    tensors = {"features": np.ascontiguousarray(found.values)}
    if found.bank is not None:
        tensors |= {"weights": found.bank.weights, "biases": found.bank.biases}
    text = json.dumps({**header, "checksum": checksum(tensors)}, sort_keys=True)
    with atomic_path(path) as temporary:
        save_file(tensors, str(temporary), metadata={_KEY: text})
