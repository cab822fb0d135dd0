"""From what a layer gives out to one vector an image.

Tokens (b, t, d): `cls` is token 0, `mean` averages all tokens, `patch` those after the prefix tokens (class
token, registers). Maps (b, c, h, w): `mean` and `patch` average over space. `flatten` keeps everything.
Without a choice: vectors stay, maps give their spatial mean, tokens their class token where it is part of what
the model puts out, or else the mean of their patches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdx.errors import InputError, unknown

if TYPE_CHECKING:
    import torch

POOLS = ("cls", "mean", "patch", "flatten")
LAYOUTS = ("nchw", "nhwc", "tokens")  # what `layout` in a SPEC may be
_NO_CHOICE = ("auto", "none", "null")


def check_pool(pool: str | None) -> str | None:
    """`pool` where it is one of `POOLS`, None for no choice. Raises InputError with the nearest name."""
    if pool is None or pool in _NO_CHOICE:
        return None
    if pool not in POOLS:
        raise unknown("pool", pool, (*POOLS, "auto"))
    return pool


def check_layout(layout: str | None) -> str | None:
    """`layout` where it is one of `LAYOUTS`. Raises InputError with the nearest name."""
    if layout is not None and layout not in LAYOUTS:
        raise unknown("layout", layout, LAYOUTS)
    return layout


def pool_output(
    output: torch.Tensor,
    pool: str | None = None,
    *,
    axis: int | None = None,
    prefix_tokens: int = 0,
    class_token: bool = False,
    class_token_by_default: bool | None = None,
    layer: str = "",
) -> torch.Tensor:
    """A layer's output (b, d), tokens (b, t, d) or (b, d, t), or maps as vectors (b, d').

    `axis` is the channel's: by default the last of tokens, and 1 of maps. `class_token`: whether token 0 is one,
    and `class_token_by_default` whether it is taken without a choice of pool (None: wherever there is one).
    `layer` is named in errors. Raises InputError where the pooling does not fit the shape.
    """
    pool = check_pool(pool)
    if pool == "flatten":
        return output.flatten(1)
    if output.ndim == 2 and pool != "cls":
        return output  # already one vector an image: nothing is left to average
    if axis is None:
        axis = 2 if output.ndim == 3 else 1
    if output.ndim == 3:
        if pool is None:
            by_default = class_token if class_token_by_default is None else class_token_by_default
            pool = "cls" if class_token and by_default else "patch" if prefix_tokens else "mean"
        return _pool_tokens(output.movedim(axis, -1), pool, prefix_tokens, class_token, layer)
    if output.ndim > 3 and pool != "cls":
        return output.mean(dim=[other for other in range(1, output.ndim) if other != axis])
    raise InputError(f"pool '{pool}' does not fit layer '{layer}', whose output is {_shape(output)}")


def _pool_tokens(
    output: torch.Tensor, pool: str, prefix_tokens: int, class_token: bool, layer: str
) -> torch.Tensor:
    if pool == "cls":
        if not class_token:
            raise InputError(f"pool 'cls' does not fit layer '{layer}': there is no class token in it; use mean")
        return output[:, 0]
    return output[:, prefix_tokens if pool == "patch" else 0 :].mean(dim=1)


def _shape(output: torch.Tensor) -> str:
    return "(" + ", ".join(["b", *map(str, output.shape[1:])]) + ")"
