"""Where a relative path of a configuration lies."""

from __future__ import annotations

from pathlib import Path

PROJECT_ROOT = Path(__file__).resolve().parents[2]


def locate(path: str | Path) -> Path:
    """`path` made absolute: relative to the current folder, else to the project root.

    Where neither has it, the one in the current folder is returned. Symlinks are not resolved.
    """
    path = Path(path).expanduser()
    here = Path.cwd() / path
    if path.is_absolute() or here.exists():
        return here
    at_root = PROJECT_ROOT / path
    return at_root if at_root.exists() else here
