"""The loops of pair_choice and rank_counting on distances in single precision, with the same results.

Each row has a ``slack``: its distances are off by at most so much. What the slack leaves open is settled by exact
distances of single pairs. A row in which that would be too often is left to the exact loops: ``left`` says so.
"""

from __future__ import annotations

import numba
import numpy as np

from rdx.method.many.pair_choice import CLASSES, _class_of, _keys, _random
from rdx.method.many.rank_counting import STRIP
from rdx.method.many.single_distances import exact_distance

_MOST_BUCKETS = 1 << 14
_IN_A_BUCKET = 4  # items, on average
_AT_ONCE = 32
_SETTLED = 8  # exact distances for each queried item, on average, beyond which a row is left to the exact loops
_SETTLED_BESIDES = 4096
_compiled = numba.njit(nogil=True, cache=True)
_inlined = numba.njit(nogil=True, cache=True, inline="always")


@_compiled
def choose_single(
    values_a, values_b, slack_a, slack_b, extended_a, extended_b, own, bounds_a, bounds_b, thresholds, wide, far, seed,
    near, items, chances, starts, left,
):  # fmt: skip
    """What ``pair_choice.choose_pairs`` chooses for t rows of all n columns; returns whether ``items`` were enough.

    values (t, n) float32, slack (t,) float64 and extended (n, d + 2) float64 of each representation; ``own`` (t,): the
    rows' items; bounds (t, CLASSES − 1): exact; ``wide``: each threshold's largest neighbour's; ``far``: the class
    from which on, in both representations, chances are so small that the random number decides before the class is
    looked for. Rows that are left to the exact loop are marked in ``left`` (t,) and get no pairs.
    """
    n = values_a.shape[1]
    taken = np.zeros(n, np.uint8)
    drawn = np.empty(STRIP, np.uint32)
    considered = np.empty(STRIP, np.uint8)
    passed = np.empty(STRIP + 1, np.int32)
    limit, far_limit = thresholds.max(), np.uint32(0)
    for a in range(far, len(wide)):
        for b in range(far, len(wide)):
            far_limit = max(far_limit, wide[a, b])
    scale = np.float32(1.0 / 4294967296.0)
    single_a, single_b = np.empty(CLASSES - 1, np.float32), np.empty(CLASSES - 1, np.float32)
    filled = 0
    starts[0] = 0
    for r in range(len(own)):
        me, row_a, row_b = own[r], values_a[r], values_b[r]
        starts[r + 1] = filled
        spread_a = _rounded(bounds_a[r], slack_a[r], single_a)
        spread_b = _rounded(bounds_b[r], slack_b[r], single_b)
        left[r] = spread_a < 0 or spread_b < 0
        if left[r]:
            continue
        if not (
            _nearest_single(values_a[r], slack_a[r], extended_a, me, near[0, r])
            and _nearest_single(values_b[r], slack_b[r], extended_b, me, near[1, r])
        ):
            left[r] = 1
            continue
        if filled + 2 * near.shape[2] > len(items):
            return False
        for side in range(2):
            for j in near[side, r]:
                if j >= 0 and not taken[j]:
                    taken[j] = 1
                    items[filled], chances[filled] = j, 1.0
                    filled += 1
        taken[me] = 1
        first, second = _keys(seed, me)
        far_a = single_a[far - 1] if far else np.float32(-np.inf)
        far_b = single_b[far - 1] if far else np.float32(-np.inf)
        for begin in range(0, n, STRIP):
            end = min(n, begin + STRIP)
            if filled + STRIP > len(items):
                return False
            for j in range(begin, end):
                drawn[j - begin] = _random(np.uint32(j), first, second)
            count = 0
            for j in range(begin, end):
                nearer = (row_a[j] < far_a) | (row_b[j] < far_b)
                considered[j - begin] = drawn[j - begin] <= (limit if nearer else far_limit)
            for j in range(begin, end):  # without a branch: what is not considered is written over
                passed[count] = j
                count += considered[j - begin]
            for at in range(count):
                j = passed[at]
                value_a, value_b = row_a[j], row_b[j]
                a, b = _class_of(value_a, single_a), _class_of(value_b, single_b)
                if drawn[j - begin] > wide[a, b] or taken[j]:
                    continue
                a = _settled_class(a, value_a, spread_a, single_a, bounds_a[r], extended_a, me, j)
                b = _settled_class(b, value_b, spread_b, single_b, bounds_b[r], extended_b, me, j)
                threshold = thresholds[a, b]
                if drawn[j - begin] <= threshold:
                    items[filled] = j
                    chances[filled] = min((np.float32(threshold) + np.float32(1.0)) * scale, np.float32(1.0))
                    filled += 1
        taken[me] = 0
        for side in range(2):
            for j in near[side, r]:
                if j >= 0:
                    taken[j] = 0
        starts[r + 1] = filled
    return True


@_compiled
def classes_single(values, slack, extended, own, bounds, starts, items, classes):
    """Fills ``classes`` (q,) with the rank classes of ``items`` (q,), row r's items[starts[r] : starts[r + 1]]."""
    for r in range(len(own)):
        for at in range(starts[r], starts[r + 1]):
            j = items[at]
            value = np.float64(values[r, j])
            low, high = _class_of(value - slack[r], bounds[r]), _class_of(value + slack[r], bounds[r])
            if low != high:
                low = _class_of(exact_distance(extended, own[r], j), bounds[r])
            classes[at] = low


@_compiled
def chances_of(thresholds, classes_a, classes_b, near_a, near_b, starts, items, chances):
    """The chance with which each row's choice would have kept the given items, as ``choose_pairs`` has it."""
    scale = np.float32(1.0 / 4294967296.0)
    for r in range(len(near_a)):
        for at in range(starts[r], starts[r + 1]):
            threshold = thresholds[classes_a[at], classes_b[at]]
            chance = min((np.float32(threshold) + np.float32(1.0)) * scale, np.float32(1.0))
            for side in range(near_a.shape[1]):
                if near_a[r, side] == items[at] or near_b[r, side] == items[at]:
                    chance = np.float32(1.0)
            chances[at] = chance


@_compiled
def count_single(values, slack, extended, own, starts, items, ranks, left):
    """What ``rank_counting.count_ranks`` fills ``ranks`` (q,) with; rows left to it are marked in ``left`` (t,)."""
    n = values.shape[1]
    n_buckets = 64
    while n_buckets < n // _IN_A_BUCKET and n_buckets < _MOST_BUCKETS:
        n_buckets *= 2
    held = np.zeros(n_buckets, np.uint8)  # which buckets have to be looked at closely
    sizes = np.zeros(n_buckets + 1, np.int32)
    heads = np.empty(n_buckets, np.int32)  # where the close look at a bucket begins
    strip = np.empty(STRIP, np.int32)
    close = np.empty(n + 1, np.int32)
    buckets = np.empty(n + 1, np.uint16)
    value, index = np.empty(n, np.float32), np.empty(n, np.int32)
    for r in range(len(own)):
        first, last = starts[r], starts[r + 1]
        left[r] = 0
        if first == last:
            continue
        row, me = values[r], own[r]
        low, high = np.float32(np.inf), np.float32(-np.inf)
        for q in range(first, last):
            low, high = min(low, row[items[q]]), max(high, row[items[q]])
        # Twice the slack, as the item and the queried one may both be off; more where sums in float32 are rounded,
        # by at most a slack each.
        reach = np.float32(4.0 * slack[r] + 1.0)
        both = 2.0 * slack[r]
        low -= np.float32(2.0) * reach
        top = np.float32(n_buckets - 1)
        scale = np.float32(np.float32(n_buckets - 2) / (high + np.float32(2.0) * reach - low))
        for q in range(first, last):
            v = row[items[q]]
            for b in range(_bucket(v - reach, low, scale, top), _bucket(v + reach, low, scale, top) + 1):
                held[b] = 1
        sizes[:] = 0
        looked = 0
        for begin in range(0, n, STRIP):
            end = min(n, begin + STRIP)
            for j in range(begin, end):
                strip[j - begin] = _bucket(row[j], low, scale, top)
            for j in range(begin, end):  # without a branch: what is not held is written over
                b = strip[j - begin]
                sizes[b + 1] += 1
                close[looked] = j
                buckets[looked] = b
                looked += held[b]
        total = 0
        for b in range(n_buckets):
            heads[b] = total
            total += held[b] * sizes[b + 1]
            sizes[b + 1] += sizes[b]
        for at in range(looked):
            j, b = close[at], buckets[at]
            value[heads[b]], index[heads[b]] = row[j], j
            heads[b] += 1
        own_bucket = _bucket(row[me], low, scale, top)
        settled = _SETTLED * (last - first) + _SETTLED_BESIDES
        for q in range(first, last):
            j = items[q]
            v = row[j]
            begins, ends = _bucket(v - reach, low, scale, top), _bucket(v + reach, low, scale, top)
            # The item itself comes before all others, wherever its own distance of 0 stands.
            before = sizes[begins] - (1 if own_bucket < begins else 0)
            under, over = np.float64(v) - both, np.float64(v) + both
            exact = -1.0
            # Neighbouring held buckets lie one after the other.
            for at in range(heads[begins] - (sizes[begins + 1] - sizes[begins]), heads[ends]):
                k = index[at]
                if value[at] < under:
                    before += k != me
                elif value[at] <= over and k != j and k != me:
                    if exact < 0:
                        exact = exact_distance(extended, me, j)
                    other = exact_distance(extended, me, k)
                    before += other < exact or (other == exact and k < j)
                    settled -= 1
            ranks[q] = 0 if j == me else before + 1
            if settled < 0:
                left[r] = 1
                break
        for q in range(first, last):
            v = row[items[q]]
            for b in range(_bucket(v - reach, low, scale, top), _bucket(v + reach, low, scale, top) + 1):
                held[b] = 0


@_inlined
def _bucket(value, low, scale, top):
    """Never decreases with the value, so that order between buckets is order between values."""
    return np.int32(min(max((value - low) * scale + np.float32(1.0), np.float32(0.0)), top))


@_compiled
def _rounded(bounds, slack, single):
    """Fills ``single`` with the bounds in float32; returns how near to one a distance's class is open.

    −1 where two bounds are that near to each other: then an error could skip a class.
    """
    largest = 0.0
    for k in range(len(bounds)):
        single[k] = bounds[k]
        if np.isfinite(bounds[k]):
            largest = bounds[k]
    spread = slack + largest * 2.0**-23
    for k in range(1, len(bounds)):
        if np.isfinite(bounds[k]) and bounds[k] - bounds[k - 1] <= 2 * spread:
            return -1.0
    return spread


@_inlined
def _settled_class(found, value, spread, single, bounds, extended, me, j):
    """The class ``found`` of a distance, or the exact distance's where it is too near to a bound."""
    under = found > 0 and value - single[found - 1] <= spread
    over = found < CLASSES - 1 and single[found] - value <= spread
    if under or over:
        return _class_of(exact_distance(extended, me, j), bounds)
    return found


@_compiled
def _nearest_single(row, slack, extended, me, found):
    """Fills ``found`` (k,) with the items nearest to ``me`` as pair_choice does; False where too many come near."""
    k, n = len(found), len(row)
    found[:] = -1
    if not k:
        return True
    # In single precision first: nothing that is farther than the k-th found and both errors is among the k. The
    # limit only falls, so that one look at each item is enough.
    reach = np.float32(2.0 * slack)
    values = np.full(k, np.float32(np.inf))
    limit = np.float32(np.inf)
    some = np.empty(_SETTLED_BESIDES, np.int32)
    count = 0
    for begin in range(0, n, _AT_ONCE):
        end = min(n, begin + _AT_ONCE)
        any_near = False
        for j in range(begin, end):  # several at once: hardly ever is there one
            any_near |= row[j] <= limit
        if not any_near:
            continue
        for j in range(begin, end):
            v = row[j]
            if v > limit or j == me:
                continue
            if count == len(some):
                count = _kept_below(row, limit, some)
                if 2 * count > len(some):
                    return False
            some[count] = j
            count += 1
            if v < values[k - 1]:
                at = k - 1
                while at > 0 and values[at - 1] > v:
                    values[at] = values[at - 1]
                    at -= 1
                values[at] = v
                limit = _above(values[k - 1] + reach)
    exact = np.full(k, np.inf)
    for at in range(_kept_below(row, limit, some[:count])):
        j = some[at]
        v = exact_distance(extended, me, j)
        if v < exact[k - 1]:
            place = k - 1
            while place > 0 and exact[place - 1] > v:
                exact[place], found[place] = exact[place - 1], found[place - 1]
                place -= 1
            exact[place], found[place] = v, j
    return True


@_compiled
def _kept_below(row, limit, some):
    """Moves the items of ``some`` that are not farther than ``limit`` to its front; returns how many they are."""
    kept = 0
    for at in range(len(some)):
        some[kept] = some[at]
        kept += row[some[at]] <= limit
    return kept


@_inlined
def _above(value):
    """A little more than a float32: as much as its last operation may have rounded off."""
    return np.float32(value + abs(value) * np.float32(2.0**-22))
