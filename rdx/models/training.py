"""Training the small convnets: ``rdx train CONFIG.yaml``.

Cross-entropy, Adam with a one-cycle learning rate; the whole data set is one tensor in memory, and its
batches are slices of it. The same seed and kind of device give the same bytes, whatever number of threads the
process may use: gradients that only rounding sets apart grow to other weights within a few steps of Adam.
"""

from __future__ import annotations

import csv
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from rdx.data import load_items
from rdx.data.items import Items
from rdx.errors import InputError
from rdx.files import atomic_files, atomic_path, before_replacing, fingerprint, set_aside, sha256_file
from rdx.method.numerics.adam import Adam
from rdx.models.checkpoints import Header, read_header, save_checkpoint
from rdx.models.convnet import CHANNELS, TINY_CHANNELS, ConvNet, GreyTransform
from rdx.models.one_cycle import cycle
from rdx.models.training_settings import LAST, TrainingSettings, parse_training
from rdx.models.vision_model import seeded

__all__ = [
    "TrainingResult",
    "TrainingSettings",
    "TrainingWork",
    "parse_training",
    "prepare_training",
    "steps_of",
    "train",
]

_log = logging.getLogger(__name__)
_VERSION = 1  # raise it when the same settings come to give other weights
_METRICS = "metrics.csv"
_THREADS = 2  # of a CPU, on every machine: as many again would gain little on so small a net
_EVALUATION_BATCH = 1024
_LOOKS = 20  # how often in a training `checkpoint_accuracies` are looked for


@dataclass(frozen=True)
class TrainingResult:
    """What a training left behind."""

    paths: tuple[Path, ...]  # checkpoints in the order of their steps; the final one is last.safetensors
    test_accuracy: float | None  # of the final one; None where there are no test items
    reused: bool  # from an earlier training


@dataclass(frozen=True)
class TrainingWork:
    """A training before it starts."""

    items: Items
    test: Items | None
    made_of: str  # the fingerprint of settings and data
    steps: int
    kept: dict[str, int]  # file name → step, of checkpoints whose step is known beforehand
    paths: tuple[Path, ...]  # every checkpoint, the final one last
    is_there: bool  # whether this very training was done before


@dataclass(frozen=True)
class _Digits:
    """Items as tensors on the device."""

    images: torch.Tensor  # (n, 1, h, w) float32
    labels: torch.Tensor  # (n,) int64


def train(
    settings: TrainingSettings, *, device: str = "cpu", progress: bool = False, force: bool = False
) -> TrainingResult:
    """Train one convnet and keep its checkpoints and metrics.csv (step, train_loss, test_accuracy).

    Where the folder has them already from the same settings and data, nothing is done unless `force`.
    Raises InputError for data without images or labels, and for checkpoints beyond the last step.
    """
    work = prepare_training(settings)
    if not force and work.is_there:
        return TrainingResult(work.paths, read_header(work.paths[-1]).test_accuracy, reused=True)
    header = _header(settings, work.items, work.test, work.made_of)
    accuracy = _fit(settings, header, work.items, work.test, work.kept, work.steps, device=device, progress=progress)
    return TrainingResult(work.paths, accuracy, reused=False)


def prepare_training(settings: TrainingSettings) -> TrainingWork:
    """What `train` would do, with nothing trained or written. Raises InputError as `train` does."""
    items = load_items(**settings.data)
    test = load_items(**settings.test_data) if settings.test_data is not None else None
    made_of = fingerprint(
        _VERSION,
        settings.model_dump(exclude={"name", "data", "test", "output_dir"}),
        items.fingerprint,
        test.fingerprint if test is not None else None,
    )
    if settings.checkpoint_accuracies and test is None:
        raise InputError(f"training '{settings.name}': 'checkpoint_accuracies' needs test items: give 'test'")
    total = steps_of(settings, len(items))
    kept = _kept_steps(settings, total)
    names = [*(_file_of(name) for name in settings.checkpoint_accuracies), *kept]  # the last one last
    paths = tuple(settings.folder / name for name in names)
    return TrainingWork(items, test, made_of, total, kept, paths, _is_there(paths, made_of))


def steps_of(settings: TrainingSettings, n: int) -> int:
    """The steps of a training on n items."""
    return settings.steps or settings.epochs * math.ceil(n / settings.batch_size)


def _kept_steps(settings: TrainingSettings, total: int) -> dict[str, int]:
    """File name → step of every checkpoint, in the order of the steps, last.safetensors at the end."""
    for step in settings.checkpoint_steps:
        if step > total:
            raise InputError(
                f"training '{settings.name}': checkpoint_steps asks for step {step}, the last one is {total}"
            )
    steps = {f"step_{step:06d}.safetensors": step for step in settings.checkpoint_steps}
    for name, fraction in settings.checkpoint_fractions.items():
        steps[_file_of(name)] = max(1, round(fraction * total))
    return dict(sorted(steps.items(), key=lambda entry: entry[1])) | {LAST: total}


def _file_of(name: str) -> str:
    return f"{name}.safetensors"


def _is_there(paths: tuple[Path, ...], made_of: str) -> bool:
    """Whether every checkpoint comes from this very training; the last one is written after all others."""
    if not all(path.is_file() for path in paths):
        return False
    try:
        headers = [read_header(path) for path in paths]
    except InputError as error:
        _log.warning("%s; the training is done again", error)
        return False
    if any(header.fingerprint != made_of for header in headers):
        return False
    for name, digest in headers[-1].files.items():
        path = paths[-1].parent / name
        if not path.is_file() or sha256_file(path) != digest:
            _log.warning("'%s' is not as it was written (its checksum is wrong); the training is done again", path)
            return False
    return True


def _header(settings: TrainingSettings, items: Items, test: Items | None, made_of: str) -> Header:
    for part, key in ((items, "data"), (test, "test")):
        if part is not None and (part.labels is None or not part.has_images):
            raise InputError(f"training '{settings.name}': the items of '{key}' need images and labels")
    parts = [part.labels for part in (items, test) if part is not None]
    least = 1 + max(int(labels.max()) for labels in parts)
    n_outputs = settings.n_outputs or max([least, *(label + 1 for label in items.label_names)])
    if n_outputs < least or min(int(labels.min()) for labels in parts) < 0:
        raise InputError(f"training '{settings.name}': n_outputs is {n_outputs}, the labels need {least}")
    return Header(
        channels=TINY_CHANNELS if settings.tiny else settings.channels or CHANNELS,
        n_outputs=n_outputs,
        label_names={str(label): name for label, name in sorted(items.label_names.items())},
        training=settings.model_dump(exclude={"output_dir"}),
        fingerprint=made_of,
    )


def _fit(
    settings: TrainingSettings,
    header: Header,
    items: Items,
    test: Items | None,
    kept: dict[str, int],
    total: int,
    *,
    device: str,
    progress: bool,
) -> float | None:
    """Train, and put the checkpoints and metrics.csv into the folder together; returns the final accuracy."""
    names = [*map(_file_of, settings.checkpoint_accuracies), *(name for name in kept if name != LAST), _METRICS]
    with before_replacing(_keep_others), atomic_files(settings.folder, [*names, LAST]) as folder:
        model, accuracy = _trained(
            settings, header, items, test, kept, total, folder, device=device, progress=progress
        )
        header.files = {name: sha256_file(folder / name) for name in names}
        _save(folder / LAST, model, header, total, accuracy)
    return accuracy


def _keep_others(path: Path, new: Path) -> None:
    """Before `new` takes the place of `path`: what no training has written there stays, under another name."""
    if path.exists() and not _is_ours(path):
        set_aside(path)


def _is_ours(path: Path) -> bool:
    """Whether a file is as a training wrote it: a checkpoint, or what the last one vouches for."""
    try:
        if path.suffix == ".safetensors":
            return bool(read_header(path))
        return read_header(path.parent / LAST).files.get(path.name) == sha256_file(path)
    except (InputError, OSError):
        return False


def _trained(
    settings: TrainingSettings,
    header: Header,
    items: Items,
    test: Items | None,
    kept: dict[str, int],
    total: int,
    folder: Path,
    *,
    device: str,
    progress: bool,
) -> tuple[ConvNet, float | None]:
    """The trained model and its accuracy; the checkpoints before the last one, and metrics.csv, are in `folder`."""
    data = _digits(items, header, device)
    held_out = _digits(test, header, device) if test is not None else None
    header.size = (int(data.images.shape[2]), int(data.images.shape[3]))
    with seeded(settings.seed):
        model = ConvNet(header.channels, header.n_outputs)
    model.to(device, memory_format=torch.channels_last)  # a quarter faster on a CPU
    optimizer = Adam(model.parameters())
    shuffling = torch.Generator().manual_seed(settings.seed)
    losses: list[torch.Tensor] = []
    accuracies: dict[int, float | None] = {}
    bar = tqdm(total=total, desc=f"training {settings.name}", unit="step", disable=not progress)
    wanted = dict(settings.checkpoint_accuracies)
    looks = {max(1, round(total * look / _LOOKS)) for look in range(1, _LOOKS + 1)} if wanted else set()

    def keep(step: int) -> None:
        """Measure and save where this step is one of those to keep, or the first to reach what is wanted."""
        names = [name for name, at in kept.items() if at == step and name != LAST]
        if not names and step not in looks:
            return
        accuracies[step] = _accuracy(model, held_out)
        reached = [name for name, least in wanted.items() if step in looks and accuracies[step] >= least]
        for name in reached:
            del wanted[name]
        for name in [*names, *map(_file_of, reached)]:
            _save(folder / name, model, header, step, accuracies[step])

    on_gpu = torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False)
    with bar, _fixed_threads(), on_gpu:
        while len(losses) < total:
            order = torch.randperm(len(data.labels), generator=shuffling).to(device)
            for chosen in order.split(settings.batch_size)[: total - len(losses)]:
                rates = cycle(len(losses), total, settings.learning_rate)
                losses.append(_step(model, optimizer, rates, data, chosen))
                _report(bar, losses)
                keep(len(losses))
        if total not in accuracies:
            accuracies[total] = _accuracy(model, held_out)
    _refuse_unreached(settings, wanted, accuracies)
    _write_metrics(folder / _METRICS, losses, accuracies)
    return model, accuracies[total]


@contextmanager
def _fixed_threads() -> Iterator[None]:
    """Inside, torch adds up in the order of ``_THREADS`` threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(_THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _refuse_unreached(
    settings: TrainingSettings, wanted: dict[str, float], accuracies: dict[int, float | None]
) -> None:
    """Raise where a checkpoint was to be chosen by an accuracy that the training never had."""
    for name, least in wanted.items():
        best = max(accuracies, key=lambda step: accuracies[step])
        raise InputError(
            f"training '{settings.name}': the test accuracy never reached the {least:g} of checkpoint '{name}'; "
            f"its best was {accuracies[best]:.3f} at step {best}"
        )


def _step(
    model: ConvNet, optimizer: Adam, rates: tuple[float, float], data: _Digits, chosen: torch.Tensor
) -> torch.Tensor:
    model.train()
    loss = nn.functional.cross_entropy(model(data.images[chosen]), data.labels[chosen])
    loss.backward()
    optimizer.step(*rates)
    return loss.detach()


def _digits(items: Items, header: Header, device: str) -> _Digits:
    pixels = items.pixels
    if pixels is None:
        images = [np.asarray(items.image(position).convert("L")) for position in range(len(items))]
        for position, image in enumerate(images):
            if image.shape != images[0].shape:
                raise InputError(
                    f"images '{items.ids[0]}' and '{items.ids[position]}' differ in size; the small convnets "
                    "are trained on images of one size"
                )
        pixels = np.stack(images)
    values = GreyTransform(header.mean, header.std).normalise(pixels)
    return _Digits(values[:, None].to(device), torch.from_numpy(items.labels).to(device))


@torch.inference_mode()
def _accuracy(model: ConvNet, data: _Digits | None) -> float | None:
    if data is None:
        return None
    model.eval()
    correct = sum(
        int((model(images).argmax(dim=1) == labels).sum())
        for images, labels in zip(
            data.images.split(_EVALUATION_BATCH), data.labels.split(_EVALUATION_BATCH), strict=True
        )
    )
    return correct / len(data.labels)


def _save(path: Path, model: ConvNet, header: Header, step: int, accuracy: float | None) -> None:
    header.step, header.test_accuracy = step, accuracy
    save_checkpoint(path, model, header)


def _report(bar: tqdm, losses: list[torch.Tensor]) -> None:
    bar.update()
    if not bar.disable and len(losses) % 10 == 0:  # reading a loss waits for the device
        bar.set_postfix(loss=f"{float(losses[-1]):.3f}", refresh=False)


def _write_metrics(path: Path, losses: list[torch.Tensor], accuracies: dict[int, float | None]) -> None:
    with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle)
        writer.writerow(["step", "train_loss", "test_accuracy"])
        for step, loss in enumerate(torch.stack(losses).tolist(), start=1):
            accuracy = accuracies.get(step)
            writer.writerow([step, f"{loss:.6g}", "" if accuracy is None else f"{accuracy:.6g}"])
