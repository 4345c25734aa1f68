"""The audit log: with the change or not at all, and never changed."""

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.errors import Forbidden, InvalidInput, NotSignedIn
from stoa.base.identity.accounts import Accounts
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.people import UserView
from stoa.base.identity.tables import AuditEvent
from tests.base.identity.conftest import HERE, PASSWORD


def record(database: Database, audit: AuditLog, caller: Caller, number: int) -> None:
    database.write_now(
        lambda s: audit.record(s, caller, "thing.done", f"thing_{number}", number=number),
        workspace=caller.workspace_id,
    )


async def test_pages_newest_first(database: Database, audit: AuditLog, alice: Caller) -> None:
    for number in range(5):
        record(database, audit, alice, number)
    first = await audit.list(alice, limit=3)
    second = await audit.list(alice, limit=3, before=first[-1].id)
    assert sorted(each.details["number"] for each in first + second) == list(range(5))
    assert [each.id for each in first + second] == sorted(
        (each.id for each in first + second), reverse=True
    )
    assert (first[0].actor, first[0].user_id) == ("Alice", alice.user_id)


async def test_events_are_undone_with_the_change(
    database: Database, audit: AuditLog, alice: Caller
) -> None:
    def work(session: Session) -> None:
        audit.record(session, alice, "thing.done", "thing_1")
        session.flush()
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        database.write_now(work, workspace="workspace_a")
    assert await audit.list(alice) == []


async def test_owners_read_their_own(
    database: Database, audit: AuditLog, alice: Caller, bob: Caller, mia: Caller
) -> None:
    record(database, audit, alice, 1)
    assert len(await audit.list(alice)) == 1
    assert await audit.list(bob) == []
    narrow = Caller("workspace_a", "user_alice", Role.OWNER, "", frozenset({"ask_docs"}))
    for caller in (mia, narrow):
        with pytest.raises(Forbidden):
            await audit.list(caller)
    for limit in (0, 501):
        with pytest.raises(InvalidInput):
            await audit.list(alice, limit=limit)


@pytest.mark.parametrize(
    "statement", [sa.update(AuditEvent).values(actor="nobody"), sa.delete(AuditEvent)]
)
async def test_the_database_refuses_to_change_it(
    database: Database, audit: AuditLog, alice: Caller, statement: sa.Update | sa.Delete
) -> None:
    record(database, audit, alice, 1)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        database.write_now(lambda s: s.execute(statement), workspace=EVERY_WORKSPACE)
    assert (await audit.list(alice))[0].actor == "Alice"


async def test_what_matters_is_recorded(
    accounts: Accounts, audit: AuditLog, ann: UserView, owner: Caller, bob: Caller
) -> None:
    with pytest.raises(NotSignedIn):
        await accounts.sign_in(ann.email, "wrong", address=HERE)
    await accounts.sign_in(ann.email, PASSWORD, address=HERE)
    key, secret = await accounts.create_key(owner, "k", scopes=None, role=Role.OWNER)
    await accounts.revoke_key(owner, key.id)
    await accounts.set_password(ann.id, "another unrelated phrase")
    events = await audit.list(owner)
    assert {each.action for each in events} == {
        "user.created",
        "member.set",
        "sign_in.failed",
        "sign_in.done",
        "key.created",
        "key.revoked",
        "password.changed",
    }
    everything = " ".join(each.model_dump_json() for each in events)
    for text in (PASSWORD, secret, "another unrelated phrase", "wrong"):
        assert text not in everything
    assert await audit.list(bob) == []
