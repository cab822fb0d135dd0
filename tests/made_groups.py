"""Pairs of one blob with planted groups."""

from __future__ import annotations

import numpy as np

from rdx.method.concepts import A_NOT_B, B_NOT_A

N, SIZE = 150, 20


def groups(n=N, per_side=1, seed=0):
    """A and B of one blob: groups of ``SIZE`` are packed together in A and stay where they are in B, or the reverse."""
    rng = np.random.default_rng(seed)
    blob = rng.standard_normal((n, 8))
    A, B = blob.copy(), blob @ np.linalg.qr(rng.standard_normal((8, 8)))[0]
    members = np.split(rng.permutation(n)[: 2 * per_side * SIZE], 2 * per_side)
    for number, group in enumerate(members):
        place = 6 * np.eye(8)[number] + 0.1 * rng.standard_normal((SIZE, 8))
        (A, B)[number % 2][group] = place
    return A, B, {A_NOT_B: members[::2], B_NOT_A: members[1::2]}
