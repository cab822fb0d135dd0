"""Which axis is read as the channel, for every layer of a small model of each file of timm and tower of open_clip.

    python -m benchmarks.layers [--output benchmarks/layers.csv] [--only NAME]

The models have random weights. What is read is held against `benchmarks.layer_axes`, which does not ask the
implementation. Of the layers of tokens or maps that are `read`, `by_weights` are held against the weights that made
them, `by_size` against a larger image alone, `unchecked` against nothing; `wrong` were read along another axis, or
had rows that are no images. `two_readings` and `no_rows` are refused. Models that are in the table stay as they are.
"""

from __future__ import annotations

import argparse
import csv
import re
import sys
import time
import warnings
from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from pathlib import Path

import torch
from PIL import Image

from benchmarks.layer_axes import Evidence, on_meta
from rdx._torchvision import ensure_torchvision
from rdx.features.layouts import Layout, layouts
from rdx.models import load_model

COLUMNS = (
    "model", "image_size", "layers", "vectors", "read", "two_readings", "no_rows", "by_weights", "by_size", "unchecked",
    "wrong", "examples", "default_layer", "error", "timm", "open_clip", "torch",
)  # fmt: skip
SIDE = 128  # of an image, where a model takes such small ones
_DEEP, _BLOCKS = 12, 3  # blocks of a long model that are looked at: all are alike
_SIZES = r"base|large2?|tiny|small|medium|giant(opt)?|gigantic|enormous|so400m|x+large|huge|patch\d+|window\d+|\d+"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/layers.csv"))
    parser.add_argument("--only", default="", help="models whose name holds this")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    ensure_torchvision()
    torch.manual_seed(0)
    versions = {"timm": version("timm"), "open_clip": version("open_clip_torch"), "torch": version("torch")}
    there = arguments.output.is_file()
    done = {row["model"] for row in csv.DictReader(arguments.output.open(encoding="utf-8"))} if there else set()
    with arguments.output.open("a", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        if not there:
            table.writeheader()
        for name in [*of_timm(), *of_open_clip()]:
            if arguments.only in name and name not in done:
                start = time.perf_counter()
                row = {"model": name, **checked(name), **versions}
                table.writerow(row)
                file.flush()
                print(
                    f"{name} wrong: {row.get('wrong')} {row.get('error', '')} ({time.perf_counter() - start:.0f} s)",
                    file=sys.stderr,
                )


def of_timm() -> list[str]:
    """The model of each file of timm that looks smallest: by the words for sizes in its name, then its image size."""
    import timm

    words = ("test", "atto", "femto", "pico", "nano", "xxt", "xx_s", "tiny", "_t", "small", "_s", "b0", "18", "base")
    chosen = []
    for file in timm.list_modules():
        names = timm.list_models(module=file)
        rank = {name: next((i for i, word in enumerate(words) if word in name), len(words)) for name in names}
        chosen += sorted(names, key=lambda name: (rank[name], len(name), name))[:1]
    return [f"timm:{name}" for name in chosen]


def of_open_clip() -> list[str]:
    """The smallest of each kind of tower: own ViTs and ResNets by their pooling, timm's by name without its size."""
    import open_clip

    kinds: dict[str, list[tuple[int, int, str]]] = {}
    for name in open_clip.list_models():
        vision = open_clip.get_model_config(name)["vision_cfg"]
        layers, width = vision.get("layers", 0), vision.get("width", 0)
        kind = str((type(layers).__name__, vision.get("pool_type"), vision.get("attentional_pool")))
        if "timm_model_name" in vision:
            words = vision["timm_model_name"].split("_")
            kind = " ".join([words[0].rstrip("0"), *(w for w in words[1:] if not re.fullmatch(_SIZES + r"|mci\d", w))])
            width = _parameters(vision["timm_model_name"])
        size = width * (sum(layers) if isinstance(layers, list) else layers or 1)
        kinds.setdefault(kind, []).append((size, vision.get("image_size", 224), name))
    return [f"open_clip:{min(found)[2]}" for found in kinds.values()]


def checked(name: str) -> dict[str, object]:
    """One row of the table, but for names and versions."""
    try:
        model = load_model(f"{name}?pretrained=false", weights=False)
        _shorten(model.module)
        shape = tuple(model.transform(Image.new("RGB", (256, 256))).shape)
        found = layouts(model, shape)
        evidence = gathered(name, shape)
    except Exception as error:  # noqa: BLE001  (one model that can't be built is one row)
        return {"error": f"{type(error).__name__}: {str(error)[:80]}".replace("\n", " ")}
    maps = {layer: one for layer, one in found.items() if not one.problem and len(one.shape) > 1}
    read = {layer: one for layer, one in maps.items() if one.axis is not None}
    verdicts = {layer: verdict(evidence, layer, one) for layer, one in read.items()}
    wrong = [layer for layer, (_, right) in verdicts.items() if not right]
    count = [way for way, _ in verdicts.values()].count
    return {
        "image_size": shape[-1],
        "layers": len(found),
        "vectors": sum(not one.problem and len(one.shape) == 1 for one in found.values()),
        "read": len(read),
        "two_readings": len(maps) - len(read),
        "no_rows": sum(bool(one.problem) for one in found.values()),
        "by_weights": count("weights"),
        "by_size": count("size"),
        "unchecked": count(""),
        "wrong": len(wrong),
        "examples": " ".join([*wrong[:3], *[layer for layer in maps if layer not in read][:2]]),
        "default_layer": model.default_layer,
    }


def gathered(name: str, shape: tuple[int, ...]) -> Evidence:
    """The evidence of a model for images of `shape` (c, h, w), or smaller ones where it takes them."""
    channels, side = shape[0], min(shape[-1], SIDE)
    for spec, small in _sized(name, side, shape[-1]):
        try:
            module = load_model(spec).module
            _shorten(module)
            evidence = Evidence(module, torch.rand(2, channels, small, small))
            break
        except Exception as error:  # noqa: BLE001  (not every model takes a size)
            failed = error
    else:
        raise failed
    for spec, _ in _sized(name, 2 * small, shape[-1]):
        images = torch.rand(2, channels, 2 * small, 2 * small)
        for to_meta in (True, False):
            try:
                module = load_model(spec).module
                _shorten(module)
                module, images = (on_meta(module), images.to("meta")) if to_meta else (module, images)
                evidence.see_larger(module, images)
                return evidence
            except Exception:  # noqa: BLE001
                images = torch.rand(2, channels, 2 * small, 2 * small)
    return evidence


def verdict(evidence: Evidence, layer: str, one: Layout) -> tuple[str, bool]:
    """What the axis that a layer is read along was held against ("": nothing), and whether it is right."""
    if not evidence.knows(layer):
        return "", True
    grown = evidence.grown(layer, one.place)
    own = evidence.by_weights(layer, one.place) - (grown or set())
    if not evidence.rows_are_images(layer):
        return "weights", False
    if own:
        return "weights", one.axis in own
    return ("size", one.axis not in grown) if grown else ("", True)


def _sized(name: str, side: int, native: int) -> Iterator[tuple[str, int]]:
    """A model's SPECs for images of a side, the likeliest first."""
    if side != native:
        if name.startswith("timm:"):
            yield f"{name}?pretrained=false&img_size={side}", side
        yield f"{name}?pretrained=false", side
    if side <= native:
        yield f"{name}?pretrained=false", native


def _shorten(module: torch.nn.Module) -> None:
    """Leave the first blocks of a long transformer: the rest are alike, and fill the memory."""
    for one in list(module.modules()):
        for key, blocks in list(one.named_children()):
            if key in ("blocks", "resblocks") and len(blocks) > _DEEP:
                setattr(one, key, type(blocks)(*blocks[:_BLOCKS]) if isinstance(blocks, torch.nn.Sequential)
                        else torch.nn.ModuleList(blocks[:_BLOCKS]))  # fmt: skip


@cache
def _parameters(name: str) -> int:
    import timm

    with torch.device("meta"):
        return sum(one.numel() for one in timm.create_model(name).parameters())


if __name__ == "__main__":
    main()
