"""Whose view the pictures are: there is one set of them for both models, whichever column they stand in."""

from __future__ import annotations

from rdx.explorer.content import A, B, Content


def whose_pictures(content: Content) -> str | None:
    """A sentence or two over the groups; None where items have neither images nor texts."""
    items = content.items
    if not items.can_be_shown:
        return None
    things = "Texts" if items.texts is not None else "Pictures"
    lead = f"{things} are the items' own, the same for both models"
    says = f"each card says in whose neighbourhoods its {items.noun} lie together"
    unknown = [side.upper() for side in (A, B) if not content.given.get(side)]
    if not unknown:
        return f"{lead}, and what both were given, each in the size and crop it takes; {says}."
    return (
        f"{lead}; {says}. What {' and '.join(unknown)} saw of each is not known here: the vectors came ready-made, "
        f"perhaps from changed {things.lower()}."
    )
