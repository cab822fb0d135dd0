"""Progress bars: in notebooks and on terminals, where somebody looks."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tqdm import tqdm


def is_watched() -> bool:
    """Whether this is a notebook, or errors go to a terminal."""
    return _in_notebook() or sys.stderr.isatty()


def progress_bar(*given: Any, **settings: Any) -> tqdm:
    """tqdm's bar with its arguments; in a notebook a widget (which takes longer to load than all else of tqdm)."""
    if _in_notebook():
        from tqdm.auto import tqdm
    else:
        from tqdm import tqdm
    return tqdm(*given, **settings)


@contextmanager
def steps_shown(names: Sequence[str], shown: bool) -> Iterator[Callable[[str], None]]:
    """A bar over steps, called by the one that runs; call what it yields with a line after each."""
    waiting = iter([*names[1:], "done"])
    with progress_bar(total=len(names), desc=names[0] if names else "done", unit="step", disable=not shown) as bar:

        def report(line: str) -> None:
            bar.set_description(next(waiting), refresh=False)
            bar.update()

        yield report


def _in_notebook() -> bool:
    """Whether a kernel runs this; its output is no terminal, though somebody looks at it."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return getattr(shell, "kernel", None) is not None
