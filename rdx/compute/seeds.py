"""Every global generator of random numbers, set at once."""

from __future__ import annotations

import importlib.util
import random
import sys
from importlib.machinery import ModuleSpec

import numpy as np


def seed_everything(seed: int) -> None:
    """Set every global generator, so that the order of steps changes nothing.

    Importing torch takes seconds, and many runs never need it: one that is not loaded is seeded as soon as it is.
    """
    random.seed(seed)
    np.random.seed(seed)
    _late.seed = seed
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
    elif _late not in sys.meta_path:
        sys.meta_path.insert(0, _late)


class _SeededWhenLoaded:
    """Finds one module as it would be found without this, and seeds it once it is loaded."""

    def __init__(self, name: str) -> None:
        self.name, self.seed, self.searching = name, 0, False

    def find_spec(self, name: str, path=None, target=None) -> ModuleSpec | None:
        if name != self.name or self.searching:
            return None
        self.searching = True
        try:
            spec = importlib.util.find_spec(name)
        finally:
            self.searching = False
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def load_and_seed(module) -> None:
                load(module)
                module.manual_seed(self.seed)
                sys.meta_path.remove(self)

            spec.loader.exec_module = load_and_seed
        return spec


_late = _SeededWhenLoaded("torch")
