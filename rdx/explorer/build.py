"""From a comparison to its explorer."""

from __future__ import annotations

from rdx.explorer.content import Content
from rdx.explorer.page import render
from rdx.explorer.payload import grid_items, make_payload
from rdx.explorer.thumbnails import Thumbnails, make_thumbnails


def explorer_page(content: Content, thumbnails_mb: float = 20.0) -> str:
    """The explorer of one comparison, as the text of one HTML file.

    ``thumbnails_mb``: how much of it images may take, in megabytes; 0 for none. Where all do not fit at the
    least size, those of the grids come first, then some of the others.
    """
    thumbnails = _thumbnails(content, thumbnails_mb)
    payload, arrays = make_payload(content, thumbnails)
    payload["notes"] += _image_notes(content, thumbnails)
    return render(payload, arrays.base64(), thumbnails.sheets if thumbnails else [])


def _thumbnails(content: Content, megabytes: float) -> Thumbnails | None:
    if not content.items.has_images or megabytes <= 0:
        return None
    return make_thumbnails(content.items.image, content.n, grid_items(content), megabytes)


def _image_notes(content: Content, thumbnails: Thumbnails | None) -> list[str]:
    if thumbnails is None:
        return ["There are no images here: points and names only."]
    missing = int((thumbnails.position < 0).sum())
    if not missing:
        return []
    return [f"{missing:,} of {content.n:,} items have no thumbnail here (explorer.thumbnails_mb in the configuration)."]
