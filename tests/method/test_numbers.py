"""Awkward numbers: every type, layout and scale means what the same values mean in float64, or is refused."""

from __future__ import annotations

import warnings

import numpy as np
import oracle
import pytest
import torch
from computed import neighborhood_distances
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from rdx import RDX, binary_success_rate
from rdx.errors import InputError
from rdx.method.alignment import learn_map
from rdx.method.cka import debiased_cka
from rdx.method.neighborhoods import DISTANCES, as_points
from rdx.method.scales.noise import spread

QUICK = settings(max_examples=8, deadline=None, derandomize=True)
GRIDS = [[0, 1, 2, 3], [9, 4, 7]]
N = 24


@pytest.fixture(autouse=True)
def no_warnings():
    """A warning about numbers is a wrong number that nobody looks at."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def whole_numbers(seed=0, n=N, d=4):
    """Values that every type below holds exactly, with ties and duplicates."""
    return np.random.default_rng(seed).integers(0, 9, size=(n, d))


def partner():
    return np.random.default_rng(99).normal(size=(N, 3))


def fortran(X):
    return np.asfortranarray(X, dtype=np.float32)


def strided(X):
    wide = np.zeros((2 * len(X), 3 * X.shape[1]), dtype=np.float32)
    wide[::-2, ::-3] = X
    return wide[::-2, ::-3]


FORMS = {
    "float16": lambda X: X.astype(np.float16),
    "float32": lambda X: X.astype(np.float32),
    "long double": lambda X: X.astype(np.longdouble),
    "big-endian float32": lambda X: X.astype(">f4"),
    "big-endian float16": lambda X: X.astype(">f2"),
    "int8": lambda X: X.astype(np.int8),
    "uint8": lambda X: X.astype(np.uint8),
    "uint64": lambda X: X.astype(np.uint64),
    "Fortran order": fortran,
    "strided": strided,
    "half tensor": lambda X: torch.tensor(X).half(),
    "bfloat16 tensor": lambda X: torch.tensor(X).bfloat16(),
    "int tensor": torch.tensor,
    "tensor with gradients": lambda X: torch.tensor(X.astype(np.float32), requires_grad=True),
    "list": lambda X: X.tolist(),
}


def labels(A, B, version, **more):
    found = RDX(n_clusters=2, version=version, images_per_concept=3, **more).fit(A, B)
    return np.concatenate([found.a_not_b_.labels, found.b_not_a_.labels])


def everything(A, B) -> list:
    """What all measures make of a pair."""
    rates = [binary_success_rate(GRIDS, A, B, distance=distance) for distance in DISTANCES]
    concepts = [labels(A, B, version).tolist() for version in ("v1", "v2")]
    return [*concepts, *((r.bsr, r.tie_rate, r.mean_signed_difference) for r in rates), debiased_cka(A, B)]


@pytest.mark.parametrize("form", FORMS)
def test_types_and_layouts_mean_their_values(form):
    X = whole_numbers()
    given = FORMS[form](X)
    assert everything(given, partner()) == everything(X.astype(np.float64), partner())
    for kind in ("cka", "ridge"):
        expected = learn_map(X.astype(np.float32), partner(), kind, steps=20 if kind == "cka" else None)
        found = learn_map(given, partner(), kind, steps=20 if kind == "cka" else None)
        np.testing.assert_allclose(found.weight, expected.weight, rtol=1e-5, atol=1e-6)


def test_a_memory_map_that_may_only_be_read_is_read(tmp_path):
    X = whole_numbers().astype(np.float32)
    np.save(tmp_path / "a.npy", X)
    before = (tmp_path / "a.npy").read_bytes()
    mapped = np.load(tmp_path / "a.npy", mmap_mode="r")
    assert isinstance(mapped, np.memmap) and not mapped.flags.writeable
    assert everything(mapped, partner()) == everything(X, partner())
    RDX(n_clusters=2, alignment="ridge").fit(mapped, partner())
    assert (tmp_path / "a.npy").read_bytes() == before


@QUICK
@given(seed=st.integers(0, 1000), d=st.integers(1, 70))
def test_the_layout_in_memory_changes_no_bit(seed, d):
    X = np.random.default_rng(seed).normal(size=(30, d))
    np.testing.assert_array_equal(as_points(np.asfortranarray(X)).extended, as_points(X).extended)
    Y = X[:, :1] ** 2
    assert debiased_cka(np.asfortranarray(X), Y) == debiased_cka(X, Y)


@QUICK
@given(exponent=st.integers(-1000, 1000), version=st.sampled_from(["v1", "v2"]))
def test_a_power_of_two_changes_nothing_however_large(exponent, version):
    X = np.random.default_rng(1).normal(size=(N, 4))
    scaled = np.ldexp(X, exponent)
    assert np.array_equal(labels(scaled, partner(), version), labels(X, partner(), version))
    for distance in DISTANCES:
        np.testing.assert_array_equal(neighborhood_distances(scaled, distance), neighborhood_distances(X, distance))
    assert debiased_cka(scaled, partner()) == debiased_cka(X, partner())
    assert spread(scaled) == np.ldexp(spread(X), exponent)


@pytest.mark.parametrize(("scale", "dtype"), [
    (1e20, np.float32), (1e20, np.float64), (1e38, np.float32), (1e-20, np.float32), (1e-40, np.float32),
    (1e300, np.float64), (1e-310, np.float64),
])  # fmt: skip
def test_huge_norms_and_denormals_are_compared_as_they_are(scale, dtype):
    X = oracle.without_near_ties(np.random.default_rng(2), N, 3, gap=1e-3)
    X /= np.abs(X).max()
    scaled = (X * scale).astype(dtype)
    assert np.array_equal(neighborhood_distances(scaled), oracle.ranks(X))
    for version in ("v1", "v2"):
        assert np.array_equal(labels(scaled, partner(), version), labels(X, partner(), version))
    assert debiased_cka(scaled, partner()) == pytest.approx(debiased_cka(X, partner()), abs=1e-3)


def test_huge_and_tiny_items_in_one_representation():
    """Beside 1e20, all that lies within 1e-20 of each other is one place: duplicates, by index."""
    X = np.where(np.arange(N)[:, None] < 10, 2.0**66, 2.0**-66) * (1 + np.arange(N)[:, None])
    np.testing.assert_array_equal(neighborhood_distances(X), oracle.ranks(np.where(X > 1, X / 2.0**66, 0)))
    everything(X, partner())


@pytest.mark.parametrize("value", [1e38, 1e-40])
def test_alignment_names_what_is_out_of_its_scale(value):
    X = np.random.default_rng(3).random((N, 3)) + 0.5
    X[7] = 2
    for kind in ("cka", "ridge"):
        with pytest.raises(InputError, match=r"largest value of X is .* \(row 7\): scale"):
            learn_map(X * value, partner(), kind)
        with pytest.raises(InputError, match=r"largest value of Y is .* \(row 7\): scale"):
            learn_map(partner(), X * value, kind)
        with pytest.raises(InputError, match="largest values of X and Y are 2e-20 and .*e\\+20: scale one"):
            learn_map(X * 1e-20, X * 1e20, kind)
        learn_map(X * 1e-20, partner(), kind, steps=3)


def test_alignment_names_rows_that_are_all_equal():
    X = np.zeros((N, 2))
    X[5] = 1
    for kind in ("cka", "ridge"):
        with pytest.raises(InputError, match=r"of 24 rows of X .* are all equal to row \d+"):
            learn_map(X, partner(), kind)


@pytest.mark.parametrize("make", [np.asarray, lambda X: torch.tensor(X).bfloat16(), lambda X: X.astype(np.float16)])
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_equal_rows_and_missing_values_are_refused_by_name(make, version):
    X = whole_numbers().astype(float)
    broken = X.copy()
    broken[11, 2] = np.nan
    for bad, said in ((np.ones((N, 3)), "constant: all 24 rows are equal"), (broken, "row 11 contains NaN")):
        with pytest.raises(InputError, match=f"^A.*{said}"):
            RDX(n_clusters=2, version=version).fit(make(bad), partner())
        with pytest.raises(InputError, match=f"^B.*{said}"):
            RDX(n_clusters=2, version=version).fit(partner(), make(bad))
        with pytest.raises(InputError, match=f"representation A.*{said}"):
            binary_success_rate(GRIDS, make(bad), partner())
        with pytest.raises(InputError, match=f"^X.*{said}"):
            debiased_cka(make(bad).float() if hasattr(make(bad), "float") else make(bad), partner())


@pytest.mark.parametrize("version", ["v1", "v2"])
@pytest.mark.parametrize("k", [3, 5, 9])
@pytest.mark.parametrize("d", [1, 4])
def test_as_many_items_as_clusters_and_one_dimension(version, k, d):
    rng = np.random.default_rng(k)
    A, B = rng.normal(size=(k + 1, d)), rng.normal(size=(k + 1, d))
    found = RDX(n_clusters=k, version=version, images_per_concept=1).fit(A, B)
    for explanations in (found.a_not_b_, found.b_not_a_):
        numbers = [concept.number for concept in explanations.concepts]
        assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) <= k + 1
        assert sorted(set(explanations.labels) | {0}) == [0, *numbers]
        if version == "v1":  # k + 1 clusters of one item, the weakest of which is null
            assert len(numbers) == k and all(concept.size == 1 for concept in explanations.concepts)


@QUICK
@given(
    X=hnp.arrays(np.int64, st.tuples(st.just(12), st.integers(1, 3)), elements=st.integers(-1, 1)),
    version=st.sampled_from(["v1", "v2"]), distance=st.sampled_from(DISTANCES),
)  # fmt: skip
def test_duplicates_everywhere_make_finite_results(X, version, distance):
    assume((X[0] != X).any())
    B = np.arange(12.0)[:, None] ** 2
    found = RDX(n_clusters=3, version=version, distance=distance).fit(X, B)
    for explanations in (found.a_not_b_, found.b_not_a_):
        assert np.isfinite(explanations.item_affinity).all() and len(explanations.labels) == 12
    rate = binary_success_rate([range(12)], X, B, distance=distance)
    assert 0 <= rate.bsr <= 1 and 0 <= rate.tie_rate <= 1


def ranks_of_a_float32_product(X):
    """The usual way, which loses what matters here: |x|² + |y|² − 2 x·y in float32."""
    X = X.astype(np.float32)
    squares = np.einsum("ij,ij->i", X, X)
    squared = squares[:, None] + squares[None, :] - 2 * X @ X.T
    np.fill_diagonal(squared, -1)
    return np.argsort(np.argsort(squared, axis=1, kind="stable"), axis=1)


def near_duplicates(rng, n, d, offset, step):
    """Float32 items around one place at ``offset`` from the origin, on multiples of ``step`` from each other."""
    X = offset + step * rng.integers(-3, 4, size=(n, d))
    assert np.array_equal(X.astype(np.float32), X)
    return X.astype(np.float32)


@pytest.mark.parametrize("d", [1, 2, 16, 300])
def test_near_duplicates_far_from_the_origin_keep_their_exact_ranks(d):
    """Against brute force in float64, whose differences are exact here: ties included, every rank."""
    X = near_duplicates(np.random.default_rng(d), 80, d, offset=1e4, step=2.0**-9)
    expected = oracle.ranks(X.astype(np.float64))
    assert (ranks_of_a_float32_product(X) != expected).mean() > 0.5
    np.testing.assert_array_equal(neighborhood_distances(X), expected)
    np.testing.assert_array_equal(neighborhood_distances(X.astype(np.float64)), expected)


@pytest.mark.parametrize("d", [1, 2, 16, 300])
def test_near_duplicates_in_clouds_far_from_each_other_keep_their_exact_ranks(d):
    """Steps of a millionth of the distance between the clouds, which is where their grid comes from."""
    rng = np.random.default_rng(d)
    X = np.concatenate([near_duplicates(rng, 40, d, offset, 2.0**-9) for offset in (-512.0, 512.0)])
    np.testing.assert_array_equal(neighborhood_distances(X), oracle.ranks(X.astype(np.float64)))


@QUICK
@given(seed=st.integers(0, 10_000), d=st.integers(1, 40), log_offset=st.integers(0, 6), log_spread=st.integers(-3, 0))
def test_no_distance_is_out_of_order_by_more_than_the_grid(seed, d, log_offset, log_spread):
    rng = np.random.default_rng(seed)
    X = (10.0**log_offset + 10.0**log_spread * rng.normal(size=(60, d))).astype(np.float32)
    assume((X[0] != X).any())
    points = as_points(X)
    ranks = neighborhood_distances(X).astype(np.int64)
    X = X.astype(np.float64)
    distances = np.sqrt(((X[:, None] - X[None]) ** 2).sum(axis=2))
    in_order = np.take_along_axis(distances, np.argsort(ranks, axis=1), axis=1)
    assert np.diff(in_order, axis=1).min() >= -2 * points.unit * np.sqrt(d)
    assert points.unit * np.sqrt(d) <= 1e-5 * distances.max() or d > 40
