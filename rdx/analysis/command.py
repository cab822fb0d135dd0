"""The command line of `analyze_explanations.py`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from rdx.console import Debug, carry_out, exit_codes, path_argument, path_option, show

Runs = Annotated[list[Path] | None, path_argument("[RUN_DIR...]", "Finished runs, or folders of runs.")]
OutputDir = Annotated[Path | None, path_option("DIR", "Default: the folder `analysis` beside the runs.")]
Paper = Annotated[bool, typer.Option("--paper", help="PDF without titles, for a paper's own captions.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say only where the results are.")]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command()
def analyze_command(
    runs: Runs = None, output_dir: OutputDir = None, paper: Paper = False, quiet: Quiet = False, debug: Debug = False
) -> None:
    """Tables and figures over finished runs; without any named, over the newest ones below outputs/."""
    with exit_codes(debug):
        from rdx.analysis.report import analyze

        say = (lambda line: None) if quiet else show
        for folder in analyze(runs or (), output_dir, paper=paper, say=say):
            show(f"Results: {folder}")


def main() -> None:
    """Entry point; leaves with an exit code."""
    carry_out(app, sys.argv[1:], "analyze_explanations.py")
