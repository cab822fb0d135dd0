"""The one type in which every model family hands over its models."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rdx.errors import unknown

if TYPE_CHECKING:
    import torch
    from PIL import Image

# Two layers that are no submodule: what the model gives out, and what its classifier is given.
OUTPUT = "output"
PRE_LOGITS = "pre_logits"
INPUT = ":input"  # NAME:input is what goes into the submodule NAME, in the place of what comes out
_NEAREST = 8  # layers that the error for a wrong one names
# What the parameters of a class token, of register tokens and of a distillation token are called.
_CLASS, _REGISTERS, _DISTILLED = (
    ("cls_token", "class_token", "class_embedding"), ("register_tokens", "reg_token"),
    ("distillation_token", "dist_token"),
)  # fmt: skip


@dataclass
class VisionModel:
    """An image model in eval mode, with all that is needed to take vectors out of it."""

    module: torch.nn.Module
    transform: Callable[[Image.Image], torch.Tensor]  # image → (c, h, w)
    default_layer: str
    description: str  # the model and its transform in words
    prefix_tokens: int = 0  # tokens before the patches: class token, registers
    class_token: bool = False  # whether token 0 is one
    class_token_by_default: bool = False  # whether it is taken without a choice: where the model puts it out
    first_block: str = ""  # the layer that has these tokens: others have them where they have as many tokens
    layout: str | None = None  # of the layer, where the SPEC says it
    n_parameters: int | None = None  # where the module does not hold them itself
    preprocessing: str = ""  # in words for the plan, where no library says it: what the SPEC's options or defaults do
    layouts: dict[tuple, Any] = field(default_factory=dict, repr=False)  # found when the model was tried
    widths: dict[tuple, int | None] = field(default_factory=dict, repr=False)  # likewise, by what was asked

    def layers(self) -> list[str]:
        """Every name that `layer:` may have: the submodules, the special layers, and what goes into a submodule."""
        names = [name for name, _ in self.module.named_modules() if name]
        special = [OUTPUT] + ([PRE_LOGITS] if has_pre_logits(self.module) else [])
        return names + [name for name in special if name not in names] + [name + INPUT for name in names]

    def check_layer(self, layer: str | None) -> str:
        """`layer`, or the default one for None. Raises InputError with the nearest names."""
        if layer is None:
            return self.default_layer
        names = self.layers()
        if layer in names:
            return layer
        alike = [name for name in names if name.endswith(INPUT) == (":" in layer)]
        raise unknown("layer", layer, difflib.get_close_matches(layer, alike, n=_NEAREST, cutoff=0))

    def image_size(self) -> tuple[int, int] | None:
        """(h, w) of what the transform makes of an image; None where that is the image's own size."""
        from PIL import Image

        shapes = {tuple(self.transform(Image.new("RGB", size)).shape[-2:]) for size in ((64, 48), (40, 72))}
        return shapes.pop() if len(shapes) == 1 else None


def has_pre_logits(module: torch.nn.Module) -> bool:
    """Whether the module has timm's two halves, so that its pooled features can be taken."""
    return hasattr(module, "forward_features") and hasattr(module, "forward_head")


def token_layout(module: torch.nn.Module) -> tuple[int, bool]:
    """How many tokens come before the patches in a timm model's blocks, and whether token 0 is a class token.

    Models that bring the class token in after their blocks (CaiT, XCiT) have none in them.
    """
    if hasattr(module, "blocks_token_only") or hasattr(module, "cls_attn_blocks"):
        return 0, False
    prefix = int(getattr(module, "num_prefix_tokens", 0) or 0)
    return prefix, prefix > 0 and getattr(module, "cls_token", None) is not None


def puts_out_class_token(module: torch.nn.Module) -> bool:
    """Whether a timm model's class token is (part of) what it puts out, so that it was trained to say something.

    Models that average their patches, as BEiT and EVA02 do, leave theirs aside; DINOv3's is trained all the same,
    though timm has its backbones average.
    """
    config = getattr(module, "pretrained_cfg", None) or {}
    trained = "dinov3" in str(config.get("architecture", ""))
    return token_layout(module)[1] and (trained or getattr(module, "global_pool", "token") == "token")


def tokens_by_name(module: torch.nn.Module) -> dict[str, Any]:
    """The fields of a `VisionModel` about tokens before the patches, by what a module calls its parameters."""
    import torch

    shapes = {name.rpartition(".")[2]: tuple(value.shape) for name, value in module.named_parameters()}
    registers = next((shapes[name][-2] for name in _REGISTERS if name in shapes and len(shapes[name]) > 1), 0)
    has_class = any(name in shapes for name in _CLASS)
    kinds = torch.nn.ModuleList, torch.nn.Sequential
    lists = {name: one for name, one in module.named_modules() if name and isinstance(one, kinds) and len(one)}
    longest = max(lists, key=lambda name: len(lists[name]), default="")
    first = next(iter(lists[longest]._modules)) if longest else ""
    return {
        "prefix_tokens": has_class + registers + any(name in shapes for name in _DISTILLED),
        "class_token": has_class, "class_token_by_default": has_class,
        "first_block": f"{longest}.{first}" if first else "",
    }  # fmt: skip


def described(value: Any) -> str:
    """What a user's code has returned, in words: ``a dict of 'logits' (2, 10) and 'loss' (NoneType)``."""
    if isinstance(value, Mapping):
        inside = [f"'{key}' {_shape_or_type(one)}" for key, one in value.items()]
        return f"a {type(value).__name__} of {', '.join(inside) or 'nothing'}"
    if isinstance(value, (tuple, list)):
        return f"a {type(value).__name__} of {', '.join(map(_shape_or_type, value)) or 'nothing'}"
    return f"an array {_shape_or_type(value)}" if hasattr(value, "shape") else f"a value of type {type(value).__name__}"


def _shape_or_type(value: Any) -> str:
    shape = getattr(value, "shape", None)
    return str(tuple(shape)) if shape is not None else type(value).__name__


@dataclass(frozen=True)
class Evaluation:
    """A library's own transform of an image in colour mode `mode`; no closure, so that other processes can have it."""

    mode: str
    transform: Callable[[Image.Image], torch.Tensor]

    def __call__(self, image: Image.Image) -> torch.Tensor:
        return self.transform(image.convert(self.mode))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Random weights drawn inside depend on `seed` alone; the global random stream is left as it was."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        yield
