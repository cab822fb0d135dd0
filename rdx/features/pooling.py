"""From what a layer gives out to one vector an image.

Tokens (b, t, d): `cls` is token 0, `mean` averages all tokens, `patch` those after the prefix tokens (class
token, registers). Maps (b, c, h, w): `mean` and `patch` average over space. `flatten` keeps everything.
Without a choice: vectors stay, tokens give their class token or else their mean, maps their spatial mean.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rdx.errors import InputError, unknown

if TYPE_CHECKING:
    import torch

POOLS = ("cls", "mean", "patch", "flatten")
_NO_CHOICE = ("auto", "none", "null")


def check_pool(pool: str | None) -> str | None:
    """`pool` where it is one of `POOLS`, None for no choice. Raises InputError with the nearest name."""
    if pool is None or pool in _NO_CHOICE:
        return None
    if pool not in POOLS:
        raise unknown("pool", pool, (*POOLS, "auto"))
    return pool


def pool_output(
    output: torch.Tensor,
    pool: str | None = None,
    *,
    prefix_tokens: int = 0,
    class_token: bool = False,
    channels_last: bool = False,
    layer: str = "",
) -> torch.Tensor:
    """A layer's output (b, d), (b, t, d) or (b, c, h, w) as vectors (b, d').

    `channels_last`: maps come as (b, h, w, c). `layer` is named in errors. Raises InputError where the
    pooling does not fit the shape.
    """
    pool = check_pool(pool)
    if pool == "flatten":
        return output.flatten(1)
    if output.ndim == 2 and pool is None:
        return output
    if output.ndim == 3:
        return _pool_tokens(output, pool, prefix_tokens, class_token, layer)
    if output.ndim == 4 and pool in (None, "mean", "patch"):
        return output.mean(dim=(1, 2) if channels_last else (2, 3))
    if output.ndim == 2 and pool in ("mean", "patch"):
        return output  # already one vector an image: nothing is left to average
    raise InputError(f"pool '{pool}' does not fit layer '{layer}', whose output is {_shape(output)}")


def _pool_tokens(
    output: torch.Tensor, pool: str | None, prefix_tokens: int, class_token: bool, layer: str
) -> torch.Tensor:
    if pool == "cls" and not class_token:
        raise InputError(f"pool 'cls' does not fit layer '{layer}': the model has no class token; use mean")
    if pool == "cls" or (pool is None and class_token):
        return output[:, 0]
    if pool == "patch":
        if output.shape[1] <= prefix_tokens:
            raise InputError(f"layer '{layer}' has no patch tokens: its output is {_shape(output)}")
        return output[:, prefix_tokens:].mean(dim=1)
    return output.mean(dim=1)


def _shape(output: torch.Tensor) -> str:
    return "(" + ", ".join(["b", *map(str, output.shape[1:])]) + ")"
