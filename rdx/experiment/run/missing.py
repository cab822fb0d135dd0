"""What a run cannot start without: raised, or listed where a plan wants all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rdx.errors import MissingInput


@contextmanager
def noted(missing: list[str] | None) -> Iterator[None]:
    """Inside, what is missing is added to the list; where there is none, it is raised."""
    try:
        yield
    except MissingInput as error:
        if missing is None:
            raise
        if str(error) not in missing:
            missing.append(str(error))
