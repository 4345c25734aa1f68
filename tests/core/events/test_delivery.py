"""Webhooks, delivered to real servers that take, fail, hang, redirect, rest and leave."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from stoa.base.errors import InvalidInput, NotFound, NotSignedIn
from stoa.base.identity.caller import Caller
from stoa.core.events.event import CloudEvent
from stoa.core.events.events import Events
from stoa.core.events.pace import Pace
from stoa.core.events.signing import check_signature
from stoa.core.events.tables import DeliveryState
from tests.core.events.conftest import QUICK, Build, publish
from tests.core.events.receiver import Receiver


async def states(events: Events, caller: Caller, *, count: int) -> list[DeliveryState]:
    """Of all deliveries once none waits and there are so many."""
    while True:
        found = await events.log.deliveries(caller, limit=200)
        if len(found) == count and all(each.state != "waiting" for each in found):
            return [each.state for each in found]
        await asyncio.sleep(0.02)


async def spread(events: Events, caller: Caller) -> None:
    """Until every event has its number and its deliveries."""
    while any(each.number is None for each in await events.log.list(caller)):  # noqa: ASYNC110
        await asyncio.sleep(0.01)


async def test_a_webhook_is_sent_what_it_wants_signed(
    events: Events, alice: Caller, receiver: Receiver
) -> None:
    _, secret = await events.subscriptions.add(
        alice, url=f"{receiver.url}/ok", types=["review.*", "exact"]
    )
    await events.launch()
    wanted = [await publish(events, "review.written", subject="r1", data={"é": "☂"})]
    await publish(events, "other")
    wanted.append(await publish(events, "exact"))
    await receiver.until(2)
    assert await states(events, alice, count=2) == ["delivered"] * 2
    assert sorted(receiver.ids()) == sorted(wanted)
    message = next(each for each in receiver.received if each.event["type"] == "review.written")
    assert message.headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    assert message.event["specversion"] == "1.0"
    assert message.event["source"] == "/stoa/tests"
    assert message.event["subject"] == "r1"
    assert message.event["data"] == {"é": "☂"}
    at = time.time()
    assert check_signature(secret, message.headers, message.body, at=at) == wanted[0]
    with pytest.raises(NotSignedIn):
        check_signature(secret, message.headers, message.body + b" ", at=at)


async def test_what_was_published_before_anyone_worked_is_delivered(
    build: Build, alice: Caller, receiver: Receiver
) -> None:
    events = build()
    await events.subscriptions.add(alice, url=f"{receiver.url}/ok")
    ids = [await publish(events) for _ in range(5)]
    assert not receiver.received
    await events.launch()
    await receiver.until(5)
    assert receiver.ids().keys() == set(ids)


async def test_a_commit_wakes_the_deliverer(
    build: Build, alice: Caller, receiver: Receiver
) -> None:
    """With a clock that never comes, only the commit can."""
    events = build(Pace(look=3600.0))
    await events.subscriptions.add(alice, url=f"{receiver.url}/ok")
    await events.launch()
    await asyncio.sleep(0.1)
    await publish(events)
    await receiver.until(1)


async def test_another_process_finds_it_by_looking(
    build: Build, alice: Caller, receiver: Receiver
) -> None:
    worker, publisher = build(), build()
    await publisher.subscriptions.add(alice, url=f"{receiver.url}/ok")
    await worker.launch()
    await publish(publisher)
    await receiver.until(1)


async def test_a_process_that_does_not_work_numbers_and_leaves_the_sending(
    build: Build, alice: Caller, receiver: Receiver
) -> None:
    server = build()
    await server.subscriptions.add(alice, url=f"{receiver.url}/ok")
    await server.launch(works=False)
    following = server.follow(alice, after=0)
    sent = await publish(server)
    assert [event.id async for _, event in _first(following)] == [sent]
    assert not receiver.received
    await build().launch()
    await receiver.until(1)


async def _first(
    following: AsyncIterator[tuple[int, CloudEvent]],
) -> AsyncIterator[tuple[int, CloudEvent]]:
    async for each in following:
        yield each
        return


async def test_a_failed_attempt_is_made_again_with_the_same_id(
    events: Events, alice: Caller, receiver: Receiver
) -> None:
    await events.subscriptions.add(alice, url=f"{receiver.url}/flaky")
    await events.launch()
    sent = await publish(events)
    await receiver.until(2)
    assert await states(events, alice, count=1) == ["delivered"]
    assert {each.headers["webhook-id"] for each in receiver.received} == {sent}
    (view,) = await events.subscriptions.list(alice)
    assert (view.failures, view.waiting, view.dead) == (0, 0, 0)


async def test_what_always_fails_is_a_dead_letter_and_can_be_replayed(
    events: Events, alice: Caller, receiver: Receiver
) -> None:
    view, _ = await events.subscriptions.add(alice, url=f"{receiver.url}/fail")
    await events.launch()
    ids = [await publish(events) for _ in range(3)]
    assert await states(events, alice, count=3) == ["dead"] * 3
    assert set(receiver.ids().values()) == {len(QUICK.pauses) + 1}
    dead = await events.log.deliveries(alice, state=DeliveryState.DEAD)
    assert {(each.status, each.error) for each in dead} == {(500, "It answered 500.")}
    assert (await events.subscriptions.show(alice, view.id)).dead == 3

    receiver.answers["/fail"] = 200
    receiver.received.clear()
    assert await events.log.replay(alice, consumer=view.id, event_ids=[ids[0]]) == 1
    await receiver.until(1)
    assert receiver.ids() == {ids[0]: 1}
    assert await events.log.replay(alice, consumer=view.id) == 2
    assert await states(events, alice, count=3) == ["delivered"] * 3
    assert receiver.ids().keys() == set(ids)
    assert await events.log.replay(alice, event_ids=[ids[2]]) == 1, "also one that was delivered"
    await receiver.until(4)


async def test_a_redirect_is_not_followed(
    events: Events, alice: Caller, receiver: Receiver
) -> None:
    await events.subscriptions.add(alice, url=f"{receiver.url}/away")
    await events.launch()
    await publish(events)
    assert await states(events, alice, count=1) == ["dead"]
    assert {each.path for each in receiver.received} == {"/away"}


async def test_gone_disables_and_nothing_more_is_sent(
    events: Events, alice: Caller, receiver: Receiver
) -> None:
    view, _ = await events.subscriptions.add(alice, url=f"{receiver.url}/gone")
    await events.launch()
    await publish(events)
    assert await states(events, alice, count=1) == ["dead"]
    assert len(receiver.received) == 1
    found = await events.subscriptions.show(alice, view.id)
    assert (found.active, found.reason) == (False, "It answered 410 Gone.")
    await publish(events)
    await publish(events)
    await spread(events, alice)
    receiver.answers["/gone"] = 204
    await events.subscriptions.change(alice, view.id, active=True)
    last = await publish(events)
    await receiver.until(2)
    assert await states(events, alice, count=2) == ["delivered", "dead"]
    assert receiver.received[-1].event["id"] == last


async def test_retry_after_leaves_the_consumer_alone(
    events: Events, alice: Caller, receiver: Receiver
) -> None:
    await events.subscriptions.add(alice, url=f"{receiver.url}/busy")
    await events.subscriptions.add(alice, url=f"{receiver.url}/ok")
    await events.launch()
    await publish(events)
    await receiver.until(1, "/busy")
    while not (await events.subscriptions.list(alice))[0].failures:  # noqa: ASYNC110 - a database
        await asyncio.sleep(0.01)
    for _ in range(5):
        await publish(events)
    await receiver.until(6, "/ok")
    assert len(receiver.ids("/busy")) == 1, "it asked for an hour"
    first, *_ = await events.log.deliveries(alice, state=DeliveryState.WAITING)
    assert first.next_at is not None


async def test_consumers_that_hang_delay_nobody(
    build: Build, alice: Caller, receiver: Receiver
) -> None:
    """Twice as many hang as there are places for those that fail; attempts end after long."""
    events = build(Pace(look=0.05, attempt=60.0, lease=90.0, places=16, of_one=2))
    for n in range(4):
        await events.subscriptions.add(alice, url=f"{receiver.url}/hang/{n}")
    await events.subscriptions.add(alice, url=f"{receiver.url}/ok")
    await events.launch()
    for _ in range(30):
        await publish(events)
    await receiver.until(30, "/ok")
    assert set(receiver.ids("/ok").values()) == {1}
    for n in range(4):
        assert len(receiver.ids(f"/hang/{n}")) <= 2
    receiver.free.set()


async def test_one_that_failed_is_tried_one_at_a_time_until_it_takes_again(
    build: Build, alice: Caller, receiver: Receiver
) -> None:
    events = build(Pace(look=0.05, attempt=5.0, lease=20.0, pauses=(0.2,) * 50))
    await events.subscriptions.add(alice, url=f"{receiver.url}/fail")
    await events.launch()
    ids = {await publish(events) for _ in range(20)}
    await receiver.until(20)
    receiver.answers["/fail"] = 200
    assert await states(events, alice, count=20) == ["delivered"] * 20
    assert receiver.ids().keys() == ids


async def test_a_slow_consumer_gets_all(events: Events, alice: Caller, receiver: Receiver) -> None:
    await events.subscriptions.add(alice, url=f"{receiver.url}/slow")
    await events.launch()
    ids = {await publish(events) for _ in range(10)}
    assert await states(events, alice, count=10) == ["delivered"] * 10
    assert receiver.ids().keys() == ids


async def test_nobody_answers(build: Build, alice: Caller) -> None:
    events = build(Pace(look=0.05, attempt=5.0, pauses=()))
    await events.subscriptions.add(alice, url="http://127.0.0.1:1/nobody")
    await events.launch()
    await publish(events)
    assert await states(events, alice, count=1) == ["dead"]
    (found,) = await events.log.deliveries(alice)
    assert (found.status, "ConnectError" in found.error) == (None, True)


async def test_an_address_that_turned_private_is_not_posted_to(
    build: Build, alice: Caller, receiver: Receiver
) -> None:
    lenient, strict = build(), build(Pace(look=0.05, pauses=()), private=False)
    await lenient.subscriptions.add(alice, url=f"{receiver.url}/ok")
    await strict.launch()
    await publish(strict)
    assert await states(strict, alice, count=1) == ["dead"]
    (found,) = await strict.log.deliveries(alice)
    assert "private address" in found.error
    assert not receiver.received


@pytest.mark.parametrize(
    "url", ["ftp://x.example/a", "http://u:p@127.0.0.1/", "http://127.0.0.1/" + "x" * 2000, "x"]
)
async def test_an_address_that_does_not_fit_is_refused(
    events: Events, alice: Caller, url: str
) -> None:
    with pytest.raises(InvalidInput):
        await events.subscriptions.add(alice, url=url)


@pytest.mark.parametrize("url", ["http://127.0.0.1/", "http://[::1]/", "http://localhost:80/x"])
async def test_private_hosts_need_the_operator(build: Build, alice: Caller, url: str) -> None:
    with pytest.raises(InvalidInput, match="STOA_WEBHOOK_PRIVATE"):
        await build(private=False).subscriptions.add(alice, url=url)


async def test_a_replaced_secret_signs_beside_the_new_one_for_a_while(
    events: Events, alice: Caller, receiver: Receiver
) -> None:
    view, old = await events.subscriptions.add(alice, url=f"{receiver.url}/ok")
    new = await events.subscriptions.rotate(alice, view.id)
    await events.launch()
    await publish(events)
    await receiver.until(1)
    (message,) = receiver.received
    for secret in (old, new):
        check_signature(secret, message.headers, message.body, at=time.time())
    newest = await events.subscriptions.rotate(alice, view.id, overlap=timedelta(0))
    await publish(events)
    await receiver.until(2)
    message = receiver.received[1]
    check_signature(newest, message.headers, message.body, at=time.time())
    for secret in (old, new):
        with pytest.raises(NotSignedIn):
            check_signature(secret, message.headers, message.body, at=time.time())


async def test_another_workspace_neither_sees_nor_gets(
    events: Events, alice: Caller, bob: Caller, receiver: Receiver
) -> None:
    view, _ = await events.subscriptions.add(alice, url=f"{receiver.url}/alice")
    await events.subscriptions.add(bob, url=f"{receiver.url}/bob")
    await events.launch()
    sent = await publish(events)
    await receiver.until(1)
    assert {each.path for each in receiver.received} == {"/alice"}
    for attempt in (
        events.subscriptions.show(bob, view.id),
        events.subscriptions.change(bob, view.id, active=False),
        events.subscriptions.rotate(bob, view.id),
        events.subscriptions.remove(bob, view.id),
        events.log.show(bob, sent),
        events.log.list(bob, before=sent),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert await events.log.list(bob) == []
    assert await events.log.deliveries(bob, event_id=sent) == []
    assert await events.log.replay(bob, event_ids=[sent]) == 0
    await states(events, alice, count=1)


async def test_a_removed_webhook_leaves_nothing_behind(
    events: Events, alice: Caller, receiver: Receiver
) -> None:
    view, _ = await events.subscriptions.add(alice, url=f"{receiver.url}/fail")
    await events.launch()
    await publish(events)
    await receiver.until(1)
    await events.subscriptions.remove(alice, view.id)
    await publish(events)
    await asyncio.sleep(0.2)
    assert await events.log.deliveries(alice) == []
    assert await events.subscriptions.list(alice) == []
