"""The part that brings events to their consumers: one task per process, woken by commits, else by a clock.

It works in turns, and a turn is one transaction: write down how attempts went, number and spread what was
committed, take what is due. Attempts go on beside the turns, so nobody waits for a consumer that hangs.
Places are shared out: a consumer has at most a few attempts under way, one whose last attempt failed only
one, and those that fail never have more than a quarter of all places.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import TypeVar

from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.core.events import deliveries, outbox
from stoa.core.events.deliveries import Due, Outcome, Taken
from stoa.core.events.pace import Pace

T = TypeVar("T")
log = logging.getLogger(__name__)
Attempt = Callable[[Taken], Awaitable[Outcome]]


class Deliverer:
    """Takes turns until it is closed."""

    def __init__(
        self,
        database: Database,
        pace: Pace,
        attempt: Attempt,
        reactions: Mapping[str, Collection[str]],
        on_spread: Callable[[dict[str, int]], None],
        *,
        works: bool,
    ) -> None:
        """
        Args:
            attempt: makes one attempt; raises nothing.
            reactions: parts of this house by name, and the types of events they want.
            on_spread: hears the last number of each workspace that got events.
            works: False: only number and spread, leave the attempts to other processes.
        """
        self._database = database
        self._pace = pace
        self._attempt = attempt
        self._reactions = reactions
        self._on_spread = on_spread
        self._works = works
        self._bell = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._closing = False
        self._outcomes: list[Outcome] = []
        self._under_way: dict[asyncio.Task[None], Taken] = {}
        self._probes: set[asyncio.Task[None]] = set()
        self._served: dict[str, float] = {}
        """When each consumer had its last attempt begun."""
        self._task = asyncio.create_task(self._work())

    def wake(self) -> None:
        """There may be something to do. From any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._bell.set)

    async def close(self) -> None:
        """Take no more, let the attempts under way end, and write down how they went."""
        self._closing = True
        self._bell.set()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=self._pace.attempt + 5)
        for task in list(self._under_way):
            task.cancel()
        if self._outcomes:
            try:
                await self._write(self._record)
            except Exception:  # the edge: what is not written down is sent once more
                log.exception("how the last attempts went could not be written down")

    async def _work(self) -> None:
        while not self._closing:
            self._bell.clear()
            try:
                busy = await self._turn()
            except Exception:  # the edge: a database that is away for a while comes back
                log.exception("events could not be handed on")
                await asyncio.sleep(self._pace.look)
                continue
            if not busy and not self._closing:
                await self._rest()

    async def _rest(self) -> None:
        try:
            await asyncio.wait_for(self._bell.wait(), self._pace.look)
        except TimeoutError:
            return

    async def _turn(self) -> bool:
        """Whether there is likely more to do at once."""
        if not self._outcomes and not await self._read(self._is_something):
            return False
        outcomes, self._outcomes = self._outcomes, []
        try:
            last, taken = await self._write(lambda s: self._do(s, outcomes))
        except BaseException:
            self._outcomes = outcomes + self._outcomes
            raise
        if last:
            self._on_spread(last)
        for of, each in taken:
            self._begin(each, probe=of.failing)
        return bool(last or taken or self._outcomes)

    def _is_something(self, session: Session) -> bool:
        if outbox.unnumbered(session):
            return True
        return self._works and bool(self._shares(deliveries.due(session, self._reactions)))

    def _do(
        self, session: Session, outcomes: list[Outcome]
    ) -> tuple[dict[str, int], list[tuple[Due, Taken]]]:
        deliveries.record(session, outcomes, self._pace.pauses)
        last = deliveries.spread(session, self._reactions)
        taken: list[tuple[Due, Taken]] = []
        if self._works and not self._closing:
            for of, share in self._shares(deliveries.due(session, self._reactions)):
                each = deliveries.take(session, of, share, self._pace.lease)
                taken += [(of, delivery) for delivery in each]
        return last, taken

    def _record(self, session: Session) -> None:
        deliveries.record(session, self._outcomes, self._pace.pauses)

    def _shares(self, found: list[Due]) -> list[tuple[Due, int]]:
        """How many deliveries each consumer may begin now; those who waited longest come first."""
        busy = Counter(taken.consumer for taken in list(self._under_way.values()))
        room = self._pace.places - busy.total()
        found = sorted(found, key=lambda each: self._served.get(each.consumer, 0.0))
        probes = max(0, min(room, self._pace.places // 4 - len(self._probes)))
        failing = [each for each in found if each.failing and not busy[each.consumer]]
        shares = [(each, 1) for each in failing[:probes]]
        room -= len(shares)
        well = [
            each for each in found if not each.failing and busy[each.consumer] < self._pace.of_one
        ]
        for position, each in enumerate(well):
            fair = max(1, room // (len(well) - position))
            share = min(fair, room, self._pace.of_one - busy[each.consumer])
            if share > 0:
                shares.append((each, share))
                room -= share
        return shares

    def _begin(self, taken: Taken, *, probe: bool) -> None:
        self._served[taken.consumer] = time.monotonic()
        task = asyncio.create_task(self._carry_out(taken))
        self._under_way[task] = taken
        if probe:
            self._probes.add(task)
        task.add_done_callback(self._ended)

    async def _carry_out(self, taken: Taken) -> None:
        outcome = await self._attempt(taken)
        self._outcomes.append(outcome)  # looked up now: turns put a new list in its place

    def _ended(self, task: asyncio.Task[None]) -> None:
        del self._under_way[task]
        self._probes.discard(task)
        self._bell.set()

    async def _read(self, work: Callable[[Session], bool]) -> bool:
        return await self._database.read(work, workspace=EVERY_WORKSPACE)

    async def _write(self, work: Callable[[Session], T]) -> T:
        return await self._database.write(work, workspace=EVERY_WORKSPACE)
