"""Fetching data sets and weights: ``python -m rdx.data.download NAME``, which the download_*.sh scripts call.

Exit codes: 0 everything is on disk; 1 it is not, and one line says what to do; 2 wrong usage; 130 interrupted.
What is already downloaded is not fetched again, and files appear whole or not at all.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Sequence

import typer

from rdx.console import carry_out
from rdx.data.download.transfer import DownloadError
from rdx.errors import InputError, unknown

# name → function; `rdx.data.download.source` says what it takes and does.
DOWNLOADS: dict[str, str] = {
    "checkpoints": "rdx.models.paper_checkpoints:download",
    "cub": "rdx.data.download.cub:download",
    "efficientnet_lite": "rdx.data.download.efficientnet_lite:download",
    "food_photos": "rdx.data.download.food_photos:download",
    "imagenet": "rdx.data.download.imagenet:download",
    "inaturalist": "rdx.data.download.inaturalist:download",
    "mnist": "rdx.data.download.mnist:download",
    "rsna": "rdx.data.download.rsna:download",
}

_INTERRUPTED = 130  # what typer makes of Ctrl-C

_USAGE = f"""usage: python -m rdx.data.download NAME [OPTIONS]

NAME is one of {", ".join(DOWNLOADS)}.
NAME --help says where it comes from, where it goes and what the options are."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    name, *options = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if name in ("-h", "--help"):
        print(_USAGE)
        return 0
    if name not in DOWNLOADS:
        return _failed(unknown("download", name, DOWNLOADS), 2)
    module, function = DOWNLOADS[name].split(":")
    try:
        return _call(getattr(importlib.import_module(module), function), name, options)
    except (DownloadError, InputError, OSError) as error:
        return _failed(error, 1)


def _call(download: Callable[..., None], name: str, options: Sequence[str]) -> int:
    """Call the function with its parameters as command line options; the exit code (2: wrong usage)."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command()(download)
    try:
        carry_out(app, options, f"python -m rdx.data.download {name}")
    except SystemExit as ended:
        if ended.code == _INTERRUPTED:
            print("interrupted; run the same command again to continue", file=sys.stderr)
        return int(ended.code or 0)


def _failed(error: BaseException, code: int) -> int:
    print(f"error: {error}", file=sys.stderr)
    return code
