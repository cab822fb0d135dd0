"""A real browser without a network, and pages of a made comparison to open in it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from made_comparison import made_content

from rdx.explorer.build import explorer_page

CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator:
    """One Chromium for all tests of pages; skipped where there is none."""
    program = os.environ.get("RDX_CHROMIUM") or next(filter(None, map(shutil.which, CHROMIUM)), None)
    if program is None:
        pytest.skip("no Chromium here: apt-get install chromium, or name one in RDX_CHROMIUM")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        yield started
        started.close()


@pytest.fixture(scope="session")
def files(tmp_path_factory) -> Callable[..., Path]:
    """Pages of made comparisons on disk, each built once."""
    folder = tmp_path_factory.mktemp("pages")
    built: dict[tuple, Path] = {}

    def page_file(**options) -> Path:
        key = tuple(sorted(options.items()))
        if key not in built:
            built[key] = folder / f"{len(built)}.html"
            built[key].write_text(explorer_page(made_content(**options)), encoding="utf-8")
        return built[key]

    return page_file


A_DOT = """side => {
  const canvas = document.querySelector(`.map.${side} .dots`);
  const { width, height } = canvas;
  const pixels = new Uint32Array(canvas.getContext("2d").getImageData(0, 0, width, height).data.buffer);
  const box = canvas.getBoundingClientRect();
  const drawn = pixels.reduce((found, pixel, i) => (pixel !== pixels[0] ? [...found.slice(-40), i] : found), []);
  const [x, y] = [drawn[0] % width, Math.floor(drawn[0] / width)];
  return [box.left + (x * box.width) / width, box.top + (y * box.height) / height];
}"""


class Opened:
    """An open page, with all it complained about and asked for."""

    def __init__(self, page) -> None:
        self.page, self.complaints, self.requests = page, [], []
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self.requests.append(request.url))

    def text(self, selector: str) -> str:
        return " ".join(self.page.locator(selector).inner_text().split())

    @property
    def link(self) -> str:
        return self.page.evaluate("location.hash")

    @property
    def selected(self) -> str:
        return self.text("#selection")

    def show_map(self, side: str = "a") -> dict[str, float]:
        """Scrolls to a map, which lies below what was found; returns its box."""
        self.page.locator(f"#map-{side}").evaluate("map => map.scrollIntoView({ block: 'center' })")
        return self.page.locator(f"#map-{side}").bounding_box()

    def point_at_dot(self, side: str = "a") -> tuple[float, float]:
        """Moves the pointer to a pixel that is part of a dot; returns where that is."""
        self.show_map(side)
        x, y = self.page.evaluate(A_DOT, side)
        self.page.mouse.move(x, y)
        self.page.locator(f"#map-{side}.on-dot").wait_for()
        return x, y

    def click_dot(self, side: str = "a") -> None:
        self.page.mouse.click(*self.point_at_dot(side))

    def asked_of_others(self) -> list[str]:
        """What the page asked for beyond its own file, once, and what it carries."""
        return [url for url in self.requests[1:] if not url.startswith(("data:", "blob:"))]


@pytest.fixture
def opened(browser, files) -> Iterator[Callable[..., Opened]]:
    """Opens a made comparison from disk: opened("#c=2", version="v2")."""
    contexts = []

    def open_page(link: str = "", *, width: int = 1400, scheme: str = "light", **options) -> Opened:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme=scheme, offline=True, accept_downloads=True
        )
        contexts.append(context)
        result = Opened(context.new_page())
        result.page.set_default_timeout(5000)
        result.page.goto(files(**options).as_uri() + link)
        result.page.locator("#maps figure:visible").first.wait_for()
        return result

    yield open_page
    for context in contexts:
        context.close()
