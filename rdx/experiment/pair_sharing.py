"""Several processes on the pairs of a run's sparse fits: every fit as far as its pairs, without graph or clusters.

The features come first: nothing here starts before they are all there. Then come, of an aligned run, its maps,
and of every fit a first pass over all pairs of items and, in version v2, a second, which needs all of the first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rdx.errors import InputError
from rdx.experiment import pair_chunks
from rdx.experiment.pair_chunks import Looking, Reading, Sharing
from rdx.experiment.run.context import alignment_file, read_features, representation_file
from rdx.experiment.run.folder import pair_name
from rdx.experiment.stages import alignment, inputs, methods
from rdx.method.neighborhoods import as_array

if TYPE_CHECKING:
    from rdx.experiment.plan.prepare import Prepared
    from rdx.experiment.stages.methods import MethodRun
    from rdx.method.many.pair_parts import Arrays, Stores


@dataclass(frozen=True)
class Fit:
    """One sparse fit that is yet to be done."""

    prepared: Prepared
    a: str
    b: str
    run: MethodRun

    @property
    def step(self) -> str:
        return f"{pair_name(self.a, self.b)}/{self.run.name}"

    @property
    def is_done(self) -> bool:
        """Whether some process has saved it meanwhile."""
        return self.prepared.folder.is_done(self.step, self.prepared.steps.fingerprints[self.step])


def fits(prepared: Prepared) -> list[Fit]:
    """The sparse fits that a run has yet to do, in its order."""
    todo = {step.name for step in prepared.todo}
    every = (Fit(prepared, a, b, run) for a, b in prepared.config.comparisons for run in prepared.runs if run.is_rdx)
    return [fit for fit in every if fit.step in todo and prepared.plans[fit.a, fit.b][fit.run.name].solver == "sparse"]


def last_fit(prepared: Prepared) -> str | None:
    """The step after which nobody needs the pairs any more."""
    return next((fit.step for fit in reversed(fits(prepared))), None)


def reading(prepared: Prepared) -> Reading | None:
    """Where the run's fits find what other processes have made; None where there is nothing."""
    if not pair_chunks.anything_kept() or not fits(prepared):
        return None
    return Reading(prepared.steps.fingerprints)


def share(checked: Sequence[Prepared], sharing: Sharing, *, device: str, progress: bool) -> None:
    """A worker's part of the pairs of all sparse fits; the features have to be there. Raises InputError as they do."""
    follows = sharing.worker.local is not None and sharing.worker.index > 0
    for fit, arrays in _inputs(checked, device, progress, sharing.once):
        if not (follows and fit.is_done):
            _share_pairs(fit, arrays, sharing, device)
    if follows and all(fit.is_done for prepared in checked for fit in fits(prepared)):
        pair_chunks.discard(sharing.folders)  # the first worker did not wait: nobody needs what this one has written


def check_gathered(checked: Sequence[Prepared], *, device: str, progress: bool) -> None:
    """Raises InputError where parts of the pairs of a sparse fit are missing: which pass, which chunks and shards."""
    for fit, arrays in _inputs(checked, device, progress, lambda chunks, learn: chunks.read(0)):
        looking = Looking()
        if arrays is None:
            looking.missing.append(("alignment", "no map is there"))
        else:
            _share_pairs(fit, arrays, looking, device)
        for what, gap in looking.missing[:1]:
            raise InputError(
                f"{fit.prepared.config.name}, {fit.step}, {what}: {gap}; run the shards again (--shard i/N), or leave "
                "--gather out to compute what is missing here"
            )


def _share_pairs(fit: Fit, arrays: Sequence[np.ndarray], stores: Stores, device: str) -> None:
    methods.build(fit.run, fit.prepared.config, device=device, solver="sparse").share_pairs(*arrays, stores=stores)


def _inputs(
    checked: Sequence[Prepared], device: str, progress: bool, maps: Callable[..., Arrays | None]
) -> Iterator[tuple[Fit, list[np.ndarray] | None]]:
    """Every fit with its representations, in aligned runs also both mapped ones; None where ``maps`` has no maps."""
    for prepared in checked:
        held: dict[str, np.ndarray] = {}
        for fit in fits(prepared):
            for key in [key for key in held if key not in (fit.a, fit.b)]:
                del held[key]  # a chain of layers holds two at a time
            for key in (fit.a, fit.b):
                if key not in held:
                    held[key] = _features(prepared, key, device, progress)
            A, B = held[fit.a], held[fit.b]
            if not fit.run.aligned:
                yield fit, [A, B]
                continue
            yield fit, _aligned(fit, A, B, device, progress, maps)


def _features(prepared: Prepared, key: str, device: str, progress: bool) -> np.ndarray:
    """A representation (n, d) as the run's folder has it, or will have it."""
    if key in prepared.loaded:
        found = prepared.loaded[key].values
    elif f"representations/{key}" in {step.name for step in prepared.todo}:
        found = inputs.load_features(prepared.config, key, prepared.items, device=device, progress=progress).values
    else:
        found = read_features(prepared.folder.path(representation_file(key)))
    found = as_array(found, f"representation '{key}'")
    if len(found) != len(prepared.items):
        raise InputError(f"'data' has {len(prepared.items)} items, '{key}' has {len(found)}: give the same items")
    return np.ascontiguousarray(found, dtype=np.float32)


def _aligned(
    fit: Fit, A: np.ndarray, B: np.ndarray, device: str, progress: bool, maps: Callable[..., Arrays | None]
) -> list[np.ndarray] | None:
    """Both representations and what the maps make of them: those of the run's folder, else what ``maps`` has."""
    prepared, step = fit.prepared, f"{pair_name(fit.a, fit.b)}/alignment"
    if step in {one.name for one in prepared.todo}:
        chunks = pair_chunks.maps_chunk(prepared.steps.fingerprints[step])
        kept = maps(chunks, lambda: alignment.as_arrays(
            alignment.learn(prepared.config, A, B, device=device, progress=progress)
        ))  # fmt: skip
        if kept is None:
            return None
        found = alignment.from_arrays(kept)
    else:
        files = {view: prepared.folder.path(alignment_file(pair_name(fit.a, fit.b), view)) for view in alignment.VIEWS}
        found = {view: alignment.read_map(path) for view, path in files.items()}
    return [A, B, *(one.apply(source) for one, source in zip(found.values(), (A, B), strict=True))]
