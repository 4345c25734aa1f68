"""The consumer in the guide to events is run as it stands there: it takes what we sign, once, and nothing else."""

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from stoa.base.database import Database
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.core.events.events import Events
from stoa.core.events.pace import Pace
from stoa.core.events.tables import DeliveryState

GUIDE = Path(__file__).parents[2] / "docs/guide/events.md"


@contextmanager
def consumer(folder: Path, secret: str, port: int) -> Iterator["subprocess.Popen[str]"]:
    """The first Python block of the guide, as a process."""
    found = re.search(r"^```python\n(.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
    assert found is not None
    (folder / "consumer.py").write_text(found[1])
    environment = {**os.environ, "WEBHOOK_SECRET": secret, "PORT": str(port)}
    process = subprocess.Popen(
        [sys.executable, folder / "consumer.py"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


async def delivered(events: Events, caller: Caller, event_id: str) -> None:
    """Until the consumer has taken it."""
    while True:
        found = await events.log.deliveries(caller, event_id=event_id)
        if [each.state for each in found] == [DeliveryState.DELIVERED]:
            return
        await asyncio.sleep(0.02)


async def test_the_consumer_of_the_guide(database: Database, tmp_path: Path, alice: Caller) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    settings = Settings.load(home=tmp_path / "home", webhook_private=True)
    pace = Pace(look=0.05, pauses=(0.05,) * 200)  # until the consumer listens
    events = Events(settings, database, AuditLog(database), secret=b"s" * 32, pace=pace)
    url = f"http://127.0.0.1:{port}/"
    _, secret = await events.subscriptions.add(alice, url=url)
    await events.launch()
    with consumer(tmp_path, secret, port) as process:
        assert process.stdout is not None
        for n in range(2):
            event = await events.publish("workspace_a", type="t", source="/stoa/x", data={"n": n})
            await delivered(events, alice, event.id)
            await events.log.replay(alice, event_ids=[event.id])  # told again, not taken again
            await delivered(events, alice, event.id)
        forged = {"webhook-id": "x", "webhook-timestamp": "1", "webhook-signature": "v1,x"}
        async with httpx.AsyncClient() as client:
            answer = await client.post(url, content=b"{}", headers=forged)
        assert answer.status_code == 401
        await events.close()
        process.kill()
        assert process.stdout.read().splitlines() == ["t {'n': 0}", "t {'n': 1}"]
