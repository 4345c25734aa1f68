"""NeuMF, GMF and MLP (He et al., "Neural Collaborative Filtering", 2017) as they answer: in numpy.

The first layer sees user and item side by side, so its product splits into one half per user and one
per item; both are computed once when the model is opened, and a score costs two look-ups, a sum and
the small upper layers. Which parts there are follows from the tensors: `mf.*` alone is GMF, `mlp.*`
alone is MLP, both are NeuMF. Training, in torch, lives elsewhere and makes the same tensors.

    mf.users [users, f]   mf.items [items, f]
    mlp.users [users, e]  mlp.items [items, e]  layers.{k}.weight [out, in]  layers.{k}.bias [out]
    output.weight [f + last layer]  output.bias [1]
"""

from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stoa.base.errors import InvalidInput
from stoa.compute.networks.recommenders.interactions import Interactions
from stoa.compute.networks.recommenders.recommender import Factors, Recommender, Scores, Tensors

_ROWS = 1 << 16  # user-item pairs computed at once, so that memory stays bounded
_LIKE_USERS = 50  # whose vectors somebody new is placed among


class _Tower(NamedTuple):
    """The multi-layer part, its first layer already applied to every user and item."""

    users: NDArray[np.float32]  # [users, h], bias included
    items: NDArray[np.float32]  # [items, h]
    upper: list[tuple[NDArray[np.float32], NDArray[np.float32]]]  # weights [in, out], bias
    output: NDArray[np.float32]  # [last]

    def logits(self, users: NDArray[np.float32], items: NDArray[np.int64]) -> Scores:
        """`users` [n, h] or [1, h] against `items` [n]: [n]."""
        hidden = self.items[items]
        hidden += users
        np.maximum(hidden, 0, out=hidden)
        for weight, bias in self.upper:
            hidden = hidden @ weight
            hidden += bias
            np.maximum(hidden, 0, out=hidden)
        return hidden @ self.output


class Neural(Recommender):
    """Scores are logits of "this user has this item"."""

    kind: ClassVar[str] = "neural"

    def __init__(self, seen: Interactions, tensors: Tensors) -> None:
        """From trained tensors, named as above."""
        super().__init__(seen)
        self._tensors = {name: np.asarray(each, np.float32) for name, each in tensors.items()}
        self._check_shapes()
        mf = tensors["mf.users"].shape[1] if "mf.users" in tensors else 0
        output = self._tensors["output.weight"].reshape(-1)
        self._bias = np.float32(self._tensors["output.bias"].reshape(-1)[0])
        self._mf: Factors | None = None
        if mf:  # the output weight goes to the users' side once, not to every product
            self._mf = Factors(self._tensors["mf.users"] * output[:mf], self._tensors["mf.items"])
        self._tower = _tower(self._tensors, output[mf:]) if "mlp.users" in tensors else None

    def score(self, user: int, items: NDArray[np.integer] | list[int]) -> Scores:
        """One user: the hot road, without the bookkeeping of many."""
        self._check_user(user)
        wanted = np.asarray(items, dtype=np.int64)
        if wanted.size and (wanted.min() < 0 or wanted.max() >= self.seen.item_count):
            return super().score(user, items)  # which says what is wrong
        found = np.full(len(wanted), self._bias, np.float32)
        if self._mf is not None:
            found += self._mf.items[wanted] @ self._mf.users[user]
        if self._tower is not None:
            found += self._tower.logits(self._tower.users[user], wanted)
        return found

    def score_many(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> Scores:
        """Pairs in blocks."""
        count, width = items.shape
        found = np.full((count, width), self._bias, np.float32)
        step = max(1, _ROWS // max(width, 1))
        for start in range(0, count, step):
            rows = slice(start, start + step)
            who, what = users[rows], items[rows]
            if self._mf is not None:
                vectors = self._mf.users[who][:, :, None]
                found[rows] += np.matmul(self._mf.items[what], vectors)[:, :, 0]
            if self._tower is not None:
                pairs = np.repeat(self._tower.users[who], width, axis=0)
                found[rows] += self._tower.logits(pairs, what.reshape(-1)).reshape(what.shape)
        return found

    def fold_in(self, history: NDArray[np.int64], items: NDArray[np.int64]) -> Scores:
        """Places somebody new at the weighted mean of the users whose histories are most alike."""
        likeness = self._likeness(history)
        near = np.argsort(-likeness, kind="stable")[:_LIKE_USERS]
        near = near[likeness[near] > 0]
        if not len(near):
            return self.popularity(items)
        share = (likeness[near] / likeness[near].sum()).astype(np.float32)
        found = np.full(len(items), self._bias, np.float32)
        if self._mf is not None:
            found += self._mf.items[items] @ (share @ self._mf.users[near])
        if self._tower is not None:
            found += self._tower.logits(share @ self._tower.users[near], items)
        return found

    def _likeness(self, history: NDArray[np.int64]) -> NDArray[np.float64]:
        """Cosine of every user's history with the one given. [users]"""
        had = np.zeros(self.seen.item_count, np.float64)
        had[history] = 1
        overlap = np.add.reduceat(
            np.append(had[self.seen.items], 0.0), np.minimum(self.seen.starts[:-1], len(self.seen))
        )
        sizes = np.diff(self.seen.starts)
        overlap[sizes == 0] = 0
        likeness: NDArray[np.float64] = overlap / np.sqrt(np.maximum(sizes, 1) * len(history))
        return likeness

    def factors(self) -> Factors | None:
        """Where there are no layers, users' vectors already carry the output's weights."""
        return self._mf if self._tower is None else None

    def item_vectors(self) -> NDArray[np.float32] | None:
        """The items' embeddings side by side."""
        parts = [self._tensors[name] for name in ("mf.items", "mlp.items") if name in self._tensors]
        return np.concatenate(parts, axis=1)

    def tensors(self) -> Tensors:
        """As trained."""
        return dict(self._tensors)

    @classmethod
    def from_tensors(
        cls, tensors: Tensors, settings: dict[str, Any], seen: Interactions
    ) -> "Neural":
        """From trained tensors."""
        return cls(seen, tensors)

    def _check_shapes(self) -> None:
        for part in ("mf", "mlp"):
            for side, count in (
                ("users", self.seen.user_count),
                ("items", self.seen.item_count),
            ):
                table = self._tensors.get(f"{part}.{side}")
                if table is not None and table.shape[0] != count:
                    raise InvalidInput(
                        f"The model has {table.shape[0]} rows of {part}.{side}, the data {count}.",
                        hint="Model and data set do not belong together: train it again.",
                    )


def _tower(tensors: Tensors, output: NDArray[np.float32]) -> _Tower:
    first = tensors["layers.0.weight"]
    width = tensors["mlp.users"].shape[1]
    upper = []
    number = 1
    while f"layers.{number}.weight" in tensors:
        weight = np.ascontiguousarray(tensors[f"layers.{number}.weight"].T)
        upper.append((weight, tensors[f"layers.{number}.bias"]))
        number += 1
    return _Tower(
        users=tensors["mlp.users"] @ first[:, :width].T + tensors["layers.0.bias"],
        items=tensors["mlp.items"] @ first[:, width:].T,
        upper=upper,
        output=np.ascontiguousarray(output),
    )
