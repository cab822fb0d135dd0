"""A fitted RDX by itself: its table, its few lines, its figures; and the same words of a baseline."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

import baselines
from rdx import RDX
from rdx.errors import InputError
from rdx.method.concepts import Concept, Explanations
from rdx.method.scales.evidence import Evidence

N = 60


@pytest.fixture(scope="module")
def pair():
    rng, classes = np.random.default_rng(0), np.arange(N) % 3
    return rng.normal(size=(N, 6)) + 4 * np.eye(3, 6)[classes], rng.normal(size=(N, 5)) + 4 * np.eye(2, 5)[classes // 2]


@pytest.fixture(scope="module")
def fitted(pair):
    return RDX(2, beta=4.0).fit(*pair)


def test_the_table_is_what_was_found(fitted):
    table = fitted.concepts_
    assert list(table.columns) == ["direction", "concept", "size", "mean_affinity", "grid"]
    for direction in ("a_not_b", "b_not_a"):
        own = table[table["direction"] == direction]
        for row, concept in zip(own.itertuples(), getattr(fitted, f"{direction}_").concepts, strict=True):
            assert (row.concept, row.size, row.mean_affinity) == (concept.number, concept.size, concept.mean_affinity)
            assert row.grid == concept.indices.tolist()


def test_no_concepts_are_a_table_without_rows(pair):
    same = RDX(2).fit(pair[0], pair[0])
    assert len(same.concepts_) == 0 and "direction" in same.concepts_
    assert "a_not_b: no concepts among 60 items" in repr(same) and same._repr_html_()
    assert isinstance(same.plot(), Figure)


def test_words_of_an_estimator_are_few(fitted, pair):
    assert repr(RDX(2, beta=4.0)) == "RDX(n_clusters=2, beta=4.0)" and repr(RDX()) == "RDX()"
    lines = repr(fitted).splitlines()
    assert lines[0] == "RDX(n_clusters=2, beta=4.0)" and len(lines) == 3
    sizes = ", ".join(str(concept.size) for concept in fitted.a_not_b_.concepts)
    assert lines[1].startswith(f"  a_not_b: {len(fitted.a_not_b_.concepts)} concepts of {sizes} items")
    assert repr(fitted.a_not_b_.concepts[0]).startswith("concept 1: ") and len(repr(fitted.a_not_b_)) < 120
    bundle = fitted._repr_mimebundle_(include=None)
    assert bundle["text/plain"] == repr(fitted) and "<td>b_not_a</td>" in bundle["text/html"]
    kmeans = baselines.get("kmeans")(n_clusters=3)
    assert repr(kmeans) == "KMeans(n_clusters=3)"
    assert len(repr(kmeans.fit(*pair)).splitlines()) == 3 and len(kmeans.concepts_) == 6
    assert "mean_affinity" not in kmeans._repr_html_()


def test_what_may_be_chance_is_said():
    evidence = [Evidence(0.1, 1.0, 1.0, p, 1, finding) for p, finding in ((0.01, 1), (0.4, None))]
    concepts = [Concept(i, np.arange(2), np.arange(2), 3.0, one) for i, one in enumerate(evidence, start=1)]
    found = Explanations("a_not_b", np.array([1, 1, 2, 2, 0]), concepts)
    assert repr(found) == "a_not_b: 2 concepts of 2, 2 items, 1 of them may be chance, 1 items in none"


def test_plots_are_figures_with_and_without_images(fitted, tmp_path):
    assert isinstance(fitted.plot(), Figure)
    names = [text.get_text() for axes in fitted.plot().axes for text in axes.get_yticklabels()]
    assert names[0] == f"1 ({fitted.a_not_b_.concepts[0].size})"
    arrays = np.arange(N, dtype=np.uint8)[:, None, None] * np.ones((1, 6, 5), np.uint8)
    Image.fromarray(arrays[0]).save(tmp_path / "0.png")
    for images in (arrays, [Image.fromarray(one) for one in arrays], [tmp_path / "0.png"] * N):
        words = [text.get_text() for text in fitted.plot(images).texts]
        assert f"1 · {fitted.a_not_b_.concepts[0].size} items" in words and "near in B, not in A" in words


def test_plots_that_cannot_be_are_refused(fitted):
    with pytest.raises(InputError, match="RDX is not fitted"):
        RDX().plot()
    with pytest.raises(InputError, match="3 images for 60 items"):
        fitted.plot([None] * 3)
    with pytest.raises(InputError, match="images: number .* has type float64"):
        fitted.plot(np.zeros((N, 4, 4)))
