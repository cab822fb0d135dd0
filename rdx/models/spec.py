"""SPEC, the one-line name of a model: ``timm:resnet50?layer=layer3&pool=mean&weights=PATH&pretrained=false``.

FAMILY:NAME, options after ``?``, between them ``&``. In a path, ``%3F`` stands for ``?`` and ``%26`` for ``&`` (and
``%25`` for the ``%`` of a name that has such a code itself). The families, and which of them name a path, are in
`rdx.models.registry`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rdx.data.locate import locate
from rdx.errors import InputError, unknown
from rdx.models.registry import families, family_module, is_path

LOCAL_FOLDER = "local-dir:"  # a path in the place of a published name
PLACE = ("layer", "pool", "layout")  # options that say where in a model vectors are taken, and how they are read
# Names of files that say less than their folders.
_PLAIN_STEMS = ("last", "features", "feats", "embeddings", "embedding", "activations", "representations", "vectors")
_CODE = r"%(25|26|3[Ff])"
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class ModelSpec:
    """A parsed SPEC; `str()` gives its canonical form, with the options in alphabetical order."""

    family: str
    name: str  # the model's name, or a path
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        options = "&".join(f"{key}={_escaped(value)}" for key, value in sorted(self.options.items()))
        return f"{self.family}:{_escaped(self.name)}" + (f"?{options}" if options else "")

    @property
    def is_model(self) -> bool:
        """Whether it names a model, which needs images, and not an array in a file."""
        return hasattr(family_module(self.family), "load")

    @property
    def path(self) -> str:
        """The part of its name that is a path on this machine; nothing for a published name."""
        if is_path(self.family):
            return self.name
        if self.name.startswith(LOCAL_FOLDER):
            return self.name.removeprefix(LOCAL_FOLDER)
        return getattr(family_module(self.family), "path_in", lambda name: "")(self.name)

    @property
    def title(self) -> str:
        """What figures call it: without its family, folders and options."""
        if not self.path or self.name.startswith(LOCAL_FOLDER):
            return self.name
        if not is_path(self.family):
            return self.name.removeprefix(f"{self.path}:") if self.name != self.path else Path(self.path).name
        path = Path(self.name)
        return path.parent.name if path.stem in _PLAIN_STEMS and path.parent.name else path.stem

    @property
    def files(self) -> list[str]:
        """The files it names: what it is, weights of one's own, names of columns."""
        own = [self.path] if self.path and not self.name.startswith(LOCAL_FOLDER) else []
        paths = [key for key, kind in _kinds(self.family).items() if kind is Path]
        return own + [self.options[key] for key in paths if key in self.options]

    def without_folders(self) -> str:
        """It as a page may show it that is passed on: no folders of this machine."""
        name = self.with_path(Path(self.path).name) if self.path else self.name
        return f"{self.family}:{name}" if self.path or self.files else str(self)

    def with_path(self, path: str) -> str:
        """Its name with another path in the place of its own."""
        before = LOCAL_FOLDER if self.name.startswith(LOCAL_FOLDER) else ""
        return before + path + self.name[len(before) + len(self.path) :]

    def switch(self, option: str, default: bool) -> bool:
        """An option that is true or false."""
        return _TRUTH[self.options[option]] if option in self.options else default

    def number(self, option: str) -> int | None:
        """An option that is a whole number; None where it is not given."""
        return int(self.options[option]) if option in self.options else None


def parse_spec(text: str) -> ModelSpec:
    """The parts of a SPEC. Raises InputError for an unknown family or option, with the nearest valid one."""
    if not isinstance(text, str) or not text.strip():
        raise InputError(f"a model is written FAMILY:NAME, for example 'timm:resnet50', not {text!r}")
    family, colon, rest = text.strip().partition(":")
    if not colon:
        raise InputError(
            f"model '{text}' has no family; write one of {', '.join(f'{name}:…' for name in families())}, "
            f"for example 'timm:{family}'"
        )
    kinds = _kinds(family)
    name, _, query = rest.partition("?")
    if not name:
        raise InputError(f"model '{text}' has no name after '{family}:'")
    return ModelSpec(family, _plain(name), _options(family, kinds, query, text))


def _escaped(text: str) -> str:
    """`text` so that it can stand in a SPEC."""
    return re.sub(_CODE, r"%25\1", text).replace("?", "%3F").replace("&", "%26")


def _plain(text: str) -> str:
    """What `_escaped` was given."""
    return re.sub(_CODE, lambda found: chr(int(found[1], 16)), text)


def _kinds(family: str) -> Mapping[str, type]:
    """The options that a family takes, each with what it is: text, a whole number, a switch or a path."""
    return family_module(family).OPTIONS


def _options(family: str, kinds: Mapping[str, type], query: str, text: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in filter(None, re.split(r"&(?=\w+=|$)", query)):  # a path may hold "&" where no KEY= follows
        key, equals, value = part.partition("=")
        if key not in kinds:
            raise unknown(f"option of '{family}:'", key, kinds)
        if not equals or not value:
            raise InputError(f"option '{key}' of model '{text}' has no value; write {key}=VALUE")
        if options.get(key, _plain(value)) != _plain(value):
            raise InputError(f"option '{key}' of model '{text}' is given twice")
        options[key] = _checked(key, kinds[key], _plain(value), text)
    return options


def _checked(key: str, kind: type, value: str, text: str) -> str:
    if kind is bool:
        if value.lower() not in _TRUTH:
            raise InputError(f"option '{key}' of model '{text}' is true or false, not '{value}'")
        return "true" if _TRUTH[value.lower()] else "false"
    if kind is int and not value.isdecimal():
        raise InputError(f"option '{key}' of model '{text}' is a whole number, not '{value}'")
    return value


def with_absolute_paths(spec: ModelSpec) -> ModelSpec:
    """The same model, whatever folder it is later looked up from."""
    name, options = spec.name, dict(spec.options)
    if spec.path:
        name = spec.with_path(str(locate(spec.path)))
    for key, kind in _kinds(spec.family).items():
        if kind is Path and key in options:
            options[key] = str(locate(options[key]))
    return ModelSpec(spec.family, name, options)
