"""``python -m rdx.experiment.reference`` writes the tables of docs/configuration.md: they say what the code says.

Keys, types and defaults are read off the schema, the data sets' `load` and the methods' parameters. Meanings are the
schema's field descriptions, the docstring of RDX, and everywhere else the comment behind a default.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

import baselines
from rdx.config import schema, sections
from rdx.data import DATASETS, dataset_load, dataset_settings
from rdx.data.locate import PROJECT_ROOT
from rdx.experiment.stages.methods import OF_THE_RUN, RDX_NAME
from rdx.features.concept_bottleneck import BottleneckSettings
from rdx.method.rdx import RDX
from rdx.models.training_settings import TrainingSettings

PAGE = PROJECT_ROOT / "docs" / "configuration.md"
MARK = "<!-- From here on written by `python -m rdx.experiment.reference`. -->"
_SECTIONS = {
    "representations.NAME": sections.Representation, "methods.NAME": sections.Method,
    "statistics": sections.Statistics, "explorer": sections.Explorer, "layer_analysis": sections.LayerAnalysis,
    "naming": sections.Naming, "sweep": sections.Sweep,
}  # fmt: skip
_TRAININGS = {"convnet": TrainingSettings, "concept_bottleneck": BottleneckSettings}
_WORDS = {bool: "true or false", int: "whole number", float: "number", str: "text", Path: "path", Any: "anything"}
_LIMITS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
_COMMENT = re.compile(r"^\s+(\w+): [^#\n]*?  # (.+)$", re.MULTILINE)
_PARAMETER = re.compile(r"^(\w+) : (.+), default (.+)\n((?: {4}.+\n)+)", re.MULTILINE)  # of a numpy docstring

Row = tuple[str, str, str, str]  # key, type, default, meaning


def page(intro: str) -> str:
    """The whole page: what stands above the mark is `intro`."""
    parts = [intro, MARK, "## An experiment", _table(_of_fields(schema.Experiment))]
    alone = "`dataset` is one of those below, or `features`: arrays, with `labels` at most, a file with labels or"
    parts += ["## `data`", f"{alone}\nother columns that describe the items."]
    for name in DATASETS:
        parts += [f"### `dataset: {name}`", _table(_of_data_set(name))]
    for name, fields in _SECTIONS.items():
        parts += [f"## `{name}`", " ".join(fields.__doc__.split()), _table(_of_fields(fields))]
        if fields is sections.Method:
            parts += [f"### `method: {RDX_NAME}`", _table(_of_rdx())]
            for method in baselines.names():
                parts += [f"### `method: {method}`", _table(_of_baseline(method))]
    parts += ["## A training", "One file of `rdx train`; `kind` is `convnet` where it is left out."]
    for kind, fields in _TRAININGS.items():
        parts += [f"### `kind: {kind}`", _table(_of_fields(fields))]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _table(rows: Iterable[Row]) -> str:
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, kind, default, meaning in rows:
        cells = (f"`{key}`", kind, default, " ".join(meaning.split()))
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines)


def _of_fields(fields: type[BaseModel]) -> Iterator[Row]:
    said = _comments(fields)
    for key, field in fields.model_fields.items():
        default = "required" if field.is_required() else _value(field.default)
        yield key, _kind(field.annotation, field.metadata), default, field.description or said.get(key, "")


def _of_data_set(name: str) -> Iterator[Row]:
    load = dataset_load(name)
    said, kinds = _comments(load), get_type_hints(load)
    for key, parameter in inspect.signature(load).parameters.items():
        if key in dataset_settings(name):
            yield key, _kind(kinds[key]), _value(parameter.default), said.get(key, "")


def _of_rdx() -> Iterator[Row]:
    for key, kind, default, meaning in _PARAMETER.findall(inspect.getdoc(RDX)):
        if key not in OF_THE_RUN:
            for one, words in _WORDS.items():
                kind = re.sub(rf"\b{getattr(one, '__name__', one)}\b", words, kind)
            yield key, re.sub('[{}"]', "", kind), default.lower().strip('"'), meaning.replace("``", "`")


def _of_baseline(name: str) -> Iterator[Row]:
    method = baselines.get(name)
    said, kinds = {}, get_type_hints(method)
    for one in reversed(method.__mro__):
        said |= _comments(one) if one.__module__.startswith(baselines.__name__) else {}
    for key, default in baselines.parameters(name).items():
        if key not in OF_THE_RUN:
            yield key, _kind(kinds[key]), _value(default), said.get(key, "")


def _comments(place: Any) -> dict[str, str]:
    """The comment behind each parameter or field, where it has one; `|` is before other choices than the default."""
    found = _COMMENT.findall(inspect.getsource(place))
    return {key: re.sub(r"^\| ", "or ", text).replace(" | ", "; ").replace("None", "null") for key, text in found}


def _value(value: Any) -> str:
    """A default as YAML has it."""
    if value is inspect.Parameter.empty:
        return "required"
    if isinstance(value, BaseModel):
        return "as below"
    if isinstance(value, float) and not isinstance(value, bool):
        return f"{value:g}"
    return str(value).strip('"') if isinstance(value, (str, Path)) else json.dumps(value)


def _kind(kind: Any, limits: Iterable[Any] = ()) -> str:
    """A type in words, with its limits."""
    origin, inside = get_origin(kind), get_args(kind)
    if origin is Annotated:
        more = [one for field in inside[1:] for one in (field.metadata if isinstance(field, FieldInfo) else [field])]
        return _kind(inside[0], more)
    bounds = [f"{sign} {getattr(one, name)}" for one in limits for name, sign in _LIMITS.items() if hasattr(one, name)]
    words = _WORDS.get(kind, "")
    if origin in (Union, UnionType):
        words = " or ".join(dict.fromkeys(_kind(one) for one in inside if one is not type(None)))
    elif origin is Literal:
        words = ", ".join(map(str, inside))
    elif origin is tuple:
        words = f"list of {len(inside)}: {_kind(inside[0])}"
    elif origin is list:
        words = f"list: {_kind(inside[0])}"
    elif origin is dict:
        words = f"mapping: {_kind(inside[1])}"
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        words = "keys below" if kind.__module__ == sections.__name__ else "mapping"
    return " ".join([words, " and ".join(bounds)]).strip()


def main() -> None:
    """Write the tables again, below the text that stands on the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8").partition(MARK)[0]), encoding="utf-8")


if __name__ == "__main__":
    main()
