"""What to expect of a data set while it is missing, so that a run can be planned."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from rdx.data.items import Items, items_without_images

# Data sets that have to be fetched: how many items and classes to expect of them while they are not there.
_ITEMS = {"mnist": 60_000, "mnist_10k": 8_000, "cub": 4_796, "rsna": 2_500}
_CLASSES = {"mnist": 10, "mnist_10k": 10, "cub": 200, "rsna": 2}
_UNKNOWN = 1_000  # items, where neither the data nor the configuration tells how many


def expected_items(data: Mapping[str, Any]) -> Items:
    """Items without images that stand in for those of a data set (its YAML keys) that is not there."""
    name, per_class = data.get("dataset"), data.get("images_per_class")
    items, classes = _ITEMS.get(name, _UNKNOWN), _CLASSES.get(name, 0)
    if "flip" in str(data.get("variant")):
        items *= 2  # the mirrored digits, which may be classes of their own
        classes *= 2 if str(data["variant"]).endswith("_nl") else 1
    asked = len(data.get("classes") or ()) or classes
    if asked and per_class:
        items = asked * per_class
    elif asked and classes:
        items = items * asked // classes
    return items_without_images(items, labels=np.arange(items) % (asked or 2))
