"""Tokens of a corpus in one memory-mapped file: written once, then read at hundreds of millions a second.

Two bytes a token where the vocabulary allows it. A manifest beside the file, written last, holds the
hashes of content and tokenizer that the tokens came from.
"""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from stoa.base.errors import SetupError
from stoa.compute.training.pretraining.data.corpus import Corpus
from stoa.compute.training.pretraining.data.order import Permutation, scramble
from stoa.compute.training.pretraining.data.packing import Packed
from stoa.compute.training.pretraining.data.vocabulary import Vocabulary

_BATCH_BYTES: Final = 4 << 20


class TokenFacts(BaseModel):
    """What the manifest of a token file says."""

    content: str
    tokenizer: str
    first_row: int
    rows: int
    tokens: int
    width: int


class TokenFile:
    """The tokens, by place."""

    def __init__(self, path: Path) -> None:
        self.facts = TokenFacts.model_validate_json(path.with_suffix(".tokens.json").read_bytes())
        kind = np.uint16 if self.facts.width == 2 else np.uint32
        self._tokens = np.memmap(path, dtype=kind, mode="r", shape=(self.facts.tokens,))

    def __len__(self) -> int:
        return self.facts.tokens

    def read(self, start: int, count: int) -> npt.NDArray[np.int64]:
        """`count` tokens from `start` on."""
        return self._tokens[start : start + count].astype(np.int64)


def tokenise(
    corpus: Corpus, vocabulary: Vocabulary, path: Path, first_row: int, rows: int
) -> TokenFile:
    """Write the tokens of some rows to `path`, or reuse what was written from the same.

    Raises SetupError: the disk is full or not writable.
    """
    wanted = TokenFacts(
        content=corpus.facts.content,
        tokenizer=vocabulary.hash,
        first_row=first_row,
        rows=rows,
        tokens=0,
        width=2 if vocabulary.size <= 1 << 16 else 4,
    )
    manifest = path.with_suffix(".tokens.json")
    if _kept(manifest) == wanted:
        return TokenFile(path)
    partial = path.with_suffix(".tokens.part")
    try:
        manifest.unlink(missing_ok=True)
        with partial.open("wb") as file:
            tokens = 0
            for part in _encoded(corpus, vocabulary, first_row, rows):
                file.write(part.astype(np.uint16 if wanted.width == 2 else np.uint32).tobytes())
                tokens += len(part)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
        manifest.write_text(wanted.model_copy(update={"tokens": tokens}).model_dump_json())
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise SetupError(
            f"The tokens can't be written to '{path}': {error.strerror}.",
            hint="Free some space there, or name another folder.",
        ) from error
    return TokenFile(path)


def _kept(manifest: Path) -> TokenFacts | None:
    try:
        found = TokenFacts.model_validate_json(manifest.read_bytes())
    except (OSError, ValueError):
        return None
    return found.model_copy(update={"tokens": 0})


def _encoded(
    corpus: Corpus, vocabulary: Vocabulary, first_row: int, rows: int
) -> Iterator[npt.NDArray[np.int32]]:
    texts: list[str] = []
    ends: list[bool] = []
    size = 0
    for row in range(first_row, first_row + rows):
        texts.append(corpus.text(row))
        ends.append(corpus.ends(row))
        size += corpus.size(row)
        if size >= _BATCH_BYTES or row == first_row + rows - 1:
            for tokens, ended in zip(vocabulary.encode(texts), ends, strict=True):
                yield tokens
                if ended and vocabulary.end is not None:
                    yield np.array([vocabulary.end], np.int32)
            texts, ends, size = [], [], 0


class Windows:
    """Windows of T + 1 tokens out of token files, each once an epoch, in shuffled order.

    Each epoch begins at another offset, so windows differ from epoch to epoch. With several sources, those
    that others were drawn for are left out. Which window lane j reads at step s follows from the seed, j and s alone.
    """

    def __init__(
        self,
        files: Sequence[tuple[TokenFile, int, float]],
        lanes: Sequence[int],
        all_lanes: int,
        length: int,
        seed: int,
        *,
        shuffle: bool = True,
    ) -> None:
        """`files`: token file, how many of its tokens may be read, weight."""
        self._files = list(files)
        self._lanes = list(lanes)
        self._all = all_lanes
        self._length = length
        self._seed = seed
        self._shuffle = shuffle
        self._step = 0
        self._orders: dict[tuple[int, int], Permutation] = {}
        self._shares = np.cumsum([weight for *_, weight in files]) / sum(w for *_, w in files)

    def states(self) -> dict[str, dict[str, Any]]:
        """Where each lane stands: all at one step."""
        return {str(lane): {"step": self._step} for lane in self._lanes}

    def load(self, states: dict[str, dict[str, Any]]) -> None:
        """Go on at the step that the lanes stood at."""
        self._step = int(states[str(self._lanes[0])]["step"])

    def step(self) -> Packed:
        """The next row of every lane."""
        windows = np.stack([self._window(lane) for lane in self._lanes])
        self._step += 1
        return Packed(windows[:, :-1].copy(), windows[:, 1:].copy(), None, self.states())

    def _window(self, lane: int) -> npt.NDArray[np.int64]:
        place = self._step * self._all + lane
        drawn = scramble(self._seed, place, 2) / 2**64
        source = int(np.searchsorted(self._shares, drawn, side="right"))
        file, count, _ = self._files[source]
        windows = max(1, (count - self._length - 1) // self._length)
        epoch, inside = divmod(place, windows)
        room = count - windows * self._length - 1
        shift = scramble(self._seed, source, epoch, 3) % (room + 1)
        number = self._order(source, epoch, windows)[inside] if self._shuffle else inside
        return file.read(shift + number * self._length, self._length + 1)

    def _order(self, source: int, epoch: int, windows: int) -> Permutation:
        if (order := self._orders.get((source, epoch))) is None:
            if len(self._orders) > 16:
                self._orders.clear()
            order = Permutation(windows, self._seed, source, epoch)
            self._orders[source, epoch] = order
        return order
