"""Training the small convnets on real digits."""

from __future__ import annotations

import csv

import numpy as np
import pytest
import torch

from rdx.data import load_items
from rdx.errors import InputError
from rdx.models import load_model, training
from rdx.models.checkpoints import read_checkpoint, read_header
from rdx.models.training import parse_training, train

FEW = {"dataset": "digits", "images_per_class": 12}
SMALL = {"channels": [16, 32], "learning_rate": 0.01}  # learns as well as the default, in a fifth of the time


def settings(folder, **changes):
    values = {
        "name": "expert",
        "data": {"dataset": "digits", "split": "train"},
        "epochs": 6,
        "seed": 3,
        "output_dir": str(folder),
    }
    return parse_training(values | changes, source="test")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Two wait for each other busily where other tests run beside."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "_THREADS", 1)
        yield


@pytest.fixture(scope="module")
def expert(tmp_path_factory):
    folder = tmp_path_factory.mktemp("expert")
    chosen = settings(folder, **SMALL, epochs=4, checkpoint_steps=[5], checkpoint_fractions={"strong": 0.27})
    return chosen, train(chosen)


def test_learns_real_digits(expert):
    chosen, result = expert
    assert not result.reused and result.test_accuracy > 0.95
    total = 4 * 12  # 1,438 items in batches of 128
    names = ["step_000005.safetensors", "strong.safetensors", "last.safetensors"]
    assert [path.name for path in result.paths] == names
    assert [read_header(path).step for path in result.paths] == [5, round(0.27 * total), total]
    with open(chosen.folder / "metrics.csv", newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [int(row["step"]) for row in rows] == list(range(1, total + 1))
    assert float(rows[-1]["train_loss"]) < float(rows[0]["train_loss"]) / 5
    assert float(rows[-1]["test_accuracy"]) == pytest.approx(result.test_accuracy, abs=1e-5)


def test_steps_and_a_checkpoint_chosen_by_its_accuracy(tmp_path):
    chosen = settings(tmp_path, **SMALL, steps=40, epochs=1, checkpoint_accuracies={"strong": 0.9})
    result = train(chosen)
    strong, last = (read_header(path) for path in result.paths)
    assert [path.name for path in result.paths] == ["strong.safetensors", "last.safetensors"]
    assert last.step == 40
    with open(chosen.folder / "metrics.csv", newline="") as handle:
        rows = [row for row in csv.DictReader(handle) if row["test_accuracy"]]
    looked_at = {int(row["step"]): float(row["test_accuracy"]) for row in rows}
    assert len(looked_at) == 20  # every other step of 40
    assert strong.step == min(step for step, accuracy in looked_at.items() if accuracy >= 0.9)
    assert strong.test_accuracy == pytest.approx(looked_at[strong.step], abs=1e-5)
    assert train(chosen).reused


def test_an_accuracy_that_is_never_reached_says_how_near_it_came(tmp_path):
    chosen = settings(tmp_path, **SMALL, steps=2, checkpoint_accuracies={"strong": 1.0})
    with pytest.raises(InputError, match=r"never reached the 1 of checkpoint 'strong'; its best was 0\.\d+ at step"):
        train(chosen)
    assert not (tmp_path / "last.safetensors").exists()  # so that nobody takes it for complete


def test_an_accuracy_needs_test_items(tmp_path):
    chosen = settings(tmp_path, data={"dataset": "digits"}, checkpoint_accuracies={"strong": 0.9})
    with pytest.raises(InputError, match="'checkpoint_accuracies' needs test items"):
        train(chosen)


def test_accuracy_is_that_of_the_file(expert):
    _, result = expert
    model = load_model(f"checkpoint:{result.paths[-1]}")
    test = load_items("digits", split="test")
    with torch.no_grad():
        logits = model.module(torch.stack([model.transform(test.image(i)) for i in range(len(test))]))
    assert np.mean(logits.argmax(1).numpy() == test.labels) == pytest.approx(result.test_accuracy)


def test_header_tells_everything(expert):
    chosen, result = expert
    header = read_header(result.paths[-1])
    assert header.size == (8, 8) and header.n_outputs == 10 and header.channels == (16, 32)
    assert header.label_names["3"] == "3" and header.training["seed"] == 3
    assert header.training["data"] == chosen.data


def test_same_seed_same_bytes_and_another_seed_others(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "_THREADS", 2)  # as users train
    runs = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        torch.rand(3)  # the global random stream must not matter
        chosen = settings(tmp_path / name, **SMALL, data=FEW, epochs=1, batch_size=32, seed=seed)
        runs[name] = train(chosen).paths[-1]
    assert runs["a"].read_bytes() == runs["b"].read_bytes()
    weights = [read_checkpoint(runs[name])[0].fc.weight for name in "ac"]
    assert not torch.equal(*weights)


def test_training_leaves_the_global_random_stream_alone(tmp_path):
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    train(settings(tmp_path, data=FEW, epochs=1, tiny=True))
    assert torch.equal(torch.rand(3), expected)


def test_reuse(tmp_path):
    small = {"data": FEW, "test": FEW | {"split": "test"}, "epochs": 3, "tiny": True, "checkpoint_steps": [2]}
    chosen = settings(tmp_path, **small)
    first = train(chosen)
    stamp = first.paths[-1].stat().st_mtime_ns
    again = train(chosen)
    assert again.reused and again.test_accuracy == first.test_accuracy
    assert first.paths[-1].stat().st_mtime_ns == stamp
    assert not train(chosen, force=True).reused
    assert not train(settings(tmp_path, **small, learning_rate=0.01)).reused
    assert not train(chosen).reused
    first.paths[0].unlink()
    assert not train(chosen).reused
    first.paths[-1].write_bytes(first.paths[-1].read_bytes()[:500])
    assert not train(chosen).reused
    assert not train(settings(tmp_path, **small | {"data": FEW | {"variant": "m35"}})).reused


def test_files_that_no_training_wrote_stay(tmp_path, caplog):
    """Of the names of its checkpoints and tables; its own, as it wrote them, are replaced."""
    few = settings(tmp_path, data=FEW, tiny=True, steps=1, checkpoint_steps=[1])
    own = ("last.safetensors", "metrics.csv")
    for name in own:
        (tmp_path / name).write_text("mine")
    train(few)
    for name in own:
        stem, suffix = name.split(".")
        assert (tmp_path / f"{stem}.saved.{suffix}").read_text() == "mine"
        assert f"{stem}.saved.{suffix}" in caplog.text
    there = sorted(path.name for path in tmp_path.iterdir() if "saved" not in path.name)
    assert there == ["last.safetensors", "metrics.csv", "step_000001.safetensors"]
    assert all(training._is_ours(tmp_path / name) for name in there)


def test_merged_labels_keep_ten_outputs_and_mirrored_ones_get_twenty(tmp_path):
    for variant, outputs in (("m35", 10), ("hflip_nl", 20)):
        data = {"dataset": "digits", "split": "train", "variant": variant, "images_per_class": 10}
        result = train(settings(tmp_path / variant, data=data, epochs=1, tiny=True))
        assert read_header(result.paths[-1]).n_outputs == outputs


def test_no_test_split_no_accuracy(tmp_path):
    chosen = settings(tmp_path, data=FEW, epochs=1, tiny=True)
    assert train(chosen).test_accuracy is None
    assert train(chosen).reused


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epoch": 3}, "did you mean 'epochs'"),
        ({"epochs": 0}, "epochs"),
        ({"data": {"split": "train"}}, "dataset"),
        ({"data": {"dataset": "digitz"}}, "did you mean 'digits'"),
        ({"data": {"dataset": "digits", "splt": "train"}}, "did you mean 'split'"),
        ({"tiny": True, "channels": [3, 4]}, "'tiny' or 'channels'"),
        ({"checkpoint_steps": [10_000]}, "the last one is 72"),
        ({"checkpoint_fractions": {"last": 0.5}}, "'last'"),
        ({"n_outputs": 7}, "the labels need 10"),
    ],
)
def test_wrong_settings_leave_no_folder(tmp_path, changes, said):
    with pytest.raises(InputError, match="^[^\n]*$") as error:
        train(settings(tmp_path / "new", **changes))
    assert said in str(error.value)
    assert not (tmp_path / "new").exists()
