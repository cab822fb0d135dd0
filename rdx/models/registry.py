"""The model families: one line each, from which the command's help, errors and paths follow."""

from __future__ import annotations

import importlib
from types import ModuleType

from rdx.errors import unknown

# How a SPEC of the family is written → its module. What is called PATH is one, and is made absolute.
FAMILIES: dict[str, str] = {
    "timm:NAME": "rdx.models.timm_models",
    "open_clip:NAME[/PRETRAINED]": "rdx.models.open_clip_models",
    "hf:NAME": "rdx.models.hf_models",
    "python:FILE.py:FUNCTION": "rdx.models.python_models",
    "checkpoint:PATH": "rdx.models.checkpoints",
    "features:PATH": "rdx.models.feature_files",
}


def families() -> list[str]:
    """The names of all families."""
    return [form.partition(":")[0] for form in FAMILIES]


def family_module(family: str) -> ModuleType:
    """A family's module. Raises InputError for an unknown family, with the nearest one."""
    if family not in families():
        raise unknown("model family", family, families())
    return importlib.import_module(FAMILIES[_form(family)])


def is_path(family: str) -> bool:
    """Whether what stands behind ``FAMILY:`` is a path."""
    return _form(family).endswith(":PATH")


def spec_forms() -> str:
    """How SPECs are written, in a line: ``timm:NAME, …, checkpoint:PATH or features:PATH``."""
    *others, last = FAMILIES
    return f"{', '.join(others)} or {last}"


def _form(family: str) -> str:
    return next(form for form in FAMILIES if form.partition(":")[0] == family)
