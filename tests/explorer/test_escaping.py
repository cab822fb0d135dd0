"""Names, labels and titles in the page's bytes: as text that no browser takes for markup, whatever they hold."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from made_comparison import HOSTILE, N, made_content, made_items

from rdx.explorer.build import explorer_page

EVIL = [
    "</script><script>alert(1)</script>", "<!--<script>", "]]>", '"><svg onload=alert(1)>', "' onmouseover='alert(1)",
    "&lt;b&gt;", "\u2028alert(1)\u2029", "javascript:alert(1)", "{{ 7 * 7 }}", "{% raw %}", "\0\x1b[2J", "</title><b>",
]  # fmt: skip
MARK = "zq9"  # stands in every hostile text, so that each can be found


class Page(HTMLParser):
    """Counts elements, and gathers attributes and what scripts hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.scripts: list[tuple[dict, str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag == "script":
            self.scripts.append((dict(attributes), ""))

    def handle_data(self, data):
        if self.tags and self.tags[-1] == "script" and self.scripts:
            attributes, before = self.scripts[-1]
            self.scripts[-1] = attributes, before + data


def page(texts) -> str:
    """An explorer with hostile texts as titles, ids, label names, reason, facts and notes."""
    content = made_content()
    ids = [f"{text}{i}" for i, text in enumerate(texts * N)][:N]
    labels = {label: f"{texts[label % len(texts)]} {label}" for label in range(5)}
    items = replace(made_items(), ids=tuple(ids), label_names=labels)
    first = texts[0]
    return explorer_page(
        replace(
            content, items=items, titles={"a": first, "b": texts[-1]}, reason=first, facts=[(first, texts[-1])],
            notes=list(texts),
        )
    )  # fmt: skip


@pytest.fixture(scope="module")
def plain():
    return Page(page(["harmless"]))


@pytest.mark.parametrize("evil", [*EVIL, *HOSTILE], ids=ascii)
def test_the_page_has_the_same_elements_whatever_the_texts_are(evil, plain):
    text = page([f"{MARK}{evil}{MARK}"])
    found = Page(text)
    assert found.tags == plain.tags
    assert [name for name, _ in found.attributes] == [name for name, _ in plain.attributes]
    assert not any(name.startswith("on") for name, _ in found.attributes)
    code = [script for attributes, script in found.scripts if attributes.get("type") != "application/json"]
    assert not any(MARK in script for script in code if "getElementById" in script or "use strict" in script)
    for between in re.findall(f"{MARK}(.*?){MARK}", text, flags=re.DOTALL):
        assert not set("<>") & set(between), between


def test_the_data_mean_the_same_as_before(plain):
    texts = [f"{MARK}{evil}" for evil in EVIL]
    payloads = [script for attributes, script in Page(page(texts)).scripts if "json" in attributes.get("type", "")]
    held = json.loads(payloads[0])
    said = json.dumps(held, ensure_ascii=False)
    for text in texts:
        assert json.dumps(text, ensure_ascii=False)[1:-1] in said
