"""Does the suite notice? Plants one error after the other in a copy of the source; each must make a test fail.

    python tests/mutation_check.py              # all of them, a few minutes
    python tests/mutation_check.py NAME...      # those with these names
    python tests/mutation_check.py --list

To add one: its name, its file, a piece of source that stands there once, what takes its place, and the smallest
tests (files, or single tests of slow files) that ought to fail. Leave out changes that change no result.
"""

from __future__ import annotations

import compileall
import multiprocessing
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from py_compile import PycInvalidationMode

ROOT = Path(__file__).resolve().parents[1]
COPIED = ("rdx", "baselines", "tests", "pyproject.toml")
COMPILED = ("rdx/compute", "rdx/method", "rdx/metrics", "tests/method", "tests/metrics")
PASSED, FAILED = 0, 1  # pytest's exit codes; others mean that tests could not run
PATIENCE = 600  # seconds for one run of tests; an error that makes them hang is noticed too
# Imported once by a server of which every run is a fork: what tests and source import, but nothing of theirs.
LOADED = ["pytest", "hypothesis.extra.numpy", "pandas", "sklearn.cluster", "sklearn.decomposition", "scipy.stats",
          "numba", "torch", "networkx"]  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """One planted error."""

    name: str
    file: str
    source: str
    planted: str
    tests: tuple[str, ...]

    def check(self) -> None:
        """Raises ValueError where the source or a test is not there (any more)."""
        count = (ROOT / self.file).read_text(encoding="utf-8").count(self.source)
        if count != 1:
            raise ValueError(f"mutation '{self.name}': {count} places in {self.file} read {self.source!r}, expected 1")
        for test in self.tests:
            path, _, function = test.partition("::")
            if not (ROOT / path).is_file() or f"def {function}" not in (ROOT / path).read_text(encoding="utf-8"):
                raise ValueError(f"mutation '{self.name}': there is no test {test}")


_RANKS = ("tests/method/test_neighborhoods.py",)
_DIFFERENCE = ("tests/method/test_difference.py",)
_SPARSE = ("tests/method/many/test_sparse_graph.py",)
_BSR = ("tests/metrics/test_bsr.py",)
_CLUSTERS = ("tests/method/test_rdx.py::test_labels_equal_scikit_learn_on_the_oracle_affinity",)
_P = ("tests/metrics/test_significance.py::test_p_is_scipys_monte_carlo_p",)

MUTATIONS = (
    # Neighbourhood distances
    Mutation(
        "ranks off by one", "rdx/method/many/key_ranks.py",
        "rank[columns] = position", "rank[columns] = position + 1", _RANKS,
    ),
    Mutation(
        "distances of other columns", "rdx/method/many/key_ranks.py",
        "packed |= np.arange(keys.shape[1], dtype=np.uint64)",
        "packed |= np.arange(keys.shape[1], dtype=np.uint64)[::-1]", _RANKS,
    ),
    Mutation(
        "a block of distances not turned over", "rdx/method/neighborhoods.py",
        "turned[i, j + k] = block[j + k, i]", "turned[i, j + k] = block[j, i]", _RANKS,
    ),
    Mutation(
        "an item behind its own duplicates", "rdx/method/many/key_ranks.py",
        "keys[np.arange(len(rows)), rows] = 0.0", "pass", _RANKS,
    ),
    Mutation(
        "a grid that is too coarse", "rdx/method/neighborhoods.py",
        "_RADIUS_BITS = 24.4", "_RADIUS_BITS = 10.4",
        ("tests/method/test_numbers.py::test_near_duplicates_in_clouds_far_from_each_other_keep_their_exact_ranks",),
    ),
    Mutation(
        "local scaling by the neighbour before", "rdx/method/neighborhoods.py",
        "which = min(sigma, n - 1)", "which = min(sigma - 1, n - 1)", _RANKS,
    ),
    # Difference and affinity
    Mutation(
        "sign of the difference", "rdx/method/difference.py",
        "difference = r_a - r_b\n", "difference = r_b - r_a\n", _DIFFERENCE,
    ),
    Mutation(
        "biased to far instead of near", "rdx/method/difference.py",
        "smaller = np.minimum(r_a, r_b)", "smaller = np.maximum(r_a, r_b)", _DIFFERENCE,
    ),
    Mutation(
        "half a step in symmetrised ranks", "rdx/method/difference.py",
        "smaller += np.float32(unit)", "smaller += np.float32(1.0)", _DIFFERENCE,
    ),
    Mutation(
        "sign of the affinity", "rdx/method/difference.py", "np.float32(-beta)", "np.float32(beta)", _DIFFERENCE,
    ),
    Mutation(
        "distances left asymmetric in v2", "rdx/method/versions.py",
        'V2 = Version("v2", symmetric_distances=True', 'V2 = Version("v2", symmetric_distances=False', _DIFFERENCE,
    ),
    Mutation(
        "affinity left asymmetric in v1", "rdx/method/difference.py",
        "        if not self.symmetric:\n            add_transpose", "        if False:\n            add_transpose",
        _DIFFERENCE,
    ),
    Mutation(
        "models swapped", "rdx/method/many/directions.py",
        '{A_NOT_B: ("A", "B"), B_NOT_A: ("B", "A")}', '{A_NOT_B: ("B", "A"), B_NOT_A: ("A", "B")}', _DIFFERENCE,
    ),
    Mutation(
        "maps swapped", "rdx/method/many/directions.py",
        '{A_NOT_B: ("A", "b_to_a"), B_NOT_A: ("B", "a_to_b")}', '{A_NOT_B: ("A", "a_to_b"), B_NOT_A: ("B", "b_to_a")}',
        _DIFFERENCE,
    ),
    Mutation(
        "guided by pairs of one group", "rdx/method/guidance.py",
        "first[:, None] != second[None, :]", "first[:, None] == second[None, :]",
        ("tests/method/test_guidance.py::test_own_rule_equals_the_oracle",),
    ),
    # Clusters and concepts
    Mutation(
        "self-loops count", "rdx/method/spectral.py",
        "return self.multiply(np.ones((len(self), 1)))[:, 0]",
        "return self.matrix.sum(axis=1, dtype=np.float64)",
        ("tests/method/test_spectral.py::test_self_loops_do_not_count",),
    ),
    Mutation(
        "no cluster for null", "rdx/method/pipeline.py",
        "wanted = asked = settings.n_clusters + 1", "wanted = asked = settings.n_clusters", _CLUSTERS,
    ),
    Mutation(
        "no null rule in v2", "rdx/method/versions.py",
        "return strength < settings.null_threshold", "return strength < 0.0",
        ("tests/method/test_rdx.py::test_v2_merges_what_is_below_the_threshold",),
    ),
    Mutation(
        "no null rule in v1", "rdx/method/versions.py",
        'if settings.clustering == "spectral":', "if False:",
        ("tests/method/test_rdx.py::test_v1_gives_its_weakest_cluster_away_and_keeps_exactly_k",),
    ),
    Mutation(
        "weakest concept first", "rdx/method/pipeline.py", "np.argsort(-strength,", "np.argsort(strength,",
        ("tests/method/test_rdx.py::test_concepts_describe_the_labels",),
    ),
    Mutation(
        "concepts of the least size dropped", "rdx/method/pipeline.py",
        "clusters[size < min_size]", "clusters[size <= min_size]",
        ("tests/method/test_pipeline.py",),
    ),
    Mutation(
        "grids without their centre", "rdx/method/grids.py",
        "centres, self.m, self.members)]", "centres, self.m + 1, self.members)[:, 1:]]",
        ("tests/method/test_grids.py::test_max_total_affinity",),
    ),
    Mutation(
        "the last step of an alignment kept", "rdx/method/alignment.py",
        "if held_out_loss < best:", "if True:",
        ("tests/method/test_alignment.py::test_the_weights_with_the_best_held_out_loss_are_kept",),
    ),
    # The sparse path
    Mutation(
        "an item among its own neighbours", "rdx/method/many/rank_counting.py",
        "rank + (0 if itself else 1)", "rank", ("tests/method/many/test_rank_counting.py",),
    ),
    Mutation(
        "sampled pairs count half", "rdx/method/many/sparse_graph.py",
        "2.0 / (seen.chances + back.chances)", "1.0 / (seen.chances + back.chances)", _SPARSE,
    ),
    Mutation(
        "a sparse graph of the other direction", "rdx/method/many/sparse_graph.py",
        "(ranks.b, ranks.a) if swapped", "(ranks.a, ranks.b) if swapped", _SPARSE,
    ),
    Mutation(
        "a background with self-loops", "rdx/method/many/sparse_graph.py",
        "self._background(vectors) - vectors", "self._background(vectors)", _SPARSE,
    ),
    Mutation(
        "a card's histogram counts equal distances as larger ones", "rdx/method/gpu/device_kernels.py",
        "            at -= 1\n", "            at -= 0\n", ("tests/method/gpu/test_device_kernels.py",),
    ),
    # Measures
    Mutation(
        "success in the wrong direction", "rdx/metrics/bsr.py",
        "if direction == A_NOT_B else (self._b, self._a)", "if direction != A_NOT_B else (self._b, self._a)", _BSR,
    ),
    Mutation("ties are success", "rdx/metrics/bsr.py", "d_near < d_far", "d_near <= d_far", _BSR),
    Mutation(
        "CKA with its bias", "rdx/method/cka.py",
        "(k * l).sum() * (n / (n - 2))", "(k * l).sum() * (n / (n - 1))", ("tests/method/test_cka.py",),
    ),
    Mutation(
        "p of zero", "rdx/metrics/significance.py", "(1.0 + larger) / (1.0 + len(null))", "larger / len(null)", _P,
    ),
    Mutation("draws as large do not count", "rdx/metrics/significance.py", 'side="left"', 'side="right"', _P),
    Mutation(
        "no correction for many concepts", "rdx/metrics/significance.py",
        "p_values[order] * len(order) / rank", "p_values[order]",
        ("tests/metrics/test_significance.py::test_q_is_scipys_false_discovery_control",),
    ),
    Mutation(
        "sign of the gain", "rdx/metrics/refits.py", "= -graph.summed", "= graph.summed",
        ("tests/metrics/test_surrogates.py::test_gain_is_the_plain_sum_over_ordered_pairs",),
    ),
    Mutation(
        "union counted twice", "rdx/metrics/stability.py", "size + size_again - both", "size + size_again",
        ("tests/metrics/test_stability.py::test_best_jaccard_is_that_of_sets",),
    ),
    Mutation(
        "weights of the wrong sign", "rdx/method/scales/rank_weights.py", "(b - a)", "(a - b)",
        ("tests/method/scales/test_scales.py::test_weights_are_minus_the_difference_of_v2",),
    ),
    Mutation(
        "members that lower a gain", "rdx/method/scales/growing.py", "np.float32(gain / 2)", "np.float32(gain / 8)",
        ("tests/method/scales/test_scales.py::test_the_strongest_group_is_the_best_of_all",),
    ),
    Mutation(
        "the p-value of the kinder side", "rdx/method/scales/chance.py", "(1 + max(larger))", "(1 + min(larger))",
        ("tests/method/scales/test_chance.py::test_scores_and_p_values_are_those_of_the_side_that_explains_more",),
    ),
    Mutation(
        "columns forgotten in a crowded bucket", "rdx/method/many/bucket_ranks.py",
        "np.int64(position[p])] = some_columns[p]", "np.int64(position[p])] = p",
        ("tests/method/many/test_bucket_ranks.py",),
    ),
    Mutation(
        "near ties left as they are", "rdx/method/many/bucket_ranks.py", "if values[p - 1] > value:", "if False:",
        ("tests/method/many/test_bucket_ranks.py",),
    ),
    Mutation(
        "a place too few compared in a bucket", "rdx/method/many/bucket_ranks.py",
        "range(0, largest - 1, 4)", "range(0, largest - 5, 4)", _RANKS,
    ),
    Mutation(
        "the rest of the items taken for a concept", "rdx/method/scales/remainders.py", "< _LEANS else None",
        "< 0 else None", ("tests/method/scales/test_remainders.py::test_a_remainder_gives_way_to_what_left_it",),
    ),
    Mutation(
        "both sides of one difference counted as two", "rdx/method/scales/faces.py",
        "if one.direction == other.direction:", "if True:", ("tests/method/scales/test_faces.py",),
    ),
    Mutation(
        "what single items made by moving stays", "rdx/method/scales/strays.py", "< density(before, group.members)",
        "< -np.inf", ("tests/method/scales/test_strays.py",),
    ),
    Mutation(
        "images shown whatever the models make of them", "rdx/method/scales/shown.py", "_AMONG * among", "0 * among",
        ("tests/method/scales/test_shown.py",),
    ),
    Mutation(
        "guidance forgotten for items that were not looked at", "rdx/method/scales/extension.py",
        "guide.weaken(difference, *pair)", "pass", ("tests/method/scales/test_looked_at.py",),
    ),
    Mutation(
        "every item that a group's weights favour joins it", "rdx/method/scales/reach.py",
        "(share >= (1 + members.mean()) / 2) & ", "", ("tests/method/scales/test_reach.py",),
    ),
    Mutation(
        "ranks from 0 among those looked at", "rdx/method/scales/extension.py", "np.arange(1.0, len(among) + 1)",
        "np.arange(0.0, len(among))",
        ("tests/method/scales/test_looked_at.py::test_an_item_that_was_not_looked_at_is_ranked_among_those_that_were",),
    ),
    Mutation(
        "no noise pair may be as strong", "rdx/method/scales/chance.py", "if least > ALPHA", "if least >= ALPHA",
        ("tests/method/scales/test_chance.py::test_draws_go_on_as_long_as_one_alone_is_as_strong",),
    ),
    Mutation(
        "who both models mix counts as a further face", "rdx/method/scales/across.py",
        " & (crossed_own <= crossed / 2)", "", ("tests/method/scales/test_across.py",),
    ),
    Mutation(
        "what is next to nothing among all items is a finding of a later round", "rdx/method/scales/peeling.py",
        "one) >= HELD", "one) >= 0.0", ("tests/method/scales/test_remainders.py",),
    ),
    Mutation(
        "a member that lies among others stays", "rdx/method/scales/fringe.py", "_HALF = 0.5", "_HALF = 0.0",
        ("tests/method/scales/test_fringe.py",),
    ),
    Mutation(
        "the first thread that leaves lifts the limit of all", "rdx/compute/threads.py",
        "                if not _inside:", "                if True:",
        ("tests/compute/test_threads.py",),
    ),
)  # fmt: skip


def main(arguments: Sequence[str] = ()) -> int:
    """Prints one line a mutation; returns 0 where every one was noticed, else 1."""
    if "--list" in arguments:
        print("\n".join(f"{one.name}  ({one.file})" for one in MUTATIONS))
        return 0
    known = {one.name: one for one in MUTATIONS}
    if wrong := [name for name in arguments if name not in known]:
        sys.exit(f"error: unknown mutation '{wrong[0]}'; --list names all")
    chosen = [known[name] for name in arguments] or list(MUTATIONS)
    for mutation in chosen:
        mutation.check()
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place)
        for name in COPIED:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))
            else:
                shutil.copy(ROOT / name, copy)
        for name in COMPILED:  # by hashes: a change is noticed, however quickly it is made
            compileall.compile_dir(copy / name, quiet=2, invalidation_mode=PycInvalidationMode.CHECKED_HASH)
        every = tuple(dict.fromkeys(test for one in chosen for test in one.tests))
        if (code := _run(copy, every, PASSED)) != PASSED:
            sys.exit(f"error: the tests {'take too long' if code is None else 'fail'} before anything is planted")
        missed = [mutation.name for mutation in chosen if not _noticed(copy, mutation)]
    print(f"{len(chosen) - len(missed)} of {len(chosen)} planted errors were noticed")
    return 1 if missed else 0


def _noticed(copy: Path, mutation: Mutation) -> bool:
    path = copy / mutation.file
    sound = path.read_text(encoding="utf-8")
    path.write_text(sound.replace(mutation.source, mutation.planted), encoding="utf-8")
    start = time.monotonic()
    code = _run(copy, mutation.tests, FAILED)
    path.write_text(sound, encoding="utf-8")
    word = {PASSED: "MISSED", FAILED: "noticed", None: "noticed (hangs)"}.get(code, f"BROKEN (pytest {code})")
    print(f"{word:9}  {mutation.name}  {time.monotonic() - start:.1f} s", flush=True)
    return code in (FAILED, None)


def _run(copy: Path, tests: Sequence[str], expected: int) -> int | None:
    """pytest's exit code, None where it took too long; shows the end of its report where it is not ``expected``."""
    report = copy / "report.txt"
    run = _SERVER.Process(target=_pytest, args=(str(copy), list(tests), str(report)))
    run.start()
    run.join(PATIENCE)
    if run.is_alive():
        run.kill()
        return None
    if run.exitcode != expected:
        print(report.read_text(encoding="utf-8")[-3000:], file=sys.stderr)
    return run.exitcode


def _pytest(copy: str, tests: list[str], report: str) -> None:
    """Runs tests in the copy, in a process of its own. Bytecode, which can outlive a change, is not written."""
    import pytest

    with open(report, "w", encoding="utf-8") as output:
        for number in (1, 2):
            os.dup2(output.fileno(), number)
    os.chdir(copy)
    sys.path[:] = [copy, *(place for place in sys.path if Path(place) not in (ROOT, ROOT / "tests"))]
    sys.dont_write_bytecode = True
    os.environ.update({"PYTHONPATH": copy, "PYTHONDONTWRITEBYTECODE": "1", "PYTEST_ADDOPTS": ""})
    options = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:xdist", "-m", "not slow"]
    code = pytest.main([*options, *tests])
    sys.stdout.flush()
    os._exit(code)


_SERVER = multiprocessing.get_context("forkserver")
_SERVER.set_forkserver_preload(LOADED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
