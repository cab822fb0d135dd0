"""Other ways to show what a representation contains, for comparison with RDX.

All have one small interface (``baselines.base.Baseline``) and fill the same tables as RDX. They are
found by name; a new one is a new file and one line here.
"""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING

from rdx.errors import unknown

if TYPE_CHECKING:
    from baselines.base import Baseline

# Figures give each its colour by its place here: new ones come last.
_HOME = {
    "kmeans": "baselines.kmeans:KMeans",
    "pca": "baselines.pca:PCA",
    "nmf": "baselines.nmf:NMF",
    "cnmf": "baselines.cnmf:ConvexNMF",
    "snmf": "baselines.snmf:SemiNMF",
    "sae": "baselines.sae:SAE",
    "topk_sae": "baselines.topk_sae:TopKSAE",
    "usae": "baselines.usae:USAE",
    "nlmcd": "baselines.nlmcd:NLMCD",
    "spec": "baselines.spec:SPEC",
}


def names() -> list[str]:
    """The names of all baselines."""
    return sorted(_HOME)


def position(name: str) -> int:
    """A baseline's place in the registry, from 0; -1 for an unknown name."""
    return list(_HOME).index(name) if name in _HOME else -1


def get(name: str) -> type[Baseline]:
    """The class of a baseline. Raises InputError for an unknown name."""
    if name not in _HOME:
        raise unknown("method", name, names())
    module, attribute = _HOME[name].split(":")
    return getattr(importlib.import_module(module), attribute)


def parameters(name: str) -> dict[str, object]:
    """A baseline's parameters and their defaults. Raises InputError for an unknown name."""
    signature = inspect.signature(get(name).__init__)
    return {key: entry.default for key, entry in signature.parameters.items() if key != "self"}


def create(name: str, **settings) -> Baseline:
    """A baseline with these settings. Raises InputError for an unknown name or parameter."""
    known = parameters(name)
    for key in settings:
        if key not in known:
            raise unknown(f"parameter of {name}", key, known)
    return get(name)(**settings)
