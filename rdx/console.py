"""What every command does around its work: one line for an error, and an exit code.

0 done; 1 the run failed; 2 wrong usage, configuration or input (nothing was written but caches); 130 interrupted;
141 output pipe closed (as of every command that is piped into `head`).
"""

from __future__ import annotations

import errno
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from enum import IntEnum
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from rdx.errors import InputError, WriteError, brief, printable

_PATHS = (errno.ENAMETOOLONG, errno.ELOOP, errno.EACCES)  # what a user gave is no path, or not the user's
_UsageError = typer.BadParameter.__base__  # click's, or that of typer's own copy of it

Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def given_path(text: str) -> Path:
    """A path of the command line: `~` is the home folder; none, as of a variable that is not set, is refused."""
    if not text.strip():
        raise typer.BadParameter("it is empty; is a variable not set?")
    return Path(text).expanduser()


def path_argument(metavar: str, text: str) -> Any:
    return typer.Argument(parser=given_path, metavar=metavar, help=text)


def path_option(metavar: str, text: str) -> Any:
    return typer.Option(parser=given_path, metavar=metavar, help=text)


class ExitCode(IntEnum):
    """What the commands leave with."""

    DONE = 0
    FAILED = 1
    WRONG_INPUT = 2
    INTERRUPTED = 130
    OUTPUT_CLOSED = 141  # 128 + SIGPIPE


def carry_out(app: typer.Typer, arguments: Sequence[str], prog_name: str) -> NoReturn:
    """Parse a command line, do what it says and leave with its exit code; wrong usage is one line, as any error."""
    try:
        code = app(args=list(arguments), prog_name=prog_name, standalone_mode=False)
    except _UsageError as error:
        message, command = error.format_message(), error.ctx.command_path if error.ctx else prog_name
        is_help = message.lower().startswith("usage:")  # where there are no arguments at all
        print(message if is_help else brief(f"error: {_plain(message)} (see '{command} --help')"), file=sys.stderr)
        sys.exit(int(ExitCode.WRONG_INPUT))
    except typer.Abort:
        sys.exit(int(ExitCode.INTERRUPTED))
    sys.exit(int(code or 0))


def _plain(message: str) -> str:
    """The parser's message in the words of ours."""
    for kind, words in {"integer": "a whole number", "number": "a number", "int": "a whole number"}.items():
        message = re.sub(rf"Input should be a valid {kind}\b.*", f"it must be {words}", message)
    return message[:1].lower() + message[1:].rstrip(".")


@contextmanager
def exit_codes(debug: bool) -> Iterator[None]:
    """Turn what goes wrong into one line and an exit code."""
    try:
        yield
        sys.stdout.flush()  # here, where a closed pipe can still be answered for
    except InputError as error:
        _stop(f"error: {error}", ExitCode.WRONG_INPUT, debug)
    except KeyboardInterrupt:
        with suppress(ValueError):  # outside the main thread; a second Ctrl-C ends what the first still waits for
            signal.signal(signal.SIGINT, lambda *_: os._exit(ExitCode.INTERRUPTED))
        _stop("interrupted; run the same command again to go on from here", ExitCode.INTERRUPTED, debug)
    except BrokenPipeError:
        _leave_quietly()
    except (typer.Exit, typer.Abort):
        raise
    except WriteError as error:
        _stop(f"failed: {error}", ExitCode.FAILED, debug)
    except Exception as error:
        if isinstance(error, OSError) and error.errno in _PATHS and error.filename:
            said = brief(f"'{error.filename}' cannot be used: {error.strerror}")
            _stop(f"error: {said}", ExitCode.WRONG_INPUT, debug)
        text = brief(" ".join(str(error).split()))
        hint = "" if debug else " (--debug shows where)"
        _stop(f"failed: {type(error).__name__}: {text}{hint}", ExitCode.FAILED, debug)


def show(line: str) -> None:
    """Print a line; names out of files, which can hold anything, do not move the cursor or change colours."""
    print(printable(line))


def _leave_quietly() -> None:
    """The output pipe is closed (`rdx run … | head`): no message, and the exit code that a shell shows for SIGPIPE.

    What was finished stays, as after an interruption.
    """
    silence = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):  # or Python would complain at its end, when it writes out the rest
        with suppress(OSError, ValueError):
            os.dup2(silence, stream.fileno())
    raise typer.Exit(int(ExitCode.OUTPUT_CLOSED))


def _stop(line: str, code: ExitCode, debug: bool) -> None:
    _close_bars()
    if debug:
        traceback.print_exc()
    print(line, file=sys.stderr)
    raise typer.Exit(int(code))


def _close_bars() -> None:
    """End the lines of progress bars that an error left open, or what is printed next would stand behind one."""
    if "tqdm" in sys.modules:
        from tqdm import tqdm

        for bar in list(getattr(tqdm, "_instances", ())):
            bar.close()
