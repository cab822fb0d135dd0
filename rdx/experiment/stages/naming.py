"""The section `naming:` of a run: words for concepts, from an image-text model (docs/naming.md).

Its checks before anything is computed, one step that has the model look at images and words, and one step a method
that writes which words are nearest to its concepts.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rdx.data.locate import locate
from rdx.errors import InputError
from rdx.experiment.run.folder import pair_name
from rdx.experiment.run.missing import noted
from rdx.experiment.run.step import Step, Steps
from rdx.experiment.run.tables import read_explanations, write_table
from rdx.experiment.stages import inputs
from rdx.files import atomic_path
from rdx.models.spec import parse_spec
from rdx.models.spec import with_absolute_paths as with_absolute_model_paths
from rdx.models.weights import existing_file

if TYPE_CHECKING:
    from rdx.config import Experiment
    from rdx.data.items import Items
    from rdx.experiment.run.context import Context
    from rdx.experiment.stages.methods import MethodRun

STEP = "naming"  # the step that needs the model
EMBEDDINGS = "naming/embeddings.safetensors"
NAMES = "names.csv"  # in a method's folder
COLUMNS = ("direction", "concept", "position", "word", "score")
SOURCE = "naming model"  # its row in the plan; a representation's key has no space


@dataclass(frozen=True)
class Words:
    """What `naming:` comes to in one run."""

    model: str
    words: tuple[str, ...] = ()  # as they are written in the tables
    texts: tuple[str, ...] = ()  # as the model reads them
    images_key: str = ""  # of the images' vectors in the cache
    words_key: str = ""

    @property
    def extraction(self) -> dict[str, Any]:
        """What makes the images' vectors: those that are trained to lie beside the texts'."""
        return {"model": self.model, "layer": "output"}


def with_absolute_paths(config: Experiment) -> Experiment:
    """The same experiment, from whatever folder it is run again."""
    chosen = config.naming
    if chosen is None:
        return config
    words = None if chosen.words is None else str(locate(chosen.words))
    model = str(with_absolute_model_paths(parse_spec(chosen.model)))
    return config.model_copy(update={"naming": chosen.model_copy(update={"model": model, "words": words})})


def look(config: Experiment, items: Items, *, missing: list[str] | None = None) -> Words | None:
    """Check the section without computing anything; None where there is none.

    Raises InputError for whatever a user can have got wrong, unless `missing` takes up that it is not there.
    """
    from rdx.models.text_tower import text_spec

    if config.naming is None:
        return None
    found = Words(str(text_spec(config.naming.model)))
    if missing:  # the items only stand in for those that the run will have
        return found
    with noted(missing):
        found = _checked(config, items, found)
    return found


def add_step(steps: Steps, found: Words | None) -> None:
    """The step in which the model looks at images and words."""
    if found is not None:
        chosen = {"images": found.images_key, "words": found.words_key, "written": found.words}
        work = partial(write_embeddings, found=found)
        steps.add(Step(STEP, work, (EMBEDDINGS,), ("items",), settings=chosen))


def add_names(add: Callable, config: Experiment, pair: str, runs: Sequence[MethodRun]) -> None:
    """One step a method of one comparison; `add` is that of its other steps."""
    if config.naming is not None:
        for run in runs:
            work, needs = partial(name_method, run=run), (STEP, f"{pair}/{run.name}")
            files = [f"{pair}/{run.name}/{NAMES}"]
            add(f"{run.name}/names", work, files, needs, settings=config.naming.top)


def sources(config: Experiment, found: Words | None, todo: bool, force: bool) -> tuple[Experiment, dict[str, bool]]:
    """The configuration as `plan.sources_of` reads it, with the naming's model; and whether that has to look."""
    from rdx.config import Representation
    from rdx.features.cache import cached_path

    if found is None:
        return config, {}
    entries = {**config.representations, SOURCE: Representation(**found.extraction)}
    is_there = all(key and cached_path(key).is_file() for key in (found.images_key, found.words_key))
    return config.model_copy(update={"representations": entries}), {SOURCE: todo and (force or not is_there)}


def load(
    config: Experiment, found: Words, items: Items, *, device: str, progress: bool, force: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """The vectors of images (n, d) and words (w, d), from the cache where they are there; `force` makes them anew.

    Where the model is also compared, its pass over the images brings those representations into the cache too.
    Raises InputError where the model, its weights or an image is unavailable.
    """
    from rdx.features import load_representation
    from rdx.features.cache import alone, forget, lookup, store, writable
    from rdx.models.text_tower import load_text_tower, text_spec

    if force:
        for key in (found.images_key, found.words_key):
            forget(key)
    words = lookup(found.words_key)
    if words is None:  # first: it takes seconds, and finds weights without a text tower
        place = writable()
        with alone([found.words_key], place):
            words = lookup(found.words_key, place)  # another process may have brought it while this one waited
            if words is None:
                words = load_text_tower(text_spec(found.model), device).embed(found.texts, device)
                store(found.words_key, words, {"model": found.model, "texts": found.texts}, place)
    together = [config.representations[key].extraction for key in inputs.keys_in_use(config)]
    images = load_representation(found.extraction, items, together=together, device=device, progress=progress)
    return images.values, words


def write_embeddings(context: Context, found: Words) -> None:
    """naming/embeddings.safetensors: tensors "images" (n, d) and "words" (w, d), and the words in the header."""
    from safetensors.numpy import save_file

    images, words = load(
        context.config, found, context.items, device=context.device, progress=context.progress
    )
    header = json.dumps({"model": found.model, "words": found.words, "texts": found.texts})
    tensors = {"images": np.ascontiguousarray(images), "words": np.ascontiguousarray(words)}
    with atomic_path(context.folder.path(EMBEDDINGS)) as temporary:
        save_file(tensors, temporary, metadata={"rdx": header})


def name_method(context: Context, a: str, b: str, run: MethodRun) -> None:
    """names.csv: the words nearest to every concept and farthest from the rest, best first."""
    from rdx.metrics.naming import name_concepts

    images, vectors, words = read_embeddings(context.folder.path(EMBEDDINGS))
    folder, top = context.folder.path(f"{pair_name(a, b)}/{run.name}"), context.config.naming.top
    rows = [
        (direction, number, position, words[i], float(score))
        for direction, found in read_explanations(folder).items()
        for number, (indices, scores) in name_concepts(images, vectors, found.labels, top).items()
        for position, (i, score) in enumerate(zip(indices.tolist(), scores, strict=True), start=1)
    ]
    write_table(folder / NAMES, COLUMNS, rows)


def read_embeddings(path: Path) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Images (n, d), words (w, d), and the words themselves."""
    from safetensors import safe_open

    with safe_open(str(path), framework="numpy") as handle:
        words = json.loads(handle.metadata()["rdx"])["words"]
        return handle.get_tensor("images"), handle.get_tensor("words"), words


def _checked(config: Experiment, items: Items, found: Words) -> Words:
    from rdx.features import check_representation, representation_fingerprint
    from rdx.features.cache import cached_path
    from rdx.models.text_tower import check_texts, text_spec, words_fingerprint

    if not items.has_images:
        raise InputError("'naming' needs images, and the items have none")
    words = _words_of(items) if config.naming.words is None else _read_words(config.naming.words)
    texts = tuple(config.naming.prompt.replace("{}", _spoken(word)) for word in words)
    spec = text_spec(found.model)
    words_key = words_fingerprint(spec, texts)
    if not cached_path(words_key).is_file():
        check_texts(spec, texts)
    check_representation(found.extraction, items)
    return Words(found.model, words, texts, representation_fingerprint(found.extraction, items), words_key)


def _words_of(items: Items) -> tuple[str, ...]:
    """The names of the labels that items have, each once."""
    if items.labels is None:
        raise InputError("the items have no labels to name concepts by: give 'naming.words', one word a line")
    found: dict[str, str] = {}
    for label in np.unique(items.labels).tolist():
        word = items.label_names.get(label, str(label))
        found.setdefault(_same(word), word)
    if len(found) < 2:
        raise InputError(f"all items are '{word}', so labels name nothing: give 'naming.words', one word a line")
    return tuple(found.values())


def _read_words(path: str) -> tuple[str, ...]:
    """The lines of a text file. Raises InputError for an absent or too short one, and a word that is there twice."""
    file = existing_file(path, "naming.words")
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(f"word list '{file}' is not text in UTF-8: {error}") from None
    found: dict[str, tuple[int, str]] = {}
    for row, line in enumerate(lines, 1):
        word = " ".join(line.split())
        if not word:
            continue
        first, _ = found.setdefault(_same(word), (row, word))
        if first != row:
            raise InputError(f"word list '{file}', line {row}: '{word}' stands in line {first} too")
    if len(found) < 2:
        what = "holds one word, and names need others to choose from" if found else "is empty"
        raise InputError(f"word list '{file}' {what}: write one word or phrase a line")
    return tuple(word for _, word in found.values())


def _spoken(word: str) -> str:
    """A word as it stands in a text: names of folders have underscores for spaces."""
    return " ".join(word.replace("_", " ").split()) or word


def _same(word: str) -> str:
    """Equal for words that the model cannot tell apart: it reads everything in lower case."""
    return _spoken(word).lower()
