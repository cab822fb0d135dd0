"""How RDX goes about every comparison of a run, and what the steps take of memory: told before the work."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rdx.compute.memory import in_words, memory_limit
from rdx.compute.threads import default_threads
from rdx.errors import InputError
from rdx.experiment.run.folder import pair_name
from rdx.experiment.stages import methods, statistics
from rdx.method.many.solver import LIBRARIES, FitPlan

if TYPE_CHECKING:
    from rdx.config import Experiment
    from rdx.experiment.stages.methods import MethodRun

Plans = Mapping[tuple[str, str], Mapping[str, FitPlan]]  # by comparison, then by the name of the method

ENDLESS = 1 << 62  # bytes: no limit
# Bytes.
HELD = 8  # an entry of the features of a comparison: float32, as the run holds it and as it was read
READ = 8 * 5  # an entry, where a step puts both representations on their grid, one after the other
REFIT = 4 * (4 + 2)  # a pair of items of the statistics and thread: distances of a surrogate pair, graph, clustering
ITEM = 2_000  # an item in tables of all items: their attributes, their neighbours and the texts of their columns
JOINT_MAP = 30_000  # an item of the joint map: neighbours and their graph, of both representations


@dataclass(frozen=True)
class Demand:
    """What a step takes of memory at its peak, in bytes, and how to make that less."""

    step: str
    memory: float
    less: str


def plans_of(
    config: Experiment, n: int, widths: Mapping[str, int], runs: Sequence[MethodRun], missing: list[str] | None,
    device: str = "cpu",
) -> Plans:  # fmt: skip
    """The plan of every RDX on every comparison; what does not fit is raised, or added to ``missing`` if given."""
    plans: dict[tuple[str, str], dict[str, FitPlan]] = {}
    for a, b in config.comparisons:
        plans[a, b] = {}
        for run in runs:
            if not run.is_rdx:
                continue
            size = n, (widths[a], widths[b])
            try:
                plans[a, b][run.name] = methods.plan(run, config, *size, device=device)
            except InputError as error:
                if missing is None:
                    raise
                # Raises what is wrong:
                plans[a, b][run.name] = methods.plan(run, config, *size, device=device, max_memory=ENDLESS)
                missing.append(f"{pair_name(a, b)}/{run.name}: {error}")
    return plans


def demands(
    config: Experiment, n: int, widths: Mapping[str, int], runs: Sequence[MethodRun], plans: Plans
) -> Iterator[Demand]:
    """The memory of every step that takes much."""
    from rdx.experiment.stages.explore import wanted, why_no_joint_map

    few = LIBRARIES + ITEM * n
    yield Demand("pixels", few, "take fewer items")
    for a, b in config.comparisons:
        pair, columns = pair_name(a, b), (widths[a] + widths[b]) * (2 if config.alignment else 1)
        held = LIBRARIES + HELD * n * columns
        read = held + READ * n * columns
        for step in ("cka", "metrics", "summary", "classification", "alignment", "neighbors", "explorer"):
            yield Demand(f"{pair}/{step}", read, "take fewer items")
        if wanted(config) and why_no_joint_map(config, n) is None:
            yield Demand(f"{pair}/joint_map", held + JOINT_MAP * n, "set explorer.map=pca")
        yield Demand(f"{pair}/items", few, "take fewer items")
        for run in runs:
            yield Demand(f"{pair}/{run.name}/figures", read, "take fewer items")
            yield Demand(f"{pair}/{run.name}/attributes", few, "take fewer items")
            if run.is_rdx:
                yield Demand(f"{pair}/{run.name}", plans[a, b][run.name].memory, "take fewer items")
            else:
                method = methods.method_class(run.method)
                needed = method.memory(n, (widths[a], widths[b]), run.parameters)
                yield Demand(f"{pair}/{run.name}", held + needed, method.less_memory)
            if run.statistics != "off":
                used = statistics.plan(config, run, n).n
                needed = REFIT * default_threads() * used**2
                less = "take fewer items" if run.own_scales(n) else "set statistics.n_items lower"
                yield Demand(f"{pair}/{run.name}/statistics", read + needed, less)


def too_large(config: Experiment, found: Sequence[Demand]) -> list[str]:
    """A line for every step that does not fit into the memory limit."""
    limit = memory_limit(config.max_memory)
    if limit is None:
        return []
    return [
        f"{one.step} needs {in_words(one.memory)}, the limit is {in_words(limit)}: {one.less}, or raise max_memory"
        for one in found
        if one.memory > limit
    ]


def as_table(widths: Mapping[str, int], plans: Plans) -> list[dict[str, Any]]:
    """What plan.json has of the fits: one entry a comparison and RDX."""
    return [
        {"comparison": pair_name(a, b), "method": name, "d_a": widths[a], "d_b": widths[b], **_rounded(plan)}
        for (a, b), by_name in plans.items()
        for name, plan in by_name.items()
    ]


def _rounded(plan: FitPlan) -> dict[str, Any]:
    return {**asdict(plan), "memory": round(plan.memory)}


def lines(plans: Plans, widths: Mapping[str, int]) -> list[tuple[str, str]]:
    """The fits in words, one line for all comparisons that a method goes about alike: (method, plan)."""
    alike: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for pair, by_name in plans.items():
        for name, plan in by_name.items():
            alike.setdefault((name, plan.solver, plan.reason), []).append(pair)
    rows = []
    for (name, solver, reason), pairs in alike.items():
        largest = max((plans[pair][name] for pair in pairs), key=lambda plan: plan.memory)
        d = sorted({widths[key] for pair in pairs for key in pair})
        size = f"{largest.n:,} × {d[0]}" + (f"…{d[-1]}" if len(d) > 1 else "")
        where = "" if len(pairs) == len(plans) else f" in {len(pairs)} of {len(plans)} comparisons"
        kept = f", {largest.pairs_per_item:g} pairs an item" if largest.pairs_per_item else ""
        rows.append((name, f"{size}: {solver}{where}{kept} ({reason}) · up to {in_words(largest.memory)}"))
    return rows
