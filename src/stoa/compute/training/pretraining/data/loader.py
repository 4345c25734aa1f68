"""Hands one rank its rows of each global batch, made ahead in background threads.

    prepared = prepare(recipe.data, folder)
    with Loader(prepared, length=4096, rows=1024, rank=rank, ranks=ranks, seed=0) as loader:
        batch = next(loader)               # this rank's rows: rank, of `ranks` that share the batch
        state = loader.state()             # of the batches handed out, not of those made ahead
        loader.load(merge_states(states))  # of all ranks, by any number of ranks

Row j of the global batch is a lane of its own, so the sequence of global batches does not depend on
how many ranks share it. Each worker makes some of the rank's lanes and waits when `prefetch` batches
of it are not fetched yet: memory stays bounded however slow the training is.
"""

import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import numpy as np
import torch
from torch import Tensor

from stoa.base.errors import InvalidInput
from stoa.compute.training.pretraining.data.mixture import Mixture
from stoa.compute.training.pretraining.data.packing import Packed, Packer
from stoa.compute.training.pretraining.data.prepare import Prepared
from stoa.compute.training.pretraining.data.tokenfile import Windows
from stoa.compute.training.pretraining.data.vocabulary import other_tokenizer

_POLL_SECONDS: Final = 0.1


@dataclass(frozen=True)
class Batch:
    """This rank's rows of one global batch; R rows of T tokens.

    Attributes:
        tokens: int64 [R, T].
        labels: int64 [R, T], the token that follows each; -100 where none is to be predicted.
        documents: int32 [R, T], number of the document inside its row; None without boundaries.
        positions: int64 [R, T], position inside the document; None without boundaries.
    """

    tokens: Tensor
    labels: Tensor
    documents: Tensor | None = None
    positions: Tensor | None = None


class _Source(Protocol):
    """Makes the rows of some lanes, step by step."""

    def step(self) -> Packed: ...
    def states(self) -> dict[str, dict[str, Any]]: ...
    def load(self, states: dict[str, dict[str, Any]]) -> None: ...


class Loader:
    """An endless iterator over this rank's batches, with a state that is saved with checkpoints."""

    def __init__(
        self,
        prepared: Prepared,
        *,
        length: int,
        rows: int,
        rank: int = 0,
        ranks: int = 1,
        seed: int = 0,
    ) -> None:
        """Start reading at the first batch.

        Args:
            prepared: the data.
            length: T, tokens of a row.
            rows: of the global batch: micro-batch x accumulation x data-parallel degree.
            rank: which of `ranks` equal parts of the rows is wanted (the data-parallel rank).
            ranks: how many share the batch (the data-parallel degree).
            seed: decides the order.

        Raises:
            InvalidInput: the rows can't be shared equally, or there is too little text for them.
        """
        _check_size(prepared, length, rows, ranks)
        self._prepared = prepared
        self._length, self._rows, self._seed = length, rows, seed
        share = rows // ranks
        self._lanes = list(range(rank * share, (rank + 1) * share))
        self._workers: list[_Worker] = []
        sources = self._sources()
        self._states = {
            lane: state for source in sources for lane, state in source.states().items()
        }
        self._start(sources)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        """The next batch; waits for the workers. Raises what a worker raised."""
        parts = [worker.get() for worker in self._workers]
        for part in parts:
            self._states.update(part.states)
        return Batch(
            tokens=_joined([part.tokens for part in parts]),
            labels=_joined([part.labels for part in parts]),
            documents=_joined_if([part.documents for part in parts]),
            positions=_joined_if([part.positions for part in parts]),
        )

    def state(self) -> dict[str, Any]:
        """Plain values for the checkpoint: this rank's lanes, to be merged with the other ranks'."""
        return {
            "tokenizer": self._prepared.vocabulary.hash,
            "data": self._prepared.fingerprint,
            "mode": self._prepared.recipe.mode,
            "rows": self._rows,
            "length": self._length,
            "seed": self._seed,
            "lanes": dict(self._states),
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on after the batches that a merged state had handed out.

        Raises InvalidInput: it was saved with another tokenizer, other data or another batch.
        """
        self._check_state(state)
        self.close()
        sources = self._sources()
        for source in sources:
            source.load(state["lanes"])
        self._states = {str(lane): state["lanes"][str(lane)] for lane in self._lanes}
        self._start(sources)

    def close(self) -> None:
        """Stop the workers."""
        for worker in self._workers:
            worker.stop()
        self._workers = []

    def _sources(self) -> list[_Source]:
        """One per worker, each with its part of this rank's lanes."""
        recipe = self._prepared.recipe
        parts = np.array_split(np.array(self._lanes), min(recipe.workers, len(self._lanes)))
        lanes = [[int(lane) for lane in part] for part in parts]
        if recipe.mode == "windows":
            return [
                Windows(self._prepared.windows, part, self._rows, self._length, self._seed)
                for part in lanes
            ]
        return [
            Packer(
                Mixture(self._prepared.rows, self._rows, self._seed),
                part,
                self._prepared.vocabulary,
                self._length,
                boundaries=recipe.boundaries,
            )
            for part in lanes
        ]

    def _start(self, sources: Sequence[_Source]) -> None:
        self._workers = [_Worker(source, self._prepared.recipe.prefetch) for source in sources]

    def _check_state(self, state: Mapping[str, Any]) -> None:
        if state["tokenizer"] != self._prepared.vocabulary.hash:
            raise other_tokenizer("The checkpoint")
        now = self.state()
        names = {
            "data": "content of the shards",
            "mode": "data mode",
            "rows": "rows of the global batch",
            "seed": "seed",
        }
        if state["mode"] == "windows":
            names["length"] = "length of a row"
        for name, words in names.items():
            if state[name] != now[name]:
                raise InvalidInput(
                    f"The checkpoint was made with another {words}: {state[name]}, now {now[name]}.",
                    hint="Resume with the recipe it was made with, or start in an empty folder.",
                )


def merge_states(states: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One state out of those of all ranks; several may hold the same lanes."""
    lanes: dict[str, Any] = {}
    for state in states:
        lanes |= state["lanes"]
    ordered = {str(lane): lanes[str(lane)] for lane in sorted(map(int, lanes))}
    return {**states[0], "lanes": ordered}


def validation(prepared: Prepared, *, length: int, rows: int) -> Iterator[Batch]:
    """The held-out tokens in order, each once, as batches of `rows`; the last incomplete one is left."""
    windows = []
    for file, first, count in prepared.held_out:
        for start in range(first, first + count - length, length):
            windows.append(file.read(start, length + 1))
            if len(windows) == rows:
                whole = torch.from_numpy(np.stack(windows))
                yield Batch(tokens=whole[:, :-1].contiguous(), labels=whole[:, 1:].contiguous())
                windows = []


class _Worker:
    """A thread that stays at most `prefetch` batches ahead."""

    def __init__(self, source: _Source, prefetch: int) -> None:
        self._source = source
        self._queue: queue.Queue[Packed | Exception] = queue.Queue(maxsize=prefetch)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, name="data", daemon=True)
        self._thread.start()

    def get(self) -> Packed:
        found = self._queue.get()
        if isinstance(found, Exception):
            self._put(found)  # whoever asks again is told again
            raise found
        return found

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopped.is_set():
            try:
                made: Packed | Exception = self._source.step()
            except Exception as error:  # noqa: BLE001 - handed to whoever asks for the batch
                self._put(error)
                return
            self._put(made)

    def _put(self, item: Packed | Exception) -> None:
        while not self._stopped.is_set():
            try:
                self._queue.put(item, timeout=_POLL_SECONDS)
            except queue.Full:
                continue
            return


def _check_size(prepared: Prepared, length: int, rows: int, ranks: int) -> None:
    if rows % ranks:
        raise InvalidInput(
            f"A global batch of {rows} rows can't be shared by {ranks} data-parallel ranks.",
            hint="Make the batch a multiple of the data-parallel degree.",
        )
    for entry in prepared.rows:
        if entry.count < rows:
            raise InvalidInput(
                f"'{entry.corpus.path.stem}' has {entry.count} pieces of text, fewer than the {rows} "
                "rows of the global batch: rows would repeat each other.",
                hint="Use mode 'windows', a smaller piece_bytes, or a smaller batch.",
            )
    for file, count, _ in prepared.windows:
        if count < length + 2:
            raise InvalidInput(
                f"A source has {count} of {len(file)} tokens to train on: too few for rows of "
                f"{length}.",
                hint="Take shorter rows or more text.",
            )


def _joined(parts: Sequence[Any]) -> Tensor:
    return torch.from_numpy(parts[0] if len(parts) == 1 else np.concatenate(parts))


def _joined_if(parts: Sequence[Any]) -> Tensor | None:
    return None if parts[0] is None else _joined(parts)
