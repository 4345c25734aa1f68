"""Recommenders as they are served: outside names in, ordered names out, nobody turned away.

    rank       {user, items, history?, tags?}                       → {items, scores, unknown, known_user}
    recommend  {user, count, history?, exclude?, where?, within?, seen?} → {items, scores, known_user}
    similar    {item | tags, count, exclude?, where?}               → {items, scores}

A user the model never saw is scored from a history of items, else by popularity. An item that nobody
had yet, and one that the catalogue alone describes, stands where the items stand that it shares tags
with; one of which nothing is known comes last. The numbers are those of the model as it was trained:
nothing here computes a score of its own.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from stoa.base.errors import InvalidInput, NotFound
from stoa.compute.networks.recommenders.artefact import load_held_out, load_ids, load_model
from stoa.compute.networks.recommenders.interactions import Ids, Interactions
from stoa.compute.networks.recommenders.recommender import Recommender
from stoa.compute.serving.attributes import Attributes
from stoa.compute.serving.inverted_lists import Lists, read_lists
from stoa.compute.serving.servable import Method, one_by_one
from stoa.compute.serving.top_n import Allowed, Hits, TopN

MOST_ITEMS: Final = 100_000
"""Candidates of one call, at most."""
MOST_COUNT: Final = 1000
_KEPT_MASKS = 64
_KEPT_NEAR = 20_000
_MOST_COLD = 2000
"""Sets of tags by which one call places items that nobody had; items with others come last."""
_HINT = "See what the method takes."
Indices = NDArray[np.int64]
Scores = NDArray[np.float32]


def load(folder: Path) -> "Recommending":
    """The recommender in an artefact. Raises InvalidInput where it is not whole or not sound."""
    model = load_model(folder)
    factors = model.factors()
    lists = None if factors is None else read_lists(folder, factors.items)
    attributes = Attributes.read(folder, model.seen.item_count)
    return Recommending(model, load_ids(folder), attributes, lists, load_held_out(folder))


class Recommending:
    """One model with its names and attributes, and what users had that it was not trained on."""

    is_quick = True

    def __init__(
        self,
        model: Recommender,
        ids: Ids,
        attributes: Attributes,
        lists: Lists | None = None,
        held_out: Interactions | None = None,
    ) -> None:
        if len(ids.items) != model.seen.item_count or len(ids.users) != model.seen.user_count:
            raise InvalidInput("Names and model do not belong together.", hint="Train it again.")
        self._model = model
        self._own = model.seen.item_count
        """Items that the model knows; after them come those that only the catalogue does."""
        self._had_pairs = [model.seen] if held_out is None else [model.seen, held_out]
        self._attributes = attributes
        self._names = (*ids.items, *attributes.others)
        self._users = {name: place for place, name in enumerate(ids.users)}
        self._items = {name: place for place, name in enumerate(self._names)}
        self._had = np.zeros(len(self._names), np.bool_)
        self._had[: self._own] = model.seen.popularity() > 0
        self._top = TopN(model, lists, len(attributes.others))
        self._masks: OrderedDict[tuple[Any, ...], NDArray[np.bool_]] = OrderedDict()
        self._kinds = _kinds(attributes, self._had)
        self._near: dict[int, Indices] = {}
        self._owners: tuple[Indices, Indices] | None = None
        self.methods: Mapping[str, Method] = {
            "rank": one_by_one(self.rank),
            "recommend": one_by_one(self.recommend),
            "similar": one_by_one(self.similar),
        }

    def rank(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The given items, the likeliest first. Repeated ones count once."""
        names = list(dict.fromkeys(_words(payload, "items")))
        user, history = self._who(payload)
        known: list[str] = []
        places: list[int] = []
        unknown: list[str] = []
        for name in names:
            place = self._items.get(name)
            if place is None:
                unknown.append(name)
            else:
                known.append(name)
                places.append(place)
        described, near = self._described(payload, unknown)
        scores = self._scores(user, history, np.array(places, np.int64), near)
        if described:
            known += described
            placed = set(described)
            unknown = [name for name in unknown if name not in placed]
        order = np.argsort(-scores, kind="stable").tolist()
        ranked = scores.tolist()
        return {
            "items": [known[each] for each in order] + unknown,
            "scores": [ranked[each] for each in order] + [None] * len(unknown),
            "unknown": unknown,
            "known_user": user is not None,
        }

    def recommend(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The best of the whole catalogue, or of what filters leave of it."""
        count = _count(payload)
        user, history = self._who(payload)
        left_out = [self._known(_words(payload, "exclude")), history]
        if not payload.get("seen"):
            left_out += self._had_by(payload)
        allowed = self._allowed(payload, np.concatenate(left_out))

        def score(items: Indices) -> Scores:
            return self._scores(user, history, items)

        if user is not None and not len(history):
            hits = self._top.of_user(user, count, allowed, score)
        else:
            hits = self._top.of_scores(score, count, allowed)
        return {**self._told(hits), "known_user": user is not None}

    def similar(self, payload: dict[str, Any]) -> dict[str, Any]:
        """Items like one item, or like what the tags describe."""
        count = _count(payload)
        name, tags = payload.get("item"), _words(payload, "tags")
        if name is None:
            if not tags:
                raise InvalidInput("Neither an item nor tags are given.", hint=_HINT)
            near = self._attributes.likeness(self._attributes.places(tags))
            return self._told(self._of_likeness(near, payload, [], count))
        place = self._items.get(str(name))
        if place is None:
            raise NotFound(f"There is no item '{str(name)[:80]}'.", hint="Name one of the model.")
        near = self._likeness(place)
        return self._told(self._of_likeness(near, payload, [place], count))

    # -- scores

    def _scores(
        self,
        user: int | None,
        history: Indices,
        items: Indices,
        described: Sequence[Indices] = (),
    ) -> Scores:
        """Scores of items, then of what is described by the items that it shares tags with.

        What nobody had gets the mean of those it shares tags with.
        """
        warm = self._had[items]
        if warm.all() and not described:
            return self._plain(user, history, items) if len(items) else np.zeros(0, np.float32)
        kinds, kind_of = np.unique(self._kinds[items[~warm]], return_inverse=True)
        near = [self._neighbours(int(kind)) for kind in kinds[:_MOST_COLD]]
        near += [items[:0]] * (len(kinds) - len(near)) + [*described]
        # One call: scores of some models compare only within one.
        asked, places = np.unique(np.concatenate([items[warm], *near]), return_inverse=True)
        every = self._plain(user, history, asked)[places] if len(asked) else np.zeros(0, np.float32)
        mine, rest = np.split(every, [int(warm.sum())])
        means = np.full(len(near), mine.min() if len(mine) else 0.0, np.float32)
        sizes = np.array([len(each) for each in near])
        if len(rest):
            starts = np.cumsum(sizes) - sizes
            means[sizes > 0] = np.add.reduceat(rest, starts[sizes > 0]) / sizes[sizes > 0]
        scores = np.empty(len(items), np.float32)
        scores[warm], scores[~warm] = mine, means[kind_of]
        return np.concatenate([scores, means[len(kinds) :]])

    def _neighbours(self, item: int) -> Indices:
        """Items that somebody had, and that share tags with this one."""
        found = self._near.get(item)
        if found is None:
            found = self._attributes.nearest(self._attributes.tags_of(item), self._had)
            if len(self._near) < _KEPT_NEAR:
                self._near[item] = found
        return found

    def _plain(self, user: int | None, history: Indices, items: Indices) -> Scores:
        """As the model says: of a user it knows, of a history, or by popularity."""
        history = history[history < self._own]
        if user is not None and not len(history):
            return self._model.score(user, items)
        if user is not None:
            history = np.union1d(history, self._model.seen.of(user))
        return self._model.score_history(history, items)

    def _described(
        self, payload: dict[str, Any], unknown: list[str]
    ) -> tuple[list[str], list[Indices]]:
        """Unknown items that the call describes by tags, and what shares tags with them."""
        tags = payload.get("tags") or {}
        if not isinstance(tags, dict):
            raise InvalidInput("'tags' is not an object of lists.", hint=_HINT)
        names, near = [], []
        for name in unknown:
            found = self._attributes.nearest(self._attributes.places(tags.get(name, ())), self._had)
            if len(found):
                names.append(name)
                near.append(found)
        return names, near

    def _likeness(self, item: int) -> Scores:
        """How much every item is like one: by the model's vectors, by who had both, or by tags."""
        tags = self._attributes.tags_of(item)
        if not self._had[item]:
            return self._attributes.likeness(tags)
        vectors = self._top.directions()
        if vectors is not None:
            found: Scores = vectors @ vectors[item]
            return found
        return self._together(item)

    def _together(self, item: int) -> Scores:
        """Cosine over who had both."""
        seen = self._model.seen
        if self._owners is None:  # the same pairs by item
            order = np.argsort(seen.items, kind="stable")
            starts = np.searchsorted(seen.items[order], np.arange(seen.item_count + 1))
            self._owners = seen.users()[order].astype(np.int64), starts
        users, starts = self._owners
        had = [seen.of(int(user)) for user in users[starts[item] : starts[item + 1]]]
        both = np.bincount(np.concatenate(had), minlength=seen.item_count)
        sizes = np.maximum(seen.popularity(), 1)
        cosine: Scores = (both / np.sqrt(sizes * sizes[item])).astype(np.float32)
        return cosine

    # -- what may be shown

    def _of_likeness(
        self, near: Scores, payload: dict[str, Any], itself: list[int], count: int
    ) -> Hits:
        others = np.arange(self._own, len(self._names))
        left_out = np.concatenate(
            [self._known(_words(payload, "exclude")), np.array(itself, np.int64), others]
        )
        allowed = self._allowed(payload, left_out)
        return self._top.of_scores(lambda items: near[items], count, allowed)

    def _allowed(self, payload: dict[str, Any], left_out: Indices) -> Allowed:
        where, within = payload.get("where"), payload.get("within")
        mask = self._mask(where) if where else None
        if within is not None:
            among = np.unique(self._known(_words(payload, "within")))
            return Allowed(mask, among, left_out)
        return Allowed(mask, None, left_out)

    def _mask(self, where: Any) -> NDArray[np.bool_]:
        if not isinstance(where, dict):
            raise InvalidInput("'where' is not an object of lists.", hint=_HINT)
        plain = {key: _words(where, key) for key in sorted(where)}
        key = tuple((name, *values) for name, values in plain.items())
        found = self._masks.get(key)
        if found is None:
            found = self._attributes.matching(plain)
            self._masks[key] = found
            if len(self._masks) > _KEPT_MASKS:
                self._masks.popitem(last=False)
        return found

    def _who(self, payload: dict[str, Any]) -> tuple[int | None, Indices]:
        user = payload.get("user")
        place = None if user is None else self._users.get(str(user))
        if place is not None and not len(self._model.seen.of(place)):
            place = None  # it was never trained on: better by history or popularity
        return place, np.unique(self._known(_words(payload, "history")))

    def _had_by(self, payload: dict[str, Any]) -> list[Indices]:
        """All that the user is known to have had, whether the model was trained on it or judged by it."""
        place = self._users.get(str(payload.get("user")))
        if place is None:
            return []
        return [each.of(place).astype(np.int64) for each in self._had_pairs]

    def _known(self, names: list[str]) -> Indices:
        found = [self._items[name] for name in names if name in self._items]
        return np.array(found, np.int64)

    def _told(self, hits: Hits) -> dict[str, Any]:
        return {
            "items": [self._names[each] for each in hits.items.tolist()],
            "scores": hits.scores.tolist(),
        }


def _kinds(attributes: Attributes, had: NDArray[np.bool_]) -> Indices:
    """For every item that nobody had, the first such with the same tags: they stand in the same place."""
    found = np.arange(len(had))
    first: dict[tuple[int, ...], int] = {}
    for item in np.flatnonzero(~had).tolist():
        found[item] = first.setdefault(tuple(attributes.tags_of(item)), item)
    return found


def _words(payload: Any, name: str) -> list[str]:
    if not isinstance(payload, dict):
        raise InvalidInput("The call is not an object.", hint=_HINT)
    found = payload.get(name)
    if found is None:
        return []
    if not isinstance(found, list) or len(found) > MOST_ITEMS:
        raise InvalidInput(f"'{name}' is not a list of up to {MOST_ITEMS:,} names.", hint=_HINT)
    return [each if type(each) is str else str(each) for each in found]


def _count(payload: Any) -> int:
    count = payload.get("count", 10) if isinstance(payload, dict) else None
    if not isinstance(count, int) or not 1 <= count <= MOST_COUNT:
        raise InvalidInput(f"'count' is not a number from 1 to {MOST_COUNT:,}.", hint=_HINT)
    return count
