"""Prepared data as a folder, and how training opens it.

prepared.json       counts, seed, partition: written last
users.parquet       id, in the order of the indices; items.parquet likewise
train/*.parquet     user, item (indices), time: one row per pair
validation/*.parquet, test/*.parquet    the same and `negatives`, one row per user
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow.parquet as parquet

from stoa.base.errors import InvalidInput
from stoa.compute.networks.recommenders.interactions import Ids, Interactions
from stoa.compute.training.recommenders.judging import HeldOut

MANIFEST: Final = "prepared.json"


@dataclass(frozen=True)
class Prepared:
    """Data ready for training."""

    train: Interactions
    validation: HeldOut
    test: HeldOut
    ids: Ids
    counts: dict[str, Any]

    def complete(self) -> Interactions:
        """Training pairs and those held out for validation: for the last fit before the test."""
        return self.train.with_pairs(self.validation.users, self.validation.items)

    def held_out(self) -> Interactions:
        """Pairs held out for validation and test: had by users, though not trained on."""
        return Interactions.from_pairs(
            np.concatenate([self.validation.users, self.test.users]),
            np.concatenate([self.validation.items, self.test.items]),
            user_count=self.train.user_count,
            item_count=self.train.item_count,
        )


def open_prepared(path: Path) -> Prepared:
    """Open the folder, or the one partition in it.

    Raises:
        InvalidInput: no prepared data there, or more than one partition.
    """
    folder = _folder(path)
    counts = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    ids = Ids(_ids(folder / "users.parquet"), _ids(folder / "items.parquet"))
    table = parquet.read_table(folder / "train", columns=["user", "item"], partitioning=None)
    train = Interactions.from_pairs(
        table["user"].to_numpy(),
        table["item"].to_numpy(),
        user_count=len(ids.users),
        item_count=len(ids.items),
    )
    return Prepared(train, _held(folder / "validation"), _held(folder / "test"), ids, counts)


def _folder(path: Path) -> Path:
    if (path / MANIFEST).is_file():
        return path
    found = sorted(each.parent for each in path.glob(f"*/{MANIFEST}"))
    if len(found) != 1:
        raise InvalidInput(
            f"{path.name} holds {len(found)} prepared data sets, not one.",
            hint="Prepare the data first, or name the partition.",
        )
    return found[0]


def _ids(path: Path) -> tuple[str, ...]:
    return tuple(parquet.read_table(path)["id"].to_pylist())


def _held(folder: Path) -> HeldOut:
    table = parquet.read_table(folder, partitioning=None).combine_chunks()
    lists = table["negatives"].combine_chunks()
    if hasattr(lists, "chunks"):
        lists = lists.chunk(0) if lists.num_chunks else None
    offsets = np.zeros(1, np.int64) if lists is None else lists.offsets.to_numpy()
    flat = np.empty(0, np.int32) if lists is None else lists.values.to_numpy()
    sizes = np.diff(offsets)
    negatives = np.full((table.num_rows, int(sizes.max(initial=0))), -1, np.int64)
    negatives[np.arange(negatives.shape[1]) < sizes[:, None]] = flat[offsets[0] : offsets[-1]]
    return HeldOut(
        table["user"].to_numpy().astype(np.int64),
        table["item"].to_numpy().astype(np.int64),
        negatives,
    )
