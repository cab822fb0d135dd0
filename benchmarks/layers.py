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
import itertools
import multiprocessing
import re
import sys
import time
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import torch
from PIL import Image

from benchmarks.layer_axes import Evidence
from rdx._torchvision import ensure_torchvision
from rdx.features.layouts import Layout, layouts
from rdx.models import load_model
from rdx.models.vision_model import VisionModel

COLUMNS = (
    "model", "image_size", "layers", "vectors", "read", "two_readings", "no_rows", "by_weights", "by_size", "unchecked",
    "wrong", "examples", "default_layer", "error", "timm", "open_clip", "torch",
)  # fmt: skip
SIDES = (64, 112)  # of an image, where a model takes such small ones
_DEEP, _BLOCKS = 8, 4  # of a longer stack of blocks so many are looked at: they repeat
# Words for sizes in names, the smallest first.
_SMALL = (
    "test", "atto", "femto", "pico", "nano", "xxt", "xx_s", "tiny", "_t", "small", "_s", "b0", "mci0", "18", "base",
    "large", "so400m",
)  # fmt: skip
_SIZES = r"base|large2?|tiny|small|medium|giant(opt)?|gigantic|enormous|so400m|x+large|huge|mci\d|(patch|window)?\d+"


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
        for name in itertools.chain(of_timm(), of_open_clip()):
            if arguments.only in name and name not in done:
                start = time.perf_counter()
                row = {"model": name, **_apart(name), **versions}
                table.writerow(row)
                file.flush()
                print(
                    f"{name} wrong: {row.get('wrong')} {row.get('error', '')} ({time.perf_counter() - start:.0f} s)",
                    file=sys.stderr,
                )


def of_timm() -> list[str]:
    """The model of each file of timm that looks smallest, by the words for sizes in its name."""
    import timm

    chosen = [min(timm.list_models(module=file), key=_looks_small) for file in timm.list_modules()]
    return [f"timm:{name}" for name in chosen]


def of_open_clip() -> list[str]:
    """The smallest of each kind of tower: own ViTs and ResNets by their pooling, timm's by name without its size."""
    import open_clip

    kinds: dict[str, list[tuple]] = {}
    for name in open_clip.list_models():
        vision = open_clip.get_model_config(name)["vision_cfg"]
        layers, architecture = vision.get("layers", 0), vision.get("timm_model_name", "")
        first, *words = architecture.split("_")
        kind = " ".join([first, *(word for word in words if not re.fullmatch(_SIZES, word))])
        kind = kind or str((type(layers).__name__, vision.get("pool_type"), vision.get("attentional_pool")))
        size = vision.get("width", 0) * (sum(layers) if isinstance(layers, list) else layers)
        kinds.setdefault(kind, []).append((*_looks_small(architecture), size, vision.get("image_size", 224), name))
    return [f"open_clip:{min(found)[-1]}" for found in kinds.values()]


def _looks_small(name: str) -> tuple[int, int, str]:
    return next((i for i, word in enumerate(_SMALL) if word in name), len(_SMALL)), len(name), name


def _apart(name: str) -> dict[str, object]:
    """`checked` in a process of its own: what a model's code does to it is one row."""
    context = multiprocessing.get_context("fork")
    mine, theirs = context.Pipe(duplex=False)
    process = context.Process(target=lambda: theirs.send(checked(name)))
    process.start()
    theirs.close()
    try:
        return mine.recv()
    except EOFError:
        process.join()
        return {"error": f"the process ended with {process.exitcode}"}
    finally:
        process.join()


def checked(name: str) -> dict[str, object]:
    """One row of the table, but for names and versions."""
    try:
        model, found, shape = read_as(name)
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


def read_as(name: str) -> tuple[VisionModel, dict[str, Layout], tuple[int, ...]]:
    """A model, and how each of its layers is read for images of the shape (c, h, w) that it takes."""
    for weights in (False, True):  # a few need numbers
        model = load_model(f"{name}?pretrained=false", weights=weights)
        _shorten(model.module)
        shape = tuple(model.transform(Image.new("RGB", (256, 256))).shape)
        try:
            return model, layouts(model, shape), shape
        except NotImplementedError:
            if weights:
                raise
    raise AssertionError


def gathered(name: str, shape: tuple[int, ...]) -> Evidence:
    """The evidence of a model for images of `shape` (c, h, w), or smaller ones where it takes them."""
    channels, native = shape[0], shape[-1]
    sides = (*(side for side in SIDES if side < native), native)
    for spec, small in itertools.chain(*(_sized(name, side, native) for side in sides)):
        try:
            module = load_model(spec).module
            _shorten(module)
            evidence = Evidence(module, torch.rand(2, channels, small, small))
            break
        except Exception as error:  # noqa: BLE001  (not every model takes a size)
            failed = error
    else:
        raise failed
    for spec, _ in _sized(name, 2 * small, native):
        for on_meta in (True, False):
            try:
                module = load_model(spec, weights=not on_meta).module
                _shorten(module)
                device = next(module.parameters()).device if on_meta else "cpu"
                evidence.see_larger(module, torch.rand(2, channels, 2 * small, 2 * small, device=device))
                return evidence
            except Exception:  # noqa: BLE001  (some need numbers)
                continue
    return evidence


def verdict(evidence: Evidence, layer: str, one: Layout) -> tuple[str, bool]:
    """What the axis that a layer is read along was held against ("": nothing), and whether it is right."""
    if not evidence.knows(layer):
        return "", True
    grown = evidence.grown(layer, one.place)
    own = evidence.by_weights(layer, one.place) - (grown or set())
    if own and one.axis not in own:
        own |= evidence.by_weights(layer, one.place, earlier=True) - (grown or set())
    if not evidence.rows_are_images(layer, one.place):
        return "weights", False
    if own and one.axis not in own and evidence.takes(layer) == max(one.shape) == one.shape[one.axis - 1]:
        return "", True  # what made it and what takes it have channels of their own each, as in a state space
    if own:
        return "weights", one.axis in own
    return ("size", one.axis not in grown) if grown else ("", True)


def _sized(name: str, side: int, native: int) -> Iterator[tuple[str, int]]:
    """A model's SPECs for images of a side, the likeliest first."""
    if side != native and name.startswith("timm:"):
        yield f"{name}?pretrained=false&img_size={side}", side
    yield f"{name}?pretrained=false", side


def _shorten(module: torch.nn.Module) -> None:
    """Leave the first blocks of a long stack of blocks that are alike: all of them would fill the memory."""
    for one in list(module.modules()):
        for key, blocks in list(one.named_children()):
            if key not in ("blocks", "resblocks") or len(blocks) <= _DEEP:
                continue
            kinds = {tuple((name, p.shape) for name, p in block.named_parameters()) for block in blocks}
            if len(kinds) == 1:
                left = list(blocks)[:_BLOCKS]
                is_list = isinstance(blocks, torch.nn.ModuleList)
                setattr(one, key, torch.nn.ModuleList(left) if is_list else torch.nn.Sequential(*left))


if __name__ == "__main__":
    main()
