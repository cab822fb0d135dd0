"""What a representation will be, told from an empty shell of its model: nothing is downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from rdx.features.arrays import read_array
from rdx.features.extraction import try_layer
from rdx.features.request import Request, parse_request
from rdx.models import load_model, model_fingerprint, needs_download, outline_of
from rdx.models.spec import ModelSpec

if TYPE_CHECKING:
    from PIL import Image

    from rdx.models.outline import Outline
    from rdx.models.vision_model import VisionModel


@dataclass(frozen=True)
class Description:
    """A representation before it is computed; None where it is not known without the weights."""

    parameters: int | None  # of the whole image model
    image_size: tuple[int, int] | None  # (h, w) that the model is fed; None: the images' own size
    width: int | None  # d
    download: int  # bytes still to be fetched, at least; 0 where all is on disk or nothing is needed
    preprocessing: str = ""  # what becomes of an image, where no library says it


def describe(settings: Mapping[str, Any], image: Image.Image | None = None) -> Description:
    """What `settings` (the keys of one entry under `representations:`) ask for.

    `image` is one of the images, for models that take them in any size. Raises InputError for a wrong
    setting, model, layer or pooling, and for a missing file.
    """
    request = parse_request(settings)
    if request.is_array:
        width = read_array(request.spec.name, request.spec.options).values.shape[1]
        return Description(None, None, width, 0)
    known = outlined(request)
    if known is not None:
        return Description(known.parameters, known.image_size, known.width(*request.choice), 0)
    model = shell(request.spec)
    size = model.image_size()
    parameters = model.n_parameters
    if parameters is None:
        parameters = sum(value.numel() for value in model.module.parameters())
    layer = model.check_layer(request.layer)
    width = try_layer(model, image or _blank(size), layer, request.pool)
    download = 4 * parameters if needs_download(request.spec) else 0
    return Description(parameters, size, width, download, model.preprocessing)


def outlined(request: Request) -> Outline | None:
    """What is known of a model without building it, where that tells the width of what is asked for."""
    known = _outline(str(request.spec), model_fingerprint(request.spec))
    return known if known is not None and known.width(*request.choice) is not None else None


@lru_cache(maxsize=16)
def _outline(spec: str, fingerprint: str) -> Outline | None:
    return outline_of(spec)


def shell(spec: ModelSpec) -> VisionModel:
    """A model without weights, good for looking up layers; built once for all of its representations."""
    bare = {key: value for key, value in spec.options.items() if key not in ("layer", "pool")}
    return _built(str(ModelSpec(spec.family, spec.name, bare)), model_fingerprint(spec))


@lru_cache(maxsize=4)
def _built(spec: str, fingerprint: str) -> VisionModel:
    return load_model(spec, weights=False)


def _blank(size: tuple[int, int] | None) -> Image.Image:
    from PIL import Image

    height, width = size or (28, 28)
    return Image.new("RGB", (width, height))
