"""How well the sparse or approximate path agrees with the exact one, on a subsample small enough for both."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.method.concepts import DIRECTIONS

if TYPE_CHECKING:
    from rdx.method.rdx import RDX

SHARE = 0.8  # of these items, on which the exact path runs again
ITEMS = {"sparse": 3000, "approximate": 10_000}  # the approximate path differs only where n exceeds its columns


def dense_agreement(estimator: RDX, A, B, **beside) -> dict[str, Any]:
    """Adjusted Rand index of both paths' labels on the same random items, by direction, and their number ``n``.

    ``exact`` has, by direction, the index of the exact labels with those of the exact path on 80 % of the
    items: where clusters are not stable themselves, no sample of pairs can agree with them better.

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

    def fitted(solver: str, some: np.ndarray) -> dict[str, np.ndarray]:
        given = {name: np.asarray(values)[some] for name, values in beside.items() if values is not None}
        again = clone(estimator).set_params(solver=solver).fit(np.asarray(A)[some], np.asarray(B)[some], **given)
        return {direction: getattr(again, f"{direction}_").labels for direction in DIRECTIONS}

    def agreement(first: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> dict[str, float]:
        return {direction: float(adjusted_rand_score(first[direction], second[direction])) for direction in DIRECTIONS}

    kept = np.sort(rng.permutation(len(items))[: int(SHARE * len(items))])
    exact = fitted("dense", items)
    fewer = fitted("dense", items[kept])
    stable = agreement({direction: labels[kept] for direction, labels in exact.items()}, fewer)
    return {"n": len(items), **agreement(fitted(estimator.solver_, items), exact), "exact": stable}
