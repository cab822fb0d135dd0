"""The YAML of ``rdx train``: one file is one small convnet, or with ``kind:`` something else that is trained."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from rdx.errors import InputError, unknown

# What `kind:` may say → the module with its `parse_training` and `train`.
KINDS = {"convnet": "rdx.models.training", "concept_bottleneck": "rdx.features.concept_bottleneck"}
LAST = "last.safetensors"
_FOLDER = "checkpoints"
_NAME = r"^[A-Za-z0-9][A-Za-z0-9_-]*$"  # of a checkpoint's file

Count = Annotated[int, Field(ge=1)]
CheckpointName = Annotated[str, Field(pattern=_NAME)]
Fraction = Annotated[float, Field(gt=0, le=1)]


class TrainingSettings(BaseModel):
    """Everything that makes a trained convnet."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._=+-]*$")]  # its folder below checkpoints/
    data: dict[str, Any]  # `dataset` and its settings
    test: dict[str, Any] | None = None  # None: where `data` says `split: train`, the same with `split: test`
    tiny: bool = False  # 8 channels in both blocks
    channels: tuple[Count, Count] | None = None  # None: 32 and 64
    n_outputs: Count | None = None  # None: the highest label + 1
    epochs: Count = 5  # passes over all items
    steps: Count | None = None  # None: as many as the epochs have; the paper's 680 suit fewer images too
    batch_size: Annotated[int, Field(ge=2)] = 128  # images a step
    learning_rate: Annotated[float, Field(gt=0)] = 0.02  # the peak; 97 % after 5 epochs on 8,000 digits
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0  # of weights and batches
    checkpoint_steps: list[Count] = []  # kept besides the last one: step_000184.safetensors
    checkpoint_fractions: dict[CheckpointName, Fraction] = {}  # {early: 0.27} keeps early.safetensors
    checkpoint_accuracies: dict[CheckpointName, Fraction] = {}  # {strong: 0.95}: the first step that reaches it
    output_dir: str | None = None  # None: checkpoints/<name>

    @field_validator("data", "test")
    @classmethod
    def _names_its_data_set(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if value is not None and not isinstance(value.get("dataset"), str):
            raise ValueError("needs a key 'dataset'")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> TrainingSettings:
        if self.tiny and self.channels is not None:
            raise ValueError("give 'tiny' or 'channels', not both")
        for key in ("checkpoint_fractions", "checkpoint_accuracies"):
            if LAST in {f"{name}.safetensors" for name in getattr(self, key)}:
                raise ValueError(f"'{key}' has a checkpoint 'last', which is kept in any case")
        for name in self.checkpoint_accuracies:
            if name in self.checkpoint_fractions:
                raise ValueError(f"two checkpoints are named '{name}'")
        return self

    @property
    def folder(self) -> Path:
        """Where the checkpoints go, relative to the current folder."""
        return Path(self.output_dir).expanduser() if self.output_dir else Path(_FOLDER) / self.name

    @property
    def test_data(self) -> dict[str, Any] | None:
        """The settings of the test items; accuracy is measured on the whole split, not on a draw from it."""
        if self.test is not None or self.data.get("split") != "train":
            return self.test
        kept = {key: value for key, value in self.data.items() if key not in ("images_per_class", "seed")}
        return {**kept, "split": "test"}


def training_of(values: Mapping[str, Any], *, source: str) -> tuple[ModuleType, Any]:
    """The module that trains what a mapping's `kind` says (None: a convnet), and the settings, checked."""
    kind = values.get("kind", "convnet")
    if kind not in KINDS:
        raise InputError(f"{source}: {unknown('kind of training', kind, KINDS)}")
    module = importlib.import_module(KINDS[kind])
    rest = {key: value for key, value in values.items() if key != "kind"}
    return module, module.parse_training(rest, source=source)


def parse_training(values: Mapping[str, Any], *, source: str) -> TrainingSettings:
    """Check a mapping against the settings; `source` names it in the InputError."""
    from rdx.config import one_line

    try:
        return TrainingSettings.model_validate(dict(values))
    except ValidationError as error:
        raise one_line(error, TrainingSettings, values, source) from None
