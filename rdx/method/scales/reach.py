"""How far a finding reaches: to the items that its model holds together with it.

A group stands out most where it is tightest, and noise hides over which items of a cluster the models differ. An item
that lies among members in the model that holds them together is one of them, if the models differ over it that way at
all; a member that lies among others is not.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from rdx.method.many.nearest import first_of_rows
from rdx.method.scales.chance import Scale
from rdx.method.scales.group import Group, taken_by
from rdx.method.scales.strongest import LEAST
from rdx.method.scales.weights import Weights

_NEIGHBORS = 15  # whom an item lies among, at most
_ROUNDS = 20  # of joining and leaving, until nobody does; far more than are needed


def settled(weights: Weights, groups: list[Group]) -> list[Group]:
    """The groups with those that lie among their members, and without members that lie among others.

    An item leaves where the share of members among its nearest neighbours is less than halfway from chance to none.
    It joins no second group of a direction.
    """
    found = list(groups)
    for place, one in enumerate(groups):
        taken = taken_by([each for each in found if each is not one], one.direction)
        free = np.ones(len(weights), dtype=bool) if taken is None else ~taken
        found[place] = replace(one, members=settle(weights, one.scale, one.members, free))
    return found


def lie_among(ranks: np.ndarray, weights: np.ndarray, members: np.ndarray) -> np.ndarray:
    """Which of m items join a group (n,) bool: they lie among its members, and the models differ over them that way.

    ranks (m, n): of the n items as m see them in the own model. weights (m,): their mean weights to the members. They
    lie among them if the share of members in their nearest neighbours is at least halfway from chance to all.
    """
    nearest = first_of_rows(ranks, np.full(len(ranks), -1), 1 + _enough(members))[:, 1:]
    return _join(_share(nearest, members), weights, members)


def _join(share: np.ndarray, weights: np.ndarray, members: np.ndarray) -> np.ndarray:
    return (share >= (1 + members.mean()) / 2) & (weights > 0)


def settle(weights: Weights, scale: Scale, members: np.ndarray, free: np.ndarray) -> np.ndarray:
    """The members (n,) bool of a group at its scale once nobody joins or leaves; free (n,) bool: who may join."""
    own = weights.compared[scale[0]][0]
    matrix = weights.at(*scale)
    for _ in range(_ROUNDS):
        share = share_of_members(weights, own, members)
        joined = members | _join(share, matrix[:, members].mean(axis=1), members) & free
        now = joined & (share >= members.mean() / 2)
        if now.sum() < LEAST or (now == members).all():
            break
        members = now
    return members


def neighbors(weights: Weights, name: str) -> np.ndarray:
    """The nearest others of n items by symmetrised ranks, nearest first, (n, 15) positions, ties by index."""
    if name not in weights.nearest:
        ranks = weights.distances[name].values.astype(np.float64)
        weights.nearest[name] = first_of_rows(ranks, np.arange(len(ranks)), 1 + _NEIGHBORS)[:, 1:]
    return weights.nearest[name]


def share_of_members(weights: Weights, name: str, members: np.ndarray) -> np.ndarray:
    """Of n items, the share of members (n,) bool among the nearest others."""
    return _share(neighbors(weights, name)[:, : _enough(members)], members)


def _enough(members: np.ndarray) -> int:
    """How many neighbours are asked: no more than a small group could fill."""
    return min(_NEIGHBORS, int(members.sum()) - 1)


def _share(nearest: np.ndarray, members: np.ndarray) -> np.ndarray:
    """The share of members (n,) bool among the nearest (m, k)."""
    return members[nearest].mean(axis=1)
