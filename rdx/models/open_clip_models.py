"""Model family ``open_clip:NAME[/PRETRAINED]``: any open_clip model's image tower, with its own transform.

NAME may also be ``hf-hub:ORGANISATION/MODEL`` or ``local-dir:FOLDER``. Text towers are in `text_tower`.
"""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rdx._torchvision import ensure_torchvision
from rdx.data.locate import locate
from rdx.errors import InputError, unknown
from rdx.files import fingerprint
from rdx.models.hub import fetching, in_cache, quiet
from rdx.models.spec import LOCAL_FOLDER, PLACE, ModelSpec
from rdx.models.timm_models import default_layer as timm_default_layer
from rdx.models.vision_model import OUTPUT, Evaluation, VisionModel, puts_out_class_token, seeded, token_layout
from rdx.models.weights import WEIGHT_SUFFIXES, behind_prefix, contents, existing_file, misfit, read_state_dict
from rdx.source import version

OPTIONS = {"layer": str, "pool": str, "layout": str, "weights": Path, "pretrained": bool, "seed": int}
_HUB = "hf-hub:"
_CONFIG = "open_clip_config.json"
_TOWER = "visual."  # the image tower's part of a whole model's weights
_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")  # of weights on the hub
# The image towers of models on the hub that experiments name, as their own configuration has them: for all
# that needs no published weights, so that layers can be looked up and random weights drawn offline.
_KNOWN: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224": (
        {
            "embed_dim": 512,
            "vision_cfg": {
                "timm_model_name": "vit_base_patch16_224",
                "timm_pool": "",
                "timm_proj": "linear",
                "image_size": 224,
            },
        },
        {"mean": [0.48145466, 0.4578275, 0.40821073], "std": [0.26862954, 0.26130258, 0.27577711]},
    ),
}


@dataclass
class _Source:
    """Where a model's description, transform and weights come from."""

    architecture: dict[str, Any]
    preprocessing: dict[str, Any]
    weights: Path | None = None  # on disk
    tag: dict[str, Any] | None = None  # of the published weights of a built-in name
    hub: str | None = None


def load(spec: ModelSpec, *, weights: bool = True) -> VisionModel:
    """The image tower of an ``open_clip:`` SPEC; without `weights` an empty shell of it.

    Raises InputError for an unknown name or tag, weights that do not fit or that can't be downloaded.
    """
    ensure_torchvision()
    import torch

    source = source_of(spec, published=weights and takes_published(spec))
    if not weights:
        try:
            with torch.device("meta"):
                return _wrapped(spec, source, _tower(source))
        except (NotImplementedError, RuntimeError):  # some architectures compute numbers while they are built
            return _wrapped(spec, source, _tower(source))
    with seeded(spec.number("seed") or 0):
        tower = _tower(source)
    path = weights_path(spec, source)
    if path is not None:
        _fill(tower, path, spec)
    return _wrapped(spec, source, tower)


def model_fingerprint(spec: ModelSpec) -> str:
    """Changes with the name, what is chosen of it, local files, and the libraries' versions."""
    options = {key: value for key, value in spec.options.items() if key not in (*PLACE, "weights")}
    local, name = [], spec.name
    if "weights" in spec.options:
        local.append(existing_file(spec.options["weights"], f"weights of open_clip:{name}"))
    if name.startswith(LOCAL_FOLDER):
        folder, name = locate(name.removeprefix(LOCAL_FOLDER)), LOCAL_FOLDER
        local += sorted(path for path in folder.glob("*") if path.is_file())
    libraries = [version(name) for name in ("open_clip_torch", "timm", "torch", "torchvision", "pillow")]
    return fingerprint("open_clip", name, options, [contents(path) for path in local], libraries)


def needs_download(spec: ModelSpec) -> bool:
    """Whether published weights have to be fetched first."""
    import open_clip

    name, _, tag = spec.name.partition("/")
    if not takes_published(spec) or name.startswith(LOCAL_FOLDER):
        return False
    if name.startswith(_HUB):
        return not in_cache(spec.name.removeprefix(_HUB), _FILES)
    config = open_clip.get_pretrained_cfg(name, tag)
    if config.get("hf_hub"):
        repository, _, file = config["hf_hub"].rpartition("/")
        return not in_cache(repository, (file, Path(file).with_suffix(".safetensors").name) if file else _FILES)
    return not (Path("~/.cache/clip").expanduser() / str(config.get("url", "")).rpartition("/")[2]).is_file()


def takes_published(spec: ModelSpec) -> bool:
    return "weights" not in spec.options and spec.switch("pretrained", True)


def source_of(spec: ModelSpec, *, published: bool) -> _Source:
    """`published`: whether the weights that belong to the name are going to be loaded."""
    if spec.name.startswith(_HUB):
        from open_clip.pretrained import download_pretrained_from_hf

        hub = spec.name.removeprefix(_HUB)
        if hub in _KNOWN and not published:
            return _Source(*copy.deepcopy(_KNOWN[hub]), hub=hub)
        with fetching(f"open_clip:{spec.name}"):
            path = Path(download_pretrained_from_hf(hub, filename=_CONFIG))
        return _described(path, hub=hub)
    if spec.name.startswith(LOCAL_FOLDER):
        folder = locate(spec.name.removeprefix(LOCAL_FOLDER))
        path = existing_file(folder / _CONFIG, f"model open_clip:{spec.name}")
        files = [file for suffix in WEIGHT_SUFFIXES for file in sorted(folder.glob(f"*{suffix}"))]
        return _described(path, weights=files[0] if files else None)
    return _built_in(spec)


def _described(path: Path, **where: Any) -> _Source:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return _Source(content["model_cfg"], content.get("preprocess_cfg", {}), **where)
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
        raise InputError(f"'{path}' is no open_clip configuration: {error!r}") from error


def _built_in(spec: ModelSpec) -> _Source:
    import open_clip

    name, _, tag = spec.name.partition("/")
    architecture = open_clip.get_model_config(name)
    if architecture is None:
        raise unknown("open_clip model", name, open_clip.list_models())
    tags = open_clip.list_pretrained_tags_by_model(name)
    if tag and tag not in tags:
        raise unknown(f"weights of open_clip model '{name}'", tag, tags)
    random = not spec.switch("pretrained", True)
    if not tag and not random and "weights" not in spec.options:
        example = f"'open_clip:{name}/{tags[0]}' (weights: {', '.join(tags[:6])}, …)" if tags else "'?weights=PATH'"
        raise InputError(f"open_clip:{name} names no weights; write {example}, or '?pretrained=false'")
    config = open_clip.get_pretrained_cfg(name, tag) if tag else _agreed(name, tags, "weights" in spec.options)
    # These weights were trained with the quick GELU; open_clip itself only warns of the mismatch.
    architecture["quick_gelu"] = bool(architecture.get("quick_gelu") or config.get("quick_gelu"))
    return _Source(architecture, config, tag=config if tag else None)


def _agreed(name: str, tags: list[str], needed: bool) -> dict[str, Any]:
    """What all published weights of a name were trained with, for weights of one's own.

    Raises InputError, asking for the tag, where they differ and it is `needed`.
    """
    import open_clip
    from open_clip.transform import PreprocessCfg

    default = PreprocessCfg()
    plain = {key: getattr(default, key) for key in ("mean", "std", "interpolation", "resize_mode")}
    configs = [open_clip.get_pretrained_cfg(name, tag) for tag in tags]
    agreed: dict[str, Any] = {}
    for key, usual in {**plain, "quick_gelu": False}.items():
        given = [config.get(key) for config in configs]
        values = [usual if value is None else value for value in given]
        if len({str(list(v) if isinstance(v, (tuple, list)) else v) for v in values}) == 1:
            agreed[key] = values[0]
        elif values and needed:
            raise InputError(
                f"published weights of open_clip model '{name}' differ in {key}: say whose yours go by with "
                f"'open_clip:{name}/{tags[0]}?weights=…' (or /{', /'.join(tags[1:6])})"
            )
    return agreed


def _tower(source: _Source) -> Any:
    from open_clip.model import _build_vision_tower

    vision = {**source.architecture["vision_cfg"], "timm_model_pretrained": False}
    with quiet():
        return _build_vision_tower(
            source.architecture["embed_dim"], vision, bool(source.architecture.get("quick_gelu"))
        )


def weights_path(spec: ModelSpec, source: _Source) -> Path | None:
    if "weights" in spec.options:
        return existing_file(spec.options["weights"], f"weights of open_clip:{spec.name}")
    if not spec.switch("pretrained", True):
        return None
    if source.hub is None and source.tag is None:
        if source.weights is None:
            raise InputError(f"open_clip:{spec.name} holds no weights; add '?weights=PATH' or '?pretrained=false'")
        return source.weights
    from open_clip.pretrained import download_pretrained, download_pretrained_from_hf

    with fetching(f"open_clip:{spec.name}"):
        hub = source.hub
        return Path(download_pretrained_from_hf(hub) if hub else download_pretrained(source.tag))


def _fill(tower: Any, path: Path, spec: ModelSpec) -> None:
    """Loads the tower's part of a whole model's weights, or the weights of a tower alone."""
    import torch
    from open_clip.convert import convert_state_dict
    from open_clip.model import resize_pos_embed

    whole = torch.nn.Module()
    whole.visual = tower
    tensors = read_state_dict(path)
    if not any(name.startswith(_TOWER) for name in tensors):
        tensors = behind_prefix(path, tower, tensors)
    with quiet():
        tensors = convert_state_dict(whole, tensors)
        resize_pos_embed(tensors, whole)
    mine = {name.removeprefix(_TOWER): value for name, value in tensors.items() if name.startswith(_TOWER)}
    problem = misfit(tower, mine or tensors)
    if problem:
        raise InputError(f"weights '{path}' do not fit open_clip:{spec.name}: {problem}")
    tower.load_state_dict(mine or tensors)


def _wrapped(spec: ModelSpec, source: _Source, tower: Any) -> VisionModel:
    from open_clip.transform import PreprocessCfg, image_transform_v2, merge_preprocess_dict

    settings = merge_preprocess_dict(PreprocessCfg(), source.preprocessing)
    settings["size"] = getattr(tower, "image_size", settings["size"])
    evaluation = image_transform_v2(PreprocessCfg(**settings), is_train=False)
    layer, tokens = _layout(tower)
    return VisionModel(
        module=tower.eval(), transform=Evaluation("RGB", evaluation), default_layer=layer,
        description=f"{spec}; {settings}", **tokens,
    )  # fmt: skip


def _layout(tower: Any) -> tuple[str, dict[str, Any]]:
    """Default layer, and the tokens before the patches as `VisionModel` has them."""
    if hasattr(tower, "trunk"):  # a model of timm
        layer, (prefix_tokens, class_token) = timm_default_layer(tower.trunk), token_layout(tower.trunk)
        by_default, block = puts_out_class_token(tower.trunk), "trunk.blocks.0"
        layer = f"trunk.{layer}" if layer.startswith("blocks") else OUTPUT
    elif hasattr(tower, "transformer"):  # open_clip's own ViT
        blocks, prefix_tokens, class_token = "transformer.resblocks", 1, True
        # CLIPA averages its patches, CoCa pools by attention: their token 0 is not what they put out.
        by_default = tower.pool_type == "tok" and getattr(tower, "attn_pool", None) is None
        layer = f"{blocks}.{len(tower.transformer.resblocks) - 1}" if by_default else OUTPUT
        block = f"{blocks}.0"
    else:
        return ("layer4" if hasattr(tower, "layer4") else OUTPUT), {}
    return layer, {
        "prefix_tokens": prefix_tokens, "class_token": class_token, "class_token_by_default": by_default,
        "first_block": block,
    }  # fmt: skip
