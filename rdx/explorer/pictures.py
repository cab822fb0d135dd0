"""Whose view the pictures are: there is one set of them for both models, whichever column they stand in."""

from __future__ import annotations

from rdx.explorer.content import A, B, Content


def whose_pictures(content: Content) -> str | None:
    """A sentence or two over the groups; None where items have neither images nor texts."""
    items = content.items
    if not items.can_be_shown:
        return None
    things = "Texts" if items.texts is not None else "Pictures"
    lead = (
        f"{things} are the items' own, the same for both models: a column has those that lie together in its model's "
        "neighbourhoods, not what that model alone was shown."
    )
    unknown = [side.upper() for side in (A, B) if not content.given.get(side)]
    if not unknown:
        return f"{lead} Both were given these, each in the size and crop it takes."
    return (
        f"{lead} What {' and '.join(unknown)} saw of each is not known here: the vectors came ready-made, perhaps from "
        f"changed {things.lower()}."
    )
