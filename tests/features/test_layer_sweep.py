"""Many layers of one model: one forward pass an image, and the numbers of each as if it were alone."""

from __future__ import annotations

import json

import numpy as np
import pytest
from torch import nn

from rdx.config import parse_experiment
from rdx.data import load_items
from rdx.experiment.plan.prepare import prepare
from rdx.features import cache, load_representation, representation_fingerprint
from rdx.features.extraction import extract
from rdx.models import load_model
from rdx.models.checkpoints import Header, save_checkpoint
from rdx.models.convnet import ConvNet
from rdx.models.vision_model import seeded

LAYERS = ["trunk.blocks.0:input", *(f"trunk.blocks.{number}" for number in range(12)), "trunk.norm", "output"]


@pytest.fixture(scope="module")
def items():
    return load_items("digits", images_per_class=3, classes=[3, 8])


@pytest.fixture
def biomedclip_like(tmp_path):
    """A small ViT of twelve blocks in BiomedCLIP's place."""
    vision = {"timm_model_name": "vit_tiny_patch16_224", "timm_pool": "", "timm_proj": "linear", "image_size": 224}
    config = {"model_cfg": {"embed_dim": 24, "vision_cfg": vision, "text_cfg": {}}, "preprocess_cfg": {}}
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "open_clip_config.json").write_text(json.dumps(config))
    return f"open_clip:local-dir:{tmp_path}/model?pretrained=false&seed=2"


@pytest.fixture
def seen(monkeypatch):
    """The number of images in each pass through a patch embedding or a first convolution."""
    sizes, plain = [], nn.Conv2d.forward

    def counted(module, images):
        if module.in_channels in (1, 3) and not images.is_meta and len(images) > 1 and images.any():  # else it is tried
            sizes.append(len(images))
        return plain(module, images)

    monkeypatch.setattr(nn.Conv2d, "forward", counted)
    return sizes


@pytest.mark.slow
def test_fifteen_representations_of_one_pass(biomedclip_like, items, tmp_path, seen):
    items = items.subset([0, 2, 3, 5])
    settings = [
        {"model": biomedclip_like, "layer": layer, "pool": None if layer == "output" else "cls", "batch_size": 2}
        for layer in LAYERS
    ]
    named = {"together": settings, "cache_dir": tmp_path / "cache"}
    found = [load_representation(one, items, **named) for one in settings]
    assert len(found) == 15 and seen == [2, 2]
    assert [one.from_cache for one in found] == [False] + [True] * 14
    model = load_model(biomedclip_like)
    for one, features in zip(settings, found, strict=True):
        alone = extract(model, items, layer=one["layer"], pool=one["pool"], batch_size=2)
        np.testing.assert_array_equal(features.values, alone)
        assert features.fingerprint == representation_fingerprint(one, items)
        assert features.values.shape == (4, 24 if one["layer"] == "output" else 192)
    assert len({features.values.tobytes() for features in found}) == 15


@pytest.fixture
def convnets(tmp_path):
    paths = []
    for seed in (0, 1):
        with seeded(seed):
            path = tmp_path / f"{seed}.safetensors"
            save_checkpoint(path, ConvNet((4, 5)), Header((4, 5), 10, size=(8, 8)))
        paths.append(f"checkpoint:{path}")
    return paths


def test_what_goes_into_one_pass(convnets, items, tmp_path, seen):
    """Not: another model, another batch size, what is there already, and what keeps every value."""
    first = {"model": convnets[0], "layer": "layer1"}
    others = [
        {"model": convnets[0] + "?layer=layer2"},
        {"model": convnets[0], "layer": "fc", "pool": None, "title": "logits"},
        {"model": convnets[0], "layer": "layer2", "batch_size": 2},
        {"model": convnets[0], "layer": "layer2", "pool": "flatten"},
        {"model": convnets[1], "layer": "layer2"},
        first,
    ]
    load_representation(others[1], items, cache_dir=tmp_path)
    seen.clear()
    load_representation(first, items, together=others, cache_dir=tmp_path)
    assert seen == [6]
    there = [cache.cached_path(representation_fingerprint(one, items), tmp_path).is_file() for one in others]
    # The batch size is no part of what a representation is, so the third is the first under another name.
    assert there == [True, True, True, False, False, True]
    load_representation(others[3], items, together=others, cache_dir=tmp_path)
    load_representation(others[4], items, together=others, cache_dir=tmp_path)
    assert seen == [6, 6, 6]


def test_a_run_makes_one_pass(convnets, items, tmp_path, seen, monkeypatch):
    monkeypatch.setenv("RDX_CACHE", str(tmp_path / "cache"))
    layers = ["layer1.0", "layer1", "layer2:input", "layer2", "fc"]
    keys = [f"r{number}" for number in range(len(layers))]
    config = parse_experiment(
        {
            "name": "sweep",
            "data": {"dataset": "digits", "images_per_class": 3, "classes": [3, 8]},
            "representations": {
                **{key: {"model": convnets[0], "layer": layer} for key, layer in zip(keys, layers, strict=True)},
                "unused": {"model": convnets[1]},
            },
            "comparisons": [list(pair) for pair in zip(keys, keys[1:], strict=False)],
            "methods": [{"method": "kmeans", "n_clusters": 2}],
        },
        source="test",
    )
    prepare(config, tmp_path / "run")
    assert seen == [6]
    prepare(config, tmp_path / "run")
    assert seen == [6]
    prepare(config, tmp_path / "run", force=True)
    assert seen == [6, 6]
