"""For Embedding Atlas: one Parquet file a comparison, with images or texts, both maps and concepts.

Its command takes the columns by name: `--x` and `--y` of a map that is there, `--image` of cells `{bytes, path}`,
`--text` of texts (embedding-atlas 0.26, `embedding_atlas/cli.py`).
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from rdx.analysis.export.contents import encoded, item_table, maps_of
from rdx.files import atomic_path

if TYPE_CHECKING:
    from rdx.analysis.export import Choice
    from rdx.experiment.finished import FinishedComparison, FinishedRun

IMAGE = "image"


def write(run: FinishedRun, folder: Path, place: Path, choice: Choice) -> list[str]:
    """FOLDER/<a>_vs_<b>.parquet; the lines are the commands that open it, one a map."""
    return [line for pair in run.comparisons for line in _write_pair(pair, folder, place, choice)]


def _write_pair(pair: FinishedComparison, folder: Path, place: Path, choice: Choice) -> list[str]:
    import pyarrow as pa
    from pyarrow import parquet

    items, frame = pair.run.items, item_table(pair)
    table = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    options: list[str] = []
    if items.has_images:
        name = IMAGE if IMAGE not in frame else f"{IMAGE}_shown"
        cells = [{"bytes": encoded(items.image(i), choice.image_side), "path": items.ids[i]} for i in range(len(items))]
        kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
        table = table.append_column(name, pa.array(cells, kind))
        options = ["--image", name]
    elif items.text_column is not None:
        options = ["--text", items.text_column]
    path = folder / f"{pair.name}.parquet"
    with atomic_path(path) as temporary:
        parquet.write_table(table, temporary, compression="zstd")
    opened = str(place / path.name)
    return [shlex.join(["embedding-atlas", opened, "--x", x, "--y", y, *options]) for x, y in maps_of(frame)]
