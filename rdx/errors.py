"""Errors that a user can cause, and the one line each of them gets."""

from __future__ import annotations

import difflib
import math
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from numbers import Integral, Real

# What people call things in other places → what it is here.
CALLED = {
    "models": "representations", "pairs": "comparisons", "baselines": "methods", "k": "n_clusters",
    "num_clusters": "n_clusters", "path": "root", "folder": "root", "lr": "learning_rate",
}  # fmt: skip
_LISTED, _OF_MANY = 40, 12  # names that are all listed; of more, as of timm's models, so many


class InputError(ValueError):
    """A value, file or name given by the user is wrong.

    The message is one line that names the thing at fault. From Python it is a ValueError; the
    commands print it and leave with exit code 2.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(brief(message))


class MissingInput(InputError):
    """What a valid configuration asks for is not on this machine yet: data, a checkpoint, weights.

    A run stops at it as at any wrong input; ``--dry-run`` goes on and lists all of them. The message says
    what brings it: ``data set 'cub': 'data/…' is missing: run `bash download_cub.sh``..
    """


class WriteError(OSError):
    """A file could not be written: ``cannot write 'outputs/x/items.csv': No space left on device``.

    The commands print it and leave with exit code 1; what was there before is still there.
    """

    def __init__(self, path: object, number: int) -> None:
        super().__init__(brief(f"cannot write '{path}': {os.strerror(number)}"))
        self.path, self.errno = str(path), number

    def __str__(self) -> str:
        return self.args[0]


_VALUE = (140, 50)  # characters of one quoted value that a message shows: from its start, and from its end
_MESSAGE = (560, 160)  # the same of a whole message, so that it is a few lines on a terminal
_MARK = 30  # characters that saying so takes
_LONG_VALUE = re.compile(f"'([^']{{{sum(_VALUE) + _MARK + 1},}})'")


def brief(text: object) -> str:
    """`text` as a message: on one line, and what is long about it cut in its middle; values that it quotes first."""
    return shortened(_LONG_VALUE.sub(lambda found: f"'{shortened(found[1])}'", printable(text)), *_MESSAGE)


def shortened(text: str, start: int = _VALUE[0], end: int = _VALUE[1]) -> str:
    """`text`, its middle left out where it is much longer than what is shown from its start and from its end."""
    left_out = len(text) - start - end
    return text if left_out <= _MARK else f"{text[:start]} … ({left_out:,} more characters) … {text[-end:]}"


def printable(text: object) -> str:
    """`text` on one line: line ends and other characters that cannot be shown, as file names have them, escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in str(text))


_COLOURS = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # what terminals take for colours


def first_line(error: BaseException) -> str:
    """The first line of what a library says about an error, without its colours; its type where it says nothing."""
    lines = (line.strip() for line in _COLOURS.sub("", str(error)).splitlines())
    return shortened(next(filter(None, lines), "") or type(error).__name__)


@contextmanager
def reading(path: object, what: str) -> Iterator[None]:
    """Inside, whatever a library raises about a file is an InputError: a damaged one can make it raise anything."""
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        raise InputError(f"{what} '{path}' can't be read: {first_line(error)}") from error


def unknown(kind: str, names: str | Sequence[str], choices: Iterable[str]) -> InputError:
    """The error for a misspelt name: ``unknown method 'rdy'; did you mean 'rdx'? (known: kmeans, rdx)``.

    Several names that are wrong in one place: ``unknown keys 'sead' (did you mean 'seed'?), 'x' (known: …)``.
    """
    choices = sorted(str(choice) for choice in choices)
    names = [names] if isinstance(names, str) else list(names)
    close = {name: nearest(str(name), choices) for name in names}
    if len(names) == 1:
        said = f"{kind} '{names[0]}'" + (f"; did you mean '{close[names[0]]}'?" if close[names[0]] else "")
    else:
        first, *rest = kind.split(" ", 1)
        each = (f"'{name}'" + (f" (did you mean '{near}'?)" if near else "") for name, near in close.items())
        said = " ".join([f"{first}s", *rest, ", ".join(each)])
    listed = choices if len(choices) <= _LISTED else [*choices[:_OF_MANY], "…"]
    return InputError(f"unknown {said} (known: {', '.join(listed)})")


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """The choice that a misspelt name, or another word for one, most likely means."""
    choices = list(choices)
    if CALLED.get(name) in choices:
        return CALLED[name]
    close = difflib.get_close_matches(name, choices, n=1, cutoff=0.4)
    return close[0] if close else None


def check_whole(name: str, value, low: int) -> None:
    """Raises InputError unless the parameter ``name`` is a whole number ≥ low."""
    if isinstance(value, bool) or not isinstance(value, Integral) or value < low:
        raise InputError(f"{name} must be a whole number ≥ {low}, got {value!r}")


def check_number(
    name: str, value, *, above: float | None = None, least: float | None = None, most: float | None = None
) -> None:
    """Raises InputError unless the parameter ``name`` is a finite number > above or ≥ least, and ≤ most."""
    wrong = isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value)
    wrong = wrong or (above is not None and value <= above) or (least is not None and value < least)
    if wrong or (most is not None and value > most):
        bound = f"> {above:g}" if above is not None else f"≥ {least:g}"
        bound += "" if most is None else f" and ≤ {most:g}"
        raise InputError(f"{name} must be a number {bound}, got {value!r}")
