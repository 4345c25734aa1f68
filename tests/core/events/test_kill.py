"""kill -9 of processes that deliver: every event reaches every consumer, at least once."""

import asyncio
import os
import random
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from stoa.base.database import Database
from stoa.base.identity.caller import Caller
from stoa.core.events.events import Events
from tests.core.events.conftest import Build, publish
from tests.core.events.receiver import Receiver
from tests.forked import Forked


@contextmanager
def worker(database: Database, home: Path) -> Iterator[Forked]:
    """A process that delivers; killed at the end."""
    url = database.engine.url.render_as_string(hide_password=False)
    process = Forked("tests.core.events.worker_process", [url, str(home)], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        kill(process)
        if process.stdout is not None:
            process.stdout.close()


def kill(process: Forked) -> None:
    if process.poll() is None:
        os.kill(process.pid, signal.SIGKILL)
    process.wait()


async def all_delivered(events: Events, caller: Caller, count: int) -> None:
    """Until so many deliveries are recorded, and none waits."""
    while True:
        views = await events.subscriptions.list(caller)
        log = await events.log.list(caller, limit=200)
        if sum(each.delivered for each in log) == count and not any(each.waiting for each in views):
            return
        await asyncio.sleep(0.05)


@pytest.mark.slow
async def test_killed_between_sending_and_recording_it_is_sent_again(
    build: Build, database: Database, tmp_path: Path, alice: Caller, receiver: Receiver
) -> None:
    """The consumer has the message and has yet to answer when the process dies."""
    events = build()
    await events.subscriptions.add(alice, url=f"{receiver.url}/hang")
    with worker(database, tmp_path) as first:
        sent = await publish(events)
        await receiver.until(1)
        kill(first)
    receiver.free.set()
    with worker(database, tmp_path):
        await receiver.until(2)
        await all_delivered(events, alice, 1)
    assert receiver.ids() == {sent: 2}


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
async def test_two_publishers_and_three_deliverers_that_are_killed(
    build: Build,
    database: Database,
    tmp_path: Path,
    alice: Caller,
    receiver: Receiver,
    seed: int,
) -> None:
    """Every event reaches every consumer, also one that fails first and one that is slow."""
    chance = random.Random(seed)
    publishers = [build(), build()]
    paths = ("/ok", "/flaky", "/slow")
    for path in paths:
        await publishers[0].subscriptions.add(alice, url=receiver.url + path)
    total = 60

    async def write(events: Events) -> list[str]:
        ids = []
        for _ in range(total // 2):
            ids.append(await publish(events))
            await asyncio.sleep(chance.uniform(0, 0.05))
        return ids

    async def crash(stack: ExitStack) -> None:
        workers = [stack.enter_context(worker(database, tmp_path)) for _ in range(3)]
        for _ in range(4):
            await asyncio.sleep(chance.uniform(0.1, 0.4))
            kill(workers.pop(chance.randrange(3)))
            another = worker(database, tmp_path)
            workers.append(await asyncio.to_thread(another.__enter__))
            stack.push(another)  # held until the end: the process goes with it

    with ExitStack() as stack:
        crashing = asyncio.create_task(crash(stack))
        written = await asyncio.gather(*(write(each) for each in publishers))
        await crashing
        await all_delivered(publishers[0], alice, total * len(paths))
    ids = {each for some in written for each in some}
    assert len(ids) == total
    for path in paths:
        assert receiver.ids(path).keys() == ids


@pytest.mark.slow
async def test_three_deliverers_share_the_work_and_send_once_when_nobody_dies(
    build: Build, database: Database, alice: Caller, receiver: Receiver
) -> None:
    rooms = [build() for _ in range(3)]
    for each in rooms:
        await each.launch()
    for n in range(2):
        await rooms[0].subscriptions.add(alice, url=f"{receiver.url}/ok/{n}")
    ids = await asyncio.gather(*(publish(rooms[n % 2]) for n in range(80)))
    await all_delivered(rooms[0], alice, 160)
    for n in range(2):
        assert receiver.ids(f"/ok/{n}") == dict.fromkeys(ids, 1)
