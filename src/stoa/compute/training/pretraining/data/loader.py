"""Hands one rank its sequences of each step, made ahead in background threads.

    prepared = prepare(recipe.data, folder)
    loader = Loader(prepared, sequences=1024, rank=layout.data_rank(rank), ranks=layout.data, seed=0,
                    gather=gather_everywhere)
    batch = loader.next()     # this rank's share of the step
    state = loader.state()    # behind the batches handed out, not behind those made ahead
    loader.restore(state)     # by any number of ranks

Sequence j of a step is a lane of its own, so the run of steps does not depend on how many ranks share
them. Each worker makes some of the rank's lanes and waits when `prefetch` batches of them are not
fetched yet: memory stays bounded however slow the training is. It knows nothing of torch.
"""

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final, Protocol, Self

import numpy as np

from stoa.base.errors import InvalidInput
from stoa.compute.training.pretraining.data.mixture import Mixture
from stoa.compute.training.pretraining.data.packing import Packed, Packer
from stoa.compute.training.pretraining.data.prepare import Prepared
from stoa.compute.training.pretraining.data.tokenfile import Windows
from stoa.compute.training.pretraining.data.vocabulary import other_tokenizer
from stoa.compute.training.pretraining.interfaces import IGNORED, Batch

_POLL_SECONDS: Final = 0.1

Gather = Callable[[dict[str, Any]], list[dict[str, Any]]]


class _Source(Protocol):
    """Makes the sequences of some lanes, step by step."""

    def step(self) -> Packed: ...
    def states(self) -> dict[str, dict[str, Any]]: ...
    def load(self, states: dict[str, dict[str, Any]]) -> None: ...


class Loader:
    """An endless run of this rank's batches; fulfils `interfaces.Batches`."""

    def __init__(
        self,
        prepared: Prepared,
        *,
        sequences: int,
        rank: int = 0,
        ranks: int = 1,
        seed: int = 0,
        gather: Gather | None = None,
    ) -> None:
        """Start at the first step.

        Args:
            prepared: the data.
            sequences: a step, over all ranks.
            rank: which of `ranks` equal shares is wanted (the data-parallel rank).
            ranks: how many share a step (the data-parallel degree).
            seed: decides the order.
            gather: brings the values of all ranks to every rank; needed where there are several.

        Raises:
            InvalidInput: the sequences can't be shared equally, or there is too little text for them.
        """
        self._prepared = prepared
        self._sequences, self._seed = sequences, seed
        self._length = prepared.recipe.sequence
        self._gather: Gather = gather or _alone
        _check_size(prepared, self._length, sequences, ranks)
        share = sequences // ranks
        self._lanes = list(range(rank * share, (rank + 1) * share))
        self._workers: list[_Worker | _Inline] = []
        self._states: dict[str, dict[str, Any]] = {}
        self._start(self._sources())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def next(self) -> Batch:
        """The next step's share of this rank; waits for the workers. Raises what a worker raised."""
        parts = [worker.get() for worker in self._workers]
        for part in parts:
            self._states.update(part.states)
        documents = [part.documents for part in parts if part.documents is not None]
        return Batch(
            tokens=np.concatenate([part.tokens for part in parts]),
            labels=np.concatenate([part.labels for part in parts]),
            documents=np.concatenate(documents) if documents else None,
        )

    def state(self) -> dict[str, Any]:
        """Plain values behind the last `next`, the same on every rank. All ranks call together."""
        lanes: dict[str, Any] = {}
        for part in self._gather(self._states):
            lanes |= part
        ordered = {str(lane): lanes[str(lane)] for lane in sorted(map(int, lanes))}
        return {**self._facts(), "lanes": ordered}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on behind the batch that `state` was taken after, whatever the number of ranks now.

        Raises InvalidInput: it was taken with another tokenizer, other data or another batch.
        """
        self._check_state(state)
        self.close()
        sources = self._sources()
        for source in sources:
            source.load(state["lanes"])
        self._start(sources)

    def close(self) -> None:
        """Stop the workers."""
        for worker in self._workers:
            worker.stop()
        self._workers = []

    def _facts(self) -> dict[str, Any]:
        return {
            "tokenizer": self._prepared.vocabulary.hash,
            "data": self._prepared.fingerprint,
            "sampling": self._prepared.recipe.sampling,
            "sequences": self._sequences,
            "length": self._length,
            "seed": self._seed,
        }

    def _sources(self) -> list[_Source]:
        """One per worker, each with its part of this rank's lanes."""
        recipe = self._prepared.recipe
        workers = max(1, min(recipe.workers, len(self._lanes)))
        parts = [
            [int(lane) for lane in part] for part in np.array_split(np.array(self._lanes), workers)
        ]
        if recipe.sampling == "windows":
            return [
                Windows(
                    self._prepared.windows,
                    part,
                    self._sequences,
                    self._length,
                    self._seed,
                    shuffle=recipe.shuffle,
                )
                for part in parts
            ]
        rows = self._prepared.rows
        return [
            Packer(
                Mixture(rows, self._sequences, self._seed, shuffle=recipe.shuffle),
                part,
                self._prepared.vocabulary,
                self._length,
                boundaries=recipe.document_mask,
            )
            for part in parts
        ]

    def _start(self, sources: Sequence[_Source]) -> None:
        self._states = {
            lane: state for source in sources for lane, state in source.states().items()
        }
        recipe = self._prepared.recipe
        self._workers = [
            _Worker(source, recipe.prefetch) if recipe.workers else _Inline(source)
            for source in sources
        ]

    def _check_state(self, state: Mapping[str, Any]) -> None:
        now = self._facts()
        if state["tokenizer"] != now["tokenizer"]:
            raise other_tokenizer("The checkpoint")
        names = {
            "data": "text",
            "sampling": "data.sampling",
            "sequences": "batch.sequences",
            "seed": "seed",
        }
        if now["sampling"] == "windows":
            names["length"] = "data.sequence"
        for name, words in names.items():
            if state[name] != now[name]:
                raise InvalidInput(
                    f"The checkpoint was made with another {words}: {state[name]}, now {now[name]}.",
                    hint="Resume with the recipe it was made with, or start in an empty folder.",
                )


def validation(prepared: Prepared, *, sequences: int) -> Iterator[Batch]:
    """The held-out tokens in order, each once, as batches of `sequences`.

    What is lacking to the last sequence and the last batch is filled up with places whose label is
    IGNORED, so that any layout shares a batch alike. Documents are masked where training masks them.
    """
    recipe = prepared.recipe
    end = prepared.vocabulary.end if recipe.document_mask else None
    rows = (
        (file, start, min(recipe.sequence + 1, first + count - start))
        for file, first, count in prepared.held_out
        for start in range(first, first + count - 1, recipe.sequence)
    )
    while some := list(islice(rows, sequences)):
        tokens = np.zeros((sequences, recipe.sequence), np.int64)
        labels = np.full((sequences, recipe.sequence), IGNORED, np.int64)
        for row, (file, start, count) in enumerate(some):
            window = file.read(start, count)
            tokens[row, : count - 1], labels[row, : count - 1] = window[:-1], window[1:]
        if end is None:
            yield Batch(tokens, labels)
            continue
        ends = tokens == end
        labels[ends] = IGNORED
        yield Batch(tokens, labels, np.cumsum(ends, axis=1) - ends)


class _Inline:
    """Makes batches when they are asked for."""

    def __init__(self, source: _Source) -> None:
        self._source = source

    def get(self) -> Packed:
        return self._source.step()

    def stop(self) -> None:
        """Nothing runs."""


class _Worker:
    """A thread that stays at most `prefetch` batches ahead."""

    def __init__(self, source: _Source, prefetch: int) -> None:
        self._source = source
        self._queue: queue.Queue[Packed | Exception] = queue.Queue(maxsize=prefetch)
        self._stopped = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._work, name="data", daemon=True)
        self._thread.start()

    def get(self) -> Packed:
        found = self._failure or self._queue.get()
        if isinstance(found, Exception):
            self._failure = found  # whoever asks again is told again
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


def _check_size(prepared: Prepared, length: int, sequences: int, ranks: int) -> None:
    if sequences % ranks:
        raise InvalidInput(
            f"{sequences} sequences a step can't be shared by {ranks} data-parallel ranks.",
            hint="Make batch.sequences a multiple of the data-parallel degree.",
        )
    for source, entry in zip(prepared.recipe.sources, prepared.rows, strict=False):
        if entry.count < sequences:
            raise InvalidInput(
                f"'{source.path}' has {entry.count} pieces of text to train on, fewer than the "
                f"{sequences} sequences of a step: they would repeat each other.",
                hint="Use data.sampling = 'windows', a smaller data.piece_bytes, or a smaller batch.",
            )
    for file, count, _ in prepared.windows:
        if count < length + 2:
            raise InvalidInput(
                f"A source has {count} of {len(file)} tokens to train on: too few for sequences of "
                f"{length}.",
                hint="Take shorter sequences or more text.",
            )


def _alone(values: dict[str, Any]) -> list[dict[str, Any]]:
    return [values]
