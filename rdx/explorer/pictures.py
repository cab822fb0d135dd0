"""Whose view the pictures are: there is one set of them for both models, whichever column they stand in."""

from __future__ import annotations

from rdx.explorer.content import A, B, Content


def whose_pictures(content: Content) -> str | None:
    """A sentence over the groups; None where items have neither images nor texts."""
    items = content.items
    if not items.can_be_shown:
        return None
    things = "texts" if items.texts is not None else "pictures"
    lead = f"One set of {things} stands for both models"
    unknown = [side.upper() for side in (A, B) if not content.given.get(side)]
    if not unknown:
        return f"{lead}, which were given just these, each in the size and crop it takes."
    whose = "its" if len(unknown) == 1 else "their"
    return f"{lead}; {' and '.join(unknown)} may have been given others, as {whose} vectors came ready-made."
