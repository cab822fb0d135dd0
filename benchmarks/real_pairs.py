"""Pairs on pictures whose difference is known: digits through small convnets, food photos through EfficientNet-Lite0.

* mirrored, upside down: half of the images are. B sees them as they are, A has the mean of both views of every image.
* darkened, sticker: half of the images are, or have one. B sees them so, A without. In these four B tells an
  attribute that A folds away.
* grey, coarse: A sees all images grey, or coarse; what differs then is known to nobody.
* labels merged: a net that was never told 3 from 5, against one that was, from the same first weights and batches.
* two seeds; one pass over the images against five; two models.

The nets are trained in a second or two each. The photos need `bash scripts/photos_example.sh` once; without it they are
left out. Features are cached as in a run.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path

import numpy as np
from calibration import Nets
from pairs import Spec, Truth
from PIL import Image, ImageEnhance, ImageOps

from rdx.data import load_items
from rdx.data.download import efficientnet_lite, food_photos
from rdx.data.items import Items
from rdx.data.locate import locate
from rdx.features import load_representation
from rdx.files import fingerprint
from rdx.method.concepts import A_NOT_B, B_NOT_A

DIGITS, SEEDS = 700, 2  # items, and nets


def with_sticker(image: Image.Image) -> Image.Image:
    """A bright square in the upper left, inside what a model sees of an image that is not square."""
    image, short = image.copy(), min(image.size)
    left, top = ((length - short) // 2 + short // 10 for length in image.size)
    side = max(2, short // 5)
    image.paste(255 if image.mode == "L" else (255, 0, 255), (left, top, left + side, top + side))
    return image


def coarse(image: Image.Image) -> Image.Image:
    """Half as many pixels a side, of a photo 56."""
    side = (image.width // 2, image.height // 2) if image.width < 56 else (56, 56)
    return image.resize(side, Image.Resampling.BOX).resize(image.size, Image.Resampling.BILINEAR)


def darkened(image: Image.Image) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(0.4)


def grey(image: Image.Image) -> Image.Image:
    return ImageOps.grayscale(image).convert(image.mode)


Change = Callable[[Image.Image], Image.Image]
FOLDED: dict[str, Change] = {"mirrored": ImageOps.mirror, "upside down": ImageOps.flip}  # A: mean of both views
UNDONE: dict[str, Change] = {"darkened": darkened, "sticker": with_sticker}  # A: without
WHOLE: dict[str, Change] = {"grey": grey, "coarse": coarse}  # A: all images changed


@dataclass(frozen=True)
class Changed:
    """A loader of changed images."""

    loader: Callable[[int], Image.Image]
    change: Change

    def __call__(self, position: int) -> Image.Image:
        return self.change(self.loader(position))


def changed(items: Items, change: Change) -> Items:
    """The same items, every image changed."""
    mark = fingerprint(items.fingerprint, change.__name__)
    return replace(items, loader=Changed(items.loader, change), pixels=None, fingerprint=mark)


@cache
def _nets() -> tuple[Nets, tempfile.TemporaryDirectory]:
    folder = tempfile.TemporaryDirectory(prefix="rdx-nets-")  # gone when the process ends
    return Nets(Path(folder.name)), folder


@cache
def _checkpoint(kind: str, seed: int) -> Path:
    return _nets()[0].checkpoint(kind, seed)


@cache
def _digits() -> Items:
    items = load_items(dataset="digits")
    return items.subset(np.sort(np.random.default_rng(0).permutation(len(items))[:DIGITS]))


def _net(items: Items, kind: str, seed: int) -> np.ndarray:
    return _values(items, {"model": f"checkpoint:{_checkpoint(kind, seed)}", "layer": "layer2"})


@cache
def _photos() -> Items:
    return load_items(dataset="image_folder", root=str(locate(food_photos.ROOT) / food_photos.TABLE))


def _lite(items: Items, size: int = 0) -> np.ndarray:
    weights = locate(efficientnet_lite.ROOT) / f"lite{size}.pth"
    return _values(items, {"model": f"timm:tf_efficientnet_lite{size}?weights={weights}", "layer": "pre_logits"})


def _values(items: Items, chosen: dict[str, str]) -> np.ndarray:
    return load_representation(chosen, items, device="cpu").values.astype(np.float64)


def told(rng: np.random.Generator, *, items: Callable[[], Items], model: Callable[[Items], np.ndarray], what: str):
    """Half of the images are changed, which B sees and A does not."""
    plain = items()
    one, other = model(plain), model(changed(plain, (FOLDED | UNDONE)[what]))
    side = rng.permutation(len(plain)) % 2
    halves = [np.flatnonzero(side == value) for value in (0, 1)]
    moved = np.arange(len(plain)) if what in FOLDED else halves[1]  # A and B have the same of an image without
    truth = Truth(moved, {A_NOT_B: [], B_NOT_A: halves}, attribute=side)
    return (one + other) / 2 if what in FOLDED else one, np.where(side[:, None], other, one), truth


def blunted(rng: np.random.Generator, *, items: Callable[[], Items], model: Callable[[Items], np.ndarray], what: str):
    """A sees all images changed."""
    plain = items()
    return model(changed(plain, WHOLE[what])), model(plain), Truth(np.arange(len(plain)), judged=False)


def two_models(rng: np.random.Generator, *, items: Callable[[], Items], a: Callable, b: Callable):
    plain = items()
    return a(plain), b(plain), Truth(np.arange(len(plain)), judged=False)


def labels_merged(rng: np.random.Generator, *, seed: int):
    items = _digits()
    threes, fives = (np.flatnonzero(items.labels == label) for label in (3, 5))
    both = np.union1d(threes, fives)
    return (
        _net(items, "m35", seed),
        _net(items, "expert", seed),
        Truth(both, {A_NOT_B: [both], B_NOT_A: [threes, fives]}),
    )


def has_photos() -> bool:
    weights = [locate(efficientnet_lite.ROOT) / one.name for one in efficientnet_lite.WEIGHTS]
    return food_photos.has_all(locate(food_photos.ROOT)) and all(path.is_file() for path in weights)


def real_pairs() -> Iterator[Spec]:
    """All that this machine has the images for."""
    sources = [("digits", seed, DIGITS, _digits, partial(_net, kind="expert", seed=seed)) for seed in range(SEEDS)]
    if has_photos():
        sources.append(("photos", 0, len(_photos()), _photos, _lite))
        yield Spec("photos, two models", "photos-lite0-lite2", len(_photos()),
                   partial(two_models, items=_photos, a=_lite, b=partial(_lite, size=2)))  # fmt: skip
    for name, seed, n, items, model in sources:
        for what in (*FOLDED, *UNDONE, *WHOLE):
            if (name, what) != ("digits", "grey"):
                maker = blunted if what in WHOLE else told
                yield Spec(f"{name}, {what}", f"{name}-{what.replace(' ', '-')}-{seed}", n,
                           partial(maker, items=items, model=model, what=what))  # fmt: skip
    for seed in range(SEEDS):
        expert = partial(_net, kind="expert", seed=seed)
        yield Spec("digits, labels merged", f"digits-merged-{seed}", DIGITS, partial(labels_merged, seed=seed))
        for what, other in (("two seeds", partial(_net, kind="expert", seed=seed + SEEDS)),
                            ("one pass", partial(_net, kind="early", seed=seed))):  # fmt: skip
            yield Spec(f"digits, {what}", f"digits-{what.replace(' ', '-')}-{seed}", DIGITS,
                       partial(two_models, items=_digits, a=other, b=expert))  # fmt: skip
