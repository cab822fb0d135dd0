"""Names of concepts against plain loops, and found again where they were planted."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rdx.errors import InputError
from rdx.metrics.naming import name_concepts


def cosine(x, y):
    return sum(a * b for a, b in zip(x, y, strict=True)) / math.dist(x, [0] * len(x)) / math.dist(y, [0] * len(y))


def plain_score(images, words, w, members):
    """z of word w for one concept, with Python's own numbers."""
    near = [cosine(image, words[w]) - sum(cosine(image, word) for word in words) / len(words) for image in images]
    inside = [s for s, member in zip(near, members, strict=True) if member]
    rest = [s for s, member in zip(near, members, strict=True) if not member]
    mean = sum(near) / len(near)
    deviation = math.sqrt(sum((s - mean) ** 2 for s in near) / len(near))
    return (sum(inside) / len(inside) - sum(rest) / len(rest)) / deviation


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_against_plain_loops(dtype, monkeypatch):
    rng = np.random.default_rng(0)
    images, words = (rng.normal(1, 1, shape).astype(dtype) for shape in ((40, 6), (11, 6)))
    labels = rng.integers(0, 4, 40)
    monkeypatch.setattr("rdx.metrics.naming._BLOCK", 120)  # three words at a time
    found = name_concepts(images, words, labels, top=11)
    assert sorted(found) == [1, 2, 3]
    for number, (indices, scores) in found.items():
        expected = [plain_score(images.tolist(), words.tolist(), w, labels == number) for w in range(11)]
        assert sorted(indices.tolist()) == list(range(11))
        np.testing.assert_allclose(scores, np.sort(expected)[::-1], rtol=1e-9)
        np.testing.assert_allclose(scores, np.array(expected)[indices], rtol=1e-9)


def test_planted_words_come_first():
    """Images around the directions of words, with what all images and all words have in common beside it."""
    rng = np.random.default_rng(1)
    words = rng.normal(size=(50, 40))
    planted = [7, 31, 12]
    labels = np.repeat([0, 1, 2, 3], 30)
    images = rng.normal(size=(120, 40)) + 5 * rng.normal(size=40)
    for number, word in enumerate(planted, start=1):
        images[labels == number] += words[word]
    found = name_concepts(images, words + 5 * rng.normal(size=40), labels, top=2)
    assert [found[number][0][0] for number in (1, 2, 3)] == planted
    for indices, scores in found.values():
        assert len(indices) == 2 and scores[0] > scores[1] > 0


def test_words_along_which_images_vary_anyway_do_not_win():
    """Small concepts, one right word, and decoys along the directions in which all images are widely spread."""
    wins, wins_of_difference = 0, 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        images, labels = rng.normal(size=(200, 20)), (np.arange(200) < 5).astype(int)
        images[:, :4] *= 6
        images[labels == 1, 5] += 3
        words = np.zeros((31, 20))
        words[0, 5], words[1:, :4] = 1, rng.normal(size=(30, 4))
        words = words / np.linalg.norm(words, axis=1, keepdims=True) + 0.7 * rng.normal(size=20)
        wins += name_concepts(images, words, labels, top=1)[1][0][0] == 0
        units = [x / np.linalg.norm(x, axis=1, keepdims=True) for x in (images, words)]
        cosines = units[0] @ units[1].T
        wins_of_difference += (cosines[labels == 1].mean(0) - cosines[labels == 0].mean(0)).argmax() == 0
    assert wins >= 18
    assert wins_of_difference <= 10  # what the division by the standard deviation is for


def test_lengths_order_and_what_all_share_change_nothing():
    rng = np.random.default_rng(2)
    images, words, labels = rng.normal(size=(30, 5)), rng.normal(size=(8, 5)), np.arange(30) % 3
    found = name_concepts(images, words, labels)
    longer = name_concepts(images * rng.uniform(0.1, 9, (30, 1)), words * rng.uniform(0.1, 9, (8, 1)), labels)
    order, turned = rng.permutation(30), np.linalg.qr(rng.normal(size=(5, 5)))[0]
    moved = name_concepts(images[order] @ turned, words @ turned, labels[order])
    for other in (longer, moved):
        for number in (1, 2):
            np.testing.assert_array_equal(other[number][0], found[number][0])
            np.testing.assert_allclose(other[number][1], found[number][1], rtol=1e-9)


def test_edges():
    images, words = np.eye(6)[:, :4] + 0.1, np.eye(4)[[0, 0, 1]]
    indices, scores = name_concepts(images, words, np.array([1, 2, 2, 0, 0, 0]), top=9)[1]
    np.testing.assert_array_equal(indices, [0, 1, 2])  # fewer words than asked for; of equal ones the first
    assert scores[0] == scores[1] > 0 > scores[2]
    assert name_concepts(images, words, np.zeros(6, dtype=int)) == {}
    assert name_concepts(images, words, np.ones(6, dtype=int)) == {}  # nothing to tell it from
    blind = np.c_[images, np.zeros(6)]
    one = name_concepts(blind, np.eye(5)[[4, 4]] * [[1], [-1]], np.array([1, 1, 0, 0, 0, 0]))[1]
    np.testing.assert_array_equal(one[1], [0, 0])  # words that tell no images apart


@pytest.mark.parametrize(
    ("images", "words", "labels", "said"),
    [
        (np.eye(3), np.eye(4), [0, 1, 1], "images have 3 dimensions, words 4"),
        (np.eye(3), np.eye(3), [0, 1], "3 images, but labels of shape (2,)"),
        (np.eye(3), np.ones((1, 3)), [0, 1, 1], "at least two words, got 3 and 1"),
        (np.diag([1.0, 2, 0]), np.eye(3), [0, 1, 1], "images: row 2 is zero"),
        (np.diag([1, 2, np.nan]), np.eye(3), [0, 1, 1], "row 2 contains NaN"),
    ],
)
def test_refused(images, words, labels, said):
    with pytest.raises(InputError) as error:
        name_concepts(images, words, np.array(labels))
    assert said in str(error.value)
