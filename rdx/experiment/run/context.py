"""What a step of a run works with: the configuration, the items, and what earlier steps wrote."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from rdx.compute.engine import Engine, Threads
from rdx.experiment.run.folder import A_TO_B, B_TO_A, RAW, RunFolder, pair_name
from rdx.experiment.run.maps import alignment_file, read_map
from rdx.method.concepts import A_NOT_B, B_NOT_A

if TYPE_CHECKING:
    from pathlib import Path

    from rdx.config import Experiment
    from rdx.data.items import Items

_KEPT = 4  # representations held in memory: those of one comparison, as they are and mapped

# The other model is moved towards the one whose concepts are sought.
ALIGNED_VIEW = {A_NOT_B: B_TO_A, B_NOT_A: A_TO_B}


@dataclass
class Context:
    """One run while it is carried out. Nothing in it is ever changed by a step but the files."""

    config: Experiment
    folder: RunFolder
    items: Items
    device: str = "cpu"
    progress: bool = False
    engine: Engine = field(default_factory=Threads)
    log: list[str] = field(default_factory=list)  # lines for run.log, taken after every step
    _held: dict[str, np.ndarray] = field(default_factory=dict)

    def features(self, key: str) -> np.ndarray:
        """A representation (n, d), read only, from the run's folder."""
        return self._hold(key, lambda: read_features(self.folder.path(representation_file(key))))

    def mapped(self, a: str, b: str, view: str) -> np.ndarray:
        """A as B would have it (`a_to_b`), or B as A would (`b_to_a`)."""
        pair = pair_name(a, b)
        source = a if view == A_TO_B else b
        path = self.folder.path(alignment_file(pair, view))
        return self._hold(f"{pair}/{view}", lambda: read_map(path).apply(self.features(source)))

    def pair(self, a: str, b: str, view: str = RAW) -> tuple[np.ndarray, np.ndarray]:
        """Both representations of a comparison: as they are, or one of them mapped."""
        return (
            self.mapped(a, b, view) if view == A_TO_B else self.features(a),
            self.mapped(a, b, view) if view == B_TO_A else self.features(b),
        )

    def title(self, key: str) -> str:
        return self.config.representations[key].title or key

    def _hold(self, key: str, read) -> np.ndarray:
        if key not in self._held:
            value = read()
            value.flags.writeable = False
            while len(self._held) >= _KEPT:
                del self._held[next(iter(self._held))]
            self._held[key] = value
        return self._held[key]


def representation_file(key: str) -> str:
    return f"representations/{key}.safetensors"


def read_features(path: Path) -> np.ndarray:
    from safetensors.numpy import load_file

    return load_file(path)["features"]
