"""Model family ``python:FILE.py:FUNCTION``: what a function of the user's own returns.

FUNCTION() returns a torch module, or a module and its transform (an RGB image of Pillow → a tensor (c, h, w)). The
file is carried out as `python FILE.py` would: modules beside it can be imported. What is drawn at random is drawn
from the same seed every time, and what was imported from beside the file is forgotten afterwards, so that files of
the same name beside two models are not taken for each other.
"""

from __future__ import annotations

import sys
import sysconfig
import traceback
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rdx._torchvision import ensure_torchvision
from rdx.errors import InputError, first_line, unknown
from rdx.files import fingerprint
from rdx.models import preprocessing
from rdx.models.spec import ModelSpec
from rdx.models.vision_model import OUTPUT, Evaluation, VisionModel, described, seeded, tokens_by_name
from rdx.models.weights import checksum, contents, existing_file
from rdx.source import version

OPTIONS = {"layer": str, "pool": str, "layout": str, **preprocessing.OPTIONS}
_SIZE, _RESIZE = (224, 224), 256  # of images, where nothing says it: as the models of ImageNet are tested
_SUFFIX = ".py"
_OURS = ("rdx", "baselines", "__main__")  # never loaded again
_known: dict[str, str] | None = None  # fingerprints of what FUNCTIONs returned, since the plan began
_INSTALLED = tuple({str(Path(sysconfig.get_path(name)).resolve()) for name in ("stdlib", "purelib", "platlib")})


@dataclass
class _Made:
    """What FUNCTION has returned."""

    module: Any
    transform: Callable[[Any], Any] | None = None
    sources: list[Path] = field(default_factory=list)  # FILE, and what it imported from beside itself


def load(spec: ModelSpec, *, weights: bool = True) -> VisionModel:
    """The module of a ``python:`` SPEC, tried on one image (with its weights in any case: FUNCTION brings them).

    Raises InputError with the file and the line where FUNCTION, its module or its transform raises, and where it
    returns something else.
    """
    made = _made(spec)
    given = preprocessing.declared(spec.options)
    if made.transform is not None and given:
        raise InputError(f"'{spec}' returns a transform of its own: leave '{given[0]}=' out")
    model = as_model(made.module.eval(), made.transform, str(spec), spec.options)
    _try(spec, model)
    return model


def as_model(
    module: Any, transform: Callable[[Any], Any] | None, name: str, options: Mapping[str, str] | None = None
) -> VisionModel:
    """A torch module as a model; without a transform the `options` say what becomes of an image, else ImageNet does."""
    if transform is not None:
        transform, words = Evaluation("RGB", transform), ""
    else:
        settings = {"size": _SIZE, "resize": _RESIZE, "channels": _input_channels(module)}
        transform, words = preprocessing.preprocessing(options or {}, name, **settings)
    description = f"{name}; {words or 'its own transform'}"
    return VisionModel(module, transform, OUTPUT, description, preprocessing=words, **tokens_by_name(module))


def model_fingerprint(spec: ModelSpec) -> str:
    """Changes with FILE, what it imports from beside itself, the weights that FUNCTION returns, and the options."""
    if _known is None or spec.name not in _known:
        made = _made(spec)
        code = [contents(path) for path in made.sources]
        found = fingerprint(_parts(spec)[1], code, checksum(made.module.state_dict()))
        if _known is not None:
            _known[spec.name] = found
    else:
        found = _known[spec.name]
    options = {name: spec.options[name] for name in preprocessing.declared(spec.options)}
    libraries = [version(name) for name in ("torch", "torchvision", "pillow")]
    return fingerprint("python", found, options, libraries)


def begin() -> None:
    """Called where a plan begins: up to the next one, what FUNCTION returns is taken to stay the same.

    Without it FUNCTION is asked every time: only it knows where its weights come from.
    """
    global _known
    _known = {}


def path_in(name: str) -> str:
    """FILE.py of ``FILE.py:FUNCTION``."""
    path, colon, _ = name.rpartition(":")
    return path if colon and path.endswith(_SUFFIX) else name


def _parts(spec: ModelSpec) -> tuple[str, str]:
    return spec.path, spec.name[len(spec.path) + 1 :]


def _made(spec: ModelSpec) -> _Made:
    """Carries the file out and calls FUNCTION."""
    path, name = _parts(spec)
    file = existing_file(path, f"model python:{spec.name}")
    ensure_torchvision()
    import torch
    from torch.nn.parameter import UninitializedTensorMixin

    with _imports_beside(file) as beside, seeded(0):
        own = _carried_out(spec, file)
        function = _function(own, name, file)
        is_module = isinstance(function, torch.nn.Module)
        value = function if is_module else _guarded(spec, file, function, f"'{name}'")
    pair = value if isinstance(value, (tuple, list)) and len(value) == 2 else (value, None)
    if not isinstance(pair[0], torch.nn.Module) or not (pair[1] is None or callable(pair[1])):
        raise InputError(
            f"'{name}' in '{file}' returns {described(value)}: it has to return a torch module, or a module and its "
            "transform (an image of Pillow → a tensor (c, h, w))"
        )
    state = pair[0].state_dict()
    for key, tensor in state.items():
        if isinstance(tensor, UninitializedTensorMixin):
            raise InputError(f"'{name}' in '{file}': '{key}' has no shape yet; call the module on an image once in it")
    return _Made(*pair, sources=[file, *beside])


def _carried_out(spec: ModelSpec, file: Path) -> types.ModuleType:
    """The file as a module of its own; compiled here, as a cached one may be of the second before."""
    own = types.ModuleType(f"rdx_own_{file.stem}")
    own.__file__ = str(file)
    sys.modules[own.__name__] = own  # dataclasses look their module up
    try:
        code = _guarded(spec, file, lambda: compile(file.read_bytes(), str(file), "exec"), "the file")
        _guarded(spec, file, lambda: exec(code, own.__dict__), "the file")  # noqa: S102  (the user asks for it)
    finally:
        del sys.modules[own.__name__]
    return own


def _function(own: types.ModuleType, name: str, file: Path) -> Any:
    defined = {
        key: value for key, value in vars(own).items()
        if callable(value) and not key.startswith("_") and getattr(value, "__module__", own.__name__) == own.__name__
    }  # fmt: skip
    found = getattr(own, name, None) if name else None
    if not name:
        first = next(iter(defined), "FUNCTION")
        raise InputError(f"model 'python:{file}' names no function; write 'python:{file}:{first}'")
    if not callable(found):
        raise unknown(f"function of '{file}'", name, defined)
    return found


def _guarded(spec: ModelSpec, file: Path, call: Callable[[], Any], what: str) -> Any:
    """What `call` returns. Raises InputError with what the user's own code raised, and where in it."""
    try:
        return call()
    except (Exception, SystemExit) as error:
        if isinstance(error, InputError):
            raise
        said = f"{type(error).__name__}: {first_line(error)}{_line(error, file)}"
        raise InputError(f"{what} of 'python:{spec.name}' raised {said}") from error


def _line(error: BaseException, file: Path) -> str:
    """`` (line 12 of 'nets.py')``: the innermost place in the file or beside it; else nothing."""
    if isinstance(error, SyntaxError) and error.lineno and error.filename:
        return f" (line {error.lineno} of '{error.filename}')"
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(file.parent) and not _is_installed(frame.filename):
            return f" (line {frame.lineno} of '{frame.filename}')"
    return ""


def _try(spec: ModelSpec, model: VisionModel) -> None:
    """Raises InputError where the transform or the module can't do their work on a blank image."""
    import torch
    from PIL import Image

    file = existing_file(spec.path, "model")
    image = _guarded(spec, file, lambda: model.transform(Image.new("RGB", (64, 48))), "the transform")
    if not isinstance(image, torch.Tensor) or image.ndim != 3:
        raise InputError(
            f"the transform of 'python:{spec.name}' returns {described(image)}, where a tensor (c, h, w) is needed"
        )
    device = next((one.device for one in model.module.parameters()), torch.device("cpu"))
    with torch.inference_mode():
        _guarded(spec, file, lambda: model.module(image[None].to(device)), "the module")


def _input_channels(module: Any) -> int:
    """What the first convolution takes: 1 for grey images, 3 for others."""
    from torch.nn.modules.conv import _ConvNd

    first = next((one for one in module.modules() if isinstance(one, _ConvNd)), None)
    return 1 if first is not None and first.in_channels == 1 else 3


@contextmanager
def _imports_beside(file: Path) -> Iterator[list[Path]]:
    """Inside, modules beside `file` are imported anew, and first of all; the list has their files afterwards."""
    folder, found = file.parent, []
    names = {path.stem for path in folder.iterdir() if path.suffix == _SUFFIX or path.is_dir()}

    def mine() -> dict[str, Any]:
        return {name: one for name, one in sys.modules.items() if _can_be_new(name, one, names)}

    before = mine()
    for name in before:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    try:
        yield found
        files = (getattr(one, "__file__", None) for one in mine().values())
        found += sorted(Path(one) for one in files if one and one.endswith(_SUFFIX))
    finally:
        sys.path.remove(str(folder))
        for name in mine():
            del sys.modules[name]
        sys.modules.update(before)


def _can_be_new(name: str, module: Any, names: set[str]) -> bool:
    """Whether a module is one of those beside the file, or of the same name from elsewhere."""
    top = name.partition(".")[0]
    if top not in names or top in _OURS:  # most are told by their names, and some load more when asked for theirs
        return False
    place = getattr(module, "__file__", None) or next(iter(getattr(module, "__path__", ())), None)
    return place is not None and not _is_installed(place)


def _is_installed(path: str) -> bool:
    return str(Path(path).resolve()).startswith(_INSTALLED) or "site-packages" in Path(path).parts
