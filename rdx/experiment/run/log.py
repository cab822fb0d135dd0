"""run.log: what happened when, and what was said about it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rdx.errors import brief, printable
from rdx.files import writing


@contextmanager
def run_log(path: Path) -> Iterator[Callable[[str], None]]:
    """A function that appends a line, with the time, to a run's log. It raises WriteError where the disk refuses."""
    with writing(path):
        path.touch()
    with open(path, "ab", buffering=0) as file:  # unbuffered: nothing is left for closing to write, or to fail at

        def note(line: str) -> None:
            with writing(path):
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {printable(line)}\n".encode())

        yield note


@contextmanager
def heard(note: Callable[[str], None]) -> Iterator[None]:
    """Inside, warnings of this package go to `note` as well as to the console."""
    handler = _Heard(note)
    logger = logging.getLogger("rdx")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


class _Heard(logging.Handler):
    def __init__(self, note: Callable[[str], None]) -> None:
        super().__init__(logging.WARNING)
        self._note = note

    def emit(self, record: logging.LogRecord) -> None:
        record.msg, record.args = brief(record.getMessage()), None
        if not logging.getLogger().handlers and logging.lastResort:  # logging has that only where nobody listens
            logging.lastResort.handle(record)
        self._note(record.getMessage())
