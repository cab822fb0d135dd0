"""What `rdx train --dry-run` prints: what would be trained, on how many items, in how many steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rdx.data.expected import expected_items
from rdx.experiment.plan.needs import readable
from rdx.experiment.plan.report import not_ready
from rdx.experiment.run.missing import noted

if TYPE_CHECKING:
    from rdx.features.concept_bottleneck import BottleneckSettings
    from rdx.models.training_settings import TrainingSettings


def plan(trainings: Sequence[Any], *, force: bool = False) -> list[str]:
    """One line for the settings of each training, and at the end what is missing for them."""
    from rdx.models.training_settings import TrainingSettings

    missing: list[str] = []
    lines = [
        _convnet(settings, force, missing) if isinstance(settings, TrainingSettings)
        else _concept_bottleneck(settings, missing)
        for settings in trainings
    ]  # fmt: skip
    return lines + not_ready(missing)


def _concept_bottleneck(settings: BottleneckSettings, missing: list[str]) -> str:
    """Planes on a model's features, whose pass over the items takes most of the time."""
    from rdx.data import load_items
    from rdx.data.locate import locate
    from rdx.features import describe

    data = settings.data.model_dump()
    items, expected = expected_items(data), ", as far as the configuration tells"
    with noted(missing):
        items, expected = load_items(**data), ""
    head = f"{settings.name}: {len(items)} items{expected}"
    if settings.published and locate(settings.published).is_file():
        return f"{head}, published projections → {settings.folder}"
    description = describe(settings.backbone)
    parts = [f"{head} through {settings.model}"]
    parts += [f"at least {readable(description.download)} to download"] if description.download else []
    return f"{', '.join(parts)} → {settings.folder}"


def _convnet(settings: TrainingSettings, force: bool, missing: list[str]) -> str:
    from rdx.models.training import prepare_training, steps_of

    with noted(missing):
        work = prepare_training(settings)
        if work.is_there and not force:
            return f"{settings.name}: trained before → {settings.folder}"
        return _described(settings, f"{len(work.items)} items", work.steps)
    n = len(expected_items(settings.data))
    return _described(settings, f"{n} items, as far as the configuration tells", steps_of(settings, n))


def _described(settings: TrainingSettings, items: str, steps: int) -> str:
    length = f"{steps} steps" if settings.steps else f"{settings.epochs} epochs, {steps} steps"
    return f"{settings.name}: {items}, {length} of {settings.batch_size} → {settings.folder}"
