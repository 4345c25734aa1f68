"""A layout that does not fit is refused with the reason, before anything starts."""

from typing import Any

import pytest

from stoa.base.errors import InvalidInput
from stoa.compute.training.pretraining.layout import resolve
from stoa.compute.training.pretraining.recipe import Recipe, from_dict


def recipe(**changes: Any) -> Recipe:
    base = {
        "data": {"sources": [{"path": "text"}]},
        "model": {"hidden": 64, "heads": 4, "kv_heads": 2, "intermediate": 96},
    }
    return from_dict(base).with_changes(
        {name.replace("__", "."): value for name, value in changes.items()}
    )


@pytest.mark.parametrize(
    ("world", "changes", "words"),
    [
        (3, {"layout__tensor": 2}, "1 × 1 × 2 processes"),
        (4, {"layout__shard": 3}, "1 × 3 × 1 processes"),
        (4, {"layout__tensor": 4}, "model.kv_heads, which is 2"),
        (2, {"layout__tensor": 2, "model__intermediate": 97}, "blocks of the MLP"),
        (2, {"layout__tensor": 2}, "the vocabulary, which is 65"),
        (5, {}, "12 sequences a step do not divide over 5"),
        (2, {"batch__accumulation": 8}, "8 micro-batches"),
        (1, {"model__heads": 3, "model__kv_heads": 3}, "no even width"),
        (1, {"model__kv_heads": 3}, "4 heads cannot share 3"),
        (1, {"layout__sequence_parallel": True}, "layout.tensor, which is 1"),
        (
            2,
            {"layout__tensor": 2, "layout__sequence_parallel": True, "data__sequence": 63},
            "data.sequence, which is 63",
        ),
    ],
)
def test_refused(world: int, changes: dict[str, Any], words: str) -> None:
    vocabulary = 65 if "65" in words else 66
    with pytest.raises(InvalidInput, match=words.replace("(", "\\(")) as refused:
        resolve(recipe(**changes), world, vocabulary)
    assert refused.value.hint


def test_ranks_that_share_matrices_share_sequences() -> None:
    found = resolve(recipe(layout__tensor=2, layout__replicate=2, batch__accumulation=3), 8, 66)
    assert (found.replicate, found.shard, found.tensor) == (2, 2, 2)
    assert (found.data, found.micro) == (4, 1)
    assert [found.data_rank(rank) for rank in range(8)] == [0, 0, 1, 1, 2, 2, 3, 3]
