"""Which way a comparison is computed, and the memory that takes: known from its size and settings alone.

``dense`` holds all pairs of items and is exact; ``sparse`` looks at all pairs, in tiles, and keeps some
of them, with exact ranks; ``approximate`` looks at some pairs only. Memory is what the process peaks at,
libraries included: a bound, a little above what was measured.

``auto`` is ``dense`` up to ``DENSE_UP_TO`` items where all pairs fit into memory, and where the settings need
them; else ``sparse``, and beyond ``APPROXIMATE_FROM`` items ``approximate``. No time has a say in it, so every
machine with enough memory chooses alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rdx.compute.memory import in_words, memory_limit
from rdx.compute.threads import TILE_BYTES, default_threads
from rdx.errors import InputError, unknown
from rdx.method.many.pair_choice import CLASSES, NEAR
from rdx.method.many.pair_tiles import tile_rows
from rdx.method.many.rank_profiles import KNOTS
from rdx.method.numerics.lanczos import MAX_DIMENSION

SOLVERS = ("dense", "sparse", "approximate")
DENSE_UP_TO = 20_000  # items: with more, ranking and keeping all pairs takes minutes longer than a sample of them
APPROXIMATE_FROM = 300_000  # items: more, and a pass over all pairs takes an hour on two cores
APPROXIMATE_FROM_ON_A_GPU = 3_000_000  # there the host's memory ends first
LEAST_PAIRS = 100  # an item: with fewer, the sparse labels no longer follow the exact ones

# Bytes.
LIBRARIES = 800e6  # a process with everything that a run loads, before any data: models and UMAP too
ALONE = 560e6  # one that loads neither: RDX itself 0.35 GB, torch the rest
OVERHEAD = 16e6  # in any case
TURN = 64e6  # aligned: blocks of up to 32 MiB that the allocator keeps of the first direction
MARGIN = 1.12  # on all that grows: what allocators keep
DENSE_MARGIN = 1.06  # most of it is a few large blocks, which go back at once
FEATURE = 8  # an entry of the features: float64, or float32 held twice
SAMPLED = 36  # a kept pair while samples are joined
SAMPLED_BOTH_WAYS = 56  # while their ranks from the other end are found
TILE_ARRAYS = 6  # of a tile's size, for each thread of the dense solver
SCRATCH = 24  # a column of a tile, for each thread


@dataclass(frozen=True)
class FitPlan:
    """How RDX goes about one comparison."""

    solver: str
    n: int
    memory: float  # bytes at the process's peak
    pairs_per_item: float | None  # kept of each item; None where all are
    reason: str  # why this solver


@dataclass(frozen=True)
class _Fit:
    """What the choice and its memory depend on."""

    n: int
    widths: tuple[int, ...]  # (d_a, d_b)
    both_ways: bool  # symmetrised distances
    aligned: bool
    matrices: float  # bytes a pair of items beyond ranks and graph: what dense settings hold in addition
    ranks: bool  # distances are ranks
    pairs_per_item: float
    n_clusters: int
    threads: int
    gpu: bool = False
    libraries: float = ALONE  # bytes, before any data

    @property
    def columns(self) -> int:
        """Of all representations together; mapped ones are as wide as what they are mapped to."""
        return sum(self.widths) * (2 if self.aligned else 1)

    @property
    def base(self) -> float:
        """Bytes that do not grow with the items."""
        return self.libraries + OVERHEAD + (TURN if self.aligned else 0)

    @property
    def pairs(self) -> float:
        return self.n * min(self.n - 1, self.pairs_per_item + 2 * NEAR)


def plan_fit(
    n: int, widths: Sequence[int], *, solver: str = "auto", version: str = "v2", distance: str = "neighborhood",
    difference: str = "locally_biased", clustering: str = "spectral", selection: str = "max_total_affinity",
    normalize_difference: bool = False, keep_matrices: bool = False, guidance_rule_used: str | None = None,
    aligned: bool = False, n_clusters: int = 5, pairs_per_item: float = 600, max_memory=None,
    threads: int | None = None, gpu: bool = False, libraries: float = ALONE,
) -> FitPlan:  # fmt: skip
    """The solver and memory of `RDX.fit` on n items with representations of ``widths`` (d_a, d_b) columns.

    The parameters are those of RDX; ``guidance_rule_used`` is None without guidance; ``gpu``: tiles are made on
    one, see ``rdx.compute.devices``; ``libraries``: bytes that the process holds before any data. Raises InputError
    where the solver cannot do what is asked for, or where the comparison does not fit: with the number, the limit and
    what would fit.
    """
    check_solver(solver)
    fit = _Fit(
        n, tuple(widths), version == "v2", aligned,
        _extra_matrices(clustering, selection, keep_matrices), distance == "neighborhood",
        pairs_per_item, n_clusters, threads or default_threads(), gpu, libraries,
    )  # fmt: skip
    needs_dense = _why_dense(
        distance, difference, clustering, selection, normalize_difference, keep_matrices, guidance_rule_used
    )
    limit = memory_limit(max_memory)
    if solver == "auto":
        chosen, reason = _choose(fit, needs_dense, limit)
    else:
        chosen, reason = solver, "as asked for"
    if chosen != "dense" and needs_dense:
        parameter, instead = needs_dense
        raise InputError(f"solver='{chosen}' cannot take {parameter}: set {instead}, or solver='dense'")
    plan = _planned(fit, chosen, reason)
    if limit is not None and plan.memory > limit:
        raise InputError(_too_large(fit, plan, needs_dense, limit))
    return plan


def check_solver(solver: str) -> None:
    if solver not in ("auto", *SOLVERS):
        raise unknown("solver", solver, ("auto", *SOLVERS))


def _why_dense(
    distance: str, difference: str, clustering: str, selection: str, normalize_difference: bool, keep_matrices: bool,
    guidance_rule_used: str | None,
) -> tuple[str, str] | None:  # fmt: skip
    """A setting that has no sparse structure, and what would have; None where all have it."""
    if distance != "neighborhood":
        return f"distance='{distance}'", "distance='neighborhood'"
    if difference != "locally_biased":
        return f"difference='{difference}'", "difference='locally_biased'"
    if normalize_difference:
        return "normalize_difference=True", "normalize_difference=False"
    if keep_matrices:
        return "keep_matrices=True", "keep_matrices=False"
    if clustering == "affinity_propagation":
        return f"clustering='{clustering}'", "clustering='spectral'"
    if selection == "spectral_centrality":
        return f"selection='{selection}'", "selection='max_total_affinity'"
    if guidance_rule_used == "paper":
        return "guidance_rule='paper'", "guidance_rule='own'"
    return None


def _choose(fit: _Fit, needs_dense: tuple[str, str] | None, limit: int | None) -> tuple[str, str]:
    """What ``auto`` takes, and why."""
    if needs_dense:
        return "dense", f"{needs_dense[0]} needs all pairs"
    dense = _dense_memory(fit)
    if limit is not None and dense > limit:
        many, why = "sparse", f"all pairs need {in_words(dense)}, the limit is {in_words(limit)}"
    elif fit.n <= DENSE_UP_TO:
        return "dense", f"exact up to {DENSE_UP_TO:,} items"
    else:
        many, why = "sparse", f"more than {DENSE_UP_TO:,} items are too many to keep all pairs"
    if fit.gpu and fit.n <= APPROXIMATE_FROM_ON_A_GPU and (limit is None or _sparse_memory(fit) <= limit):
        return many, why
    if fit.n > APPROXIMATE_FROM:
        many, why = "approximate", f"more than {APPROXIMATE_FROM:,} items are too many to look at all pairs"
    return many, why


def _planned(fit: _Fit, solver: str, reason: str) -> FitPlan:
    kept = None if solver == "dense" else fit.pairs_per_item
    return FitPlan(solver, fit.n, _MEMORY[solver](fit), kept, reason)


def _dense_memory(fit: _Fit) -> float:
    """Two rank matrices and one graph, with what the settings hold beside them."""
    if not fit.ranks:
        held = 4 + 4 + 4
    else:
        largest = 2 * (fit.n - 1) if fit.both_ways else fit.n - 1  # symmetrised ranks are kept as sums
        held = 2 * (2 if largest < 1 << 16 else 4) + 4
    tiles = fit.threads * TILE_ARRAYS * max(TILE_BYTES, 16 * 8 * fit.n)
    all_pairs = (held + fit.matrices) * fit.n**2 + tiles + _clustering(fit)
    return fit.base + DENSE_MARGIN * (_points(fit) + max(_gridding(fit), all_pairs))


def _sparse_memory(fit: _Fit) -> float:
    """Both representations, tiles, kept pairs with their ranks, and the vectors of the clustering."""
    tiles = fit.threads * fit.n * (2 * 8 * tile_rows(fit.n) + SCRATCH)
    kept = 28 if fit.both_ways else 16  # a pair: items, ranks, chances
    sampling = fit.pairs * (SAMPLED_BOTH_WAYS if fit.both_ways else SAMPLED) + tiles
    graphs = fit.pairs * (kept + 2 * 4)  # the values of two directions are made while the ranks are there
    clustering = fit.pairs * (4 + 3 * 4) + _clustering(fit)
    return fit.base + MARGIN * (_points(fit) + max(_gridding(fit), sampling, graphs, clustering))


def _approximate_memory(fit: _Fit) -> float:
    """Both representations with their profiles, kept pairs with the values of two directions, and the clustering."""
    representations = 4 if fit.aligned else 2
    profiles = representations * fit.n * (4 * (KNOTS + CLASSES) + 8 * NEAR)
    pairs = fit.pairs * (4 + 2 * 4 + 0.7 * 8)  # the last: what thinning leaves
    return fit.base + MARGIN * (_points(fit) + profiles + pairs + _clustering(fit))


def _points(fit: _Fit) -> float:
    """Features, and the same on their exact grid."""
    return 8 * fit.n * (fit.columns + 8) + FEATURE * fit.n * fit.columns


def _gridding(fit: _Fit) -> float:
    """While the last representation is put on its grid: two copies of it more."""
    return 2 * 8 * fit.n * max(fit.widths)


def _clustering(fit: _Fit) -> float:
    return 8.0 * fit.n * min(fit.n, MAX_DIMENSION) + fit.n * (1024 + 64 * fit.n_clusters)


def _extra_matrices(clustering: str, selection: str, keep_matrices: bool) -> float:
    """Bytes a pair of items that only some settings hold."""
    extra = 0.0
    if keep_matrices:
        extra += 2 * (4 + 4) + 2 * 4  # difference and affinity of both directions, distances as float32
    if clustering == "affinity_propagation":
        extra += 8 * 8  # scikit-learn's messages
    if selection == "spectral_centrality":
        extra += 12 * 8 * 0.25  # an eigenproblem of a cluster, which may have half of the items
    return extra


_MEMORY: dict[str, Callable[[_Fit], float]] = {
    "dense": _dense_memory,
    "sparse": _sparse_memory,
    "approximate": _approximate_memory,
}


def _too_large(fit: _Fit, plan: FitPlan, needs_dense: tuple[str, str] | None, limit: int) -> str:
    """One line: what is needed, what there is, and what would fit."""
    options = []
    for solver in SOLVERS[SOLVERS.index(plan.solver) + 1 :]:
        if not needs_dense and _planned(fit, solver, "").memory <= limit:
            options.append(f"solver='{solver}'")
    if needs_dense and _sparse_memory(fit) <= limit:
        options.append(f"{needs_dense[1]}, which solver='sparse' can take")
    if plan.solver != "dense":
        few_enough = lambda pairs: _MEMORY[plan.solver](replace(fit, pairs_per_item=pairs)) <= limit  # noqa: E731
        fewer = _largest(few_enough, int(fit.pairs_per_item))
        if fewer >= LEAST_PAIRS:
            options.append(f"pairs_per_item={_rounded(fewer)}")
    items = _largest(lambda n: _planned(replace(fit, n=n), plan.solver, "").memory <= limit, fit.n)
    options.append(f"a subsample of {_rounded(items):,} items" if items >= 100 else "more memory")
    needed = f"{fit.n:,} items need {in_words(plan.memory)} with solver='{plan.solver}'"
    return f"{needed}, the limit is {in_words(limit)}; what would fit: {' or '.join(options)}"


def _rounded(number: int) -> int:
    """Down to two digits."""
    unit = 10 ** max(0, len(str(number)) - 2)
    return number // unit * unit


def _largest(holds: Callable[[int], bool], most: int = 10_000_000) -> int:
    """The largest number up to ``most`` for which something holds that holds for all smaller ones; 1 at least."""
    low, high = 1, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if holds(middle) else (low, middle - 1)
    return low
