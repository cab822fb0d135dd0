"""The RDX estimator with its own picture: what `rdx.RDX` is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rdx.data.reading.given_images import as_image
from rdx.errors import InputError
from rdx.method import rdx as method
from rdx.method.concepts import A_NOT_B, B_NOT_A, DIRECTIONS

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_OF = {A_NOT_B: "near in A, not in B", B_NOT_A: "near in B, not in A"}


class RDX(method.RDX):
    __doc__ = method.RDX.__doc__

    def plot(self, images: Sequence[Any] | None = None) -> Figure:
        """A figure of both directions' concepts.

        images: all n, in the items' order, as paths, arrays (h, w) or (h, w, 3) uint8 or PIL images; then it shows the
        grids. Without them, how strongly each item belongs to its concept. Raises InputError for another number.
        """
        if not hasattr(self, "n_items_"):
            raise InputError("RDX is not fitted: call fit(A, B) first")
        found = {direction: getattr(self, f"{direction}_") for direction in DIRECTIONS}
        if images is None:
            from rdx.figures.strengths import save_strengths

            strengths = {
                direction: [one.item_affinity[concept.members] for concept in one.concepts]
                for direction, one in found.items()
            }
            return save_strengths(None, strengths, heading="How strongly items belong to their concepts")
        from rdx.figures.sheet import save_sheet

        if len(images) != self.n_items_:
            raise InputError(f"{len(images)} images for {self.n_items_} items: give all of them, in the items' order")
        rows = [
            (direction, _OF[direction], [
                (concept.size, "", [as_image(int(i), images[int(i)]) for i in concept.indices])
                for concept in one.concepts
            ])
            for direction, one in found.items()
        ]  # fmt: skip
        return save_sheet(None, rows, heading="Concepts of both directions, the strongest first")
