"""From a comparison to its explorer."""

from __future__ import annotations

from rdx.explorer.content import Content
from rdx.explorer.page import render
from rdx.explorer.payload import grid_items, make_payload
from rdx.explorer.thumbnails import Thumbnails, make_thumbnails

_LONGEST, _SHORTEST = 400, 40  # characters that the page has of a text; where it would be fewer, of the grids' alone
_BYTES = 2  # of a character as the page has it, in the mean of scripts


def explorer_page(content: Content, thumbnails_mb: float = 20.0) -> str:
    """The explorer of one comparison, as the text of one HTML file.

    ``thumbnails_mb``: how much of it images or texts may take, in megabytes; 0 for none. Where all do not fit at the
    least size, those of the grids come first, then some of the others.
    """
    thumbnails = _thumbnails(content, thumbnails_mb)
    payload, arrays = make_payload(content, thumbnails)
    payload["texts"] = _texts(content, thumbnails_mb)
    payload["notes"] += _text_notes(payload["texts"]) if payload["texts"] else _image_notes(content, thumbnails)
    return render(payload, arrays.base64(), thumbnails.sheets if thumbnails else [])


def _thumbnails(content: Content, megabytes: float) -> Thumbnails | None:
    if not content.items.has_images or megabytes <= 0:
        return None
    return make_thumbnails(content.items.image, content.n, grid_items(content), megabytes)


def _texts(content: Content, megabytes: float) -> list[str] | None:
    """The beginnings of the n texts; "" for those that have no room."""
    texts = content.items.texts
    if texts is None or megabytes <= 0:
        return None
    room = int(megabytes * 1e6 / content.n / _BYTES)
    shown = set(grid_items(content).tolist()) if room < _SHORTEST else range(content.n)
    most = max(_SHORTEST, min(_LONGEST, room))
    return [_start(text, most) if i in shown else "" for i, text in enumerate(texts)]


def _start(text: str, most: int) -> str:
    text = " ".join(text[: 4 * most].split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _text_notes(texts: list[str]) -> list[str]:
    longest = max(map(len, texts))
    return [f"Of each text, at most {longest} characters are here."] if any(t.endswith("…") for t in texts) else []


def _image_notes(content: Content, thumbnails: Thumbnails | None) -> list[str]:
    if thumbnails is None:
        return ["There are no images here: points and names only."]
    missing = int((thumbnails.position < 0).sum())
    if not missing:
        return []
    return [f"{missing:,} of {content.n:,} items have no thumbnail here (explorer.thumbnails_mb in the configuration)."]
