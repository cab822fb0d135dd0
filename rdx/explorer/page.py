"""The page: template, style and scripts become one file that asks nothing of any network.

Every text of the data reaches the page as JSON in which `<`, `>` and `&` are escaped, and is put there by
`textContent`, never as HTML. A Content-Security-Policy admits the page's own style and script, by their
hashes, and images that are part of the file; nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from rdx.files import fingerprint

FOLDER = Path(__file__).parent / "page"
TEMPLATE, STYLE = "explorer.html.jinja", "explorer.css"
# In this order they are one script: each uses what those before it declare, and `start` runs the page.
SCRIPTS = (
    "dom", "data", "state", "colors", "thumbs", "words", "fields", "plot", "view", "maps", "pointer", "captions",
    "passage", "selection", "agreement", "found", "means", "concepts", "item", "table", "matrix", "search", "export",
    "keys", "start",
)  # fmt: skip
_UNSAFE = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def render(payload: dict[str, Any], arrays: str, sheets: list[bytes]) -> str:
    """The whole file; ``arrays`` is base64, ``sheets`` are WebP images."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    style, script = _text(STYLE), _script()
    return environment.get_template(TEMPLATE).render(
        title=f"{payload['titles']['a']} and {payload['titles']['b']}",
        titles=payload["titles"],
        policy=_policy(style, script),
        style=style,
        script=script,
        payload=safe_json(payload),
        arrays=arrays,
        sheets=[base64.b64encode(sheet).decode("ascii") for sheet in sheets],
    )


def safe_json(value: Any) -> str:
    """JSON that means the same inside a <script> element, and cannot end it. NaN is refused."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return text.translate(_UNSAFE)


@lru_cache(maxsize=1)
def page_fingerprint() -> str:
    """What the page is made of, so that a page of an older version is made again."""
    return fingerprint(*[path.read_bytes() for path in sorted(FOLDER.iterdir())])


def _script() -> str:
    parts = "\n".join(_text(f"{name}.js") for name in SCRIPTS)
    return f'(() => {{\n"use strict";\n{parts}\n}})();'


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    return (
        f"default-src 'none'; img-src data: blob:; style-src {_hash(style)}; script-src {_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
