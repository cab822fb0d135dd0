"""The commands: parse, call, print; no work here.

Exit codes are those of `rdx.console`.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rdx.console import Debug, carry_out, exit_codes, path_argument, path_option, show
from rdx.models.registry import spec_forms

if TYPE_CHECKING:
    from rdx.compute.engine import Engine


app = typer.Typer(
    help="What one model finds similar that another does not: Representational Difference Explanations.",
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip

Configs = Annotated[list[Path], path_argument("CONFIG.yaml...", "One experiment a file.")]
Runs = Annotated[list[Path], path_argument("RUN_DIR...", "Folders of finished runs.")]
OutputDir = Annotated[Path | None, path_option("DIR", "Run folder; default outputs/<experiment>.")]
Changes = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change the configuration: data.images_per_class=100"),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the plan, write nothing.")]
Force = Annotated[bool, typer.Option("--force", help="Do finished steps and cached features again.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1 or mps.")]
Seed = Annotated[int | None, typer.Option(help="The seed of everything; default: the configuration's, 42.")]
MaxMemory = Annotated[str | None, typer.Option(help="What the process may grow to: 4GB. Default: what is free.")]
Workers = Annotated[int | None, typer.Option(help="Spread the work over N processes on this machine.")]
OnCluster = Annotated[
    str | None, typer.Option("--cluster", metavar="FILE|ADDRESS", help="Spread the work over a running Dask cluster.")
]
SkipBadImages = Annotated[bool, typer.Option("--skip-bad-images", help="Leave unreadable images out.")]
Order = Annotated[str | None, typer.Option(help="Of images in folders: path (default), or imagefolder: torchvision's.")]
SkipEmptyClasses = Annotated[bool, typer.Option("--skip-empty-classes", help="Leave classes without images out.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No plan and no progress, only the results.")]

_ALIGN = "Remove what a linear map can undo; alone: cka."
_MODES = "classifier, ground_truth, tpfp, tpnfpn or true_pos."
SpecA = Annotated[str, typer.Option("--a", metavar="SPEC", help=f"{spec_forms()}.")]
SpecB = Annotated[str, typer.Option("--b", metavar="SPEC", help="What it is compared with.")]
Images = Annotated[Path | None, path_option("PATH", "Folder of images, or a table of paths or images.")]
Labels = Annotated[Path | None, path_option("PATH", "One label a line, or a table: label, ids, other columns.")]
Methods = Annotated[str, typer.Option(help="Names with commas between.")]
NClusters = Annotated[int | None, typer.Option(help="Concepts a direction, at most; default 5.")]
Version = Annotated[str | None, typer.Option(help="v1 (the paper) or v2, with one scale for all.")]
Scale = Annotated[str | None, typer.Option(help="auto (default): each concept at the scale at which it stands out.")]
Gamma = Annotated[str | None, typer.Option(help="One scale for all: how fast the difference saturates; auto: 80 / n.")]
Beta = Annotated[float | None, typer.Option(help="One scale for all: how strongly affinities spread.")]
Align = Annotated[str | None, typer.Option(metavar="[cka|ridge]", help=_ALIGN)]
Guidance = Annotated[str | None, typer.Option(metavar="MODE", help=_MODES)]
Statistics = Annotated[str | None, typer.Option(help="Is it above chance? off, fast (default) or full.")]
TitleA = Annotated[str | None, typer.Option(help="What figures and tables call a.")]
TitleB = Annotated[str | None, typer.Option(help="What they call b.")]
Map = Annotated[str | None, typer.Option(help="In the explorer: tsne or umap of both at once, or pca of each.")]
Solver = Annotated[str | None, typer.Option(help="auto (default); with one scale for all: dense (exact) or sparse.")]


@app.command("run")
def run_command(
    configs: Configs, output_dir: OutputDir = None, changes: Changes = None, dry_run: DryRun = False,
    force: Force = False, device: Device = "auto", seed: Seed = None, max_memory: MaxMemory = None,
    workers: Workers = None, cluster: OnCluster = None,
    skip_bad_images: SkipBadImages = False, quiet: Quiet = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Run the experiments of configuration files."""
    with exit_codes(debug):
        from rdx.config import load_experiment
        from rdx.experiment.run.folder import run_folders

        edits = [*(changes or []), *_edits(seed, skip_bad_images, max_memory)]
        experiments = [load_experiment(path, edits) for path in configs]
        folders = run_folders(configs, [one.name for one in experiments], output_dir)
        how = {"device": device, "dry_run": dry_run, "force": force, "quiet": quiet}
        _carry_out(experiments, folders, (workers, cluster), sources=configs, **how)


@app.command("compare")
def compare_command(
    a: SpecA, b: SpecB, images: Images = None, labels: Labels = None, methods: Methods = "rdx,kmeans",
    n_clusters: NClusters = None, scale: Scale = None, version: Version = None, gamma: Gamma = None,
    beta: Beta = None, align: Align = None, guidance: Guidance = None, solver: Solver = None,
    statistics: Statistics = None,
    title_a: TitleA = None, title_b: TitleB = None, map: Map = None, changes: Changes = None,
    output_dir: OutputDir = None, dry_run: DryRun = False, force: Force = False, device: Device = "auto",
    seed: Seed = None, max_memory: MaxMemory = None,
    workers: Workers = None, cluster: OnCluster = None, order: Order = None,
    skip_bad_images: SkipBadImages = False, skip_empty_classes: SkipEmptyClasses = False, quiet: Quiet = False,
    debug: Debug = False,
) -> None:  # fmt: skip
    """Compare two models, or two arrays of features."""
    with exit_codes(debug):
        from rdx.experiment.compare import configuration
        from rdx.experiment.own_folder import own_folder

        config = configuration(
            a, b, images, labels, [name.strip() for name in methods.split(",") if name.strip()],
            n_clusters=n_clusters, scale=scale, version=version, gamma=_gamma(gamma), beta=beta, align=align,
            guidance=guidance, solver=solver, statistics=statistics, seed=seed, max_memory=max_memory,
            skip_bad_images=skip_bad_images or None, order=order, skip_empty_classes=skip_empty_classes or None,
            titles=(title_a, title_b), map=map, changes=changes,
        )  # fmt: skip
        config, folder = own_folder(config, output_dir)
        _carry_out([config], [folder], (workers, cluster), device=device, dry_run=dry_run, force=force, quiet=quiet)


@app.command("train")
def train_command(
    configs: Configs, changes: Changes = None, dry_run: DryRun = False, force: Force = False,
    device: Device = "auto", seed: Seed = None, quiet: Quiet = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Train what configuration files describe: small convnets, or a bank of concepts."""
    with exit_codes(debug):
        from rdx.compute.devices import resolve_device
        from rdx.config import parsed_with, read_yaml
        from rdx.locks import alone
        from rdx.models.training_settings import training_of

        edits = [*(changes or []), *_edits(seed, False)]
        trainings = [parsed_with(training_of, read_yaml(path), edits, source=str(path)) for path in configs]
        device = resolve_device(device)
        if dry_run:
            from rdx.experiment.plan.training import plan

            for line in plan([settings for _, settings in trainings], force=force):
                show(line)
            return
        for module, settings in trainings:
            with alone([settings.folder]):
                result = module.train(settings, device=device, progress=not quiet, force=force)
            score = "" if result.test_accuracy is None else f"  test accuracy {result.test_accuracy:.3f}"
            show(f"{result.paths[-1]}{score}{'  (reused)' if result.reused else ''}")


@app.command("sweep")
def sweep_command(
    configs: Configs, output_dir: OutputDir = None, changes: Changes = None, dry_run: DryRun = False,
    force: Force = False, device: Device = "auto", seed: Seed = None, max_memory: MaxMemory = None,
    workers: Workers = None, cluster: OnCluster = None,
    skip_bad_images: SkipBadImages = False, quiet: Quiet = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Which k, γ, β? RDX over a grid of settings, with a suggestion; `sweep:` in the configuration has the grid."""
    with exit_codes(debug):
        from rdx.config import load_experiment
        from rdx.experiment.run.folder import run_folders
        from rdx.experiment.stages.settings_sweep import as_sweep

        edits = [*(changes or []), *_edits(seed, skip_bad_images, max_memory)]
        experiments = [as_sweep(load_experiment(path, edits)) for path in configs]
        folders = run_folders([], [one.name for one in experiments], output_dir)
        how = {"device": device, "dry_run": dry_run, "force": force, "quiet": quiet}
        _carry_out(experiments, folders, (workers, cluster), sources=configs, **how)


@app.command("explore")
def explore_command(
    runs: Runs, changes: Changes = None, quiet: Quiet = False, debug: Debug = False
) -> None:
    """Build explorer.html of finished runs, again or for the first time."""
    with exit_codes(debug):
        from rdx.analysis.explorers import build_explorers

        for page in build_explorers(runs, changes or [], (lambda line: None) if quiet else show):
            if quiet:
                show(page)


@app.command("export")
def export_command(
    run: Annotated[Path, path_argument("RUN_DIR", "Folder of a finished run.")],
    to: Annotated[str, typer.Option("--to", metavar="TARGET", help="csv, embedding-atlas or fiftyone.")],
    output_dir: Annotated[Path | None, path_option("DIR", "Where to; default RUN_DIR/export/TARGET.")] = None,
    copy: Annotated[bool, typer.Option("--copy", help="Copy images instead of linking to them.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier export.")] = False,
    quiet: Quiet = False, debug: Debug = False,
) -> None:  # fmt: skip
    """Write a finished run for another program: its concepts' members, or all items with maps and concepts."""
    with exit_codes(debug):
        from rdx.analysis.export import Choice, export

        place, said = export(run, to, output_dir, force=force, choice=Choice(copy=copy))
        for line in [str(place)] if quiet else said:
            show(line)


def _carry_out(
    experiments, folders, spread: tuple[int | None, str | None], *, sources: Sequence[Path | str] = ("compare",),
    device: str, dry_run: bool, force: bool, quiet: bool,
) -> None:  # fmt: skip
    """Check all experiments, which `sources` have, then run them one after the other, alone in their folders."""
    from rdx.compute.devices import resolve_device
    from rdx.compute.engine import check_spread, engine_for
    from rdx.features.cache import cache_folder
    from rdx.locks import alone

    device = resolve_device(device)
    if dry_run:
        check_spread(*spread)
        _carry_out_alone(experiments, folders, sources, device, dry_run, force, quiet)
        return
    with engine_for(*spread, device, cache_folder()) as engine, alone(folders):
        _carry_out_alone(experiments, folders, sources, device, dry_run, force, quiet, engine)


def _carry_out_alone(
    experiments, folders, sources, device: str, dry_run: bool, force: bool, quiet: bool, engine: Engine | None = None
) -> None:
    from rdx.experiment.plan import report
    from rdx.experiment.plan.numbers import check_features
    from rdx.experiment.plan.prepare import look
    from rdx.experiment.run.runner import run

    say: Callable[[str], None] = (lambda line: None) if quiet else show
    checked = [
        look(config, folder, device=device, progress=not quiet, force=force, list_missing=dry_run, source=str(source))
        for config, folder, source in zip(experiments, folders, sources, strict=True)
    ]
    for prepared in checked:
        for line in report.plan(prepared, steps=dry_run):
            (show if dry_run else say)(line)
    if dry_run:
        for line in report.missing(checked):
            show(line)
        return
    for prepared in checked:
        check_features(prepared, device=device, progress=not quiet, force=force, engine=engine)
    for prepared in checked:
        run(prepared, device=device, progress=not quiet, report=say, engine=engine)
        for line in report.results(prepared):
            show(line)


def _gamma(text: str | None) -> float | str | None:
    """The number, or `auto`."""
    try:
        return text if text in (None, "auto") else float(text)
    except ValueError:
        from rdx.errors import InputError

        raise InputError(f"--gamma must be a number or auto, not '{text}'") from None


def _edits(seed: int | None, skip_bad_images: bool, max_memory: str | None = None) -> Iterator[str]:
    if seed is not None:
        yield f"seed={seed}"
    if skip_bad_images:
        yield "skip_bad_images=true"
    if max_memory is not None:
        yield f"max_memory={max_memory}"


def main(arguments: list[str] | None = None) -> None:
    """The command line's entry point; leaves with an exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    # Threads that wait for work sleep: spinning beside another busy process, small nets train five times longer.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # read when OpenMP is loaded
    gc.set_threshold(20_000)  # objects that come before rubbish is looked for: 700 costs a tenth of a small run
    for stream in (sys.stdout, sys.stderr):  # a terminal that lacks a letter of a name shows its code instead
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    carry_out(app, _align_alone(arguments), "rdx")


def _align_alone(arguments: list[str]) -> list[str]:
    """`--align` without a value means cka: options with optional values are not the parser's."""
    result = []
    for position, argument in enumerate(arguments):
        result.append(argument)
        following = arguments[position + 1] if position + 1 < len(arguments) else "-"
        if argument == "--align" and following.startswith("-"):
            result.append("cka")
    return result
