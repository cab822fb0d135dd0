"""`analyze_explanations.py`: every table and figure over finished runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from rdx.errors import InputError
from rdx.experiment.finished import FinishedComparison, FinishedRun, find_runs
from rdx.experiment.run.folder import CONFIG, RunFolder
from rdx.locks import alone

ANALYSIS = "analysis"


def analyze(
    folders: Sequence[Path] = (),
    output_dir: Path | None = None,
    *,
    paper: bool = False,
    say: Callable[[str], None] = lambda line: None,
) -> list[Path]:
    """Write the tables and figures of finished runs, a folder for each family of comparisons; returns those.

    folders: runs, or folders of runs; none: the newest family below outputs/. output_dir: default `analysis`
    beside the runs. paper: PDF without titles.

    Raises:
        InputError: a folder that is no run's, or a run that is not finished. Nothing is written then.
    """
    runs = find_runs(folders)
    target = output_dir or runs[0].root.parent / ANALYSIS
    if (target / CONFIG).is_file():
        raise InputError(f"'{target}' is a run's folder; choose another --output-dir")
    families: dict[str, list[FinishedRun]] = {}
    for run in runs:
        families.setdefault(run.family, []).append(run)
    with alone(target / name for name in families):
        return [_recorded(target / name, own, paper, say) for name, own in families.items()]


def _recorded(folder: Path, runs: Sequence[FinishedRun], paper: bool, say: Callable[[str], None]) -> Path:
    """`_family`; files in its folder that no analysis has written stay, under another name."""
    with RunFolder(folder.absolute()).recording(ANALYSIS, ("/",)):
        return _family(folder, runs, paper, say)


def _family(folder: Path, runs: Sequence[FinishedRun], paper: bool, say: Callable[[str], None]) -> Path:
    from rdx.analysis.pictures import draw_boxes, draw_comparison
    from rdx.analysis.tables import write_tables

    comparisons = [pair for run in runs for pair in run.comparisons]
    suffix = ".pdf" if paper else ".png"
    say(f"{folder.name}: {len(comparisons)} comparison{'s' if len(comparisons) > 1 else ''} → {folder}")
    metrics = write_tables(folder, comparisons)
    draw_boxes(folder / f"bsr{suffix}", metrics, comparisons, titled=not paper)
    for run in runs:
        _draw_sweep(folder / f"sweep_{run.config.name}{suffix}", run, titled=not paper)
    for place, pair in zip(_folders(folder, comparisons), comparisons, strict=True):
        say(f"  {pair.label}")
        for note in draw_comparison(place, suffix, pair, titled=not paper):
            say(f"    {note}")
    return folder


def _folders(folder: Path, comparisons: Sequence[FinishedComparison]) -> list[Path]:
    """A folder for each comparison: its run's name, and the pair's where a run has several."""
    names = [pair.label.replace(": ", "__") for pair in comparisons]
    taken: dict[str, int] = {}
    result = []
    for name in names:
        taken[name] = taken.get(name, 0) + 1  # the same experiment run twice
        result.append(folder / (name if taken[name] == 1 else f"{name}_{taken[name]}"))
    return result


def _draw_sweep(path: Path, run: FinishedRun, titled: bool) -> None:
    """The summary figure of a run of many comparisons; fewer than three need none."""
    from rdx.experiment.run.tables import read_table
    from rdx.experiment.stages.measures import draw_summary
    from rdx.figures.sweep import LEAST_PAIRS

    if len(run.comparisons) >= LEAST_PAIRS:
        draw_summary(path, read_table(run.root / "summary.csv"), run.config, run.methods, titled)
