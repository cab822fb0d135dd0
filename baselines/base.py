"""What all baselines share: the interface, the checks, and turning their results into concepts."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from rdx.compute.threads import map_ordered, one_thread_each
from rdx.errors import InputError, check_whole, unknown
from rdx.method.concepts import A_NOT_B, B_NOT_A, NULL, Concept, Explanations
from rdx.method.neighborhoods import as_array
from rdx.results import Results

MOST = 1e15  # the largest value of a representation lies between its inverse and this
SIDE_BY_SIDE = 1 << 21  # values of a representation up to which both sides are in memory at once
_SIDES = {A_NOT_B: "representation A", B_NOT_A: "representation B"}


@dataclass(eq=False, repr=False)
class Baseline(Results):
    """A method that explains one representation at a time; methods that need both override ``fit``.

    A subclass defines ``explain`` and, where it cannot take every representation, ``check``. Its
    parameters are its fields, as a dataclass's, behind these four. scikit-learn's ``clone`` takes it, though it is
    no ``BaseEstimator``: loading that takes longer than a plan does that only asks for parameters and memory.
    """

    # One thread adds sums in one order: the same bytes on every machine. Methods on torch, which
    # would be slowed down, may turn it off.
    one_thread: ClassVar[bool] = True
    # Both sides at once, each on a thread of its own: for methods that change nothing which threads share.
    side_by_side: ClassVar[bool] = False
    any_sign: ClassVar[bool] = True  # takes negative features, as the mapped ones of an aligned run are
    less_memory: ClassVar[str] = "take fewer items"  # what to do where `memory` is too much

    n_clusters: int = 5  # k, the concepts asked for in each direction
    images_per_concept: int = 9  # m, the images of a grid
    random_state: int = 0
    progress: bool = False

    @classmethod
    def memory(cls, n: int, widths: Sequence[int], parameters: Mapping[str, Any]) -> float:
        """Bytes that a fit holds beside features of n items with ``widths`` (d_a, d_b) columns: a few copies of one."""
        return 8.0 * n * (4 * max(widths) + 16 * int(parameters["n_clusters"]))

    @classmethod
    def latents(cls, widths: Sequence[int], parameters: Mapping[str, Any]) -> int:
        """How many columns the coefficients have for features of ``widths`` (d_a, d_b) columns."""
        return int(parameters.get("n_latents") or parameters["n_clusters"])

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """All parameters, as scikit-learn's estimators tell theirs."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def set_params(self, **parameters: Any) -> Baseline:
        """Changes parameters; returns self. Raises InputError (a ValueError) for an unknown one."""
        for name, value in parameters.items():
            if name not in self.get_params():
                raise unknown(f"parameter of {type(self).__name__}", name, self.get_params())
            setattr(self, name, value)
        return self

    def fit(self, A, B) -> Baseline:
        """Explains A (n, d_a) as ``a_not_b_`` and B (n, d_b) as ``b_not_a_``; returns self.

        Both sides start from the same seed, so that swapping A and B swaps the results. Raises
        InputError for NaN or infinity (row named), a constant representation, different n, n < 4,
        fewer items than clusters, a parameter out of range, and what ``check`` of the method refuses.
        """
        sides = self.check_inputs(A, B)
        with one_thread_each() if self.one_thread else contextlib.nullcontext():
            small = max(X.size for X in sides.values()) <= SIDE_BY_SIDE
            threads = None if self.side_by_side and self.one_thread and small else 1
            self.a_not_b_, self.b_not_a_ = map_ordered(self._explain_side, sides.items(), threads=threads)
        return self

    def _explain_side(self, side: tuple[str, np.ndarray]) -> Explanations:
        direction, X = side
        return self.explain(X, np.random.RandomState(self.random_state), direction)

    def check_inputs(self, A, B) -> dict[str, np.ndarray]:
        """Both representations as finite arrays (n, d) by direction, after every check."""
        self.check_settings()
        sides = {direction: as_array(X, _SIDES[direction]) for direction, X in ((A_NOT_B, A), (B_NOT_A, B))}
        n, n_b = (len(X) for X in sides.values())
        if n != n_b:
            raise InputError(f"A has {n} items, B has {n_b}: give the same items")
        self.check_items(n)
        for direction, X in sides.items():
            _check_scale(X, _SIDES[direction])
            self.check(X, _SIDES[direction])
        return sides

    def check_items(self, n: int) -> None:
        """Raises InputError where n items are too few."""
        if n < 4:
            raise InputError(f"a comparison needs at least 4 items, got {n}")
        if n < self.n_clusters:
            raise InputError(f"n_clusters: {self.n_clusters} concepts need at least as many items, got {n}")

    def check_settings(self) -> None:
        """Raises InputError for a parameter out of range; a subclass adds its own."""
        for name, low in (("n_clusters", 1), ("images_per_concept", 1), ("random_state", 0)):
            check_whole(name, getattr(self, name), low)

    def check(self, X: np.ndarray, name: str) -> None:
        """Raises InputError where the method cannot work on X (n, d); ``name`` says which side it is."""

    def explain(self, X: np.ndarray, rng: np.random.RandomState, direction: str) -> Explanations:
        """The concepts of one representation X (n, d), which must not be changed."""
        raise NotImplementedError


def _check_scale(X: np.ndarray, name: str) -> None:
    """Raises InputError where squares of X (n, d) would leave float32, in which most baselines compute."""
    largest = np.abs(X).max(axis=1)
    if not 1 / MOST <= largest.max() <= MOST:
        raise InputError(
            f"the largest value of {name} is {largest.max():.0e} (row {int(largest.argmax())}): baselines take "
            f"features of {1 / MOST:.0e} to {MOST:.0e}, so scale them, or compare with rdx alone"
        )


def fewer(found: int, asked: int, reason: str) -> list[str]:
    """The note that a method shows fewer concepts than asked for, or no note."""
    return [f"{found} concepts instead of {asked}: {reason}"] if found < asked else []


def from_coefficients(
    direction: str,
    coefficients: np.ndarray,
    dictionary: np.ndarray,
    images_per_concept: int,
    *,
    shown: list[int] | np.ndarray | None = None,
    reconstruction_error: float | None = None,
    loss: dict[str, list[float]] | None = None,
    notes: list[str] | None = None,
) -> Explanations:
    """Concepts of a method whose items carry them with coefficients (n, c), dictionary (c, d).

    Concept 1, 2, … is column ``shown[0]``, ``shown[1]``, … (default: all, in their order). Its grid
    is the m items with the largest coefficient, ties to the lower index; an item's label is the shown
    concept it carries most, or 0 where no coefficient is above 0. The columns are stored with the
    shown ones first, so that concept c is column c − 1. ``reconstruction_error``: ‖X − X̂‖_F.
    """
    width = coefficients.shape[1]
    shown = np.arange(width) if shown is None else np.asarray(shown, dtype=np.int64)
    order = np.concatenate([shown, np.setdiff1d(np.arange(width), shown)])
    coefficients, dictionary = coefficients[:, order], dictionary[order]
    carried = coefficients[:, : len(shown)]
    labels = np.zeros(len(coefficients), dtype=np.int64)
    if len(shown):
        labels = np.where(carried.max(axis=1) > 0, 1 + carried.argmax(axis=1), NULL).astype(np.int64)
    concepts = [
        Concept(
            number=number,
            indices=np.argsort(-column, kind="stable")[:images_per_concept],
            members=np.flatnonzero(labels == number),
        )
        for number, column in enumerate(carried.T, start=1)
    ]
    return Explanations(
        direction=direction,
        labels=labels,
        concepts=concepts,
        coefficients=coefficients,
        dictionary=dictionary,
        reconstruction_error=reconstruction_error,
        loss=loss,
        notes=notes or [],
    )
