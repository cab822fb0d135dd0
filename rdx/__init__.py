"""Representational Difference Explanations: what one model sees that another does not.

Public names load when they are first used, so that ``import rdx`` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rdx.experiment.compare import compare
    from rdx.experiment.comparison import load
    from rdx.figures.fitted import RDX
    from rdx.metrics.bsr import binary_success_rate

__version__ = "0.1.0"
__all__ = ["RDX", "binary_success_rate", "compare", "load"]

_HOME = {
    "RDX": "rdx.figures.fitted",
    "compare": "rdx.experiment.compare",
    "load": "rdx.experiment.comparison",
    "binary_success_rate": "rdx.metrics.bsr",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(importlib.import_module(_HOME[name]), name)
    raise AttributeError(f"module 'rdx' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
