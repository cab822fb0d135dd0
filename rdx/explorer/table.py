"""The table beside the page: one row an item, for general viewers of embeddings."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from rdx.explorer.content import A, B, Content
from rdx.files import atomic_path


def write_parquet(content: Content, path: Path) -> None:
    """explorer.parquet: index, id, path, label, label_name, the items' own columns, coordinates, predictions, concepts,
    affinities."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    items, n = content.items, content.n
    none = [None] * n
    columns: dict[str, object] = {
        "index": np.arange(n, dtype=np.int64),
        "id": list(items.ids),
        "path": pa.array([path or None for path in items.paths], pa.string()),
        "label": pa.array(none if items.labels is None else items.labels, pa.int64()),
        "label_name": pa.array(none if items.labels is None else [items.label_name(i) for i in range(n)], pa.string()),
    }
    columns |= {name: list(cells) for name, cells in items.columns.items()}
    for kind, planes in content.maps.items():
        for side, plane in zip((A, B), planes, strict=True):
            for axis, name in enumerate("xy"):
                columns[f"{kind}_{side}_{name}"] = np.asarray(plane[:, axis], dtype=np.float32)
    for side, predicted in content.predictions.items():
        columns[f"prediction_{side}"] = np.asarray(predicted, dtype=np.int64)
    for method in content.methods:
        for direction, found in method.explanations.items():
            columns[f"{method.name}_{direction}_concept"] = np.asarray(found.labels, dtype=np.int32)
            affinity = none if found.item_affinity is None else np.asarray(found.item_affinity, dtype=np.float32)
            columns[f"{method.name}_{direction}_affinity"] = pa.array(affinity, pa.float32())
    with atomic_path(path) as temporary:
        pq.write_table(pa.table(columns), temporary, compression="zstd")
