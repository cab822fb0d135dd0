"""The YAML of an experiment: its schema, `base:` files, and changes from the command line."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from rdx.compute.memory import parse_memory
from rdx.errors import InputError, unknown

NAME = r"^[A-Za-z0-9][A-Za-z0-9._=+-]*$"  # names become folders
Name = Annotated[str, Field(pattern=NAME)]
# What else lies beside the methods.
TAKEN = (
    "alignment", "cka", "classification", "explorer", "joint_map", "layer_analysis", "metrics", "summary",
)  # fmt: skip
MAPPED = ("a_to_b", "b_to_a")  # the tables' names for mapped representations
Level = Literal["off", "fast", "full"]  # of statistics


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Representation(_Strict):
    """One model, one of its layers, and what figures call it."""

    model: str  # SPEC, as in rdx.models.spec
    layer: str | None = None  # None: the model's own default layer
    pool: str | None = None  # None: what suits the layer
    title: str | None = None  # None: the key
    batch_size: Annotated[int, Field(ge=1)] | None = None  # None: the extraction's own default
    precision: Literal["float32", "float16", "bfloat16"] = "float32"  # the halves need a GPU
    merges: list[Annotated[list[int], Field(min_length=2, max_length=2)]] = []  # labels it was never told apart

    @property
    def extraction(self) -> dict[str, Any]:
        """What makes its features."""
        return self.model_dump(exclude={"merges"})


class Method(BaseModel):
    """One method; every other key is a parameter of its class."""

    model_config = ConfigDict(extra="allow")

    name: Name  # its folder, and its name in the tables
    method: str  # rdx, or a baseline
    statistics: Level | None = None  # None: the run's for its first RDX, off for every other

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


class Statistics(_Strict):
    """Is it above chance? `off`, `fast` or `full` alone is the level (docs/statistics.md)."""

    level: Level = "fast"  # fast: 49 surrogates on at most 1,000 items; full: 99 on all, or on 2,000 of more than 2,500
    n_items: Annotated[int, Field(ge=20)] | None = None  # None: the level's; more items are a subsample
    n_surrogates: Annotated[int, Field(ge=20)] | None = None  # None: the level's; from 20 on p can be below 0.05
    n_subsamples: Annotated[int, Field(ge=2)] = 20  # for stability
    n_groups: Annotated[int, Field(ge=1)] = 1000  # random groups
    reference: Annotated[list[str], Field(min_length=2)] | None = None  # what may differ, such as seeds of one training
    reference_margin: Annotated[float, Field(ge=1)] = 1.5  # how far two pairs of them may lie apart

    @model_validator(mode="before")
    @classmethod
    def _level_alone(cls, value: Any) -> Any:
        if isinstance(value, (str, bool)):
            value = {"level": value}
        return {**value, "level": level_word(value["level"])} if isinstance(value, dict) and "level" in value else value


def level_word(value: Any) -> Any:
    """YAML reads a bare `off` as false."""
    return {False: "off", True: "fast"}[value] if isinstance(value, bool) else value


class Explorer(_Strict):
    """explorer.html; `true` and `false` alone switch it on and off."""

    enabled: bool | None = None  # None: where there are figures
    thumbnails_mb: Annotated[float, Field(ge=0)] = 20.0  # images' share of the file; 0: none
    umap: bool = True  # the joint map of both representations: half a minute, and 10 ms an item
    umap_items: Annotated[int, Field(ge=0)] = 20_000  # more items have no joint map

    @model_validator(mode="before")
    @classmethod
    def _on_or_off(cls, value: Any) -> Any:
        return {"enabled": value} if isinstance(value, bool) else value


class Sweep(_Strict):
    """Which k, γ, β? The grid of `rdx sweep`."""

    n_clusters: Annotated[list[int], Field(min_length=1)] = [3, 5, 8]
    gamma: Annotated[list[float], Field(min_length=1)] = [0.05, 0.1, 0.2]
    beta: Annotated[list[float], Field(min_length=1)] = [2.5, 5.0, 10.0]
    subsamples: Annotated[int, Field(ge=2)] = 10  # of 80 % of the items, for stability

    @field_validator("n_clusters", "gamma", "beta")
    @classmethod
    def _all_different(cls, values: list) -> list:
        if len(set(values)) < len(values):
            raise ValueError("a value stands there twice")
        return values


class Naming(_Strict):
    """Words for concepts, from an image-text model (docs/naming.md)."""

    model: str  # SPEC of a family with a text tower: open_clip:…
    words: str | None = None  # a file with one word or phrase a line; None: the names of the labels
    top: Annotated[int, Field(ge=1)] = 3  # words a concept
    prompt: str = "a photo of a {}"  # the text for each word

    @field_validator("prompt")
    @classmethod
    def _has_a_place(cls, value: str) -> str:
        if value.count("{}") != 1:
            raise ValueError("it needs one {}, where the word goes")
        return value


class LayerAnalysis(_Strict):
    """What the differences between layers mean, and which attention heads make them (docs/layer_analysis.md)."""

    # Other items, which train the probes: what differs from `data`, or a `dataset` with all its settings.
    probe_data: dict[str, Any] | None = None
    k: Annotated[int, Field(ge=1)] = 16  # neighbours of the k-NN probe
    method: Name | None = None  # whose concepts are looked at; None: the first RDX
    group_tests: Annotated[int, Field(ge=1)] = 1000  # random groups a concept is held against
    group_seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    heads: bool = True  # patch the attention heads of the block between two layers
    head_neighbors: Annotated[int, Field(ge=1)] = 16  # of which a patched head loses some

    @model_validator(mode="after")
    def _asks_for_something(self) -> LayerAnalysis:
        if self.probe_data is None and not self.heads:
            raise InputError("without 'probe_data' and without 'heads' there is nothing to do")
        return self


class Experiment(_Strict):
    """Everything that makes an experiment's results."""

    name: Name
    family: Name | None = None  # experiments that analyze_explanations.py puts into one table; None: the name
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 42
    data: dict[str, Any] | None = None  # `dataset` and its settings; None: features without items
    representations: Annotated[dict[Name, Representation], Field(min_length=2)]
    comparisons: Annotated[list[tuple[str, str]], Field(min_length=1)]
    alignment: Literal["cka", "ridge"] | None = None
    align_steps: Annotated[int, Field(ge=1)] | None = None  # None: up to 1,000 with early stopping
    align_start: Literal["identity", "random"] = "identity"  # the paper: random
    guidance: Literal["classifier", "ground_truth", "tpfp", "tpnfpn", "true_pos"] | None = None
    guidance_rule: Literal["own", "paper"] = "own"
    positive_class: int | None = None  # None: the higher label
    probe: Literal["default", "original"] = "default"
    methods: Annotated[list[Method], Field(min_length=1)]
    statistics: Statistics = Statistics()
    figures: bool = True
    explorer: Explorer = Explorer()
    layer_analysis: LayerAnalysis | None = None  # for comparisons of the layers of a model
    naming: Naming | None = None  # names for concepts; None: the label make-up says what is in them
    sweep: Sweep | None = None  # RDX over a grid of k, γ and β; `rdx sweep` needs no entry here
    skip_bad_images: bool = False
    max_memory: int | float | str | None = None  # what the process may grow to: 4GB; None: what the machine has

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
        if isinstance(value, dict) and value.get("comparisons") is None:
            keys = list(value.get("representations") or {})
            if len(keys) == 2:
                return {**value, "comparisons": [keys]}
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
            if name in TAKEN:
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


def load_experiment(path: Path | str, changes: Sequence[str] = ()) -> Experiment:
    """Read one experiment's YAML with its bases, and apply `KEY=VALUE` changes.

    Raises:
        InputError: a missing or broken file, an unknown key, or a value out of range.
    """
    return parse_experiment(apply_changes(read_yaml(path), changes), source=str(path))


def parse_experiment(values: Mapping[str, Any], *, source: str) -> Experiment:
    """Check a mapping against the schema; `source` names it in errors."""
    try:
        return Experiment.model_validate(dict(values))
    except ValidationError as error:
        raise one_line(error, Experiment, source) from None


def read_yaml(path: Path | str, _above: tuple[Path, ...] = ()) -> dict[str, Any]:
    """A YAML file with what it builds on: dictionaries are merged, lists and values replaced."""
    path = Path(path)
    real = path.resolve()
    if real in _above:
        raise InputError(f"{path}: 'base' leads in a circle: {' → '.join(p.name for p in (*_above, real))}")
    if not path.is_file():
        raise InputError(f"{path}: no such configuration file")
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(values, dict):
        raise InputError(f"{path}: expected 'key: value' lines, not a {type(values).__name__}")
    base = values.pop("base", None)
    if base is None:
        return values
    if not isinstance(base, str):
        raise InputError(f"{path}: 'base' must be one path")
    return merged(read_yaml(path.parent / base, (*_above, real)), values)


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` laid over `below`."""
    result = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if both else value
    return result


def apply_changes(values: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """Apply `KEY=VALUE` texts; keys are dotted, and list entries go by position or by their name.

    A `*` in a key stands for every entry (`representations.*.model=…`); `KEY+=VALUE` appends to a list.
    """
    result = merged({}, values)
    for change in changes:
        key, equals, text = change.partition("=")
        if not equals or not key.removesuffix("+"):
            raise InputError(f"--set {change}: write KEY=VALUE")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError:
            raise InputError(f"--set {change}: the value is not valid YAML") from None
        if key.endswith("+"):
            key = key.removesuffix("+")
            value = [*_list_at(result, key, change), value]
        result = _changed(result, key.split("."), value, change)
    return result


def _list_at(values: Any, key: str, change: str) -> list[Any]:
    """The list that a dotted key leads to; empty where there is nothing yet."""
    for part in key.split("."):
        values = values.get(part) if isinstance(values, Mapping) else None
    if values is not None and not isinstance(values, list):
        raise InputError(f"--set {change}: '{key}' is no list, so nothing can be appended to it")
    return values or []


def _changed(values: Any, keys: list[str], value: Any, change: str) -> Any:
    """A copy of `values` in which the entry at `keys` is `value`."""
    if not keys:
        return value
    key, rest = keys[0], keys[1:]
    if key == "*" and isinstance(values, list):
        return [_changed(entry, rest, value, change) for entry in values]
    if key == "*" and isinstance(values, Mapping):
        return {name: _changed(entry, rest, value, change) for name, entry in values.items()}
    if isinstance(values, list):
        position = _position(values, key, change)
        return [*values[:position], _changed(values[position], rest, value, change), *values[position + 1 :]]
    if values is not None and not isinstance(values, Mapping):
        raise InputError(f"--set {change}: there is nothing below '{key}'")
    return {**(values or {}), key: _changed((values or {}).get(key), rest, value, change)}


def _position(entries: list[Any], key: str, change: str) -> int:
    names = [e.get("name", e.get("method")) if isinstance(e, Mapping) else e for e in entries]
    if key in names:
        return names.index(key)
    if re.fullmatch(r"\d+", key) and int(key) < len(entries):
        return int(key)
    raise InputError(f"--set {change}: {unknown('entry', key, [*names, *range(len(entries))])}")


def one_line(error: ValidationError, schema: type[BaseModel], source: str) -> InputError:
    """Pydantic's first complaint as one line that names the key, and the nearest valid one."""
    first = error.errors(include_url=False)[0]
    where = [part for part in first["loc"] if part not in ("function-after", "function-before")]
    key = ".".join(str(part) for part in where)
    if first["type"] == "extra_forbidden":
        inside = f" of '{'.'.join(str(part) for part in where[:-1])}'" if where[1:] else ""
        return InputError(f"{source}: {unknown('key' + inside, str(where[-1]), _fields(schema, where[:-1]))}")
    if first["type"] == "literal_error":
        choices = re.findall(r"'([^']*)'", first["ctx"]["expected"])
        return InputError(f"{source}: {unknown(f'value of {key!r}:', str(first['input']), choices)}")
    if first["type"] == "missing":
        return InputError(f"{source}: the key '{key}' is missing")
    message = first["msg"].removeprefix("Value error, ")
    return InputError(f"{source}: {key}: {message}" if key else f"{source}: {message}")


def _fields(schema: type[BaseModel], where: Sequence[Any]) -> list[str]:
    """The keys that are valid at a place of the configuration."""
    if where and where[0] == "representations":
        return list(Representation.model_fields)
    if where and where[0] == "explorer":
        return list(Explorer.model_fields)
    if where and where[0] == "layer_analysis":
        return list(LayerAnalysis.model_fields)
    if where and where[0] == "naming":
        return list(Naming.model_fields)
    if where and where[0] == "sweep":
        return list(Sweep.model_fields)
    if where and where[0] == "statistics":
        return list(Statistics.model_fields)
    return ["base", *schema.model_fields]
