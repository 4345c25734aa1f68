"""Tokenises what lanes read and packs it into rows of equal length, documents end to end.

A row of T tokens is a window of T + 1, so that each token is predicted once. A lane's state is where
its mixture stood before the document that the next window begins in, and how far into that document:
to resume, one document per lane is tokenised again, whatever the step.

Shapes: L lanes, T tokens of a row.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from stoa.compute.training.pretraining.data.mixture import Lane, Mixture
from stoa.compute.training.pretraining.data.vocabulary import Tokens, Vocabulary
from stoa.compute.training.pretraining.interfaces import IGNORED

_MOST_PIECES: Final = 256


@dataclass
class _Piece:
    """A tokenised row of the corpus, and where the lane stood before it was chosen."""

    before: dict[str, Any]
    tokens: Tokens


@dataclass(frozen=True)
class Packed:
    """Rows of a few lanes at one step, and their states behind it. Shapes: [L, T]."""

    tokens: npt.NDArray[np.int64]
    labels: npt.NDArray[np.int64]
    documents: npt.NDArray[np.int64] | None
    states: dict[str, dict[str, Any]]


class Packer:
    """Packs the rows of some lanes, step by step."""

    def __init__(
        self,
        mixture: Mixture,
        lanes: Sequence[int],
        vocabulary: Vocabulary,
        length: int,
        *,
        boundaries: bool,
    ) -> None:
        self._mixture = mixture
        self._vocabulary = vocabulary
        self._length = length
        self._boundaries = boundaries
        self._lanes = [_LanePacker(Lane(number, mixture)) for number in lanes]
        self._bytes_per_token = 4.0

    def load(self, states: dict[str, dict[str, Any]]) -> None:
        """Go on where lanes of these numbers stood."""
        for lane in self._lanes:
            lane.load(states[str(lane.lane.number)])

    def states(self) -> dict[str, dict[str, Any]]:
        """Where each lane stands."""
        return {str(lane.lane.number): lane.state() for lane in self._lanes}

    def step(self) -> Packed:
        """The next row of every lane."""
        self._fill(self._length + 1)
        count = len(self._lanes)
        window = np.empty((count, self._length + 1), np.int64)
        document = np.empty((count, self._length + 1), np.int64)
        for number, lane in enumerate(self._lanes):
            lane.take(window[number], document[number])
        tokens, labels = window[:, :-1].copy(), window[:, 1:].copy()
        states = self.states()
        if not self._boundaries:
            return Packed(tokens, labels, None, states)
        labels[document[:, 1:] != document[:, :-1]] = IGNORED
        return Packed(tokens, labels, document[:, :-1].copy(), states)

    def _fill(self, needed: int) -> None:
        """Tokenise until each lane holds `needed` tokens; all lanes' texts in one call."""
        while lacking := [lane for lane in self._lanes if lane.held < needed]:
            owners: list[_LanePacker] = []
            texts: list[str] = []
            ends: list[bool] = []
            befores: list[dict[str, Any]] = []
            for lane in lacking:
                wanted = (needed - lane.held) * self._bytes_per_token
                for _ in range(_MOST_PIECES):
                    befores.append(lane.lane.state())
                    source, row = lane.lane.next()
                    corpus = self._mixture.sources[source].corpus
                    owners.append(lane)
                    texts.append(corpus.text(row))
                    ends.append(corpus.ends(row))
                    wanted -= corpus.size(row)
                    if wanted <= 0:
                        break
            encoded = self._vocabulary.encode(texts)
            for owner, before, tokens, ended in zip(owners, befores, encoded, ends, strict=True):
                owner.add(before, self._ended(tokens) if ended else tokens)
            found = sum(map(len, encoded))
            self._bytes_per_token = max(1.0, sum(map(len, texts)) / max(found, 1))

    def _ended(self, tokens: Tokens) -> Tokens:
        end = self._vocabulary.end
        return tokens if end is None else np.append(tokens, np.int32(end))


class _LanePacker:
    """The tokens that one lane holds ahead of its next window."""

    def __init__(self, lane: Lane) -> None:
        self.lane = lane
        self.held = 0
        self._pieces: deque[_Piece] = deque()
        self._used = 0  # tokens of the first piece that earlier windows took
        self._skip = 0  # of the piece tokenised next, after a load

    def add(self, before: dict[str, Any], tokens: Tokens) -> None:
        if len(tokens):
            if self._skip:
                self._used, self._skip = self._skip, 0
            self._pieces.append(_Piece(before, tokens))
            self.held = sum(len(piece.tokens) for piece in self._pieces) - self._used

    def take(self, window: npt.NDArray[np.int64], document: npt.NDArray[np.int64]) -> None:
        """Copy the next T + 1 tokens out, and let go of T of them."""
        filled, start = 0, self._used
        for number, piece in enumerate(self._pieces):
            part = piece.tokens[start : start + len(window) - filled]
            window[filled : filled + len(part)] = part
            document[filled : filled + len(part)] = number
            filled, start = filled + len(part), 0
            if filled == len(window):
                break
        self._used += len(window) - 1
        self.held -= len(window) - 1
        while self._used >= len(self._pieces[0].tokens):
            self._used -= len(self._pieces.popleft().tokens)

    def state(self) -> dict[str, Any]:
        if not self._pieces:
            return {**self.lane.state(), "used": self._skip}
        return {**self._pieces[0].before, "used": self._used}

    def load(self, state: dict[str, Any]) -> None:
        self.lane.load(state)
        self._pieces.clear()
        self.held, self._used, self._skip = 0, 0, int(state["used"])
