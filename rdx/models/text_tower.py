"""The text tower of an ``open_clip:NAME[/PRETRAINED]`` model: words as vectors beside those of its images.

The SPEC is the image tower's (`open_clip_models`), and so are the places of its weights. Texts are read with
open_clip's own tokenizer, whose vocabulary is in its package; models that need the package `transformers` for
their tokenizer or text tower are refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx._torchvision import ensure_torchvision
from rdx.errors import InputError
from rdx.files import fingerprint
from rdx.models.hub import quiet
from rdx.models.open_clip_models import model_fingerprint, source_of, takes_published, weights_path
from rdx.models.spec import PLACE, ModelSpec, parse_spec
from rdx.models.vision_model import seeded
from rdx.models.weights import misfit, read_state_dict

if TYPE_CHECKING:
    import torch

_FAMILY = "open_clip"
# Where a whole model's weights have the text tower: behind this prefix, or at the top level under these names.
_TOWER = "text."
_ROOTS = ("positional_embedding", "token_embedding", "transformer", "ln_final", "text_projection", "cls_emb")
_NEEDS = ("hf_model_name", "hf_tokenizer_name")  # of a text configuration that is read with `transformers`
_BATCH = 256
_VERSION = 2  # raise it when the same texts come to have other vectors


@dataclass
class TextTower:
    """A text tower in eval mode with the tokenizer it was trained with."""

    module: torch.nn.Module
    tokenizer: Any  # texts → (w, context length) int64

    def embed(self, texts: Sequence[str], device: str = "cpu") -> np.ndarray:
        """Vectors (w, d) float32 of length one, in the space of the image tower's output."""
        import torch

        module, parts = self.module.to(device), []
        with torch.inference_mode():
            for start in range(0, len(texts), _BATCH):
                found = module(self.tokenizer(list(texts[start : start + _BATCH])).to(device))
                found = found[0] if isinstance(found, tuple) else found  # CoCa gives its tokens beside the text
                parts.append(torch.nn.functional.normalize(found.float(), dim=-1).cpu().numpy())
        return np.concatenate(parts)


def text_spec(model: str) -> ModelSpec:
    """The SPEC of an image-text model. Raises InputError for one of another family, or one with a layer or pool."""
    spec = parse_spec(model)
    if spec.family != _FAMILY:
        raise InputError(f"'{model}' has no text tower: take an image-text model, such as '{_FAMILY}:ViT-B-32/openai'")
    for option in PLACE:
        if option in spec.options:
            raise InputError(f"'{model}': images and texts meet in the model's output; leave '{option}' out")
    return spec


def words_fingerprint(spec: ModelSpec, texts: Sequence[str]) -> str:
    """The sha256 of all that makes the vectors of `texts`; nothing is built. Raises InputError for missing files."""
    return fingerprint("texts", _VERSION, model_fingerprint(spec), list(texts))


def check_texts(spec: ModelSpec, texts: Sequence[str]) -> None:
    """Raises InputError for a model whose texts can't be read here, and for a text that it would cut off.

    No weights are read or downloaded.
    """
    ensure_torchvision()
    settings = _settings(spec, source_of(spec, published=False).architecture)
    tokenizer, longest = _tokenizer(spec, settings), settings.context_length
    for text in texts:
        length = len(tokenizer.encode(text)) + 2  # it begins and ends with a token of its own
        if length > longest:
            raise InputError(f"'{text}' is too long: it is {length} tokens, and {_name(spec)} reads {longest}")


def load_text_tower(spec: ModelSpec, device: str = "cpu") -> TextTower:
    """The text tower of an ``open_clip:`` SPEC; only its part of the weights is loaded.

    Raises InputError for an unknown name or tag, a model that needs `transformers`, and weights that do not fit
    or that can't be downloaded.
    """
    ensure_torchvision()
    from open_clip.model import _build_text_tower

    source = source_of(spec, published=takes_published(spec))
    architecture = source.architecture
    settings = _settings(spec, architecture)
    tokenizer = _tokenizer(spec, settings)
    with quiet(), seeded(spec.number("seed") or 0):
        module = _build_text_tower(architecture["embed_dim"], settings, bool(architecture.get("quick_gelu")))
    path = weights_path(spec, source)
    if path is not None:
        _fill(module, path, spec)
    return TextTower(module.eval().requires_grad_(False).to(device), tokenizer)


def _settings(spec: ModelSpec, architecture: dict[str, Any]) -> Any:
    """open_clip's own description of the text tower, from its configuration."""
    from open_clip.model import CLIPTextCfg

    chosen = architecture.get("text_cfg") or {}
    if not chosen:
        raise InputError(f"{_name(spec)} has no text tower")
    if any(chosen.get(key) for key in _NEEDS):
        raise InputError(
            f"{_name(spec)} reads texts with the package 'transformers', which is not used here; take a model with "
            "open_clip's own tokenizer, such as 'open_clip:ViT-B-32/openai'"
        )
    try:
        return CLIPTextCfg(**chosen)
    except TypeError as error:
        raise InputError(f"{_name(spec)} has a text tower of an unknown kind: {error}") from error


def _tokenizer(spec: ModelSpec, settings: Any) -> Any:
    from open_clip.tokenizer import SimpleTokenizer

    tokenizer = SimpleTokenizer(context_length=settings.context_length, **(settings.tokenizer_kwargs or {}))
    if tokenizer.vocab_size > settings.vocab_size:
        raise InputError(
            f"{_name(spec)} knows {settings.vocab_size} tokens, and open_clip's own tokenizer has "
            f"{tokenizer.vocab_size}: it was trained with another"
        )
    return tokenizer


def _fill(module: torch.nn.Module, path: Path, spec: ModelSpec) -> None:
    """Loads the text tower's part of a whole model's weights."""
    tensors = read_state_dict(path)
    mine = {name.removeprefix(_TOWER): value for name, value in tensors.items() if name.startswith(_TOWER)}
    mine = mine or {name: value for name, value in tensors.items() if name.split(".")[0] in _ROOTS}
    if not mine:
        raise InputError(f"weights '{path}' hold no text tower")
    problem = misfit(module, mine)
    if problem:
        raise InputError(f"weights '{path}' do not fit the text tower of {_name(spec)}: {problem}")
    module.load_state_dict(mine)


def _name(spec: ModelSpec) -> str:
    return f"{spec.family}:{spec.name}"
