"""A hook of mkdocs: pages link to files beside docs/, which read well where the sources are shown, but are no pages.

Pictures go into the site; of a link to any other file the text stays.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.structure.files import File

_OUTSIDE = re.compile(r"(!?)\[([^\]]*)\]\(\.\./([^)\s]+)\)")
_PICTURES = (".png", ".svg", ".webp")


def on_files(files, config):
    root = Path(config.docs_dir).parent
    pictures = {
        name
        for page in Path(config.docs_dir).glob("*.md")
        for _, _, name in _OUTSIDE.findall(page.read_text(encoding="utf-8"))
        if name.endswith(_PICTURES)
    }
    for name in sorted(pictures):
        files.append(File.generated(config, name, abs_src_path=str(root / name)))
    return files


def on_page_markdown(markdown, page, config, files):
    return _OUTSIDE.sub(_inside, markdown)


def _inside(found: re.Match[str]) -> str:
    mark, text, name = found.groups()
    return f"{mark}[{text}]({name})" if name.endswith(_PICTURES) else text
