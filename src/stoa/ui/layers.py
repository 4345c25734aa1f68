"""Where the nodes of a small directed graph go: in columns by what they need, few arrows crossing.

Sugiyama's way: a node's column is one after the last of what it needs; an arrow over several columns
gets a place in each; within a column the order follows the middle of the neighbours. It draws nothing
and knows nothing of what the nodes are.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Arrow = tuple[str, str]
_SWEEPS = 4


@dataclass(frozen=True)
class Place:
    """Column and row of a node, from 0; rows may be halves."""

    column: int
    row: float


@dataclass(frozen=True)
class Layout:
    """Places of nodes, the ways of arrows through places, and how large it is."""

    places: Mapping[str, Place]
    ways: Mapping[Arrow, Sequence[Place]]
    columns: int
    rows: int


def lay_out(nodes: Sequence[str], arrows: Sequence[Arrow]) -> Layout:
    """Places for nodes, which come in an order that arrows never go against."""
    column = _columns(nodes, arrows)
    chains = {arrow: _chain(arrow, column) for arrow in arrows}
    layers: list[list[str]] = [[] for _ in range(max(column.values(), default=-1) + 1)]
    for node in nodes:
        layers[column[node]].append(node)
    for arrow, chain in chains.items():
        for step, name in enumerate(chain[1:-1], start=1):
            layers[column[arrow[0]] + step].append(name)
    steps = [pair for chain in chains.values() for pair in itertools.pairwise(chain)]
    _untangle(layers, steps)
    rows = max((len(layer) for layer in layers), default=0)
    places = {
        name: Place(number, index + (rows - len(layer)) / 2)
        for number, layer in enumerate(layers)
        for index, name in enumerate(layer)
    }
    return Layout(
        places={node: places[node] for node in nodes},
        ways={arrow: [places[name] for name in chain] for arrow, chain in chains.items()},
        columns=len(layers),
        rows=rows,
    )


def _columns(nodes: Sequence[str], arrows: Sequence[Arrow]) -> dict[str, int]:
    column = dict.fromkeys(nodes, 0)
    for node in nodes:
        for source, target in arrows:
            if target == node:
                column[node] = max(column[node], column[source] + 1)
    for node in nodes:  # what needs nothing stands just before what needs it
        targets = [column[target] for source, target in arrows if source == node]
        if targets and all(target != node for _, target in arrows):
            column[node] = min(targets) - 1
    return column


def _chain(arrow: Arrow, column: Mapping[str, int]) -> list[str]:
    """The arrow's ends, and a name for every column that it passes."""
    source, target = arrow
    passed = range(column[source] + 1, column[target])
    return [source, *(f"{source}>{target}:{number}" for number in passed), target]


def _untangle(layers: list[list[str]], steps: Sequence[Arrow]) -> None:
    """Order each column by the middle of its neighbours, forth and back."""
    before: dict[str, list[str]] = {}
    after: dict[str, list[str]] = {}
    for source, target in steps:
        before.setdefault(target, []).append(source)
        after.setdefault(source, []).append(target)
    for sweep in range(_SWEEPS):
        forth = sweep % 2 == 0
        order = range(1, len(layers)) if forth else range(len(layers) - 2, -1, -1)
        for number in order:
            fixed = layers[number - 1 if forth else number + 1]
            at = {name: index - len(fixed) / 2 for index, name in enumerate(fixed)}
            neighbours = before if forth else after
            own = {
                name: index - len(layers[number]) / 2 for index, name in enumerate(layers[number])
            }
            layers[number].sort(key=lambda name: _middle(name, neighbours, at, own))


def _middle(
    name: str,
    neighbours: Mapping[str, list[str]],
    at: Mapping[str, float],
    own: Mapping[str, float],
) -> float:
    found = [at[each] for each in neighbours.get(name, ()) if each in at]
    return sum(found) / len(found) if found else own[name]
