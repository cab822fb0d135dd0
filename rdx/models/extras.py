"""Libraries that only some families need, and that are installed as extras."""

from __future__ import annotations

import importlib
from types import ModuleType

from rdx.errors import InputError


def needed(module: str, extra: str) -> ModuleType:
    """The library `module`. Raises InputError with the line that installs it where it is not there."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise InputError(f"the package {module} can't be imported: {error}") from error
        raise InputError(f"'{extra}:' models need the extra '{extra}': pip install 'rdx[{extra}]'") from None
