"""How long an explorer takes to build, how large it is, and how fluid its maps are.

    python benchmarks/explorer.py [--items 5000] [--images] [--csv benchmarks/explorer.csv]

Two made representations with planted groups; images are JPEG files of 400 × 300 pixels, smooth colour fields with
grain, which compress about as well as photos. Frames are counted in a headless Chromium without a graphics card
while the map passes from A to B and while the pointer moves over the maps: the slowest way that a page can be
looked at. `load` is what else the machine was doing.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image
from straightforward import hardware

from rdx.data.items import Items, items_without_images
from rdx.data.reading.image_files import FileImages
from rdx.explorer.build import explorer_page
from rdx.explorer.content import Content, Formula, Method
from rdx.explorer.maps import pca_maps
from rdx.method.concepts import DIRECTIONS, Concept, Explanations

GROUPS, GRID, METHODS = 12, 9, 3
FRAMES = """() => new Promise((done) => {
  const times = []; const start = performance.now();
  const frame = (now) => { times.push(now); if (now - start < 1500) requestAnimationFrame(frame); else done(times); };
  requestAnimationFrame(frame);
})"""


def write_photo(path: Path, number: int) -> None:
    """A smooth field of colours with some grain."""
    rng = np.random.default_rng(number)
    coarse = Image.fromarray(rng.integers(0, 255, (7, 9, 3), dtype=np.uint8))
    field = coarse.resize((400, 300), Image.Resampling.BICUBIC)
    grain = rng.integers(-10, 11, (300, 400, 1))
    Image.fromarray(np.clip(np.asarray(field) + grain, 0, 255).astype(np.uint8)).save(path, quality=85)


def content(n: int, images: Path | None) -> Content:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, GROUPS, n)
    A = (rng.normal(size=(n, 64)) + 4 * np.eye(GROUPS, 64)[labels]).astype(np.float32)
    B = (rng.normal(size=(n, 64)) + 4 * np.eye(GROUPS, 64)[np.where(labels == 1, 0, labels)]).astype(np.float32)
    items = items_without_images(n, [f"group_{label}/{i:06d}.jpg" for i, label in enumerate(labels)], labels)
    if images:
        paths = tuple(str(images / f"{i}.jpg") for i in range(n))
        for i, path in enumerate(paths):
            write_photo(Path(path), i)
        items = Items(items.ids, items.labels, items.label_names, paths, FileImages(paths), items.fingerprint)
    concepts = [Concept(g, np.flatnonzero(labels == g)[:GRID], np.flatnonzero(labels == g), 3.0) for g in range(1, 6)]
    shown = np.where(labels <= 5, labels, 0)
    formula = Formula(0.1, 5.0, True, {"a_not_b": ("a", "b"), "b_not_a": ("b", "a")})
    methods = [
        Method(
            f"method_{m}", True, {d: Explanations(d, shown, concepts, rng.random(n) * 5) for d in DIRECTIONS},
            {d: [{"concept": c.number, "mean_affinity": 3.0, "bsr": 0.9} for c in concepts] for d in DIRECTIONS},
            formula,
        )
        for m in range(METHODS)
    ]  # fmt: skip
    maps = pca_maps(A, B)
    return Content({"a": "A", "b": "B"}, items, {"a": A, "b": B}, {"tsne": maps, "pca": maps}, methods)


def milliseconds_a_frame(page_file: Path) -> dict[str, float]:
    """Time between frames while the map passes from A to B (median and 95th percentile), and a pointer's step."""
    from playwright.sync_api import sync_playwright

    program = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        start = time.perf_counter()
        page.goto(page_file.as_uri())
        page.locator(".card").first.wait_for()
        opened = time.perf_counter() - start
        page.keyboard.press("v")
        page.click("#play")
        median, slow = np.percentile(np.diff(page.evaluate(FRAMES)), [50, 95])
        page.keyboard.press("v")
        box = page.locator("#map-a").bounding_box()
        steps = 60
        start = time.perf_counter()
        page.mouse.move(box["x"], box["y"] + box["height"] / 2)
        page.mouse.move(box["x"] + box["width"], box["y"] + box["height"] / 2, steps=steps)
        pointer = 1000 * (time.perf_counter() - start) / steps
        browser.close()
    return {
        "opens_s": round(opened, 2), "passage_ms": round(float(median), 1), "passage_slow_ms": round(float(slow), 1),
        "pointer_ms": round(pointer, 1),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=5000)
    parser.add_argument("--images", action="store_true")
    parser.add_argument("--csv", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        made = content(chosen.items, Path(folder) if chosen.images else None)
        start, cpu = time.perf_counter(), time.process_time()
        text = explorer_page(made)
        row = {
            "items": chosen.items, "images": chosen.images, "build_s": round(time.perf_counter() - start, 1),
            "cpu_s": round(time.process_time() - cpu, 1), "megabytes": round(len(text) / 1e6, 1),
        }  # fmt: skip
        path = Path(folder) / "explorer.html"
        path.write_text(text, encoding="utf-8")
        row |= milliseconds_a_frame(path)
    row |= {"load": round(os.getloadavg()[0], 1), "hardware": hardware()}
    print(row)
    if chosen.csv:
        new = not chosen.csv.exists()
        with chosen.csv.open("a", newline="", encoding="utf-8") as handle:
            writer = csv.DictWriter(handle, row, lineterminator="\n")
            if new:
                writer.writeheader()
            writer.writerow(row)


if __name__ == "__main__":
    main()
