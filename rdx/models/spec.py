"""SPEC, the one-line name of a model: ``timm:resnet50?layer=layer3&pool=mean&weights=PATH&pretrained=false``.

timm:NAME · open_clip:NAME[/PRETRAINED] · checkpoint:PATH · features:PATH, options after ``?``
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rdx.data.locate import locate
from rdx.errors import InputError, unknown

# Which options each family takes. The families' modules are in rdx.models.FAMILIES.
OPTIONS: dict[str, tuple[str, ...]] = {
    "timm": ("layer", "pool", "weights", "pretrained", "seed", "img_size", "num_classes"),
    "open_clip": ("layer", "pool", "weights", "pretrained", "seed"),
    "checkpoint": ("layer", "pool"),
    "features": ("key", "drop", "names"),
}
_FILE_FAMILIES = ("checkpoint", "features")  # whose name is a path
_FOLDER = "local-dir:"  # a path in the place of a published name
_FILES = ("weights", "names")
_SWITCHES = ("pretrained",)
_NUMBERS = ("seed", "img_size", "num_classes")
_TRUTH = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


@dataclass(frozen=True)
class ModelSpec:
    """A parsed SPEC; `str()` gives its canonical form, with the options in alphabetical order."""

    family: str
    name: str  # the model's name, or a path
    options: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        options = "&".join(f"{key}={value}" for key, value in sorted(self.options.items()))
        return f"{self.family}:{self.name}" + (f"?{options}" if options else "")

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
            f"model '{text}' has no family; write one of {', '.join(f'{name}:…' for name in OPTIONS)}, "
            f"for example 'timm:{family}'"
        )
    if family not in OPTIONS:
        raise unknown("model family", family, OPTIONS)
    name, _, query = rest.partition("?")
    if not name:
        raise InputError(f"model '{text}' has no name after '{family}:'")
    return ModelSpec(family, name, _options(family, query, text))


def _options(family: str, query: str, text: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in filter(None, query.split("&")):
        key, equals, value = part.partition("=")
        if key not in OPTIONS[family]:
            raise unknown(f"option of '{family}:'", key, OPTIONS[family])
        if not equals or not value:
            raise InputError(f"option '{key}' of model '{text}' has no value; write {key}=VALUE")
        if options.get(key, value) != value:
            raise InputError(f"option '{key}' of model '{text}' is given twice")
        options[key] = _checked(key, value, text)
    return options


def _checked(key: str, value: str, text: str) -> str:
    if key in _SWITCHES:
        if value.lower() not in _TRUTH:
            raise InputError(f"option '{key}' of model '{text}' is true or false, not '{value}'")
        return "true" if _TRUTH[value.lower()] else "false"
    if key in _NUMBERS and not value.isdecimal():
        raise InputError(f"option '{key}' of model '{text}' is a whole number, not '{value}'")
    return value


def with_absolute_paths(spec: ModelSpec) -> ModelSpec:
    """The same model, whatever folder it is later looked up from."""
    name, options = spec.name, dict(spec.options)
    if spec.family in _FILE_FAMILIES:
        name = str(locate(name))
    elif name.startswith(_FOLDER):
        name = _FOLDER + str(locate(name.removeprefix(_FOLDER)))
    for key in _FILES:
        if key in options:
            options[key] = str(locate(options[key]))
    return ModelSpec(spec.family, name, options)
