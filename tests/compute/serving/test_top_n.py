"""The index of factors: recall against scoring everything, and filters that do not starve."""

from pathlib import Path

import numpy as np
import pytest

from stoa.compute.serving.inverted_lists import (
    FILE,
    InvertedLists,
    Lists,
    build_lists,
    read_lists,
    write_lists,
)
from stoa.compute.serving.top_n import best

COUNT, WIDTH = 20_000, 16
NOTHING = np.zeros(0, np.int64)


def vectors() -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    random = np.random.default_rng(1)
    centres = random.standard_normal((60, WIDTH))
    found = centres[random.integers(0, 60, COUNT)] + random.standard_normal((COUNT, WIDTH))
    return (found * random.gamma(2, 0.5, COUNT)[:, None]).astype(np.float32)


@pytest.fixture(scope="module")
def index() -> InvertedLists:
    """Over all vectors."""
    return InvertedLists(vectors(), build_lists(vectors()))


def test_few_lists_find_what_all_would(index: InvertedLists) -> None:
    items, found = vectors(), 0
    queries = np.random.default_rng(2).standard_normal((50, WIDTH)).astype(np.float32)
    for query in queries:
        truth = best(np.arange(COUNT), items @ query, 10)
        ids, scores = index.search(query, 10, mask=None, left_out=NOTHING, probed=50)
        assert scores == pytest.approx(items[ids] @ query, rel=1e-4)
        found += len(set(ids) & set(truth.items))
    assert found >= 0.95 * 500
    ids, _ = index.search(queries[0], 10, mask=None, left_out=NOTHING, probed=10**6)
    assert set(ids) == set(best(np.arange(COUNT), items @ queries[0], 10).items)


def test_what_is_not_allowed_never_comes_and_enough_of_the_rest_does(index: InvertedLists) -> None:
    query = np.random.default_rng(3).standard_normal(WIDTH).astype(np.float32)
    first, _ = index.search(query, 50, mask=None, left_out=NOTHING)
    second, _ = index.search(query, 50, mask=None, left_out=first)
    assert not set(first) & set(second)
    mask = np.zeros(COUNT, np.bool_)
    mask[::400] = True
    ids, _ = index.search(query, 50, mask=mask, left_out=NOTHING, probed=1)
    assert sorted(ids) == list(range(0, COUNT, 400))
    again, _ = index.search(query, 50, mask=None, left_out=NOTHING)
    assert set(again) == set(first)


def test_lists_are_kept_with_the_model_and_refused_for_another(tmp_path: Path) -> None:
    items = vectors()
    assert read_lists(tmp_path, items) is None
    lists = build_lists(items)
    write_lists(tmp_path, lists)
    read = read_lists(tmp_path, items)
    assert read is not None
    assert np.array_equal(read.centroids, lists.centroids)
    assert np.array_equal(read.starts, lists.starts)
    assert np.array_equal(read.order, lists.order)
    assert read_lists(tmp_path, items[:-1]) is None
    assert read_lists(tmp_path, items[:, :-1]) is None
    (tmp_path / FILE).write_bytes(b"nothing")
    assert read_lists(tmp_path, items) is None
    assert isinstance(lists, Lists)


@pytest.mark.parametrize("size", [5, 1000, 100_000])
def test_the_best_are_those_of_sorting(size: int) -> None:
    random = np.random.default_rng(size)
    items = np.sort(random.choice(10 * size, size, replace=False))
    scores = random.integers(0, 50, size).astype(np.float32)  # many are equal
    order = np.lexsort((items, -scores))
    for count in (1, 10, 400, 10**6):
        hits = best(items, scores, count)
        assert hits.items.tolist() == items[order][:count].tolist()
        assert hits.scores.tolist() == scores[order][:count].tolist()
