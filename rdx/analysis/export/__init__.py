"""`rdx export`: a finished run in the form of other programs.

A target is one file with a function `write(run, folder, place, choice)`, which writes into an empty folder that will be
moved to its place, and returns lines that say what to do with it there; and one line in `TARGETS`.
"""

from __future__ import annotations

import importlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from rdx.errors import InputError, unknown
from rdx.experiment.finished import FinishedRun, find_runs
from rdx.files import temporary_folder, write_json, writing
from rdx.locks import alone

TARGETS = {
    "csv": "rdx.analysis.export.lists",
    "embedding-atlas": "rdx.analysis.export.atlas",
    "fiftyone": "rdx.analysis.export.fiftyone",
}
MARK = "export.json"  # says that a folder was written here, and may be replaced


@dataclass(frozen=True)
class Choice:
    """What a user can choose about an export."""

    copy: bool = False  # copy images where the others link to them
    image_side: int = 256  # pixels of the longer side of images that a file takes up, at most


def export(
    folder: Path, target: str, output_dir: Path | None = None, *, force: bool = False, choice: Choice | None = None
) -> tuple[Path, list[str]]:
    """Write a finished run's folder for the program `target`; returns where, and how to open it.

    Raises InputError for a folder that is no finished run, an unknown target, and a place that is taken.
    """
    if target not in TARGETS:
        raise unknown("target of an export", target, TARGETS)
    runs = find_runs([folder])
    if len(runs) > 1:
        raise InputError(f"'{folder}' holds {len(runs)} runs: export one at a time, as '{runs[0].root}'")
    place = (runs[0].root / "export" / target if output_dir is None else output_dir).absolute()
    with alone([runs[0].root]):
        _refuse_taken(place, force)
        return place, _write(runs[0], target, place, choice or Choice())


def _write(run: FinishedRun, target: str, place: Path, choice: Choice) -> list[str]:
    """All of it or nothing: what is written beside the place is moved there when it is whole."""
    with temporary_folder(place) as beside, writing(place, beside):
        said = importlib.import_module(TARGETS[target]).write(run, beside, place, choice)
        write_json(beside / MARK, {"target": target, "run": str(run.root.absolute())})
        if place.is_dir():
            shutil.rmtree(place)
        beside.rename(place)
    return said


def _refuse_taken(place: Path, force: bool) -> None:
    if place.is_dir() and not place.is_symlink() and not any(place.iterdir()):
        return
    if place.is_symlink() or place.exists():
        if not (place.is_dir() and not place.is_symlink() and (place / MARK).is_file()):
            raise InputError(f"'{place}' is there already, and no export: name another place with --output-dir")
        if not force:
            raise InputError(f"'{place}' is there already: --force replaces it, --output-dir names another place")
