"""Importing torchvision where its compiled part does not fit the installed torch.

On a machine without a GPU, torch may be the CPU build while torchvision's binary is not. Then its operators
are never registered, and ``import torchvision`` stops at "operator torchvision::nms does not exist", and
with it every library that needs torchvision only for its image transforms. Declaring the schemas of the two
operators it annotates while loading is enough. Call this before importing timm or open_clip.
"""

from __future__ import annotations

import importlib
import sys
import threading
from types import ModuleType
from typing import Any

# As torchvision's own C++ registers them. They get no kernel: calling one still fails, as it should.
_ARGUMENTS = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"

# torch forgets a library's operators when the object goes, so it is kept as long as the process.
_library: Any = None
_lock = threading.RLock()


def ensure_torchvision() -> None:
    """Make ``import torchvision`` work in this process; does nothing where it works already.

    Raises what the plain import raises when the cause is another one (not installed, for example).
    """
    with _lock:
        if "torchvision" in sys.modules:
            return
        # Parts left by a failed import elsewhere would make the next attempt fail in a way of its own.
        _forget_parts()
        try:
            importlib.import_module("torchvision")
        except RuntimeError as error:
            if "torchvision::" not in str(error) or "does not exist" not in str(error):
                raise
            _forget_parts()
            _declare_operators()
            importlib.import_module("torchvision")


def import_torchvision() -> ModuleType:
    """The torchvision module, imported in the way that works here."""
    ensure_torchvision()
    return importlib.import_module("torchvision")


def _forget_parts() -> None:
    for name in [name for name in sys.modules if name == "torchvision" or name.startswith("torchvision.")]:
        del sys.modules[name]


def _declare_operators() -> None:
    global _library
    if _library is None:
        import torch

        _library = torch.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            _library.define(name + _ARGUMENTS)
