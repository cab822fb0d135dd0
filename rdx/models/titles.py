"""What two models are called side by side: their titles, and where those are the same, what sets them apart."""

from __future__ import annotations

from pathlib import Path

from rdx.models.spec import ModelSpec


def side_by_side(a: ModelSpec, b: ModelSpec) -> tuple[str, str]:
    """Two titles, different wherever the models are: by their folders, their options or their families.

    ``dino/embeddings`` and ``clip/embeddings``; ``resnet50 layer3`` and ``resnet50 layer4``.
    """
    if a.title != b.title:
        return a.title, b.title
    if a.family == b.family and a.name == b.name:
        return _with_options(a, b), _with_options(b, a)
    if a.path and b.path and Path(a.name) != Path(b.name):
        return _paths(Path(a.name), Path(b.name))
    return f"{a.family}:{a.name}", f"{b.family}:{b.name}"


def _with_options(spec: ModelSpec, other: ModelSpec) -> str:
    """The title with those options that the other lacks, or has with another value."""
    own = {key: value for key, value in spec.options.items() if other.options.get(key) != value}
    said = [value if key == "layer" else f"{key}={_short(value, other.options.get(key))}" for key, value in own.items()]
    return " ".join([spec.title, *said])


def _short(value: str, other: str | None) -> str:
    """A path's last part, where that tells it from the other."""
    last = Path(value).name
    return last if last and last != Path(other or "").name else value


def _paths(a: Path, b: Path) -> tuple[str, str]:
    """The ends of two paths, as far as it takes to tell them apart."""
    if a.with_suffix("") != b.with_suffix(""):
        a, b = a.with_suffix(""), b.with_suffix("")
    parts, others = [part for part in a.parts if part != a.anchor], [part for part in b.parts if part != b.anchor]
    length = next(k for k in range(1, len(parts) + len(others) + 2) if parts[-k:] != others[-k:])
    return "/".join(parts[-length:]), "/".join(others[-length:])
