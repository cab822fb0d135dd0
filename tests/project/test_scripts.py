"""Every script of scripts/ in a copy of the project: what `--dry-run` says without data, and whole runs on made data.

Published weights play no part: the architectures have random ones, and the small members of their families
take their places where whole experiments are run.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).resolve().parents[2]
NOT_RUN = {
    "lib.sh": "is sourced by the others",
    "mnist_digits.sh": "is sourced by the MNIST scripts",
    "test.sh": "runs the tests; it has no plan",
}
SCRIPTS = sorted(path.name for path in (ROOT / "scripts").glob("*.sh") if path.name not in NOT_RUN)
IMAGENET = ["n02091032", "n02091134", "n02091831", "n02483362", "n02483708", "n02493793", "n03026506", "n03775071",
            "n03895866", "n04146614", "n04254777", "n04487081"]  # fmt: skip
# What a plan without data has to name; a script that is not here is still run, and must pass.
NAMED = {
    "clip_vs_clipinat.sh": ["download_inaturalist.sh", "vit_large_patch14_clip_336.openai", "336×336"],
    "clip_vs_clipinat_ar.sh": ["download_inaturalist.sh", "alignment", "cnmf_a_to_b"],
    "clip_vs_clipinat_inat_ar_guided.sh": ["download_inaturalist.sh", "inat_ar_guided_maple", "2000 items"],
    "clip_vs_clipinat_inat_ar_v2.sh": ["download_inaturalist.sh", "inat_ar_v2_corvid", "1000 items"],
    "cub_pcbm_v_cub_masked_pcbm.sh": ["download_cub.sh", "configs/train/cub_pcbm.yaml", "4796 items"],
    "dino_vs_dinov2_imagenet.sh": ["download_imagenet.sh", "518×518 pixels", "1500 items", "kmeans"],
    "dino_vs_dinov2_imagenet_ar.sh": ["download_imagenet.sh", "vit_base_patch16_224.dino", "kmeans_b_to_a"],
    "int8_example.sh": ["int8_food_photos", "photos.csv"],
    "mnist_835_experiment.sh": ["download_mnist.sh", "mnist_835: ", "680 steps"],
    "mnist_modification_experiment_k=3.sh": ["download_mnist.sh", "hflip_vs_hflip_nl", "5000 items"],
    "photos_example.sh": ["efficientnet_lite", "food_photos"],
    "quickstart.sh": ["1438 items", "quickstart_m35"],
    "rsna_biomedclip.sh": ["download_rsna.sh", "15 layers", "2500 items", "norm_vs_projection", "BiomedCLIP"],
    "train_mnist_models.sh": ["download_mnist.sh", "mnist_vflip_nl", "epochs"],
}


def copy_of_the_project(folder: Path) -> Path:
    """What a clone has, with nothing in data/ and checkpoints/."""
    for name in ("rdx", "baselines", "configs", "scripts"):
        shutil.copytree(ROOT / name, folder / name)  # with what is compiled, which takes longer than the plans
    for path in ROOT.glob("*.sh"):
        shutil.copy(path, folder / path.name)
    (folder / "setup.sh").write_text("exit 0\n")  # the environment that runs this test is set up
    for name in ("data", "checkpoints"):
        (folder / name).mkdir()
    return folder


def run(folder: Path, script: str, environment: str, *arguments: str) -> subprocess.CompletedProcess:
    settings = {
        **os.environ,
        "VIRTUAL_ENV": environment,
        "RDX_CACHE": str(folder.parent / f"{folder.name}_cache"),
        "HF_HUB_OFFLINE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
    }
    settings.pop("PYTHONPATH", None)
    command = ["bash", str(folder / "scripts" / script), *arguments]
    return subprocess.run(command, cwd=folder.parent, env=settings, capture_output=True, text=True)


def files(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


def reasons(text: str) -> list[str]:
    """What the plans say is missing, without what the scripts' trainings say again."""
    lines = re.findall(r"^not ready: .*\n((?:  .*\n?)*)", text, flags=re.MULTILINE)
    return sorted({line.strip() for block in lines for line in block.splitlines()})


# --- in a clone, without data


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    return copy_of_the_project(tmp_path_factory.mktemp("in a clone") / "project")


@pytest.fixture(scope="module")
def planned(clone, loaded) -> dict[str, subprocess.CompletedProcess]:
    """Every script's plan, two at a time; nothing in the clone may change."""
    before = files(clone)
    with ThreadPoolExecutor(2) as pool:
        plans = pool.map(lambda script: run(clone, script, loaded, "--dry-run"), SCRIPTS)
        done = dict(zip(SCRIPTS, plans, strict=True))
    assert files(clone) == before
    return done


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS)
def test_a_clone_without_data_shows_the_plan_and_what_is_missing(clone, planned, script):
    done = planned[script]
    assert done.returncode == 0, done.stdout + done.stderr
    for word in NAMED.get(script, []):
        assert word in done.stdout
    found = reasons(done.stdout)
    assert found  # no data, no checkpoints, no weights
    for reason in found:
        for command in re.findall(r"`bash ([\w=]+\.sh|scripts/[\w=]+\.sh)", reason):
            assert (clone / command).is_file(), f"{reason}: there is no {command}"
        for config in re.findall(r"rdx train ([\w/]+\.yaml)", reason):
            assert (clone / config).is_file()


def test_every_experiment_of_the_table_has_its_script():
    assert set(NAMED) <= set(SCRIPTS)


@pytest.mark.parametrize("script", ["rsna_biomedclip.sh", "mnist_835_experiment.sh"])
def test_without_dry_run_missing_data_are_one_line_and_no_folder(clone, script):
    before = files(clone)
    done = run(clone, script, sys.prefix)
    assert done.returncode in (1, 2) and "download_" in done.stderr
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    assert files(clone) == before


# --- on made data


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A copy of the project with small made data sets in the published layouts."""
    from made_data import make_imagenet, make_inaturalist, make_rsna

    folder = copy_of_the_project(tmp_path_factory.mktemp("with made data") / "project")
    make_imagenet(folder / "data/imagenet", IMAGENET, per_class=10)
    make_inaturalist(folder / "data/inat_subset", n_classes=8, per_class=18)
    make_rsna(folder / "data/rsna", 40)
    for name in ("mittens", "trolleybus"):  # their data are what the unaligned ones read
        (folder / f"configs/dino_vs_dinov2_imagenet_ar/{name}.yaml").unlink()
    return folder


@pytest.fixture
def small_biomedclip(tmp_path) -> str:
    """A small ViT of twelve blocks with three heads in BiomedCLIP's place."""
    vision = {"timm_model_name": "vit_tiny_patch16_224", "timm_pool": "", "timm_proj": "linear", "image_size": 224}
    config = {"model_cfg": {"embed_dim": 24, "vision_cfg": vision, "text_cfg": {}}, "preprocess_cfg": {}}
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "open_clip_config.json").write_text(json.dumps(config))
    return f"open_clip:local-dir:{tmp_path}/model?pretrained=false"


def change(*pairs: str) -> list[str]:
    return [part for pair in pairs for part in ("--set", pair)]


TINY = "timm:vit_tiny_patch16_224?pretrained=false&img_size=32"
SMALL_PAIR = change(f"representations.a.model={TINY}", f"representations.b.model={TINY}&seed=1",
                    "representations.*.layer=blocks.11")  # fmt: skip
QUICK = change("figures=false", "explorer=false", "statistics=off", "methods.*.n_clusters=3")
BIOMEDCLIP = "open_clip:hf-hub:microsoft/BiomedCLIP-PubMedBERT_256-vit_base_patch16_224?pretrained=false"


def groups_of(made: Path, script: str) -> list[str]:
    return sorted(path.stem for path in (made / "configs" / script.removesuffix(".sh")).glob("*.yaml"))


def check_run(folder: Path, methods: list[str]) -> pd.DataFrame:
    """The tables of a finished run with one comparison; returns its metrics."""
    metrics = pd.read_csv(folder / "a_vs_b/metrics.csv")
    assert metrics["method"].unique().tolist() == methods
    assert metrics["bsr"].dropna().between(0, 1).all()
    for name in ("cka.json", "classification.csv", "agreement.csv", "summary.json"):
        assert (folder / "a_vs_b" / name).is_file()
    for method in methods:
        items, assigned = pd.read_csv(folder / "items.csv"), pd.read_csv(folder / f"a_vs_b/{method}/assignments.csv")
        assert len(assigned) == 2 * len(items)
    return metrics


@pytest.mark.slow
@pytest.mark.parametrize("script", ["dino_vs_dinov2_imagenet.sh", "rsna_biomedclip.sh"])
def test_a_plan_with_data_and_models_is_ready(made, loaded, script):
    sweep = change(f"representations.*.model={BIOMEDCLIP}", "data.n_items=20")
    done = run(made, script, loaded, "--dry-run", *(sweep if "rsna" in script else SMALL_PAIR))
    assert done.returncode == 0, done.stderr
    assert "not ready" not in done.stdout and "as far as the configuration tells" not in done.stdout
    assert not (made / "outputs").exists() or not any((made / "outputs").rglob("metrics.csv"))


ARMS = ["rdx_neighborhood_locally_biased_pagerank", "rdx_local_scaling_locally_biased_spectral",
        "rdx_max_normalized_locally_biased_spectral"]  # fmt: skip


MAPPED = [f"{name}_{view}" for name in ("kmeans", "cnmf", "sae") for view in ("a_to_b", "b_to_a")]
UNALIGNED = ["rdx", *ARMS, "kmeans", "pca", "cnmf", "sae", "spec"]
ALIGNED = ["rdx", *ARMS[1:], *MAPPED]


@pytest.mark.slow
def test_imagenet_from_its_script(made, loaded, tmp_path):
    quick = [*QUICK, *change("methods.sae.epochs=20")]
    done = run(made, "dino_vs_dinov2_imagenet.sh", loaded, "--output-dir", str(tmp_path), *SMALL_PAIR, *quick)
    assert done.returncode == 0, done.stdout + done.stderr
    for group in groups_of(made, "dino_vs_dinov2_imagenet.sh"):
        folder = tmp_path / f"dino_vs_dinov2_imagenet_{group}"
        check_run(folder, UNALIGNED)
        assert pd.read_csv(folder / "items.csv")["label"].nunique() == 3
    items = pd.read_csv(tmp_path / "dino_vs_dinov2_imagenet_mittens/items.csv")
    assert items["label_name"].drop_duplicates().tolist() == ["mitten", "Christmas stocking", "sock"]


@pytest.mark.slow
def test_aligned_imagenet_from_its_script(made, loaded, tmp_path):
    quick = [*QUICK, *change("methods.sae.epochs=20")]
    done = run(made, "dino_vs_dinov2_imagenet_ar.sh", loaded, "--output-dir", str(tmp_path), *SMALL_PAIR, *quick)
    assert done.returncode == 0, done.stdout + done.stderr
    for group in groups_of(made, "dino_vs_dinov2_imagenet_ar.sh"):
        folder = tmp_path / f"dino_vs_dinov2_imagenet_ar_{group}"
        metrics = check_run(folder, ALIGNED)
        assert set(metrics["space"]) == {"raw", "aligned"}
        history = pd.read_csv(folder / "a_vs_b/alignment/history.csv")
        assert history["step"].max() <= 100


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "methods"),
    [
        ("clip_vs_clipinat.sh", UNALIGNED),
        ("clip_vs_clipinat_ar.sh", ALIGNED),
        ("clip_vs_clipinat_inat_ar_guided.sh", ["rdx"]),
        ("clip_vs_clipinat_inat_ar_v2.sh", ["rdx"]),
    ],
)
def test_inaturalist_from_its_scripts(made, loaded, tmp_path, script, methods):
    quick = [*QUICK, *(change("methods.sae.epochs=20") if len(methods) > 1 else [])]
    done = run(made, script, loaded, "--output-dir", str(tmp_path), *SMALL_PAIR, *quick)
    assert done.returncode == 0, done.stdout + done.stderr
    for group, classes in (("gator", [0, 6]), ("corvid", [3, 5]), ("maple", [1, 2, 4, 7])):
        folder = tmp_path / f"{script.removesuffix('.sh')}_{group}"
        check_run(folder, methods)
        assert pd.read_csv(folder / "items.csv")["label"].drop_duplicates().tolist() == classes


SWEEP = change("data.n_items=12", "methods.*.n_clusters=2", "methods.*.min_concept_size=1",
               "statistics=off", "explorer=false")  # fmt: skip


@pytest.mark.slow
def test_three_layers_of_the_rsna_sweep_from_its_script(made, loaded, tmp_path):
    pairs = "comparisons=[[input, block_00], [block_00, block_06], [block_06, projection]]"
    few = change(pairs, "layer_analysis=null", f"representations.*.model={BIOMEDCLIP}")
    done = run(made, "rsna_biomedclip.sh", loaded, "--output-dir", str(tmp_path), *SWEEP, *few)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(pd.read_csv(tmp_path / "summary.csv")) == 3
    assert (tmp_path / "summary.png").stat().st_size > 5000
    assert done.stderr.count("features:   0%") == 1  # one pass for four representations


@pytest.mark.slow
def test_the_whole_rsna_sweep_from_its_script(made, loaded, tmp_path, small_biomedclip):
    model = f"representations.*.model={small_biomedclip}"
    few = change("layer_analysis.head_neighbors=3", "layer_analysis.k=5", model)
    folder = tmp_path / "sweep"
    done = run(made, "rsna_biomedclip.sh", loaded, "--output-dir", str(folder), *SWEEP, *few)
    assert done.returncode == 0, done.stdout + done.stderr
    heads = [pd.read_csv(path) for path in folder.glob("*/layer_analysis/heads.csv")]
    assert len(heads) == 12 and {len(table) for table in heads} == {3}  # 3 heads in each of 12 blocks
    table = pd.read_csv(folder / "summary.csv")
    assert len(table) == 14 and len(list((folder / "representations").iterdir())) == 15
    assert (folder / "summary.png").stat().st_size > 5000
