"""The parts of a configuration: representations, methods, and what is asked about them.

The text below a key is its meaning in docs/configuration.md, which is written from here.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from rdx.errors import InputError

NAME = r"^[A-Za-z0-9][A-Za-z0-9._=+-]*$"  # names become folders, two of them in one
Name = Annotated[str, Field(pattern=NAME, max_length=100)]
Level = Literal["off", "fast", "full"]  # of statistics
Count = Annotated[int, Field(ge=1)]


class Strict(BaseModel):
    """A mapping with these keys and no others."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Representation(Strict):
    """One model, one of its layers, and what figures call it; a SPEC alone is its `model`."""

    model: str
    """A SPEC: `timm:NAME`, `open_clip:NAME/PRETRAINED`, `checkpoint:PATH`, `features:PATH`, …; options after `?`."""
    layer: str | None = None
    """The layer whose output is taken; null: the model's own default layer."""
    pool: str | None = None
    """How positions become one vector: `cls`, `mean`, `patch`, `flatten`; null: what suits the layer."""
    title: str | None = None
    """Its name in figures and tables; null: the key."""
    batch_size: Count | None = None
    """Images that go through the model at once; null: by model and device."""
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    """Of the model's arithmetic; the halves need a GPU."""
    merges: list[Annotated[list[int], Field(min_length=2, max_length=2)]] = []
    """Pairs of labels that the model was never told apart, for `known_difference.csv`."""

    @property
    def extraction(self) -> dict[str, Any]:
        """What makes its features."""
        return self.model_dump(exclude={"merges"})


class Method(BaseModel):
    """One method; a name alone is the method with its defaults. Every other key is one of the method's parameters."""

    model_config = ConfigDict(extra="allow", use_attribute_docstrings=True)

    name: Name
    """Its folder, and its name in the tables; left out: that of the method."""
    method: str
    """`rdx`, or a baseline."""
    statistics: Level | None = None
    """Are its concepts above chance? null: `statistics.level` for the first RDX, off for every other method."""

    @property
    def settings(self) -> dict[str, Any]:
        return dict(self.model_extra or {})

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value, "method": value}
        if isinstance(value, dict) and "method" in value:
            return {"name": value["method"], **value}
        return value

    @field_validator("statistics", mode="before")
    @classmethod
    def _as_word(cls, value: Any) -> Any:
        return level_word(value)


class Statistics(Strict):
    """Are the concepts above chance? `off`, `fast` or `full` alone is the level (see statistics.md)."""

    level: Level = "fast"
    """`fast`: 49 surrogates on at most 1,000 items; `full`: 99 on all, or on 2,000 of more than 2,500."""
    n_items: Annotated[int, Field(ge=20)] | None = None
    """Items that are used, drawn from all of them; null: the level's."""
    n_surrogates: Annotated[int, Field(ge=20)] | None = None
    """Pairs without a difference to compare with; from 20 on p can be below 0.05; null: the level's."""
    n_subsamples: Annotated[int, Field(ge=2)] = 20
    """Runs on 80 % of the items, for the stability of the concepts."""
    n_groups: Count = 1000
    """Random groups of items that a concept is compared with."""
    reference: Annotated[list[str], Field(min_length=2)] | None = None
    """Representations that may differ, such as seeds of one training: the difference must be larger than theirs."""
    reference_margin: Annotated[float, Field(ge=1, allow_inf_nan=False)] = 1.5
    """How many times larger."""

    @model_validator(mode="before")
    @classmethod
    def _level_alone(cls, value: Any) -> Any:
        if isinstance(value, (str, bool)):
            value = {"level": value}
        return {**value, "level": level_word(value["level"])} if isinstance(value, dict) and "level" in value else value


def level_word(value: Any) -> Any:
    """YAML reads a bare `off` as false."""
    return {False: "off", True: "fast"}[value] if isinstance(value, bool) else value


class Explorer(Strict):
    """explorer.html (see explorer.md); `true` or `false` alone is `enabled`."""

    enabled: bool | None = None
    """Whether there is one; null: where there are figures."""
    thumbnails_mb: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 20.0
    """What the images may take of the file, in MB; 0: no images."""
    map: Literal["tsne", "umap", "pca"] = "tsne"
    """The map beside the principal components: t-SNE or UMAP of both representations at once; pca, or off: none."""
    map_items: Annotated[int, Field(ge=0)] = 20_000
    """More items have principal components only."""

    @field_validator("map", mode="before")
    @classmethod
    def _off(cls, value: Any) -> Any:
        return "pca" if value in ("off", False) else value  # YAML reads a bare `off` as false

    @model_validator(mode="before")
    @classmethod
    def _on_or_off(cls, value: Any) -> Any:
        return {"enabled": value} if isinstance(value, bool) else value


class Sweep(Strict):
    """RDX over a grid of k, γ and β, with a suggestion; `rdx sweep` needs no entry here."""

    n_clusters: Annotated[list[int], Field(min_length=1)] = [3, 5, 8]
    """The k that are tried."""
    gamma: Annotated[list[float], Field(min_length=1)] = [0.05, 0.1, 0.2]
    """The γ that are tried."""
    beta: Annotated[list[float], Field(min_length=1)] = [2.5, 5.0, 10.0]
    """The β that are tried."""
    subsamples: Annotated[int, Field(ge=2)] = 10
    """Runs on 80 % of the items, for the stability of every setting."""

    @field_validator("n_clusters", "gamma", "beta")
    @classmethod
    def _all_different(cls, values: list) -> list:
        if len(set(values)) < len(values):
            raise ValueError("a value stands there twice")
        return values


class Naming(Strict):
    """Words for concepts, from an image-text model (see naming.md)."""

    model: str
    """SPEC of a family with a text tower: `open_clip:…`."""
    words: str | None = None
    """A file with one word or phrase a line; null: the names of the labels."""
    top: Count = 3
    """Words a concept."""
    prompt: str = "a photo of a {}"
    """The text for each word, which takes the place of `{}`."""

    @field_validator("prompt")
    @classmethod
    def _has_a_place(cls, value: str) -> str:
        if value.count("{}") != 1:
            raise ValueError("it needs one {}, where the word goes")
        return value


class LayerAnalysis(Strict):
    """What the differences between layers mean, and which attention heads make them (see layer_analysis.md)."""

    probe_data: dict[str, Any] | None = None
    """Other items, which train the probes: what differs from `data`, or a `dataset` with all its settings."""
    k: Count = 16
    """Neighbours of the k-NN probe."""
    method: Name | None = None
    """The method whose concepts are looked at; null: the first RDX."""
    group_tests: Count = 1000
    """Random groups that a concept is compared with."""
    group_seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    """Of the random groups."""
    heads: bool = True
    """Whether the attention heads of the block between two layers are patched."""
    head_neighbors: Count = 16
    """Neighbours of which an item loses some where a head is patched."""

    @model_validator(mode="after")
    def _asks_for_something(self) -> LayerAnalysis:
        if self.probe_data is None and not self.heads:
            raise InputError("without 'probe_data' and without 'heads' there is nothing to do")
        return self
