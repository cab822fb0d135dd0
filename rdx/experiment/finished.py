"""Finished runs on disk: finding them, and saying clearly why a folder is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from rdx.data.items import OWN_COLUMNS, items_without_images
from rdx.errors import InputError, unknown
from rdx.experiment.run.folder import CONFIG, OUTPUTS, pair_name
from rdx.experiment.run.tables import read_explanations, read_table
from rdx.experiment.stages.methods import MethodRun, method_runs

if TYPE_CHECKING:
    import pandas as pd

    from rdx.config import Experiment
    from rdx.data.items import Items
    from rdx.method.concepts import Explanations


@dataclass(frozen=True)
class FinishedComparison:
    """One pair of representations of a finished run."""

    run: FinishedRun
    a: str
    b: str

    @property
    def name(self) -> str:
        return pair_name(self.a, self.b)

    @property
    def folder(self) -> Path:
        return self.run.root / self.name

    @property
    def label(self) -> str:
        """What tells it from the others of its family: the run, and the pair where the run has several."""
        several = len(self.run.config.comparisons) > 1
        return f"{self.run.config.name}: {self.name}" if several else self.run.config.name

    def title(self, key: str) -> str:
        return self.run.config.representations[key].title or key

    @cached_property
    def metrics(self) -> pd.DataFrame:
        return read_table(self.folder / "metrics.csv")

    def explanations(self, method: str) -> dict[str, Explanations]:
        return read_explanations(self.folder / method)


@dataclass(frozen=True)
class FinishedRun:
    """A run's folder with all its tables."""

    root: Path
    config: Experiment

    @property
    def family(self) -> str:
        return self.config.family or self.config.name

    @cached_property
    def methods(self) -> list[MethodRun]:
        return method_runs(self.config)

    @property
    def comparisons(self) -> list[FinishedComparison]:
        return [FinishedComparison(self, a, b) for a, b in self.config.comparisons]

    @cached_property
    def items(self) -> Items:
        """The items with their images or texts; where the data set is gone or has none, as items.csv knows them."""
        from rdx.experiment.stages.inputs import read_items

        known = self._known_items()
        try:
            items = read_items(self.config)
        except (InputError, OSError):
            return known
        return items if items is not None and items.can_be_shown and items.ids == known.ids else known

    def _known_items(self) -> Items:
        table = read_table(self.root / "items.csv", dtype=str).fillna("")
        labels = table["label"].to_numpy(dtype="int64") if (table["label"] != "").all() else None
        names = {} if labels is None else dict(zip(labels.tolist(), table["label_name"], strict=True))
        columns = {name: table[name].tolist() for name in table.columns if name not in OWN_COLUMNS}
        return items_without_images(len(table), table["id"].tolist(), labels, names, columns)


def find_runs(folders: Sequence[Path], here: Path | None = None) -> list[FinishedRun]:
    """The runs meant by `folders`: a run, or a folder of runs; none: the newest family below outputs/.

    Raises InputError for a folder that holds no run, or one that is not finished.
    """
    if not folders:
        return _newest_family((here or Path.cwd()) / OUTPUTS)
    runs: list[FinishedRun] = []
    for folder in folders:
        inside = [folder] if (folder / CONFIG).is_file() else list(_runs_in(folder))
        if not inside:
            raise _no_run(folder)
        runs += [read_run(one) for one in inside]
    roots = [run.root.resolve() for run in runs]
    return [run for i, run in enumerate(runs) if roots[i] not in roots[:i]]


def read_run(folder: Path) -> FinishedRun:
    """One finished run. Raises InputError where the folder is none, or lacks a table, which it names."""
    from rdx.config import load_experiment

    if not (folder / CONFIG).is_file():
        raise _no_run(folder)
    run = FinishedRun(folder, load_experiment(folder / CONFIG))
    for path in _tables_of(run):
        if not path.is_file():
            raise InputError(
                f"run '{folder}' is not finished: '{path.relative_to(folder)}' is missing; "
                f"`rdx run {folder / CONFIG}` goes on with it"
            )
    return run


def _tables_of(run: FinishedRun) -> Iterator[Path]:
    yield run.root / "items.csv"
    for pair in run.comparisons:
        for method in run.methods:
            for name in ("assignments.csv", "explanations.csv", "concepts.csv"):
                yield pair.folder / method.name / name
        for name in ("metrics.csv", "cka.json", "summary.json"):
            yield pair.folder / name
    yield run.root / "summary.csv"


def _runs_in(folder: Path) -> Iterator[Path]:
    """The folders right below that hold a run."""
    if folder.is_dir():
        for below in sorted(folder.iterdir()):
            if (below / CONFIG).is_file():
                yield below


def _no_run(folder: Path) -> InputError:
    if not folder.exists():
        near = [path.name for path in _runs_in(folder.parent)]
        if near:
            return unknown(f"run in '{folder.parent}':", folder.name, near)
        other = [str(path) for path in _runs_in(Path(OUTPUTS))]
        return unknown("run", str(folder), other) if other else InputError(f"no run '{folder}'")
    if not folder.is_dir():
        return InputError(f"'{folder}' is a file; name a run's folder, the one with {CONFIG} in it")
    if (folder.parent / CONFIG).is_file():
        return InputError(f"'{folder}' is a part of a run; name the run's folder '{folder.parent}'")
    what = "is empty" if not any(folder.iterdir()) else f"is no run's folder: there is no {CONFIG} in it"
    near = _nearest(folder)
    return InputError(f"'{folder}' {what}" + (f"; the nearest run is '{near}'" if near else ""))


def _nearest(folder: Path) -> Path | None:
    """A run above a folder that is none, else the first one inside it, up to two folders deep, or beside it."""
    above = [path for path in folder.absolute().parents if (path / CONFIG).is_file()]
    below = [run for place in (folder, *sorted(folder.iterdir())) for run in _runs_in(place)]
    return next(iter([*above, *below, *_runs_in(folder.absolute().parent)]), None)


def _newest_family(outputs: Path) -> list[FinishedRun]:
    """All finished runs below `outputs` of the family that was finished last."""
    finished = []
    for folder in _runs_in(outputs):
        if (folder / "summary.csv").is_file():
            finished.append(((folder / "summary.csv").stat().st_mtime_ns, read_run(folder)))
    if not finished:
        raise InputError(f"there is no finished run in '{outputs}': name one, or begin with bash scripts/quickstart.sh")
    newest = max(finished, key=lambda entry: entry[0])[1].family
    return [run for _, run in finished if run.family == newest]
