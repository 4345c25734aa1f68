"""What is kept for how long: pruning, forgetting a workspace, and a backup that brings all back."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from stoa.app.cli.admin import NOT_KEPT
from stoa.base.backup import Backup
from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.errors import Forbidden
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller, Role
from stoa.base.objects import Objects
from stoa.base.settings import Settings
from stoa.core.events import deliveries
from stoa.core.events.events import Events
from stoa.core.events.tables import DeliveryRow, EventLogRow, EventRow, SubscriptionRow
from tests.conftest import make_tables
from tests.core.events.conftest import SECRET, publish, until
from tests.core.events.receiver import Receiver

DAY = timedelta(days=1)


def count(
    database: Database, table: type[EventRow | DeliveryRow | EventLogRow | SubscriptionRow]
) -> int:
    query = sa.select(sa.func.count()).select_from(table)
    return database.read_now(lambda s: s.scalar(query) or 0, workspace=EVERY_WORKSPACE)


def make_old(database: Database) -> None:
    week = 7 * 86400 * 10**9
    database.write_now(
        lambda s: s.execute(sa.update(EventRow).values(moment=EventRow.moment - week)),
        workspace=EVERY_WORKSPACE,
    )


async def test_old_events_go_and_what_waits_stays(
    events: Events, database: Database, alice: Caller, receiver: Receiver
) -> None:
    await events.subscriptions.add(alice, url=f"{receiver.url}/ok", types=["wanted"])
    await publish(events, "wanted")
    await publish(events, "unwanted")
    assert await events.prune(timedelta(0)) == 0, "they have no number yet"
    database.write_now(lambda s: deliveries.spread(s, {}), workspace=EVERY_WORKSPACE)
    make_old(database)
    young = await publish(events, "young")
    database.write_now(lambda s: deliveries.spread(s, {}), workspace=EVERY_WORKSPACE)
    assert await events.prune(DAY) == 1
    assert {each.event.type for each in await events.log.list(alice)} == {"wanted", "young"}
    await events.launch()
    await receiver.until(1)
    await until(lambda: not _waiting(database))
    assert await events.prune(DAY) == 1
    assert [each.id for each in await events.log.list(alice)] == [young]
    number = (await events.log.list(alice))[0].number
    await publish(events, "next")
    await until(lambda: _last(database) == 4)
    assert number == 3, "numbers go on where they were"


def _waiting(database: Database) -> bool:
    query = sa.select(sa.exists().where(DeliveryRow.state == "waiting"))
    return bool(database.read_now(lambda s: s.scalar(query), workspace=EVERY_WORKSPACE))


def _last(database: Database) -> int:
    query = sa.select(EventLogRow.last)
    return database.read_now(lambda s: s.scalar(query) or 0, workspace=EVERY_WORKSPACE)


async def test_what_nobody_has_taken_up_for_all_that_time_goes_too(
    events: Events, database: Database, alice: Caller
) -> None:
    view, _ = await events.subscriptions.add(alice, url="http://127.0.0.1:1/")
    await publish(events)
    database.write_now(lambda s: deliveries.spread(s, {}), workspace=EVERY_WORKSPACE)
    await events.subscriptions.change(alice, view.id, active=False)
    make_old(database)
    assert await events.prune(DAY) == 0
    database.write_now(
        lambda s: s.execute(sa.update(DeliveryRow).values(next_at=now() - 2 * DAY)),
        workspace=EVERY_WORKSPACE,
    )
    assert await events.prune(DAY) == 1
    assert count(database, DeliveryRow) == 0


async def test_a_workspace_is_forgotten_and_others_stay(
    events: Events, database: Database, alice: Caller, bob: Caller, receiver: Receiver
) -> None:
    for caller in (alice, bob):
        await events.subscriptions.add(caller, url=f"{receiver.url}/ok")
        await events.sources.add(caller, title="Shop", types=["*"])
        await events.publish(caller.workspace_id, type="t", source="/stoa/x", data={})
    database.write_now(lambda s: deliveries.spread(s, {}), workspace=EVERY_WORKSPACE)
    assert await events.forget("workspace_a") == 1
    for table in (EventRow, DeliveryRow, EventLogRow, SubscriptionRow):
        assert count(database, table) == 1
    assert await events.sources.list(alice) == []
    assert len(await events.log.list(bob)) == 1


async def test_a_backup_brings_all_back(
    events: Events, database: Database, alice: Caller, receiver: Receiver, tmp_path: Path
) -> None:
    """What was given up before is delivered after, and signed with the same secret."""
    view, _ = await events.subscriptions.add(alice, url=f"{receiver.url}/ok")
    sent = await publish(events)
    database.write_now(lambda s: deliveries.spread(s, {}), workspace=EVERY_WORKSPACE)
    objects = Objects((tmp_path / "objects").as_uri(), secret=b"s" * 32, public_url="http://x")
    await Backup(database, objects, ignored=NOT_KEPT).create(tmp_path / "backup.stoa")
    fresh = Database(f"sqlite:///{tmp_path / 'restored.sqlite'}")
    try:
        make_tables(fresh)
        empty = Objects((tmp_path / "other").as_uri(), secret=b"s" * 32, public_url="http://x")
        await Backup(fresh, empty, ignored=NOT_KEPT).restore(tmp_path / "backup.stoa")
        settings = Settings.load(home=tmp_path / "home", webhook_private=True)
        restored = Events(settings, fresh, AuditLog(fresh), secret=SECRET)
        assert [each.id for each in await restored.log.list(alice)] == [sent]
        assert (await restored.subscriptions.show(alice, view.id)).waiting == 1
    finally:
        fresh.close()


@pytest.mark.parametrize("role", [Role.MEMBER, Role.REVIEWER])
async def test_events_are_for_owners_and_editors(events: Events, role: Role) -> None:
    caller = Caller("workspace_a", "user_x", role)
    for attempt in (
        events.log.list(caller),
        events.log.deliveries(caller),
        events.log.replay(caller),
        events.subscriptions.list(caller),
        events.subscriptions.add(caller, url="http://127.0.0.1/"),
        events.sources.list(caller),
    ):
        with pytest.raises(Forbidden):
            await attempt
    with pytest.raises(Forbidden):
        events.follow(caller)


async def test_a_key_is_kept_to_its_scope(events: Events) -> None:
    def key(*scopes: str) -> Caller:
        return Caller("workspace_a", "user_x", Role.OWNER, scopes=frozenset(scopes))

    await events.log.list(key("events"))
    await events.log.list(key("events.read"))
    events.admit_publisher(key("events.publish"))
    with pytest.raises(Forbidden):
        await events.log.list(key("events.publish"))
    with pytest.raises(Forbidden):
        events.admit_publisher(key("ask_docs"))
    with pytest.raises(Forbidden):
        await events.subscriptions.add(key("events.read"), url="http://127.0.0.1/")
