"""Where data sets and weights come from: one file a source, and one line in `rdx.data.download.command.DOWNLOADS`.

A source is one keyword-only function; its parameters are its command's options, and its docstring is what
``--help`` says. Own options are further parameters, annotated in the same way:

    def download(*, root: Root = Path("data/CUB_200_2011"), check: Check = False, base_url: BaseUrl = "https://…",
                 timeout: Timeout = 30.0, small: Annotated[bool, typer.Option("--small", help="…")] = False) -> None

It returns when everything is on disk, after saying so on standard output, and contacts nobody where it was before.
With `check` it only looks (`is_complete`). Everything else is raised, with one line that says what to do:
`DownloadError` where something is unavailable or the user has to fetch it, `InputError` where a file or an option is
wrong; the command prints it and exits with code 1. Relative folders are those below the current folder: the scripts
call the command from the project's. Terms of use are said (`say_terms`) before anything is fetched.

What a source needs, in this folder: `transfer.fetch` (one file), `archives` (an archive fetched, checked and unpacked),
`unpacking` (archives on disk), `npm` (npm packages).
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rdx.data.download.transfer import DownloadError

__all__ = ["BaseUrl", "Check", "DownloadError", "Root", "Timeout", "is_complete", "say", "say_terms"]

Root = Annotated[Path, typer.Option(help="Where it goes.")]
Check = Annotated[bool, typer.Option("--check", help="Only check whether everything is complete.")]
BaseUrl = Annotated[str, typer.Option(metavar="URL", help="Folder of the archives: a mirror's address.")]
Timeout = Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="How long to wait for an answer.")]


def say(line: str) -> None:
    """One line on standard output, at once."""
    print(line, flush=True)


def say_terms(what: str, address: str) -> None:
    """Where the terms of use stand, said before anything is fetched."""
    say(f"{what}: by fetching it you accept the terms at {address}")


def is_complete(what: str, place: object, problem: str | None, *, check: bool, command: str) -> bool:
    """Whether nothing is missing, after saying so; `problem` says what is, which with `check` is a DownloadError."""
    if problem is None:
        say(f"{what}: already downloaded: {place}")
    elif check:
        raise DownloadError(f"{what}: {problem}: run `{command}`")
    return problem is None
