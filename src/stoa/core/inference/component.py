"""A component: one model version served by some replicas, behind a queue that batches without waiting.

Calls made in the same turn of the event loop travel together; while all replicas are busy, what comes
meanwhile makes up the next batch. A batch goes to the replica with the fewest calls under way. When a
replica dies, its calls are asked again elsewhere, each alone, so that one that kills its replica takes
no other with it. Replicas that die are started again; those that hang are killed.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from stoa.base.errors import Bug, InvalidInput, LimitReached, NotFound, ProviderError, StoaError
from stoa.base.telemetry import get_logger
from stoa.core.inference.autoscaling import Autoscaler
from stoa.core.inference.process import ProcessReplica
from stoa.core.inference.replica import MakeReplica, Replica, ReplicaFailed
from stoa.core.inference.views import Scaling
from stoa.core.inference.wire import HEALTH

IN_FLIGHT: Final = 2
"""Batches per replica: while it computes one, the next is on its way."""
ATTEMPTS: Final = 3
"""A call that was under way when this many replicas died has likely killed them."""
TICK_SECONDS: Final = 0.5
_IDLE_SECONDS = 5.0
_LONGEST_PAUSE = 10.0
_ERRORS: Final[dict[str, type[StoaError]]] = {
    kind.code: kind for kind in (InvalidInput, NotFound, Bug)
}
_log = get_logger(__name__)


class PendingCall:
    """A call until it is answered."""

    __slots__ = ("attempts", "deadline", "future", "method", "payload")

    def __init__(
        self, method: str, payload: Any, future: asyncio.Future[Any], deadline: float
    ) -> None:
        self.method = method
        self.payload = payload
        self.future = future
        self.deadline = deadline
        self.attempts = 0


class Component:
    """The replicas of one version in this process."""

    def __init__(
        self,
        version_id: str,
        folder: Path,
        scaling: Scaling,
        clock: Callable[[], float] = time.monotonic,
        make: MakeReplica = ProcessReplica,
    ) -> None:
        self.version_id = version_id
        self.scaling = scaling
        self.kind = ""
        self._folder = folder
        self._clock = clock
        self._make = make
        self._scaler = Autoscaler(scaling, clock)
        self._replicas: list[Replica] = []
        self._retiring: list[Replica] = []
        """Given no more calls; they end those that they have."""
        self._starting = 0
        self._wanted = 0
        self._failures = 0
        self._not_before = 0.0
        self._problem = ""
        self._queue: deque[PendingCall] = deque()
        self._flushing = False
        self._sent_at: dict[Replica, float] = {}
        self._ticking: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def replicas(self) -> int:
        """Replicas that are ready."""
        return len(self._replicas)

    @property
    def pids(self) -> list[int]:
        """Their processes."""
        return [each.pid for each in self._replicas]

    @property
    def outstanding(self) -> int:
        """Calls that wait or are under way."""
        return len(self._queue) + sum(each.outstanding for each in self._running)

    @property
    def _running(self) -> list[Replica]:
        return [*self._replicas, *self._retiring]

    @property
    def problem(self) -> str:
        """Why replicas are missing; empty where none is."""
        return self._problem

    async def start(self, replicas: int) -> None:
        """Bring up that many replicas, and keep up as many as the load wants from then on.

        Raises:
            ReplicaFailed: one did not come up; none is left running.
        """
        self._wanted = max(replicas, self.scaling.min_replicas)
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._wanted):
                    group.create_task(self._start_one())
        except BaseExceptionGroup as group_error:
            await self.close(0)
            raise group_error.exceptions[0] from None
        except asyncio.CancelledError:
            await self.close(0)
            raise
        self._ticking = asyncio.create_task(self._tick_forever())

    async def submit(self, method: str, payload: Any) -> Any:
        """The model's answer to one call.

        Raises:
            LimitReached: the queue is full.
            ProviderError: not answered in time, or replicas died of it.
            InvalidInput, NotFound, Bug: what the model said.
        """
        if len(self._queue) >= self.scaling.max_queue:
            raise LimitReached(
                "Too many calls wait for this model.", hint="Try again soon.", retry_after=1
            )
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        deadline = self._clock() + self.scaling.timeout_seconds
        self._queue.append(PendingCall(method, payload, future, deadline))
        self._flush_soon()
        return await future

    async def close(self, seconds: float | None = None) -> None:
        """Take no more, let open calls end for `seconds` (as scaled where None), end the replicas."""
        patience = self.scaling.drain_seconds if seconds is None else seconds
        until = self._clock() + patience
        while self.outstanding and self._running and self._clock() < until:  # noqa: ASYNC110 - rare
            await asyncio.sleep(0.01)
        self._closing = True
        for task in (self._ticking, *self._tasks):
            if task is not None:
                task.cancel()
        await asyncio.gather(
            *(task for task in (self._ticking, *self._tasks) if task is not None),
            return_exceptions=True,
        )
        replicas = self._running
        self._replicas, self._retiring = [], []
        await asyncio.gather(*(each.end(min(5.0, patience)) for each in replicas))
        for replica in replicas:
            self._queue.extend(each for batch in replica.batches.values() for each in batch)
        self._refuse_all("The model was taken down.")

    # -- the queue

    def _flush_soon(self) -> None:
        if not self._flushing:
            self._flushing = True
            asyncio.get_running_loop().call_soon(self._flush)

    def _flush(self) -> None:
        self._flushing = False
        while self._queue:
            if self._queue[0].future.done():  # whoever asked has gone
                self._queue.popleft()
                continue
            replica = self._least_busy(alone=self._queue[0].attempts > 0)
            if replica is None:
                return
            self._send(replica, self._next_batch())

    def _least_busy(self, *, alone: bool) -> Replica | None:
        """A call that a replica died under goes where nothing else is, and stays alone there."""
        most = 1 if alone else IN_FLIGHT
        free = [
            each
            for each in self._replicas
            if len(each.batches) < most and each.is_open and not each.has_suspect
        ]
        return min(free, key=lambda each: each.outstanding) if free else None

    def _next_batch(self) -> list[PendingCall]:
        """Calls of one method from the front; one that is asked again goes alone."""
        queue = self._queue
        batch = [queue.popleft()]
        if batch[0].attempts:
            return batch
        while queue and len(batch) < self.scaling.max_batch:
            call = queue[0]
            if call.method != batch[0].method or call.attempts:
                break
            queue.popleft()
            if not call.future.done():
                batch.append(call)
        return batch

    def _send(self, replica: Replica, batch: list[PendingCall]) -> None:
        try:
            number = replica.send_batch(batch[0].method, [each.payload for each in batch])
        except (TypeError, ValueError, OverflowError):
            if len(batch) == 1:
                _fail(
                    batch[0], InvalidInput("The call holds what can't be sent.", hint="Send JSON.")
                )
                return
            for call in batch:  # one of them: the others must not suffer
                self._send(replica, [call])
            return
        if not replica.batches:
            self._sent_at[replica] = self._clock()
        replica.batches[number] = batch
        replica.outstanding += len(batch)
        replica.has_suspect = batch[0].attempts > 0

    def _on_reply(self, replica: Replica, number: int, results: list[tuple[str, Any]]) -> None:
        batch: list[PendingCall] | None = replica.batches.pop(number, None)
        self._sent_at[replica] = self._clock()
        if not batch:  # a sign of life
            return
        replica.outstanding -= len(batch)
        replica.has_suspect = False
        for call, (code, value) in zip(batch, results, strict=True):
            if call.future.done():
                continue
            if code:
                message, hint = value
                call.future.set_exception(_ERRORS.get(code, Bug)(str(message), hint=str(hint)))
            else:
                call.future.set_result(value)
        if self._queue:
            self._flush_soon()

    def _on_lost(self, replica: Replica) -> None:
        """Its calls are asked again, before those that wait."""
        if replica in self._replicas:
            self._replicas.remove(replica)
        self._sent_at.pop(replica, None)
        open_calls = [call for batch in replica.batches.values() if batch for call in batch]
        replica.batches.clear()
        replica.outstanding = 0
        for call in reversed(open_calls):
            call.attempts += 1
            if call.attempts >= ATTEMPTS:
                _fail(call, ProviderError("Replicas died of this call.", hint="Report it."))
            elif not call.future.done():
                self._queue.appendleft(call)
        if not self._closing:
            if not replica.retiring:
                _log.warning("a replica died", version=self.version_id, pid=replica.pid)
            self._spawn(replica.end(0))
            self._keep_up()
            self._flush_soon()

    # -- the replicas

    async def _start_one(self) -> None:
        replica = self._make(self._on_reply)
        self._starting += 1
        try:
            await replica.start(self._folder, self.scaling, self._on_lost)
        finally:
            self._starting -= 1
        self.kind = replica.kind
        self._failures = 0
        self._problem = ""
        self._replicas.append(replica)
        self._flush_soon()

    def _keep_up(self) -> None:
        """Start what is missing; after failures in a row with longer and longer pauses."""
        if self._closing or self._clock() < self._not_before:
            return
        for _ in range(self._wanted - len(self._replicas) - self._starting):
            self._spawn(self._start_again())

    async def _start_again(self) -> None:
        try:
            await self._start_one()
        except (ReplicaFailed, OSError) as error:
            self._failures += 1
            self._problem = str(error)
            pause = min(_LONGEST_PAUSE, 0.1 * 2**self._failures)
            self._not_before = self._clock() + pause
            _log.warning("a replica does not start", version=self.version_id, error=str(error))

    def _retire_one(self) -> None:
        replica = min(self._replicas, key=lambda each: each.outstanding)
        self._replicas.remove(replica)
        self._retiring.append(replica)
        replica.retiring = True
        self._spawn(self._drain(replica))

    async def _drain(self, replica: Replica) -> None:
        until = self._clock() + self.scaling.drain_seconds
        while replica.outstanding and self._clock() < until:  # noqa: ASYNC110 - rare
            await asyncio.sleep(0.01)
        if not replica.outstanding:
            await replica.end(5.0)
        else:
            replica.kill()
        self._retiring.remove(replica)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _tick_forever(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            self._tick()

    def _tick(self) -> None:
        at = self._clock()
        self._wanted = self._scaler.look(self.outstanding, max(1, self._wanted))
        while len(self._replicas) > self._wanted:
            self._retire_one()
        self._keep_up()
        self._expire(at)
        for replica in list(self._replicas):
            silent = at - self._sent_at.setdefault(replica, at)
            if replica.batches and silent > self.scaling.timeout_seconds:
                _log.warning("a replica hangs", version=self.version_id, pid=replica.pid)
                replica.kill()
            elif not replica.batches and silent > _IDLE_SECONDS:
                self._sent_at[replica] = at
                replica.batches[replica.send_batch(HEALTH, [None])] = []

    def _expire(self, at: float) -> None:
        waiting = deque[PendingCall]()
        for call in self._queue:
            if call.deadline > at:
                waiting.append(call)
            else:
                _fail(call, _too_late(self._problem))
        self._queue = waiting
        for replica in self._running:
            for batch in replica.batches.values():
                for call in batch:
                    if call.deadline <= at:
                        _fail(call, _too_late(self._problem))

    def _refuse_all(self, why: str) -> None:
        for call in self._queue:
            _fail(call, ProviderError(why, hint="Try again.", retryable=True))
        self._queue.clear()


def _too_late(problem: str) -> ProviderError:
    why = f" {problem}" if problem else ""
    return ProviderError(
        f"The model did not answer in time.{why}", hint="Try again soon.", retryable=True
    )


def _fail(call: PendingCall, error: StoaError) -> None:
    if not call.future.done():
        call.future.set_exception(error)
