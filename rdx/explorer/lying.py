"""How a concept lies on a map, measured there: a caption must say what is to be seen."""

from __future__ import annotations

import numpy as np

from rdx.explorer.whereabouts import evenly

TOGETHER, SEVERAL, AMONG, SPREAD = "together", "several", "among", "spread"
_NEAR = 6  # nearest dots by which the map's grain is measured
_GRAIN = 3.0  # dots of a concept are of one piece where steps of so many grains lead from one to the other
_PIECE = 0.15  # share of the concept that makes a piece worth counting
_MOST = 0.8  # share of the concept that the pieces must hold, or it is spread out
_OWN = 0.5  # of the way from chance to none but members near a member, or it lies among others
_ASKED = 1500  # members that are looked at, evenly taken


def lying(plane: np.ndarray, members: np.ndarray) -> tuple[str, int]:
    """How members (s,) lie on a map (n, 2), and in how many pieces.

    TOGETHER: one piece, mostly their own; SEVERAL: a few such pieces; AMONG: as many or fewer pieces, but other dots
    are as common there; SPREAD: no few pieces hold them.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components
    from scipy.spatial import cKDTree

    if len(members) < 3:
        return SPREAD, 0
    tree = cKDTree(plane)
    looked = evenly(members, _ASKED)
    k = min(_NEAR, len(plane) - 1)
    grain = np.median(tree.query(plane[looked], k + 1)[0][:, -1]) * np.sqrt(len(members) / len(looked))
    own = cKDTree(plane[looked])
    first, second = own.query_pairs(_GRAIN * grain, output_type="ndarray").T
    steps = coo_array((np.ones(len(first)), (first, second)), shape=(len(looked),) * 2)
    sizes = np.bincount(connected_components(steps, directed=False)[1]) / len(looked)
    pieces = sizes[sizes >= _PIECE]
    if pieces.sum() < _MOST:
        return SPREAD, len(pieces)
    is_member = np.zeros(len(plane), dtype=bool)
    is_member[members] = True
    near = tree.query(plane[looked], min(len(members), 2 * k, len(plane)))[1]
    by_chance = len(members) / len(plane)
    if is_member[near].mean() - by_chance < _OWN * (1 - by_chance):
        return AMONG, len(pieces)
    return (TOGETHER if len(pieces) == 1 else SEVERAL), len(pieces)
