"""Where a relative path of a configuration lies."""

from __future__ import annotations

import os
from pathlib import Path

from rdx.errors import InputError

PROJECT_ROOT = Path(__file__).resolve().parents[2]


def locate(path: str | Path) -> Path:
    """`path` made absolute: relative to the current folder, else to the project root.

    Where neither has it, the one in the current folder is returned. Symlinks are not resolved. Raises InputError
    where the system will not look: a path that is too long, links in a circle, a folder that may not be entered; and
    for an empty path, which would be the current folder.
    """
    if not str(path).strip():
        raise InputError("a path is empty: give one, or leave its key out")
    try:
        path = Path(path).expanduser()
    except RuntimeError as error:
        raise InputError(f"'{path}': {error}") from None
    here = Path.cwd() / path
    if _is_there(here) or path.is_absolute():
        return here
    at_root = PROJECT_ROOT / path
    return at_root if _is_there(at_root) else here


def _is_there(path: Path) -> bool:
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise InputError(f"'{path}' cannot be read: {error.strerror}") from None
    except ValueError as error:  # a null character
        raise InputError(f"'{path}' is no path: {error}") from None
    return True
