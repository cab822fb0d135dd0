"""Whether two representations see the same neighbours, so that there can be no difference to explain."""

from __future__ import annotations

import numpy as np

from rdx.method.neighborhoods import ROUNDING, as_points, rank_rows

_TILE = 256
_ENTRIES = 1 << 22  # of a tile, at most
_ROWS = 2048  # looked at where there are more items than MANY
MANY = 20_000


def same_neighbors(A: np.ndarray, B: np.ndarray) -> bool:
    """Whether A (n, d_a) and B (n, d_b) rank all items alike, but for rounding.

    Stops at the first tile of rows that shows a difference, so that only equal pairs cost a full pass; of
    many items 2,048 evenly spaced rows are looked at, against all items.
    """
    a, b = as_points(A, "representation A"), as_points(B, "representation B")
    n = len(a)
    seen = np.arange(n) if n <= MANY else np.linspace(0, n - 1, _ROWS).astype(np.int64)
    step = max(1, min(_TILE, _ENTRIES // n))
    for start in range(0, len(seen), step):
        rows = seen[start : start + step]
        change = np.abs(rank_rows(a, rows).astype(np.int64) - rank_rows(b, rows).astype(np.int64))
        if change.mean() > ROUNDING * n:
            return False
    return True
