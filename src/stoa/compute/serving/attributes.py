"""What is known of items beside who had them: tags such as `genre=Comedy`, in a file of the artefact.

`attributes.json` is written by whoever trains, beside the model's own files. Filters go by it, and an
item that nobody had yet is placed among those it shares rare tags with, also one that training never saw.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stoa.base.errors import InvalidInput

FILE: Final = "attributes.json"
NEIGHBOURS: Final = 20
Items = NDArray[np.int64]


def write_attributes(
    folder: Path,
    tags: Sequence[Sequence[str]],
    others: Mapping[str, Sequence[str]] | None = None,
) -> None:
    """Write the tags of every item, in the order of the model's item indices.

    `others`: tags of items that the model does not know, by name. Those that share none with its items
    can't be placed among them, and are left out.
    """
    telling = {tag for each in tags for tag in each}
    described = {
        name: each for name, each in (others or {}).items() if not telling.isdisjoint(each)
    }
    names = sorted(telling.union(*described.values()))
    places = {name: place for place, name in enumerate(names)}

    def row(given: Sequence[str]) -> list[int]:
        return sorted(places[tag] for tag in set(given))

    written = {
        "tags": names,
        "items": [row(each) for each in tags],
        "others": {name: row(each) for name, each in described.items()},
    }
    (folder / FILE).write_text(json.dumps(written), encoding="utf-8")


class Attributes:
    """Tags of items, and items of tags.

    Items are those of the model, and after them those that it does not know.
    """

    def __init__(
        self,
        item_count: int,
        names: Sequence[str],
        rows: Sequence[Sequence[int]],
        others: Mapping[str, Sequence[int]] | None = None,
    ) -> None:
        if len(rows) != item_count:
            raise InvalidInput(
                f"Attributes of {len(rows)} items for a model of {item_count}.",
                hint="Write the attributes with the items of the same training.",
            )
        self.others = tuple(others or ())
        """Names of the items that the model does not know."""
        self._rows = [*rows, *(others or {}).values()]
        self._item_count = len(self._rows)
        self._places = {name: place for place, name in enumerate(names)}
        flat = np.array([tag for row in self._rows for tag in row], np.int64)
        owners = np.repeat(np.arange(self._item_count), [len(row) for row in self._rows])
        order = np.argsort(flat, kind="stable")
        counts = np.bincount(flat, minlength=len(names))
        self._of_tag = np.split(owners[order], np.cumsum(counts)[:-1]) if len(names) else []
        self._rarity = np.log1p(self._item_count / np.maximum(counts, 1))

    @classmethod
    def read(cls, folder: Path, item_count: int) -> "Attributes":
        """Those of an artefact; none where it has no such file. Raises InvalidInput."""
        path = folder / FILE
        if not path.is_file():
            return cls(item_count, (), [()] * item_count)
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            return cls(item_count, found["tags"], found["items"], found.get("others"))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise InvalidInput(
                "The attributes of this model can't be read.", hint="Train it again."
            ) from error

    def matching(self, where: Mapping[str, Sequence[str]]) -> NDArray[np.bool_]:
        """Which items have, for every key, one of its values. [items]"""
        mask = np.ones(self._item_count, np.bool_)
        for key, values in where.items():
            mine = np.zeros(self._item_count, np.bool_)
            for value in values:
                place = self._places.get(f"{key}={value}")
                if place is not None:
                    mine[self._of_tag[place]] = True
            mask &= mine
        return mask

    def tags_of(self, item: int) -> Sequence[int]:
        """Of one item."""
        return self._rows[item]

    def places(self, tags: Sequence[str]) -> list[int]:
        """Of tags by name; those that no item has are left out."""
        return [self._places[tag] for tag in tags if tag in self._places]

    def likeness(self, tags: Sequence[int]) -> NDArray[np.float32]:
        """How much every item shares with these tags; rare ones count more. [items]"""
        found = np.zeros(self._item_count, np.float32)
        for tag in tags:
            found[self._of_tag[tag]] += self._rarity[tag]
        return found

    def nearest(self, tags: Sequence[int], among: NDArray[np.bool_]) -> Items:
        """The items `among` those marked that share most with these tags; none where none does."""
        few = min(NEIGHBOURS, self._item_count)
        if not few or not len(tags):
            return np.zeros(0, np.int64)
        likeness = np.where(among, self.likeness(tags), 0)
        near = np.argpartition(-likeness, few - 1)[:few]
        return near[likeness[near] > 0].astype(np.int64)
