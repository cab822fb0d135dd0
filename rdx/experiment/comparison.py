"""A finished comparison in Python and in notebooks: its tables as DataFrames, its figures, its explorer."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rdx.errors import InputError, unknown
from rdx.experiment.finished import FinishedComparison, read_run
from rdx.experiment.run.context import Context
from rdx.experiment.run.folder import CONFIG, RunFolder
from rdx.experiment.run.tables import read_table
from rdx.experiment.stages import pictures
from rdx.experiment.stages.explore import PAGE
from rdx.method.concepts import A_NOT_B, DIRECTIONS

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from rdx.data.items import Items
    from rdx.experiment.stages.methods import MethodRun
    from rdx.method.concepts import Concept, Explanations


def load(folder: str | Path) -> Comparison:
    """The comparison in a finished run's folder, or in one of the folders `<a>_vs_<b>` inside where it has several.

    Raises InputError for a folder that is no run's or not finished, with the nearest that is one.
    """
    folder = Path(folder).expanduser()
    inside = not (folder / CONFIG).is_file() and (folder.parent / CONFIG).is_file()
    run = read_run(folder.parent if inside else folder)
    pairs = {pair.name: pair for pair in run.comparisons}
    if inside and folder.name not in pairs:
        raise unknown(f"comparison of the run '{run.root}':", folder.name, pairs)
    if not inside and len(pairs) > 1:
        first = next(iter(pairs.values()))
        raise InputError(f"'{folder}' has {len(pairs)} comparisons: load one of them, for example '{first.folder}'")
    return Comparison(pairs[folder.name] if inside else next(iter(pairs.values())))


@dataclass(frozen=True, repr=False)
class Comparison:
    """A finished comparison. Tables are read when they are asked for; nothing is written."""

    pair: FinishedComparison
    items_with_images: Items | None = field(default=None, compare=False)  # where they are in memory already

    @property
    def run_folder(self) -> Path:
        """config.yaml, items.csv, representations/."""
        return self.pair.run.root

    @property
    def folder(self) -> Path:
        """The comparison's own tables and figures."""
        return self.pair.folder

    @property
    def methods(self) -> tuple[str, ...]:
        """The names of what was fitted."""
        return tuple(run.name for run in self.pair.run.methods)

    @property
    def titles(self) -> tuple[str, str]:
        """What figures call A and B."""
        return self.pair.title(self.pair.a), self.pair.title(self.pair.b)

    @cached_property
    def summary(self) -> dict[str, Any]:
        """summary.json: n, version, scale, solver, verdict and its reason."""
        return json.loads((self.folder / "summary.json").read_text(encoding="utf-8"))

    @property
    def verdict(self) -> str | None:
        """"difference" or "no difference above chance"; None where that was not tested. summary["reason"] says why."""
        return self.summary["verdict"]

    @cached_property
    def concepts(self) -> pd.DataFrame:
        """concepts.csv of every method: a row a concept, and one for the items in none."""
        import pandas as pd

        tables = {name: read_table(self.folder / name / "concepts.csv") for name in self.methods}
        return pd.concat(tables, names=["method", None]).reset_index("method").reset_index(drop=True)

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """metrics.csv: success rates of every method and direction."""
        return read_table(self.folder / "metrics.csv")

    @cached_property
    def items(self) -> pd.DataFrame:
        """items.csv: how far each item's neighbourhood moved, its columns, and its concepts of the first RDX."""
        return read_table(self.folder / "items.csv")

    @cached_property
    def attributes(self) -> pd.DataFrame:
        """attributes.csv: what the images of the first RDX's concepts have in common."""
        return read_table(self.folder / "attributes.csv")

    @cached_property
    def explanations(self) -> dict[str, dict[str, Explanations]]:
        """Concepts by method, then by direction."""
        return {name: self.pair.explanations(name) for name in self.methods}

    def plot_grid(self, direction: str = A_NOT_B, concept: int = 1, method: str | None = None) -> Figure:
        """The images or texts of one concept. Raises InputError where it has none, or they are not there."""
        found = self._concept(self._found(direction, method)[1], concept)
        if not self._items.can_be_shown:
            raise InputError(f"'{self.run_folder}' has no images to show, or they are not where they were")
        return pictures.draw_grid(None, found, pictures.images_of(found, self._items), self._items)

    def plot_overview(self, direction: str = A_NOT_B, method: str | None = None) -> Figure:
        """Both maps, both distances, the difference and the affinity, the concepts side by side."""
        run, found = self._found(direction, method)
        first = next((one for one in self.pair.run.methods if one.is_rdx), None)
        blocks = run if run.is_rdx else first
        return pictures.draw_overview(None, self._context, self.pair.a, self.pair.b, run, blocks, found)

    def plot_maps(self, direction: str = A_NOT_B) -> Figure:
        """Every method's concepts on both representations' first two principal components."""
        labels = {name: self._found(direction, name)[1].shown_labels for name in self.methods}
        return pictures.draw_maps(None, self._context, self.pair.a, self.pair.b, labels, f"{direction}: concepts")

    def plot_bsr(self) -> Figure:
        """The binary success rate of every method; dashed: chance."""
        return pictures.draw_rates(None, self.metrics, self.pair.run.methods, "Binary success rate; dashed: chance")

    def show(self, height: int = 800) -> Page:
        """The explorer, for the last line of a notebook's cell; `height` is in pixels."""
        page = self.folder / PAGE
        if not page.is_file():
            raise InputError(f"'{page}' is missing: `rdx explore {self.run_folder}` makes it")
        return Page(page, height)

    def __repr__(self) -> str:
        a, b = self.titles
        lines = [f"Comparison of “{a}” and “{b}”: {self.summary['n']:,} items, in {self.folder}"]
        if self.verdict:
            lines.append(f"  {self.verdict}: {self.summary['reason']}")
        lines += [f"  {line}" for line in self._rates().to_string(index=False).splitlines()]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        a, b = map(escape, self.titles)
        said = escape(f"{self.verdict}: {self.summary['reason']}" if self.verdict else "chance was not tested")
        table = self._rates().to_html(index=False, border=0)
        where = f"{self.summary['n']:,} items, in <code>{escape(str(self.folder))}</code>"
        return f"<p><b>{a}</b> and <b>{b}</b>: {where}<br>{said}</p>{table}"

    def _rates(self) -> pd.DataFrame:
        """A row a method and direction: its success rate, and how many concepts it has."""
        import pandas as pd

        main = self.metrics.query("distance == 'neighborhood' and space == 'raw'").set_index(["method", "direction"])
        rows = [
            (name, direction, main["bsr"].get((name, direction)), len(found[direction].shown))
            for name, found in self.explanations.items()
            for direction in DIRECTIONS
        ]
        table = pd.DataFrame(rows, columns=["method", "direction", "BSR", "concepts"])
        table["BSR"] = ["" if pd.isna(rate) else f"{rate:.2f}" for rate in table["BSR"]]
        return table

    @cached_property
    def _items(self) -> Items:
        return self.pair.run.items if self.items_with_images is None else self.items_with_images

    @property
    def _context(self) -> Context:
        return Context(self.pair.run.config, RunFolder(self.run_folder.absolute()), self._items)

    def _found(self, direction: str, method: str | None) -> tuple[MethodRun, Explanations]:
        """A method, by default the first, and its concepts of one direction."""
        name = self.methods[0] if method is None else method
        if name not in self.methods:
            raise unknown("method", name, self.methods)
        if direction not in DIRECTIONS:
            raise unknown("direction", direction, DIRECTIONS)
        run = next(one for one in self.pair.run.methods if one.name == name)
        return run, self.explanations[name][direction]

    def _concept(self, found: Explanations, number: int) -> Concept:
        for concept in found.concepts:
            if concept.number == number:
                return concept
        there = f"1 … {len(found.concepts)}" if found.concepts else "none"
        raise InputError(f"{found.direction} has no concept {number}; there are: {there}")


@dataclass(frozen=True)
class Page:
    """An explorer; a notebook shows it in a frame.

    The frame holds the page itself, as notebooks serve no files from outside their own folder, and is sandboxed: the
    scripts of a page that came from elsewhere can't reach the notebook.
    """

    path: Path
    height: int

    def _repr_html_(self) -> str:
        page = escape(self.path.read_text(encoding="utf-8"))
        frame = 'sandbox="allow-scripts allow-downloads" style="width: 100%; border: 0"'
        return f'<iframe {frame} height="{int(self.height)}" srcdoc="{page}"></iframe>'
