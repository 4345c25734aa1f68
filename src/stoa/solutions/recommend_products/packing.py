"""A trained model as it is registered: its files, and beside them what the catalogue says of its items.

The tags are what filters go by, and what places an item among others before anybody has had it: products
that nobody had when the model was trained are packed with theirs, so that they can be ranked.
"""

import json
import shutil
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from stoa.compute.serving.attributes import write_attributes

_FEW: Final = 50
"""An attribute with more different values than this, and most of them of one item only, tells nothing."""
_MOST_TAGS: Final = 20


def pack(trained: Path, folder: Path, attributes: Mapping[str, Mapping[str, str]]) -> None:
    """Copy a trained model to `folder` and write the tags of its items beside it. Blocking.

    Args:
        trained: what training made; the model is in it or in its folder `model`.
        folder: is made.
        attributes: of the catalogue, by item.
    """
    inside = trained / "model"
    shutil.copytree(inside if inside.is_dir() else trained, folder)
    items = ids_of(folder)["items"]
    telling = _telling(attributes)
    known = set(items)
    others = {name: _tags(each, telling) for name, each in attributes.items() if name not in known}
    write_attributes(folder, [_tags(attributes.get(item, {}), telling) for item in items], others)


def ids_of(folder: Path) -> dict[str, list[str]]:
    """The names of users and items that a model knows. Blocking."""
    found: dict[str, list[str]] = json.loads((folder / "ids.json").read_text(encoding="utf-8"))
    return found


def _telling(attributes: Mapping[str, Mapping[str, str]]) -> set[str]:
    """Names of attributes that several items share values of: a category, not a price."""
    values: dict[str, Counter[str]] = defaultdict(Counter)
    for each in attributes.values():
        for name, value in each.items():
            values[name][value] += 1
    return {
        name
        for name, counts in values.items()
        if len(counts) <= _FEW or 2 * len(counts) < sum(counts.values()) / 2
    }


def _tags(attributes: Mapping[str, str], telling: set[str]) -> Sequence[str]:
    """`name=value`; a value of several, divided by `|` as MovieLens does, is several tags."""
    found = [
        f"{name}={part.strip()}"
        for name, value in attributes.items()
        if name in telling
        for part in value.split("|")
        if part.strip()
    ]
    return found[:_MOST_TAGS]
