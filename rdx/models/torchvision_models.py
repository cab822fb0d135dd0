"""Model family ``torchvision:NAME[/WEIGHTS]``: any classifier of torchvision, with the transform of its weights.

WEIGHTS are torchvision's own names (``resnet50/IMAGENET1K_V1``); without them its default ones.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from rdx._torchvision import import_torchvision
from rdx.errors import InputError, unknown
from rdx.files import fingerprint
from rdx.models.hub import fetching
from rdx.models.spec import PLACE, ModelSpec
from rdx.models.vision_model import INPUT, OUTPUT, Evaluation, VisionModel, seeded, tokens_by_name
from rdx.models.weights import behind_prefix, contents, existing_file, misfit, read_state_dict, tensors_only
from rdx.source import version

OPTIONS = {
    "layer": str, "pool": str, "layout": str, "weights": Path, "pretrained": bool, "seed": int, "num_classes": int,
}  # fmt: skip


def load(spec: ModelSpec, *, weights: bool = True) -> VisionModel:
    """The model of a ``torchvision:`` SPEC; without `weights` an empty shell of it, to look up layers.

    Raises InputError for an unknown name, weights that do not fit, or weights that can't be downloaded.
    """
    import torch

    name, published = _chosen(spec)
    if weights and _takes_published(spec):
        with fetching(f"torchvision:{spec.name}"), tensors_only():
            module = _built(name, weights=published, progress=False)
    else:
        with seeded(spec.number("seed") or 0), torch.device("cpu" if weights else "meta"):
            module = _built(name, weights=None, **_settings(spec, published))
        if hasattr(module, "transform_input"):  # as the published weights, whose transform the images go through
            module.transform_input = True
        if weights and "weights" in spec.options:
            _fill(module, spec)
    transform = published.transforms()
    return VisionModel(
        module.eval(), Evaluation("RGB", transform), _default_layer(module),
        f"{spec}; {published}; {' '.join(str(transform).split())}", **tokens_by_name(module),
    )  # fmt: skip


def model_fingerprint(spec: ModelSpec) -> str:
    """Changes with the name, what is chosen of it, the file of weights, and the libraries' versions."""
    options = {key: value for key, value in spec.options.items() if key not in (*PLACE, "weights")}
    local = spec.options.get("weights")
    held = contents(existing_file(local, f"weights of torchvision:{spec.name}")) if local else None
    libraries = [version(name) for name in ("torch", "torchvision", "pillow")]
    return fingerprint("torchvision", spec.name, options, held, libraries)


def needs_download(spec: ModelSpec) -> bool:
    """Whether published weights have to be fetched first."""
    import torch

    if not _takes_published(spec):
        return False
    _, published = _chosen(spec)
    return not (Path(torch.hub.get_dir()) / "checkpoints" / published.url.rpartition("/")[2]).is_file()


def _takes_published(spec: ModelSpec) -> bool:
    return "weights" not in spec.options and spec.switch("pretrained", True)


def _chosen(spec: ModelSpec) -> tuple[str, Any]:
    """The model's name, and the weights whose transform, and perhaps whose numbers, are taken."""
    models = import_torchvision().models
    name, _, tag = spec.name.partition("/")
    names = models.list_models(module=models)
    if name not in names:
        raise unknown("torchvision model", name, names)
    published = models.get_model_weights(name)
    if tag and tag not in published.__members__:
        raise unknown(f"weights of torchvision model '{name}'", tag, published.__members__)
    if "num_classes" in spec.options and _takes_published(spec):
        raise InputError(f"'{spec}': num_classes is for weights of your own; add '?weights=PATH'")
    if not tag and "weights" in spec.options:
        _check_agreed(name, published)
    return name, published[tag] if tag else published.DEFAULT


def _check_agreed(name: str, published: Any) -> None:
    """Weights of one's own get the transform of the default ones: where others differ, ask for which."""
    transforms = [one.transforms() for one in published]
    if len({(tuple(one.mean), tuple(one.std), tuple(one.crop_size)) for one in transforms}) > 1:
        tags = list(published.__members__)
        raise InputError(
            f"published weights of torchvision model '{name}' are fed images of different kinds: say whose yours go by "
            f"with 'torchvision:{name}/{tags[0]}?weights=…' (or /{', /'.join(tags[1:])})"
        )


def _settings(spec: ModelSpec, published: Any) -> dict[str, Any]:
    """How a model is built without the published weights so that it is as with them."""
    outputs = spec.number("num_classes") or len(published.meta["categories"] or ()) or 1000
    of_one_size = {"image_size": published.transforms().crop_size[0]} if spec.name.startswith("vit_") else {}
    return {"num_classes": outputs, **of_one_size}


def _built(name: str, **settings: Any) -> Any:
    models = import_torchvision().models
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about how weights are drawn in versions to come
        return models.get_model(name, **settings)


def _fill(module: Any, spec: ModelSpec) -> None:
    path = existing_file(spec.options["weights"], f"weights of torchvision:{spec.name}")
    tensors = behind_prefix(path, module, read_state_dict(path))
    problem = misfit(module, tensors)
    if problem:
        raise InputError(f"weights '{path}' do not fit torchvision:{spec.name}: {problem}{_hint(module, tensors)}")
    module.load_state_dict(tensors)


def _hint(module: Any, tensors: dict[str, Any]) -> str:
    """What to write where a file has another number of outputs."""
    name = f"{_default_layer(module).removesuffix(INPUT)}.weight"
    own, theirs = module.state_dict().get(name), tensors.get(name)
    if own is None or theirs is None or len(own) == len(theirs):
        return ""
    return f"; for its {len(theirs)} outputs add 'num_classes={len(theirs)}'"


def _default_layer(module: Any) -> str:
    """What the classifier is given: what goes into the last linear layer, where there is one."""
    import torch

    linear = [name for name, one in module.named_modules() if isinstance(one, torch.nn.Linear)]
    return linear[-1] + INPUT if linear else OUTPUT
