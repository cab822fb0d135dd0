"""Feature extraction against the model alone: what reading, transforms and chunk files cost on top of it.

    python benchmarks/extraction.py [--models timm:resnet18 …] [--images 128] [--repeats 5] [--device auto]

JPEG files of 500 × 375 pixels, cut from scikit-learn's two photographs; random weights. In turn, in one process:
`bare` runs the model on batches that lie ready in memory, `reading` decodes and transforms without a model, `whole`
is the extraction as a run does it, chunk files included. `attainable` is what bare and reading leave of the bare rate
where both share the same cores (a CPU); on a GPU it is the slower of the two. Medians of the repeats; CPU seconds count
all threads, and are what to look at on a machine that others use as well.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from straightforward import hardware

MODELS = ("timm:tf_efficientnet_lite0", "timm:resnet50", "timm:vit_small_patch16_224")
SIZE = (500, 375)  # (w, h), as most of ImageNet's


def photos(folder: Path, n: int):
    """n JPEG files, and the items made of them."""
    from PIL import Image
    from sklearn.datasets import load_sample_images

    from rdx.data import load_items

    rng, sources = np.random.default_rng(0), [Image.fromarray(image) for image in load_sample_images().images]
    for number in range(n):
        source = sources[number % len(sources)]
        width = int(rng.integers(300, source.width))
        height = min(source.height, width * SIZE[1] // SIZE[0])
        left, top = (int(rng.integers(0, room + 1)) for room in (source.width - width, source.height - height))
        cut = source.crop((left, top, left + width, top + height)).resize(SIZE, Image.Resampling.BICUBIC)
        cut.save(folder / f"{number:05d}.jpg", quality=90)
    return load_items("image_folder", root=str(folder))


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds, and CPU seconds of all threads and of processes that have ended."""
    before, start = os.times(), time.perf_counter()
    work()
    seconds, after = time.perf_counter() - start, os.times()
    return seconds, sum(after[:4]) - sum(before[:4])


def one_model(spec: str, items, repeats: int, device: str) -> dict:
    import torch

    from rdx.features.capture import looking
    from rdx.features.chunked import Pass, layout_of
    from rdx.features.extraction import _kernels, batch_spans
    from rdx.features.reading import batches
    from rdx.models import load_model

    model = load_model(f"{spec}?pretrained=false", device)
    layout, n = layout_of(model, items, None, device), len(items)
    spans, pinned = batch_spans(n, layout.batch_size), device.startswith("cuda")
    ready = [images.to(device) for images in batches(model, items, spans)]

    def bare() -> None:
        with torch.inference_mode(), _kernels(device, "float32"), looking(model, [(None, None)]) as look:
            for images in ready:
                look(images)[None, None].cpu()

    def reading() -> None:
        for _ in batches(model, items, spans, pinned=pinned):
            pass

    def whole() -> None:
        with tempfile.TemporaryDirectory() as cache:
            one = Pass(model, items, {(None, None): "benchmark"}, layout, cache)
            one.compute(device=device, precision="float32", progress=False)
            list(one.values())

    works = {"bare": bare, "reading": reading, "whole": whole}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in works}
    bare()  # kernels are chosen, caches warm
    for _ in range(repeats):
        for name, work in works.items():
            found[name].append(timed(work))
    rate = {name: n / statistics.median(seconds for seconds, _ in runs) for name, runs in found.items()}
    cpu = {name: 1000 * statistics.median(spent for _, spent in runs) / n for name, runs in found.items()}
    at_best = sum if device == "cpu" else max  # of the seconds of both
    rounds = [[seconds for seconds, _ in runs] for runs in zip(*found.values(), strict=True)]
    return {
        "model": spec, "device": device, "images": n, "batch_size": layout.batch_size, "repeats": repeats,
        **{f"{name}_images_per_second": round(value, 1) for name, value in rate.items()},
        "attainable_images_per_second": round(n / statistics.median(at_best((b, r)) for b, r, _ in rounds), 1),
        "whole_of_bare": round(statistics.median(b / w for b, _, w in rounds), 3),
        "whole_of_attainable": round(statistics.median(at_best((b, r)) / w for b, r, w in rounds), 3),
        **{f"{name}_cpu_ms_an_image": round(value, 2) for name, value in cpu.items()},
        "reading_share_of_cpu": round(cpu["reading"] / cpu["whole"], 3),
        "cpu_beyond_bare_and_reading": round(cpu["whole"] / (cpu["bare"] + cpu["reading"]) - 1, 3),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--output", type=Path, default=Path(__file__).with_suffix(".csv"))
    arguments = parser.parse_args()

    import torch

    import rdx
    from rdx.compute.devices import resolve_device

    device, rows = resolve_device(arguments.device), []
    with tempfile.TemporaryDirectory() as folder:
        items = photos(Path(folder), arguments.images)
        for spec in arguments.models:
            row = one_model(spec, items, arguments.repeats, device)
            row |= {
                "threads": torch.get_num_threads(), "load": round(os.getloadavg()[0], 1), "rdx": rdx.__version__,
                "torch": torch.__version__, "hardware": hardware(),
            }  # fmt: skip
            print("  ".join(f"{key}={value}" for key, value in row.items()), flush=True)
            rows.append(row)
    with arguments.output.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


if __name__ == "__main__":
    main()
