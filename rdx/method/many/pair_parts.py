"""A sample of pairs made in parts that several processes can share: byte for byte the sample of one process.

A part is a run of whole row tiles; where the cuts are depends on n alone. As in ``pair_sample``, one pass does
where distances are not symmetrised: it chooses the pairs of a part's rows and ranks them. Otherwise it only
chooses them, and a second pass ranks, of a part's rows, the pairs that they have chosen and those that have
chosen them; so it needs all of the first. Before them comes the PairChoice, made once: the last bits of its
fitted chances may differ from one kind of machine to another.

Where parts are kept, who computes which and who waits for whom is a Store's business; nothing here knows of files.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from rdx.compute.threads import for_each_tile
from rdx.method.many import pair_choice
from rdx.method.many.pair_choice import NEAR, PairChoice
from rdx.method.many.pair_sample import Gathered, PairSample, Ranks, make_choice, transposed
from rdx.method.many.pair_tiles import PairTiles, row_blocks
from rdx.method.neighborhoods import Points

FORMAT = 1  # raise it when other pairs are chosen, or parts hold other arrays than before
LEAST_TILES = 2  # of a part
MOST_PARTS = 256  # so that files stay few
CHOSEN, RANKED, BOTH = "chosen", "ranked", "both_ends"  # the first pass, without ranks or with; the second one

Arrays = Mapping[str, np.ndarray]
Keep = Callable[[int, Arrays], None]  # is handed each part's number and arrays as soon as they are made, by any thread
Compute = Callable[[Sequence[int], Keep], None]  # makes the parts of these numbers


class Store(Protocol):
    """Where the parts of one sample are kept, and which of them this process computes."""

    def once(self, name: str, make: Callable[[], Arrays]) -> Arrays | None:
        """What all processes have to have alike: what is kept, else what ``make`` makes; None ends the work here."""

    def is_settled(self, passes: Sequence[str], made_of: object, count: int) -> bool:
        """Whether nothing of these passes of ``count`` parts is left to do here, and nobody needs the sample here."""

    def gathered(
        self, name: str, made_of: object, count: int, compute: Compute, *, last: bool
    ) -> Iterable[Arrays] | None:
        """All parts of a pass in order, computed as far as that is this process's part; None ends the work here."""


Stores = Callable[[object], Store]  # by all that makes a sample but its choice: JSON-able values


@dataclass(frozen=True)
class Drawn:
    """All pairs of the first pass, from either end."""

    starts: np.ndarray  # (n + 1,) int64: row i's are items[starts[i] : starts[i + 1]]
    items: np.ndarray  # (p,) int32
    near: np.ndarray  # (2, n, NEAR) int32
    back_starts: np.ndarray  # the same pairs, `transposed`
    back_items: np.ndarray


class Tiles(Protocol):
    """How parts are computed: on the processor, or on a device."""

    threads: int | None  # that compute at the same time; None: as many as there are processors

    def split(self, part: Sequence[range]) -> Sequence[range]:
        """The rows of a part as they are computed at a time, from its row tiles."""

    def choose(self, choice: PairChoice, *, ranked: bool) -> Callable[[range], Arrays]:
        """What makes `chosen_arrays` of some rows."""

    def rank(self, choice: PairChoice, drawn: Drawn) -> Callable[[range], Arrays]:
        """What makes `ranked_arrays` of some rows."""


class ProcessorParts:
    """The parts made on the processor, tile by tile."""

    def __init__(self, a: Points, b: Points, threads: int | None = None) -> None:
        self.a, self.b, self.threads = a, b, threads

    def split(self, part: Sequence[range]) -> Sequence[range]:
        return part

    def choose(self, choice: PairChoice, *, ranked: bool) -> Callable[[range], Arrays]:
        tiles = PairTiles(self.a, self.b, choice)
        return lambda rows: chosen_arrays(*tiles.choose(rows, ranked=ranked))

    def rank(self, choice: PairChoice, drawn: Drawn) -> Callable[[range], Arrays]:
        tiles = PairTiles(self.a, self.b, choice)

        def work(rows: range) -> Arrays:
            sides = [
                (starts[rows.start : rows.stop + 1] - starts[rows.start], items[starts[rows.start] : starts[rows.stop]])
                for starts, items in ((drawn.starts, drawn.items), (drawn.back_starts, drawn.back_items))
            ]
            near = [side[rows.start : rows.stop] for side in drawn.near]
            return ranked_arrays(*tiles.rank(rows, *sides[0], *sides[1], near))

        return work


def chosen_arrays(starts: np.ndarray, found: Arrays, near: np.ndarray) -> Arrays:
    """Of t rows, from their ``starts`` (t + 1,), what is known of their pairs (p,), and ``near`` (2, t, NEAR)."""
    return {"counts": np.diff(starts).astype(np.int64), "near": near.transpose(1, 0, 2), **found}


def ranked_arrays(forth: Sequence[np.ndarray], back: Sequence[np.ndarray], chances: np.ndarray) -> Arrays:
    """Ranks in A and B of the pairs that some rows have chosen, and of those that have chosen them with ``chances``."""
    return {"a": forth[0], "b": forth[1], "back_a": back[0], "back_b": back[1], "back_chances": chances}


def cut(n: int) -> list[list[range]]:
    """The row tiles of every part of n rows."""
    blocks = row_blocks(n)
    size = max(LEAST_TILES, -(-len(blocks) // MOST_PARTS))
    return [blocks[start : start + size] for start in range(0, len(blocks), size)]


def draw_in_parts(
    a: Points, b: Points, tiles: Tiles, stores: Stores, *, both_ways: bool, **settings: float
) -> PairSample | None:
    """The sample that ``make_choice`` with ``settings`` and ``sample_pairs`` draw of n items.

    None where the store ends the work of this process before all parts are there.
    """
    parts = cut(len(a))
    store = stores([FORMAT, _hash(a.extended), _hash(b.extended), settings, pair_choice.SAMPLE, NEAR])
    kept = store.once("choice", lambda: _choice_arrays(make_choice(a, b, **settings)))
    if kept is None:
        return None
    choice = _choice_of(kept, len(a), settings["seed"])
    made_of = [{name: _hash(kept[name]) for name in sorted(kept)}, [part[0].start for part in parts]]
    passes = (CHOSEN, BOTH) if both_ways else (RANKED,)
    if store.is_settled(passes, made_of, len(parts)):
        return None
    split = [tiles.split(part) for part in parts]
    compute = _computing(split, tiles.choose(choice, ranked=not both_ways), tiles.threads)
    found = store.gathered(passes[0], made_of, len(parts), compute, last=not both_ways)
    if found is None:
        return None
    starts, near, pairs = _together(found, len(a), choice, ranked=not both_ways)
    if not both_ways:
        return PairSample(starts, pairs["items"], Ranks(pairs["a"], pairs["b"], pairs["chances"]), None, near)
    back_starts, back_items, place = transposed(starts, pairs["items"])
    drawn = Drawn(starts, pairs["items"], near, back_starts, back_items)
    compute = _computing(split, tiles.rank(choice, drawn), tiles.threads)
    found = store.gathered(BOTH, made_of, len(parts), compute, last=True)
    return None if found is None else _from_both_ends(found, drawn, pairs["chances"], place)


def _computing(parts: Sequence[Sequence[range]], work: Callable[[range], Arrays], threads: int | None) -> Compute:
    """Rows on several threads, whatever part they belong to; a part is kept when the last of its rows are done."""

    def compute(numbers: Sequence[int], keep: Keep) -> None:
        held: dict[int, dict[int, Arrays]] = {number: {} for number in numbers}
        lock = threading.Lock()

        def each(task: tuple[int, int]) -> None:
            number, place = task
            found = work(parts[number][place])
            with lock:
                held[number][place] = found
                if len(held[number]) < len(parts[number]):
                    return
            whole = held.pop(number)
            keep(number, joined([whole[place] for place in sorted(whole)]))

        for_each_tile([(number, place) for number in numbers for place in range(len(parts[number]))], each, threads)

    return compute


def joined(some: Sequence[Arrays]) -> Arrays:
    """Arrays of consecutive rows as those of all of them."""
    return {name: np.concatenate([one[name] for one in some]) for name in some[0]}


def _choice_arrays(choice: PairChoice) -> Arrays:
    return {
        "columns": choice.columns, "positions": choice.positions, "chances": choice.chances,
        "expected": np.array([choice.expected]),
    }  # fmt: skip


def _choice_of(kept: Arrays, n: int, seed: int) -> PairChoice:
    return PairChoice(n, kept["columns"], kept["positions"], kept["chances"], seed, float(kept["expected"][0]))


def _together(
    found: Iterable[Arrays], n: int, choice: PairChoice, *, ranked: bool
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """Where each row's pairs begin (n + 1,), near (2, n, NEAR), and what is known of the pairs (p,)."""
    kinds = {"items": np.int32, "chances": np.float32} | ({"a": np.uint32, "b": np.uint32} if ranked else {})
    gathered = Gathered(kinds, n * (choice.expected + 2 * NEAR))
    counts, near, at = np.empty(n, np.int64), np.empty((2, n, NEAR), np.int32), 0
    for part in found:
        rows = slice(at, at + len(part["counts"]))
        counts[rows], near[:, rows], at = part["counts"], part["near"].transpose(1, 0, 2), rows.stop
        gathered.append({name: part[name] for name in kinds})
    return np.concatenate([[0], np.cumsum(counts)]), near, gathered.arrays()


def _from_both_ends(found: Iterable[Arrays], drawn: Drawn, chances: np.ndarray, place: np.ndarray) -> PairSample:
    total = len(place)
    seen = Ranks(np.empty(total, np.uint32), np.empty(total, np.uint32), chances)
    back = Ranks(np.empty(total, np.uint32), np.empty(total, np.uint32), np.empty(total, np.float32))
    at = back_at = 0
    for part in found:
        which, where = slice(at, at + len(part["a"])), place[back_at : back_at + len(part["back_a"])]
        seen.a[which], seen.b[which] = part["a"], part["b"]
        back.a[where], back.b[where], back.chances[where] = part["back_a"], part["back_b"], part["back_chances"]
        at, back_at = which.stop, back_at + len(where)
    return PairSample(drawn.starts, drawn.items, seen, back, drawn.near)


def _hash(array: np.ndarray) -> str:
    found = hashlib.sha256(f"{array.dtype.str} {array.shape}".encode())
    found.update(np.ascontiguousarray(array))
    return found.hexdigest()
