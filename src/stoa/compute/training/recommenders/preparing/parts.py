"""One part of the users: de-duplicate, split in time, sample negatives. Knows nothing of other parts.

A part is a pure function from its events to its three files, so parts can be done in any order, again
after a kill, or on other machines. What a user gets depends on the seed and the user alone, not on how
users are cut into parts.
"""

# ruff: noqa: S608 - own names, and columns and paths that are quoted

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as arrow
import pyarrow.parquet as parquet
from numpy.typing import NDArray

from stoa.compute.training.recommenders.preparing.recipe import PrepareRecipe
from stoa.compute.training.recommenders.preparing.sources import connect

SPLITS = ("train", "validation", "test")
_ENOUGH = 3  # interactions from which on a user has a validation item too


@dataclass(frozen=True)
class Part:
    """What a part needs to know; travels to another process as it is."""

    number: int
    events: Path  # folder of Parquet files: user, item (indices), time
    out: Path
    scratch: Path
    item_count: int
    recipe: PrepareRecipe

    def file(self, split: str) -> Path:
        """Where the part's share of a split is written."""
        return self.out / split / f"part-{self.number:05d}.parquet"


def prepare_part(part: Part) -> dict[str, int]:
    """Write the part's files and count their rows. Done before: only count."""
    if not part.file(SPLITS[-1]).exists():  # the last one written
        users, items, times = _latest(part)
        _write_splits(part, users, items, times)
    return {split: parquet.read_metadata(part.file(split)).num_rows for split in SPLITS}


def _latest(part: Part) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """One row per pair, at its latest event; by user, then time, then item."""
    files = "'" + str(part.events / "*.parquet").replace("'", "''") + "'"
    with connect(part.recipe, part.scratch) as connection:
        found = connection.execute(
            f"SELECT user, item, max(time) AS time FROM read_parquet({files}) "
            "GROUP BY user, item ORDER BY user, time, item"
        ).fetchnumpy()
    return np.asarray(found["user"]), np.asarray(found["item"]), np.asarray(found["time"])


def _write_splits(
    part: Part, users: NDArray[Any], items: NDArray[Any], times: NDArray[Any]
) -> None:
    starts = np.flatnonzero(np.r_[True, users[1:] != users[:-1]]) if len(users) else users
    ends = np.r_[starts[1:], len(users)] if len(users) else users
    sizes = ends - starts
    place = np.repeat(ends, sizes) - 1 - np.arange(len(users))  # 0 for a user's last
    size = np.repeat(sizes, sizes)
    test = (place == 0) & (size > 1)
    validation = (place == 1) & (size >= _ENOUGH)
    train = ~(test | validation)
    _write(part.file("train"), {"user": users[train], "item": items[train], "time": times[train]})
    sampled = {"validation": [], "test": []}  # type: dict[str, list[NDArray[np.int32]]]
    for start, end in zip(starts, ends, strict=True):
        if end - start < 2:
            continue
        random = np.random.default_rng((part.recipe.seed, int(users[start])))
        had = np.sort(items[start:end])
        if end - start >= _ENOUGH:
            sampled["validation"].append(
                _negatives(random, had, part.item_count, part.recipe.negatives)
            )
        sampled["test"].append(_negatives(random, had, part.item_count, part.recipe.negatives))
    for split, mask in (("validation", validation), ("test", test)):
        columns = {"user": users[mask], "item": items[mask], "time": times[mask]}
        _write(part.file(split), columns, sampled[split])


def _negatives(
    random: np.random.Generator, had: NDArray[Any], item_count: int, wanted: int
) -> NDArray[np.int32]:
    """`wanted` different items that the user never had; all there are where there are fewer."""
    free = item_count - len(had)
    if free <= 4 * wanted:
        left = np.setdiff1d(np.arange(item_count, dtype=np.int32), had, assume_unique=True)
        return random.permutation(left)[:wanted].astype(np.int32)
    found = np.empty(0, np.int32)
    while len(found) < wanted:
        drawn = random.integers(0, item_count, 2 * wanted, dtype=np.int32)
        places = np.minimum(np.searchsorted(had, drawn), len(had) - 1)
        found = np.concatenate([found, drawn[had[places] != drawn]])
        _, first = np.unique(found, return_index=True)
        found = found[np.sort(first)]
    return found[:wanted]


def _write(
    path: Path, columns: dict[str, NDArray[Any]], negatives: list[NDArray[np.int32]] | None = None
) -> None:
    types = {"user": arrow.int32(), "item": arrow.int32(), "time": arrow.float64()}
    made = {name: arrow.array(each, types[name]) for name, each in columns.items()}
    if negatives is not None:
        offsets = np.cumsum([0, *(len(each) for each in negatives)], dtype=np.int32)
        flat = np.concatenate([np.empty(0, np.int32), *negatives])
        made["negatives"] = arrow.ListArray.from_arrays(
            arrow.array(offsets, arrow.int32()), arrow.array(flat, arrow.int32())
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    parquet.write_table(arrow.table(made), partial, compression="zstd")
    partial.replace(path)


def done_here(parts: list[Part]) -> Iterator[dict[str, int]]:
    """One part after the other, in this process: memory is that of one part."""
    for part in parts:
        yield prepare_part(part)
