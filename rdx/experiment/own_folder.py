"""Where a comparison of `rdx compare` goes: never into the folder of another one."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from rdx.config import load_experiment
from rdx.data.locate import locate
from rdx.errors import InputError
from rdx.experiment.run.folder import CONFIG, OUTPUTS, run_folders
from rdx.locks import STAMPS
from rdx.models.spec import parse_spec, with_absolute_paths

if TYPE_CHECKING:
    from rdx.config import Experiment

_log = logging.getLogger(__name__)


def own_folder(config: Experiment, output_dir: str | Path | None) -> tuple[Experiment, Path]:
    """The folder of a comparison, and the comparison with the name of it: never one in which another lies.

    `output_dir`, else outputs/<name>; where another is there, the next of <name>-2, <name>-3 … that is free, or this
    one's already. Raises InputError for an empty `output_dir`, and for one that has another comparison or other files.
    """
    if output_dir is not None:
        if not str(output_dir).strip():
            raise InputError("output_dir is empty: give a folder")
        (folder,) = run_folders([], [config.name], Path(output_dir).expanduser())
        other = _other_there(config, folder)
        if other:
            raise InputError(f"'{folder}' has another comparison in it ({other}): give another output folder")
        return config, folder
    name, number, first = config.name, 1, ""
    while other := _other_there(config, Path(OUTPUTS) / name):
        first, number = first or other, number + 1
        name = f"{config.name}-{number}"
    if first:
        where = f"{OUTPUTS}/{config.name}"
        _log.warning("'%s' has another comparison in it (%s): this one is '%s/%s'", where, first, OUTPUTS, name)
    (folder,) = run_folders([], [name], None)
    return config.model_copy(update={"name": name}), folder


def _other_there(config: Experiment, folder: Path) -> str:
    """The models of the comparison that a folder has, where they or the images are others; else nothing."""
    path = folder / CONFIG
    if not (folder / STAMPS).is_dir() or not path.is_file():
        return ""
    try:
        there = load_experiment(path)
        same = _subject(there) == _subject(config)
    except InputError:
        return ""  # of an older version, or damaged: as good as none
    return "" if same else " and ".join(entry.model for entry in there.representations.values())


def _subject(config: Experiment) -> tuple:
    """What is compared, on which images."""
    models = [str(with_absolute_paths(parse_spec(entry.model))) for entry in config.representations.values()]
    root = (config.data or {}).get("root")
    return models, None if root is None else str(locate(root))
