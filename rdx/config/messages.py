"""What is wrong with a configuration, in one line: every wrong key by name, with the nearest right one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from rdx.errors import InputError, nearest, shortened, unknown

_VALIDATORS = ("function-after", "function-before", "[key]")  # pydantic's own marks in the place of an error
_KINDS = {
    "int": "a whole number", "float": "a number", "finite": "a finite number", "string": "text",
    "bool": "true or false", "list": "a list", "tuple": "a list", "dict": "'key: value' lines",
    "model": "'key: value' lines",
}  # fmt: skip
_LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def one_line(error: ValidationError, schema: type[BaseModel], values: Any, source: str) -> InputError:
    """All that pydantic found in `values`: wrong keys first, those of one place together."""
    found = error.errors(include_url=False)
    places: dict[tuple, list[str]] = {}
    for one in found:
        if one["type"] == "extra_forbidden":
            places.setdefault(one["loc"][:-1], []).append(str(one["loc"][-1]))
    lines, settled = [], set()  # what is missing because it is there by another name, or follows from it
    for where, names in places.items():
        known = keys_at(schema, where)
        inside = f" of '{_place(where, values)}'" if where else ""
        lines.append(str(unknown(f"key{inside}", names, known)))
        settled |= {nearest(name, known) for name in names}
    missing = {one["loc"] for one in found if one["type"] == "missing"}
    if ("representations",) in missing:
        settled.add("comparisons")
    lines += _others([one for one in found if one["type"] != "extra_forbidden"], settled, values)
    return InputError(f"{source}: {'; '.join(dict.fromkeys(lines))}")


def _others(found: Sequence[Mapping[str, Any]], settled: set[str | None], values: Any) -> Iterator[str]:
    for one in found:
        if one["loc"][:1] == ("comparisons",) and len(one["loc"]) > 1:
            yield f"'comparisons' must list pairs such as [[a, b]], not {_shown(values['comparisons'])}"
        elif one["type"] != "missing" or one["loc"][-1] not in settled:
            yield _complaint(one, values)


def _complaint(one: Mapping[str, Any], values: Any) -> str:
    """One thing that is wrong, in words."""
    key, kind, context = _place(one["loc"], values), one["type"], one.get("ctx", {})
    if kind == "literal_error":
        choices = re.findall(r"'([^']*)'", context["expected"])
        return str(unknown(f"value of '{key}':", str(one["input"]), choices))
    if kind == "missing":
        return f"the key '{key}' is missing"
    if kind == "invalid_key":
        return f"the key {_shown(one['loc'][-1])} must be text"
    if kind == "string_pattern_mismatch":
        others = " ".join(c for c in "._=+-" if re.fullmatch(context["pattern"], f"a{c}a"))
        rule = f"of letters, digits and {others}, with a letter or digit first"
        return f"'{key}' must be a name {rule}, not {_shown(one['input'])}"
    if kind == "string_too_long":
        return f"'{key}' must have at most {context['max_length']} characters, not {len(one['input'])}"
    if kind == "too_short":
        return f"'{key}' needs at least {context['min_length']} entries, not {context['actual_length']}"
    if kind == "too_long":
        return f"'{key}' takes at most {context['max_length']} entries, not {context['actual_length']}"
    for limit, words in _LIMITS.items():
        if limit in context:
            return f"'{key}' must be {words} {context[limit]}, not {_shown(one['input'])}"
    wanted = _KINDS.get(kind.partition("_")[0])
    if wanted and kind != "value_error":
        return f"'{key}' must be {wanted}, not {_shown(one['input'])}"
    message = one["msg"].removeprefix("Value error, ")
    return f"{key}: {message}" if key else message


def _place(where: Sequence[Any], values: Any) -> str:
    """A key with all above it, dotted as for --set: entries of a list by their names, where they have one."""
    parts = []
    for part in (part for part in where if part not in _VALIDATORS):
        try:
            values = values[part]
        except (KeyError, IndexError, TypeError):
            values = None
        entry = values if isinstance(part, int) else None
        name = entry.get("name", entry.get("method")) if isinstance(entry, Mapping) else entry
        parts.append(name if isinstance(name, str) else str(part))
    return ".".join(parts)


def keys_at(schema: type[BaseModel], where: Sequence[Any]) -> list[str]:
    """The keys that are valid at a place of the configuration."""
    if not where:
        return ["base", *schema.model_fields]
    kind: Any = schema
    for part in where:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            kind = inner(kind.model_fields[part].annotation)
        else:
            kind = inner(get_args(kind)[-1])  # of a list, or the values of a mapping
    return list(kind.model_fields)


def inner(kind: Any) -> Any:
    """A type without what pydantic adds to it, and without None."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif get_origin(kind) in (Union, UnionType):
            kind = next(one for one in get_args(kind) if one is not type(None))
        else:
            return kind


def _shown(value: Any) -> str:
    return shortened(repr(value))
