"""Nearest vectors by signs, then exactly."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import orjson
import pytest

import litellm_plugins.demo
from litellm_plugins.cache.backends.flat_index import FlatIndex
from litellm_plugins.embedding.local import BUNDLED
from litellm_plugins.embedding.onnx_model import OnnxModel

if TYPE_CHECKING:
    from litellm_plugins.cache.backends.flat_index import Vectors
    from litellm_plugins.embedding.embedder import Vector

_QUESTIONS = Path(litellm_plugins.demo.__file__).with_name("questions.jsonl")


def unit(vectors: npt.NDArray[np.floating]) -> Vectors:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / lengths, np.float32)


def random_vectors(count: int, dimensions: int, *, off_centre: float = 0.0, seed: int = 7) -> Vectors:
    random = np.random.default_rng(seed)
    return unit(random.normal(off_centre, size=(count, dimensions)))


def index_of(vectors: Vectors, *, batch: int = 1_000) -> FlatIndex:
    """With row ids 10, 20, 30, …"""
    index = FlatIndex(vectors.shape[1])
    for start in range(0, len(vectors), batch):
        some = vectors[start : start + batch]
        index.add([10 * (start + number + 1) for number in range(len(some))], some)
    return index


def found(index: FlatIndex, vector: Vector, k: int = 10) -> list[int]:
    return [row_id for row_id, _ in index.search(vector, k)]


def nearest(vectors: Vectors, vector: Vector, k: int = 10) -> list[int]:
    return [10 * (int(row) + 1) for row in np.argsort(-(vectors @ vector), kind="stable")[:k]]


@pytest.mark.parametrize("dimensions", [3, 64, 100, 384])
@pytest.mark.parametrize("count", [1, 15, 2_047, 2_500, 20_000])
def test_the_very_same_vector_comes_first(count: int, dimensions: int) -> None:
    """Compared exactly, or by signs first; whole words of signs, or not."""
    vectors = random_vectors(count, dimensions)
    index = index_of(vectors)
    assert len(index) == count
    for row in range(0, count, max(1, count // 20)):
        row_id, similarity = index.search(vectors[row], 3)[0]
        assert row_id == 10 * (row + 1)
        assert similarity == pytest.approx(1, abs=1e-5)


def test_up_to_two_thousand_vectors_are_compared_exactly() -> None:
    """Nothing is missed in the partitions that most are."""
    vectors = random_vectors(2_000, 32)
    index = index_of(vectors)
    for vector in random_vectors(50, 32, off_centre=0.2):
        assert found(index, vector) == nearest(vectors, vector)


def test_of_real_questions_ninety_nine_in_a_hundred_neighbours_are_found() -> None:
    """40,000 vectors: those of the demo's questions, and points between each two of them."""
    model = OnnxModel(BUNDLED, threads=1)
    texts = [orjson.loads(line)["text"] for line in _QUESTIONS.read_bytes().splitlines()]
    asked, stored = texts[::10], [text for number, text in enumerate(texts) if number % 10]
    real = np.array([model.embed(text, 256).vector for text in stored])
    pairs = np.array(list(itertools.combinations(range(len(real)), 2)))
    between = unit(real[pairs[:, 0]] * 0.7 + real[pairs[:, 1]] * 0.3)
    vectors = np.concatenate([real, between])
    index = index_of(vectors)
    assert len(index) > 30_000
    shares = []
    for text in asked:
        vector = model.embed(text, 256).vector
        shares.append(len({*found(index, vector)} & {*nearest(vectors, vector)}) / 10)
    assert np.mean(shares) >= 0.99


def test_vectors_that_all_point_one_way_are_told_apart() -> None:
    """As those of some embedding models do: their signs are of what is left without what they share."""
    themes = np.repeat(random_vectors(500, 128), 20, axis=0)
    vectors = unit(themes + 0.5 * random_vectors(10_000, 128, seed=8) + np.full(128, 0.4))
    index = index_of(vectors)
    shares = [len({*found(index, vector)} & {*nearest(vectors, vector)}) / 10 for vector in vectors[::500]]
    assert np.mean(shares) >= 0.99


def test_thousands_of_equal_vectors_hide_none_that_is_nearer() -> None:
    """A question that was stored under very many system prompts."""
    vectors = random_vectors(12_000, 64)
    vectors[1_000:9_000] = vectors[0]
    assert found(index_of(vectors), vectors[9_500], k=1) == [95_010]
    assert len(found(index_of(vectors), vectors[0], k=16)) == 16


@pytest.mark.parametrize("count", [500, 6_000])
def test_a_removed_row_is_not_found_and_the_others_are(count: int) -> None:
    """One by one, until most are gone and the room is given back; then new ones come."""
    vectors = random_vectors(count, 64)
    index = index_of(vectors)
    gone = [10 * (row + 1) for row in range(count) if row % 3]
    for some in (gone[: len(gone) // 2], gone[len(gone) // 2 :], [*gone, 5]):
        index.remove(some)
    assert len(index) == count - len(gone)
    assert all(found(index, vectors[row], k=1) == [10 * (row + 1)] for row in range(0, count, 90))
    assert {*found(index, vectors[1], k=count)}.isdisjoint(gone)
    more = random_vectors(10, 64, off_centre=1.0)
    index.add([10 * count + number for number in range(1, 11)], more)
    assert found(index, more[4], k=1) == [10 * count + 5]


def test_an_index_without_rows_finds_nothing() -> None:
    """New, or emptied."""
    index = FlatIndex(8)
    assert index.search(random_vectors(1, 8)[0], 4) == []
    index.add([1], random_vectors(1, 8))
    index.remove([1])
    assert index.search(random_vectors(1, 8)[0], 4) == []


def test_the_ids_are_told_in_pages() -> None:
    """For whoever compares them with the store."""
    index = index_of(random_vectors(5, 8))
    index.remove([20])
    assert index.ids_above(0, 3) == [10, 30, 40]
    assert index.ids_above(40, 3) == [50]
    assert index.ids_above(50, 3) == []
