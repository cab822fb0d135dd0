"""How well the sparse or approximate path agrees with the exact one, on a subsample small enough for both."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rdx.method.concepts import DIRECTIONS

if TYPE_CHECKING:
    from rdx.method.rdx import RDX

ITEMS = {"sparse": 3000, "approximate": 10_000}  # the approximate path differs only where n exceeds its columns


def dense_agreement(estimator: RDX, A, B, **beside) -> dict[str, float | int]:
    """Adjusted Rand index of both paths' labels on the same random items, by direction, and their number ``n``.

    ``estimator`` has been fitted to A (n, d_a), B (n, d_b) and what ``RDX.fit`` takes ``beside`` them; its
    settings are used again. Errors of the sampled paths go with the pairs kept for an item and hardly with
    n, so the subsample speaks for the whole. Empty where the exact path ran.
    """
    from sklearn.base import clone
    from sklearn.metrics import adjusted_rand_score

    if estimator.solver_ == "dense":
        return {}
    rng = np.random.default_rng(estimator.random_state)
    items = np.sort(rng.permutation(len(A))[: ITEMS[estimator.solver_]])
    given = {name: np.asarray(values)[items] for name, values in beside.items() if values is not None}
    fitted = [
        clone(estimator).set_params(solver=solver).fit(np.asarray(A)[items], np.asarray(B)[items], **given)
        for solver in (estimator.solver_, "dense")
    ]
    scores = {
        direction: float(adjusted_rand_score(*(getattr(each, f"{direction}_").labels for each in fitted)))
        for direction in DIRECTIONS
    }
    return {"n": len(items), **scores}
