"""What to expect of a data set while it is missing, so that a run can be planned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rdx.data import DATASETS, dataset_module
from rdx.data.items import Items, items_without_images

_UNKNOWN = 1_000  # items, where neither the data set nor the configuration tells how many


def expected_items(data: Mapping[str, Any]) -> Items:
    """Items without images that stand in for those of a data set (its YAML keys) that is missing.

    The optional function `expected` beside a data set's `load` returns how many items and classes it has before
    `classes` and `images_per_class` choose among them.
    """
    settings = dict(data)
    name = settings.pop("dataset", None)
    expected = getattr(dataset_module(name), "expected", None) if name in DATASETS else None
    items, classes = expected(**settings) if expected else (_UNKNOWN, 0)
    asked, per_class = len(settings.get("classes") or ()) or classes, settings.get("images_per_class")
    if asked and per_class:
        items = asked * per_class
    elif asked and classes:
        items = items * asked // classes
    return items_without_images(items, labels=np.arange(items) % (asked or 2))
