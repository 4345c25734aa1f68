"""The outbox: with the change or not at all, once per key, numbered so that no reader misses one."""

import asyncio
import random
import threading

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.errors import Bug, Forbidden, InvalidInput, TooLarge
from stoa.base.identity.caller import Caller
from stoa.core.events import outbox
from stoa.core.events.event import CloudEvent
from stoa.core.events.events import Events
from stoa.core.events.tables import EventRow
from tests.core.events.conftest import Build, publish


def rows(database: Database) -> list[EventRow]:
    query = sa.select(EventRow).order_by(EventRow.moment)
    return database.read_now(lambda s: list(s.scalars(query)), workspace=EVERY_WORKSPACE)


async def test_an_event_is_added_with_the_change_or_not_at_all(
    events: Events, database: Database
) -> None:
    def change(session: Session, *, breaks: bool) -> None:
        events.add(session, workspace="workspace_a", type="a", source="/stoa/x", data={})
        if breaks:
            raise InvalidInput("no")

    with pytest.raises(InvalidInput):
        await database.write(lambda s: change(s, breaks=True), workspace="workspace_a")
    assert rows(database) == []
    await database.write(lambda s: change(s, breaks=False), workspace="workspace_a")
    (row,) = rows(database)
    assert (row.type, row.number, row.received) == ("a", None, False)
    assert row.envelope["id"] == row.id


async def test_a_key_adds_once_in_its_workspace(events: Events, database: Database) -> None:
    first = await publish(events, data={"n": 1}, key="k")
    assert await publish(events, data={"n": 2}, key="k") == first
    other = await events.publish("workspace_b", type="t", source="/stoa/x", data={}, key="k")
    assert other.id != first
    assert len(rows(database)) == 2


async def test_a_key_adds_once_however_many_come_at_once(build: Build, database: Database) -> None:
    rooms = [build() for _ in range(4)]
    ids = await asyncio.gather(*(publish(each, key=f"k{n}") for n in range(5) for each in rooms))
    assert len(set(ids)) == len(rows(database)) == 5


async def test_from_outside_an_event_comes_once_however_many_send_it(
    build: Build, database: Database
) -> None:
    event = CloudEvent(id="1", source="/shop", type="review.written", data={"text": "good"})
    rooms = [build() for _ in range(4)]
    fresh = await asyncio.gather(*(each.receive("workspace_a", event) for each in rooms * 5))
    assert fresh.count(True) == 1
    assert await rooms[0].receive("workspace_b", event)
    assert await rooms[0].receive("workspace_a", event.model_copy(update={"source": "/other"}))
    assert [row.received for row in rows(database)] == [True] * 3


@pytest.mark.parametrize(
    "given", [{"type": "stoa.approval.decided"}, {"source": "/stoa/answer_reviews"}]
)
async def test_nobody_outside_speaks_as_stoa(events: Events, given: dict[str, str]) -> None:
    event = CloudEvent(**{"id": "1", "source": "/shop", "type": "t", **given})
    with pytest.raises(Forbidden):
        await events.receive("workspace_a", event)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ({"type": ""}, InvalidInput),
        ({"type": "x" * 201}, InvalidInput),
        ({"type": "a\x00b"}, InvalidInput),
        ({"source": "with space"}, InvalidInput),
        ({"data": {"x": object()}}, InvalidInput),
        ({"data": {"x": float("nan")}}, InvalidInput),
        ({"data": {"x": "y" * 300_000}}, TooLarge),
        ({"key": "k" * 201}, InvalidInput),
        ({"key": ""}, InvalidInput),
    ],
)
async def test_what_is_no_event_is_refused(
    events: Events, given: dict[str, object], kind: type[Exception]
) -> None:
    whole = {"type": "t", "source": "/stoa/x", "data": {}, **given}
    with pytest.raises(kind):
        await events.publish("workspace_a", **whole)  # type: ignore[arg-type]


async def test_an_event_of_another_workspace_is_a_bug(events: Events, database: Database) -> None:
    with pytest.raises(Bug):
        await database.write(
            lambda s: events.add(s, workspace="workspace_b", type="t", source="/x", data={}),
            workspace="workspace_a",
        )


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
async def test_a_commit_that_comes_late_is_not_passed_over(
    build: Build, database: Database, alice: Caller
) -> None:
    """The first transaction adds first and commits last: its number comes after, never before."""
    events = build()
    await events.launch()
    added, commit = threading.Event(), threading.Event()

    def slow(session: Session) -> None:
        events.add(session, workspace="workspace_a", type="late", source="/stoa/x", data={})
        added.set()
        commit.wait(30)

    seen: list[tuple[int, str]] = []

    async def read() -> None:
        async for number, event in events.follow(alice, after=0):
            seen.append((number, event.type))
            if len(seen) == 2:
                return

    reading = asyncio.create_task(read())
    writing = asyncio.create_task(database.write(slow, workspace="workspace_a"))
    await asyncio.to_thread(added.wait)
    await publish(events, "early")
    while not seen:  # noqa: ASYNC110 - another task fills it
        await asyncio.sleep(0.01)
    commit.set()
    await asyncio.gather(writing, reading)
    assert seen == [(1, "early"), (2, "late")]


async def test_numbers_have_no_gaps_and_only_grow_while_many_write_and_many_number(
    build: Build, database: Database, alice: Caller
) -> None:
    rooms = [build() for _ in range(3)]
    for each in rooms:
        await each.launch()
    seen: list[int] = []
    total = 60

    async def read() -> None:
        async for number, _ in rooms[0].follow(alice, after=0):
            seen.append(number)
            if len(seen) == total:
                return

    reading = asyncio.create_task(read())
    chance = random.Random(3)
    await asyncio.gather(*(publish(chance.choice(rooms)) for _ in range(total)))
    await reading
    assert seen == list(range(1, total + 1))


async def test_what_one_transaction_adds_keeps_its_order(
    build: Build, database: Database, alice: Caller
) -> None:
    events = build()

    def change(session: Session) -> None:
        for n in range(20):
            events.add(session, workspace="workspace_a", type=f"t{n}", source="/x", data={})

    await database.write(change, workspace="workspace_a")
    await database.write(lambda s: outbox.number(s, "workspace_a", 100), workspace="workspace_a")
    ordered = sorted(rows(database), key=lambda row: row.number or 0)
    assert [row.type for row in ordered] == [f"t{n}" for n in range(20)]
