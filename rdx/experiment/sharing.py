"""Several processes on one run: each computes its share of what takes longest, one carries out all the rest.

Shared are the representations and the pairs of sparse fits. Under torchrun processes wait for each other's chunks,
and the first goes on. By hand, or in an array of jobs, every ``--shard i/N`` goes as far as it can without waiting,
and ``--gather`` goes on once all shards are done.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from rdx.errors import InputError
from rdx.experiment import pair_sharing
from rdx.experiment.pair_chunks import Sharing
from rdx.experiment.stages import inputs, naming
from rdx.experiment.stages.layers import analysis as layer_analysis
from rdx.features import Share, compute_share, gaps_in
from rdx.method.many.pair_parts import CHOSEN
from rdx.shards import PATIENCE, Worker

if TYPE_CHECKING:
    from rdx.data import Items
    from rdx.experiment.plan.prepare import Prepared

_log = logging.getLogger(__name__)


def check_options(worker: Worker, *, gather: bool, force: bool) -> None:
    """Refuse options that contradict each other."""
    if gather and worker.by_hand:
        raise InputError("--shard computes a part and --gather puts the parts together: give one of them")
    if force and (gather or worker.count > 1 or worker.by_hand):
        raise InputError(
            "--force throws features away, also those that other processes have just computed: run it in one process, "
            "or give the run a new cache (RDX_CACHE=FOLDER)"
        )


def take_part(
    checked: Sequence[Prepared], worker: Worker, *, gather: bool, device: str, progress: bool,
    say: Callable[[str], None],
) -> bool:  # fmt: skip
    """Do what this process has to do beside others; returns whether it is the one that goes on with the runs.

    Raises InputError for --gather where chunks are missing, and as the extraction does.
    """
    if gather:
        _check_gathered(checked)
        pair_sharing.check_gathered(checked, device=device, progress=progress)
        return True
    if worker.count == 1 and not worker.by_hand:
        return True
    shares = [share for one in checked for share in _shares(one, worker, device=device, progress=progress)]
    sharing, sparse = Sharing(worker, PATIENCE), any(map(pair_sharing.fits, checked))
    if worker.by_hand:
        lacking = sparse and bool(_first_gap(checked))
        if sparse and not lacking:
            pair_sharing.share(checked, sharing, device=device, progress=progress)
        say(_what_is_next(shares, sharing, lacking))
        return False
    if worker.index == 0 or sparse:
        _wait(shares)
    if sparse:
        pair_sharing.share(checked, sharing, device=device, progress=progress)
    return worker.index == 0


def _shares(prepared: Prepared, worker: Worker, *, device: str, progress: bool) -> Iterator[Share]:
    for step, settings, items, together in _to_compute(prepared):
        share = compute_share(settings, items, worker, together=together, device=device, progress=progress)
        if share is not None:
            if share.images:
                prepared.speeds[step] = f"{share.images / share.seconds:.1f} images/s, worker {worker.name}"
            yield share


def _to_compute(prepared: Prepared) -> Iterator[tuple[str, dict[str, Any], Items, list[dict[str, Any]]]]:
    """Every representation that the run has yet to make: its step, settings, items, and what one pass can bring along.

    In the order in which `prepare.check_features` asks for them.
    """
    config, items, todo = prepared.config, prepared.items, {step.name for step in prepared.todo}
    entries = {key: config.representations[key].extraction for key in inputs.keys_in_use(config)}
    if naming.STEP in todo:
        yield naming.STEP, prepared.words.extraction, items, list(entries.values())
    for key, settings in entries.items():
        if f"representations/{key}" in todo:
            yield f"representations/{key}", settings, items, [entries[other] for other in entries if other != key]
    analysis = prepared.analysis
    if layer_analysis.PROBES in todo and analysis.others is not None:
        for key, settings in entries.items():
            yield layer_analysis.PROBES, settings, analysis.others, [entries[o] for o in entries if o != key]


def _wait(shares: Sequence[Share]) -> None:
    for share in shares:
        patience = max(PATIENCE, 4 * share.slowest)
        left = share.wait(patience)
        if left:
            _log.warning("no new chunk of features for %.0f s: %d missing ones are computed here", patience, left)


def _check_gathered(checked: Sequence[Prepared]) -> None:
    gap = _first_gap(checked)
    if gap:
        raise InputError(
            f"{gap}; run its shards (--shard i/N), or leave --gather out to compute what is missing here"
        )


def _first_gap(checked: Sequence[Prepared]) -> str:
    """The first representation of which chunks are missing, and which; "" where all can be put together."""
    for prepared in checked:
        for step, settings, items, _ in _to_compute(prepared):
            gap = gaps_in(settings, items)
            if gap:
                return f"{prepared.config.name}, {step}: {gap}"
    return ""


def _what_is_next(shares: Sequence[Share], sharing: Sharing, lacks_features: bool) -> str:
    """What a shard has done, and what comes next, in one line."""
    images, seconds = sum(share.images for share in shares), sum(share.seconds for share in shares)
    done = [f"{images} images at {images / seconds:.1f} images/s"] if images else []
    if sharing.computed:
        done.append(f"{sharing.computed} chunk{'s' if sharing.computed > 1 else ''} of pairs")
    again = ""
    if lacks_features:
        again = "the pairs of sparse fits, which need all features"
    elif CHOSEN in sharing.waiting:
        again = "the second pass over the pairs, which needs all of the first"
    shards = f"when all {sharing.worker.count} shards are done"
    following = f"{shards}, run them once more ({again}), then" if again else f"{shards}, run"
    said = ", ".join(done) or "nothing was left to compute"
    return f"shard {sharing.worker.name}: {said}; {following} the same command with --gather in the place of --shard"
