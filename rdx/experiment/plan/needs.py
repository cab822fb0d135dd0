"""What a run needs, told before it starts: sizes, memory, disk space, downloads, and what is missing.

Everything here is read off the configuration, the models' empty shells and the table of steps; nothing is
computed, downloaded or written.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdx.compute.memory import in_words as readable
from rdx.data.items import Items
from rdx.errors import InputError, MissingInput
from rdx.experiment.plan.fits import Demand, too_large
from rdx.experiment.run.folder import pair_name
from rdx.experiment.run.missing import noted
from rdx.experiment.stages import attributes, methods
from rdx.method.many.solver import LIBRARIES

if TYPE_CHECKING:
    from rdx.config import Experiment
    from rdx.experiment.stages.methods import MethodRun
    from rdx.features import Description, Features

GB = 1e9
_WIDTH = 1_000  # dimensions of a representation whose model does not tell
_ROW, _EXPLORED = 60, 6_000  # bytes an item: in the tables of a method, and in the explorer
_MOVED = 100  # bytes an item: its neighbours, and its row in items.csv
_MEASURED = 1_000  # bytes an image of those that are measured
_FIGURES, _IMAGES = 2e6, 6e6  # bytes of a method's figures, without and with images
_COPIES = 2  # of a representation: in the run's folder and in the cache
_FLOAT = 4


@dataclass(frozen=True)
class Source:
    """One representation, before it is computed."""

    key: str
    model: str
    layer: str | None
    width: int | None  # d
    parameters: int | None
    image_size: tuple[int, int] | None  # (h, w)
    download: int  # bytes of weights still to be fetched
    passes: bool  # its model goes over the items; not where it is there, or another's pass brings it
    is_there: bool = False  # in the run's folder or the cache
    preprocessing: str = ""  # what becomes of an image, where no library says it


@dataclass(frozen=True)
class Space:
    """What a run will write to one disk."""

    folder: Path
    needed: float  # bytes
    free: float


@dataclass(frozen=True)
class Needs:
    """What a run needs; `missing` are the reasons for which it cannot start yet."""

    items: int
    items_known: bool  # False: the data are not there, so this is what the configuration leads one to expect
    sources: tuple[Source, ...]
    memory: float  # bytes, of its largest step, the models' activations left out
    largest: str  # the name of that step
    spaces: tuple[Space, ...]
    missing: tuple[str, ...] = ()

    @property
    def passes(self) -> set[str]:
        """The names of the steps whose representations take a pass of their model over the items."""
        return {f"representations/{one.key}" for one in self.sources if one.passes}


def sources_of(
    config: Experiment, items: Items, to_compute: Mapping[str, bool], missing: list[str] | None,
    widths: Mapping[str, int] | None = None,
) -> tuple[Source, ...]:  # fmt: skip
    """Every representation in use; `to_compute` says which of them no earlier run has left.

    `widths`: of arrays that have been read already. Published weights that are neither cached nor available are
    missing.
    """
    from rdx.features.request import parse_request

    passes = []  # of models over the items
    found = []
    for key, wanted in to_compute.items():
        entry = config.representations[key]
        request = parse_request(entry.extraction)
        width = (widths or {}).get(key)
        description = _described(config, key, items, missing) if wanted and width is None else None
        own = wanted and not request.is_array and not any(request.goes_with(other) for other in passes)
        if own:
            passes.append(request)
        download = description.download if description else 0
        if download:
            with noted(missing):
                _check_reachable(str(request.spec), download)
        found.append(
            Source(
                key, str(request.spec), request.layer, description.width if description else width,
                description and description.parameters, description and description.image_size, download, own,
                not wanted, description.preprocessing if description else "",
            )
        )  # fmt: skip
    return tuple(found)


def needs_of(
    config: Experiment, folder: Path, items: Items, items_known: bool, sources: tuple[Source, ...],
    runs: Sequence[MethodRun], todo: set[str], demands: Sequence[Demand], missing: list[str] | None,
) -> Needs:  # fmt: skip
    """Put together what a run of the steps `todo` needs, and check that it is available.

    Raises InputError where memory or disk space are too small, unless `missing` takes it up.
    """
    widths = {source.key: source.width or _WIDTH for source in sources}
    models = [Demand(f"representations/{one.key}", _model_memory(one), "take a smaller model") for one in sources]
    wanted = [one for one in (*models, *demands) if one.step in todo]
    largest = max(wanted, key=lambda one: one.memory, default=Demand("", LIBRARIES, ""))
    written = _written(config, len(items), widths, items.can_be_shown or not items_known, runs, todo)
    kept = sum(_FLOAT * len(items) * widths[key] for key in widths if f"representations/{key}" in todo)
    download = sum({source.model: source.download for source in sources}.values())
    spaces = _spaces({folder: written + kept, **_caches(kept, download)})
    problems = [*_too_small(spaces), *too_large(config, wanted)]
    if problems and missing is None:
        raise InputError(problems[0])
    found = tuple(dict.fromkeys((missing or []) + problems))
    return Needs(len(items), items_known, sources, largest.memory, largest.step, spaces, found)


def widths_of(
    config: Experiment, items: Items, made_by: Mapping[str, str], loaded: Mapping[str, Features],
    missing: list[str] | None,
) -> dict[str, int]:  # fmt: skip
    """The columns of every representation: of its array, of what an earlier run left in the cache, or of its model."""
    from rdx.features.cache import cached_width

    widths = {}
    for key, made in made_by.items():
        width = loaded[key].values.shape[1] if key in loaded else made and cached_width(made)
        if not width:
            description = _described(config, key, items, missing)
            width = description and description.width
        widths[key] = width or _WIDTH
    return widths


def _described(config: Experiment, key: str, items: Items, missing: list[str] | None) -> Description | None:
    """What is known of a representation; None where its file is missing."""
    from rdx.features import describe
    from rdx.models import model_fingerprint, parse_spec

    settings = config.representations[key].extraction
    with noted(missing):
        if not parse_spec(settings["model"]).is_model:
            return describe(settings)
        chosen = {name: settings[name] for name in ("model", "layer", "pool", "precision")}
        found = _of_blank_image(tuple(chosen.items()), model_fingerprint(parse_spec(settings["model"])))
        if found.image_size or not items.has_images:
            return found
        return describe(settings, items.image(0))  # the images' own size is the model's
    return None


@lru_cache(maxsize=64)
def _of_blank_image(settings: tuple[tuple[str, Any], ...], fingerprint: str) -> Description:
    """A representation's description, worked out once for all experiments that use it."""
    from rdx.features import describe

    return describe(dict(settings))


def _check_reachable(model: str, size: int) -> None:
    from rdx.models.hub import can_download

    if not can_download():
        raise MissingInput(
            f"the weights of {model} (at least {readable(size)}) are not on this machine, and the hub can't be "
            "reached: connect to the internet, or name a local file with '?weights=PATH', or take random weights with "
            "'?pretrained=false'"
        )


def _model_memory(source: Source) -> float:
    """Bytes of a model; nothing where it need not run. Its activations are left out."""
    return LIBRARIES + _FLOAT * (source.parameters or 0) if source.passes else 0.0


def _written(
    config: Experiment, n: int, widths: Mapping[str, int], images: bool, runs: Sequence[MethodRun], todo: set[str]
) -> float:
    """Bytes that the comparisons' steps leave, representations aside."""
    total = _MEASURED * min(n, attributes.MOST_IMAGES) if "pixels" in todo else 0.0
    for a, b in config.comparisons:
        pair, widest = pair_name(a, b), max(widths[a], widths[b])
        if f"{pair}/alignment" in todo:
            total += _FLOAT * (widths[a] ** 2 + widths[b] ** 2)
        if f"{pair}/neighbors" in todo:
            total += n * _MOVED
        if f"{pair}/explorer" in todo:
            total += n * _EXPLORED
        for run in runs:
            if f"{pair}/{run.name}" in todo:
                total += 2 * n * _ROW
                if not run.is_rdx:
                    latents = methods.method_class(run.method).latents((widths[a], widths[b]), run.parameters)
                    total += 2 * _FLOAT * latents * (n + widest)
            if f"{pair}/{run.name}/figures" in todo:
                total += _IMAGES if images else _FIGURES
    return total


def _caches(features: float, download: float) -> dict[Path, float]:
    from huggingface_hub import constants

    from rdx.features.cache import cache_folder

    return {cache_folder(): features * (_COPIES - 1), Path(constants.HF_HUB_CACHE): download}


def _spaces(needed: Mapping[Path, float]) -> tuple[Space, ...]:
    """What goes to each disk, those without anything left out."""
    disks: dict[Any, tuple[Path, float]] = {}
    for folder, size in needed.items():
        disk = _place(folder).stat().st_dev
        first, before = disks.get(disk, (folder, 0.0))
        disks[disk] = (first, before + size)
    return tuple(
        Space(folder, size, float(shutil.disk_usage(_place(folder)).free)) for folder, size in disks.values() if size
    )


def _place(folder: Path) -> Path:
    """`folder`, or the nearest above it that is there."""
    place = folder.absolute()
    while not place.exists():
        place = place.parent
    return place


def _too_small(spaces: Sequence[Space]) -> list[str]:
    return [
        f"not enough disk space: about {readable(space.needed)} are needed in '{space.folder}', "
        f"and {readable(space.free)} are free there"
        for space in spaces
        if space.needed > space.free
    ]
