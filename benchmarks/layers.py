"""Which axis is read as the channel, for every layer of a small model of each file of timm and tower of open_clip.

    python -m benchmarks.layers [--output benchmarks/layers.csv]

The oracle does not ask the implementation: of a convolution, a linear layer or a norm the number of channels is what
the module itself says (out_channels, out_features, normalized_shape, num_features), and where timm builds the model
for another image size too, no axis that changes with the size may be the channel. Random weights, shapes alone.
"""

from __future__ import annotations

import argparse
import csv
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import torch
from PIL import Image

from rdx._torchvision import ensure_torchvision
from rdx.features.layouts import Layout, layouts
from rdx.models import load_model

COLUMNS = (
    "model", "image_size", "layers", "vectors", "read", "two_readings", "no_rows", "checked_by_module",
    "checked_by_size", "wrong", "examples", "default_layer", "error", "timm", "open_clip", "torch",
)  # fmt: skip
SIDE = 256


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("benchmarks/layers.csv"))
    parser.add_argument("--only", default="", help="models whose name holds this")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    ensure_torchvision()
    versions = {"timm": version("timm"), "open_clip": version("open_clip_torch"), "torch": version("torch")}
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    with arguments.output.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, COLUMNS, restval="")
        table.writeheader()
        for spec in [*of_timm(), *of_open_clip()]:
            if arguments.only in spec:
                row = {"model": spec.partition("?")[0], **checked(spec), **versions}
                table.writerow(row)
                file.flush()
                print(row["model"], row.get("wrong"), row.get("error", ""), file=sys.stderr)


def of_timm() -> list[str]:
    """The model of each file of timm that looks smallest: by the words for sizes in its name, then its image size."""
    import timm

    words = ("test", "atto", "femto", "pico", "nano", "xxt", "xx_s", "tiny", "_t", "small", "_s", "b0", "18", "base")
    chosen = []
    for file in timm.list_modules():
        names = timm.list_models(module=file)
        rank = {name: next((i for i, word in enumerate(words) if word in name), len(words)) for name in names}
        chosen += sorted(names, key=lambda name: (rank[name], len(name), name))[:1]
    return [f"timm:{name}?pretrained=false" for name in chosen]


def of_open_clip() -> list[str]:
    """One model for each kind of tower: own ViTs, ResNets, and each architecture of timm."""
    import open_clip

    kinds: dict[str, str] = {}
    for name in open_clip.list_models():
        vision = open_clip.get_model_config(name)["vision_cfg"]
        own = (type(vision.get("layers")).__name__, vision.get("pool_type"), vision.get("attentional_pool"))
        kind = str(vision.get("timm_model_name") or own)
        kinds.setdefault(kind.partition("_")[0], name)
    return [f"open_clip:{name}?pretrained=false" for name in kinds.values()]


def checked(spec: str) -> dict[str, object]:
    """One row of the table, but for names and versions."""
    try:
        model = load_model(spec, weights=False)
        shape = tuple(model.transform(Image.new("RGB", (SIDE, SIDE))).shape)
        found = layouts(model, shape)
        other = larger(spec, shape)
    except Exception as error:  # noqa: BLE001  (one model that can't be built is one row)
        return {"error": f"{type(error).__name__}: {str(error)[:80]}".replace("\n", " ")}
    modules = dict(model.module.named_modules())
    maps = {name: one for name, one in found.items() if not one.problem and len(one.shape) > 1}
    read = {name: one for name, one in maps.items() if one.axis is not None}
    by_module = {name: declared(modules.get(name)) for name in read}
    by_module = {name: number for name, number in by_module.items() if number}
    wrong = [name for name, number in by_module.items() if read[name].shape[read[name].axis - 1] != number]
    sized = [name for name, one in read.items() if name in other and len(other[name].shape) == len(one.shape)]
    grown = [name for name in sized if size_at(read[name], read[name]) != size_at(read[name], other[name])]
    wrong = [name for name in wrong if not mixes_tokens(read[name], other.get(name))] + grown
    return {
        "image_size": shape[-1],
        "layers": len(found),
        "vectors": sum(not one.problem and len(one.shape) == 1 for one in found.values()),
        "read": len(read),
        "two_readings": len(maps) - len(read),
        "no_rows": sum(bool(one.problem) for one in found.values()),
        "checked_by_module": len(by_module),
        "checked_by_size": len(sized),
        "wrong": len(wrong),
        "examples": " ".join([*wrong[:3], *[name for name in maps if name not in read][:2]]),
        "default_layer": model.default_layer,
    }


def larger(spec: str, shape: tuple[int, ...]) -> dict[str, Layout]:
    """The same model built for images of another size; what its layers give out there."""
    side = 2 * shape[-1]
    for taken in (f"{spec}&img_size={side}", spec):
        try:
            return layouts(load_model(taken, weights=False), (shape[0], side, side))
        except Exception:  # noqa: BLE001  (not every model takes a size)
            continue
    return {}


def declared(module: torch.nn.Module | None) -> int | None:
    """The number of channels of what a module puts out, as it says itself."""
    if module is None or next(module.children(), None) is not None:
        return None
    for name in ("out_features", "out_channels", "normalized_shape", "num_features"):
        value = getattr(module, name, None)
        if isinstance(value, (tuple, list)) and len(value) == 1:
            value = value[0]
        if isinstance(value, int):
            return value
    return None


def mixes_tokens(one: Layout, other: Layout | None) -> bool:
    """Whether a linear layer's outputs are tokens: then another axis is the channel, and stays with the size."""
    if other is None or one.axis is None:
        return False
    return one.axis != len(one.shape) and size_at(one, one) == size_at(one, other)


def size_at(one: Layout, other: Layout) -> int:
    """How long the axis that is read as the channel in one layout is in another."""
    return other.shape[one.axis - 1]


if __name__ == "__main__":
    main()
