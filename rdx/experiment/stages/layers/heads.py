"""The head patching of a layer analysis: which block leads from layer to layer, and what each of its heads does."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rdx.errors import InputError
from rdx.experiment.run.folder import pair_name
from rdx.experiment.run.tables import read_explanations, write_table
from rdx.files import atomic_path
from rdx.method.concepts import A_NOT_B, B_NOT_A

if TYPE_CHECKING:
    import numpy as np

    from rdx.config import Experiment
    from rdx.data.items import Items
    from rdx.experiment.run.context import Context
    from rdx.experiment.stages.methods import MethodRun
    from rdx.features.request import Request
    from rdx.metrics.head_effects import HeadEffect
    from rdx.metrics.outside_probes import OutsideProbes

CODE = (__name__, "rdx.models.heads", "rdx.features.head_patching")  # what computes these tables
TOKENS = "layer_analysis/tokens"  # one file a comparison: what its block's heads give out
FILES = ("layer_analysis/heads.csv", "layer_analysis/head_concepts.csv")  # in a comparison's folder
HEADS = (
    "block", "head", "neighbors_lost", "cka_lost",
    "undone_b_not_a", "undone_a_not_b", "undone_beyond_b_not_a", "undone_beyond_a_not_b",
    "knn_accuracy", "knn_accuracy_lost", "logistic_accuracy", "logistic_accuracy_lost",
)  # fmt: skip
CONCEPTS = ("block", "head", "direction", "concept", "size", "undone", "undone_beyond")

Blocks = Mapping[tuple[str, str], str]  # by comparison: the layer that is the block between its two


def blocks_of(config: Experiment) -> Blocks:
    """The comparisons of two representations with one block between them; others have no heads to patch.

    Raises InputError where there are none.
    """
    from rdx.features.head_patching import block_between

    found = {(a, b): block_between(_request(config, a), _request(config, b)) for a, b in config.comparisons}
    blocks = {pair: layer for pair, layer in found.items() if layer is not None}
    if not blocks:
        a, b = config.comparisons[0]
        raise InputError(
            "'layer_analysis' patches the heads of the block between two layers, such as 'blocks.2' and 'blocks.3' of "
            f"one model; no comparison has one ('{a}' and '{b}' neither): set 'heads: false'"
        )
    return blocks


def check(config: Experiment, blocks: Blocks, items: Items) -> None:
    """Raises InputError for a block whose heads cannot be patched; the models are built without weights."""
    from rdx.models import load_model
    from rdx.models.heads import find_heads, verify

    for (_, b), layers in _by_model(config, blocks):
        shell = load_model(_request(config, b).spec, weights=False)
        found = [find_heads(shell, layer) for layer in layers]
        if items.has_images:
            for block in found:
                verify(shell, block, items.image(0))


def look_at_heads(context: Context, blocks: Blocks) -> None:
    """Save what every block's heads give out, one file a comparison; all blocks of a model share a pass."""
    from safetensors.numpy import save_file

    from rdx.features.head_patching import head_means, head_rows, is_class_token, stored
    from rdx.models import load_model
    from rdx.models.heads import find_heads

    config = context.config
    for (_, b), layers in _by_model(config, blocks):
        request = _request(config, b)
        model = load_model(request.spec, context.device)
        found = [find_heads(model, layer) for layer in layers]
        of_all = head_rows if is_class_token(model, request.pool) else head_means
        seen = of_all(model, context.items, found, **_how(context, request))
        for pair, layer in blocks.items():
            if _same_pass(request, _request(config, pair[1])):
                path = context.folder.path(_tokens_file(*pair))
                with atomic_path(path) as temporary:
                    save_file(stored(seen[layer]), temporary)


def patch_heads(
    context: Context, a: str, b: str, layer: str, run: MethodRun, others: Items | None
) -> None:
    """Patch the heads of one block, one after the other; heads.csv and head_concepts.csv."""
    from rdx.metrics.head_effects import HeadMeter

    explanations = read_explanations(context.folder.path(f"{pair_name(a, b)}/{run.name}"))
    concepts = [(way, concept) for way in (B_NOT_A, A_NOT_B) for concept in explanations[way].concepts]
    outputs = _patched(context, a, b, layer)
    original = next(outputs)
    groups = [(way, concept.members) for way, concept in concepts]
    meter = HeadMeter(original, groups, k=context.config.layer_analysis.head_neighbors)
    probes = _probes(context, b, others)
    before = _accuracies(context, probes, original)
    heads, of_concepts = [], []
    for head, patched in enumerate(outputs):
        effect = meter.effect(patched)
        after = _accuracies(context, probes, patched)
        lost = [value for name in after for value in (after[name], before[name] - after[name])] or [None] * 4
        heads.append((layer, head, *_measured(effect, [way for way, _ in concepts]), *lost))
        for (way, concept), change in zip(concepts, effect.concepts, strict=True):
            row = (layer, head, way, concept.number, concept.size, change.undone, change.undone_beyond)
            of_concepts.append(row)
    write_table(context.folder.path(f"{pair_name(a, b)}/{FILES[0]}"), HEADS, heads)
    write_table(context.folder.path(f"{pair_name(a, b)}/{FILES[1]}"), CONCEPTS, of_concepts)


def _patched(context: Context, a: str, b: str, layer: str) -> Iterator[np.ndarray]:
    """The representation after a block: as it is, then with each head patched."""
    from safetensors.numpy import load_file

    from rdx.features.head_patching import HeadRows, patched_pooled, patched_rows, restored
    from rdx.models import load_model
    from rdx.models.heads import find_heads, verify

    request = _request(context.config, b)
    model = load_model(request.spec, context.device)
    block = find_heads(model, layer)
    verify(model, block, context.items.image(0))
    seen = restored(load_file(context.folder.path(_tokens_file(a, b))))
    if isinstance(seen, HeadRows):
        return patched_rows(block, seen, context.device)
    return patched_pooled(model, context.items, block, seen, request.pool, **_how(context, request))


def _probes(context: Context, b: str, others: Items | None) -> OutsideProbes | None:
    """The probes of the representation after the block."""
    from rdx.experiment.stages.inputs import load_features
    from rdx.metrics.outside_probes import fit_outside_probes

    if others is None:
        return None
    trained = load_features(context.config, b, others, device=context.device, progress=context.progress)
    return fit_outside_probes(trained.values, others.labels, k=context.config.layer_analysis.k)


def _accuracies(context: Context, probes: OutsideProbes | None, X: np.ndarray) -> dict[str, float]:
    if probes is None:
        return {}
    labels = context.items.labels
    return {name: float((found.predictions == labels).mean()) for name, found in probes.answers(X).items()}


def _measured(effect: HeadEffect, ways: list[str]) -> list[float | None]:
    """A head's own scores; of the concepts of a direction their plain mean, each concept counting the same."""
    found = [value if math.isfinite(value) else None for value in (effect.neighbors_lost, effect.cka_lost)]
    for what in ("undone", "undone_beyond"):
        for direction in (B_NOT_A, A_NOT_B):
            values = [getattr(c, what) for c, way in zip(effect.concepts, ways, strict=True) if way == direction]
            values = [value for value in values if value is not None]
            found.append(sum(values) / len(values) if values else None)
    return found


def _request(config: Experiment, key: str) -> Request:
    """What a representation asks for, its layer by name."""
    from rdx.features.description import shell
    from rdx.features.request import parse_request

    request = parse_request(config.representations[key].extraction)
    if request.layer is None and not request.is_array:
        return replace(request, layer=shell(request.spec).default_layer)
    return request


def _by_model(config: Experiment, blocks: Blocks) -> Iterable[tuple[tuple[str, str], list[str]]]:
    """The blocks of each model and pooling, with the first of their comparisons."""
    groups: dict[tuple, tuple[tuple[str, str], list[str]]] = {}
    for pair, layer in blocks.items():
        request = _request(config, pair[1])
        key = (str(request.spec), request.pool, request.precision, request.batch_size)
        layers = groups.setdefault(key, (pair, []))[1]
        if layer not in layers:
            layers.append(layer)
    return groups.values()


def _same_pass(one: Request, other: Request) -> bool:
    return one.goes_with(other) and one.pool == other.pool


def _how(context: Context, request: Request) -> dict[str, Any]:
    return {
        "batch_size": request.batch_size, "device": context.device, "precision": request.precision,
        "progress": context.progress,
    }  # fmt: skip


def _tokens_file(a: str, b: str) -> str:
    return f"{TOKENS}/{pair_name(a, b)}.safetensors"
