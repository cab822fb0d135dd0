"""The settings of the paper's experiments in configs/; that every file there is sound is for test_texts.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from rdx.config import load_experiment

ROOT = Path(__file__).resolve().parents[2]
CONFIGS = ROOT / "configs"
ARMS = ["rdx_neighborhood_locally_biased_pagerank", "rdx_local_scaling_locally_biased_spectral",
        "rdx_max_normalized_locally_biased_spectral"]  # fmt: skip


def experiments(folder: str) -> dict[str, object]:
    return {path.stem: load_experiment(path) for path in sorted((CONFIGS / folder).glob("*.yaml"))}


IMAGENET = {"mittens": [658, 496, 806], "trolleybus": [874, 779, 705], "whippet": [172, 176, 171],
            "gibbons": [368, 369, 381]}  # fmt: skip
NAMES = {658: "mitten", 496: "Christmas stocking", 806: "sock", 874: "trolleybus", 779: "school bus",
         705: "passenger car", 172: "whippet", 176: "Saluki", 171: "Italian greyhound", 368: "gibbon", 369: "siamang",
         381: "spider monkey"}  # fmt: skip
SPECIES = {"gator": [0, 6], "corvid": [3, 5], "maple": [1, 2, 4, 7]}
DINO = ["timm:vit_base_patch16_224.dino", "timm:vit_base_patch14_reg4_dinov2.lvd142m"]
CLIP = ["timm:vit_large_patch14_clip_336.openai", "timm:vit_large_patch14_clip_336.laion2b_ft_in12k_in1k_inat21"]
UNALIGNED = ["rdx", *ARMS, "kmeans", "pca", "cnmf", "sae", "spec"]
ALIGNED = ["rdx", *ARMS[1:], "kmeans", "cnmf", "sae"]
# Folder: (dataset, groups of classes, models, layer, k, version, aligned, guidance, methods)
TABLE = {
    "dino_vs_dinov2_imagenet": ("imagenet", IMAGENET, DINO, "blocks.11", 5, "v1", False, None, UNALIGNED),
    "dino_vs_dinov2_imagenet_ar": ("imagenet", IMAGENET, DINO, "blocks.11", 5, "v1", True, None, ALIGNED),
    "clip_vs_clipinat": ("inaturalist", SPECIES, CLIP, "blocks.23", 5, "v1", False, None, UNALIGNED),
    "clip_vs_clipinat_ar": ("inaturalist", SPECIES, CLIP, "blocks.23", 5, "v1", True, None, ALIGNED),
    "clip_vs_clipinat_inat_ar_guided": ("inaturalist", SPECIES, CLIP, "blocks.23", 10, "v2", True, "tpfp", ["rdx"]),
    "clip_vs_clipinat_inat_ar_v2": ("inaturalist", SPECIES, CLIP, "blocks.23", 5, "v2", True, None, ["rdx"]),
}


@pytest.mark.parametrize("folder", TABLE)
def test_settings_of_the_papers_experiments(folder):
    from rdx.experiment.stages.methods import method_runs

    dataset, groups, models, layer, k, version, aligned, guidance, methods = TABLE[folder]
    found = experiments(folder)
    assert set(found) == set(groups)
    for group, config in found.items():
        assert config.name == f"{folder}_{group}" and config.family == folder and config.seed == 42
        assert config.data["dataset"] == dataset and config.data["classes"] == groups[group]
        assert (config.data["split"], config.data["images_per_class"], config.data["seed"]) == ("train", 500, 0)
        assert [config.representations[key].model for key in "ab"] == models
        assert all(config.representations[key].layer == layer for key in "ab")
        assert all(config.representations[key].pool == "cls" for key in "ab")
        assert (config.alignment, config.align_steps, config.align_start) == (
            ("cka", 100, "random") if aligned else (None, None, "identity")
        )
        assert config.guidance == guidance and config.guidance_rule == ("paper" if guidance else "own")
        assert [method.name for method in config.methods] == methods
        for run in method_runs(config):
            assert (run.parameters["n_clusters"], run.parameters["images_per_concept"]) == (k, 9)
            if run.is_rdx:
                assert run.parameters["version"] == version
                assert (run.parameters["gamma"], run.parameters["beta"]) == (0.05, 5)
                assert run.parameters["normalize_difference"] == ("pagerank" in run.name)
                assert run.parameters["null_threshold"] == 1.1
            if run.method == "sae":
                settings = {key: run.parameters[key] for key in ("batch_size", "epochs", "learning_rate", "penalty")}
                assert settings == {"batch_size": 2000, "epochs": 500, "learning_rate": 1e-3, "penalty": 4e-4}


@pytest.mark.parametrize("folder", ["dino_vs_dinov2_imagenet", "dino_vs_dinov2_imagenet_ar"])
def test_imagenet_classes_are_called_what_the_files_say(folder):
    from rdx.data.sets.imagenet import check_names, class_numbers

    for group, config in experiments(folder).items():
        names = config.data["names"]
        assert names == {number: NAMES[number] for number in IMAGENET[group]}
        check_names(names)  # against timm's list
        assert class_numbers(list(names.values())) == list(names)


def test_the_rsna_sweep_goes_through_every_layer_of_biomedclip():
    from rdx.features import describe

    config = load_experiment(CONFIGS / "rsna_biomedclip/layers.yaml")
    layers = ["trunk.blocks.0:input", *(f"trunk.blocks.{i}" for i in range(12)), "trunk.norm", "output"]
    entries = list(config.representations.values())
    assert [entry.layer for entry in entries] == layers
    # Before the first block the class token is still the same for every image.
    assert [entry.pool for entry in entries] == ["patch", *["cls"] * 13, None]
    assert config.comparisons == list(zip(config.representations, list(config.representations)[1:], strict=False))
    (method,) = config.methods
    expected = {"version": "v2", "n_clusters": 10, "gamma": 0.05, "images_per_concept": 16, "null_threshold": 1.1}
    assert expected.items() <= method.settings.items()
    assert config.seed == 0 and config.data == {
        "dataset": "rsna", "root": "data/rsna", "part": "explained", "seed": 0,
    }  # fmt: skip
    ends = [describe(entry.extraction).width for entry in (entries[0], entries[6], entries[-2], entries[-1])]
    assert ends == [768, 768, 768, 512]  # the class token, and what the projection makes of it


def test_dinov2_can_take_biomedclips_place():
    from rdx.features import describe

    config = load_experiment(CONFIGS / "rsna_biomedclip/dinov2.yaml")
    assert len(config.representations) == 14 and len(config.comparisons) == 13
    found = describe(config.representations["norm"].extraction)
    assert (found.width, found.image_size) == (768, (224, 224))
