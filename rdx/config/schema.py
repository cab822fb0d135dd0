"""The schema of an experiment's configuration."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, field_validator, model_validator

from rdx.compute.memory import parse_memory
from rdx.config.files import merged
from rdx.config.sections import (
    NAME,
    Explorer,
    LayerAnalysis,
    Method,
    Name,
    Naming,
    Representation,
    Statistics,
    Strict,
    Sweep,
)
from rdx.errors import InputError, unknown

# What else lies beside the methods, or is a step beside theirs.
TAKEN = (
    "agreement", "alignment", "attributes", "cka", "classification", "explorer", "items", "joint_map",
    "known_difference", "layer_analysis", "metrics", "naming", "neighbors", "predictions", "summary", "sweep",
)  # fmt: skip
MAPPED = ("a_to_b", "b_to_a")  # the tables' names for mapped representations


class Experiment(Strict):
    """Everything that makes an experiment's results."""

    name: Annotated[str, Field(pattern=NAME, max_length=200)]
    """Its folder below `outputs/`."""
    family: Name | None = None
    """Experiments that `analyze_explanations.py` puts into one table; null: the name."""
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    """Of everything drawn at random."""
    data: dict[str, Any] | None = None
    """The items: `dataset` and its settings; null: features without items."""
    representations: Annotated[dict[Name, Representation], Field(min_length=2)]
    """What is compared, by a name of your choice."""
    comparisons: Annotated[list[tuple[str, str]], Field(min_length=1)]
    """Pairs of representations, `[[a, b], …]`; may be left out where there are two."""
    alignment: Literal["cka", "ridge"] | None = None
    """Remove what a linear map can undo before comparing; null: do not."""
    align_steps: Annotated[int, Field(ge=1)] | None = None
    """Training steps of the maps of `cka`; null: up to 1,000 with early stopping."""
    align_start: Literal["identity", "random"] = "identity"
    """Where the training of the maps starts; the paper: random."""
    guidance: Literal["classifier", "ground_truth", "tpfp", "tpnfpn", "true_pos"] | None = None
    """Look for concepts inside groups of items: of a linear probe's classes, of the labels, or of right and wrong
    predictions; null: among all."""
    guidance_rule: Literal["own", "paper"] = "own"
    """What guidance does to pairs of different groups: `own` keeps concepts inside one, `paper` is its code's rule."""
    positive_class: int | None = None
    """The label that counts as positive in guidance by predictions; null: the higher one."""
    probe: Literal["default", "original"] = "default"
    """The linear probe: this project's, or that of the paper's code."""
    methods: Annotated[list[Method], Field(min_length=1)]
    """What explains the differences: RDX, its variants, baselines."""
    statistics: Statistics = Statistics()
    """Are the concepts above chance?"""
    figures: bool = True
    """Whether grids, maps and matrices are drawn."""
    explorer: Explorer = Explorer()
    """The page that shows it all."""
    layer_analysis: LayerAnalysis | None = None
    """For comparisons of the layers of a model; null: none."""
    naming: Naming | None = None
    """Names for concepts; null: the labels say what is in them."""
    sweep: Sweep | None = None
    """RDX over a grid of settings; null: none."""
    skip_bad_images: bool = False
    """Leave unreadable images out instead of refusing them."""
    max_memory: int | float | str | None = None
    """What the process may grow to, such as `4GB`; null: what the machine has."""

    @field_validator("max_memory")
    @classmethod
    def _is_a_size(cls, value: Any) -> Any:
        if value is not None:
            parse_memory(value)
        return value

    @field_validator("representations", mode="before")
    @classmethod
    def _short_representations(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {key: {"model": entry} if isinstance(entry, str) else entry for key, entry in value.items()}

    @model_validator(mode="before")
    @classmethod
    def _only_pair(cls, value: Any) -> Any:
        entries = value.get("representations") if isinstance(value, dict) else None
        if isinstance(entries, dict) and len(entries) == 2 and value.get("comparisons") is None:
            return {**value, "comparisons": [list(entries)]}
        return value

    @model_validator(mode="after")
    def _names_fit(self) -> Experiment:
        seen: set[tuple[str, str]] = set()
        for pair in self.comparisons:
            for key in pair:
                if key not in self.representations:
                    raise unknown("representation in 'comparisons'", key, self.representations)
            if pair[0] == pair[1]:
                raise InputError(f"'comparisons' compares '{pair[0]}' with itself")
            if pair in seen:
                raise InputError(f"'comparisons' lists {list(pair)} twice")
            seen.add(pair)
        for key in self.statistics.reference or []:
            if key not in self.representations:
                raise unknown("representation in 'statistics.reference'", key, self.representations)
            if self.statistics.reference.count(key) > 1:
                raise InputError(f"'statistics.reference' names '{key}' twice")
        if self.statistics.reference and self.guidance:
            raise InputError("'statistics.reference' cannot be used in a guided run: drop one of them")
        for key in self.representations:
            if key in MAPPED or "_vs_" in key:
                raise InputError(f"a representation cannot be named '{key}': that name has another use")
        names = [method.name for method in self.methods]
        for name in names:
            if names.count(name) > 1:
                raise InputError(f"'methods' has two entries named '{name}'; give one of them another 'name'")
            if name.partition(".")[0].lower() in TAKEN or name.endswith((".json", ".unfinished")):
                raise InputError(f"a method cannot be named '{name}': that name has another use")
        if self.data is not None and not isinstance(self.data.get("dataset"), str):
            raise InputError("'data' needs a key 'dataset'")
        if self.probe_data is not None and not isinstance(self.probe_data.get("dataset"), str):
            raise InputError("'layer_analysis.probe_data' needs a key 'dataset'")
        return self

    @property
    def probe_data(self) -> dict[str, Any] | None:
        """All settings of the probes' items; without a `dataset` of their own they are laid over `data`."""
        own = self.layer_analysis and self.layer_analysis.probe_data
        return own if own is None or "dataset" in own else merged(self.data or {}, own)

    def as_yaml(self) -> str:
        """The whole configuration as one file that needs no other."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=110)
