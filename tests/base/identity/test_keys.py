"""API keys: what they reach, when they end, and whose they are."""

from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.errors import Forbidden, InvalidInput, LimitReached, NotFound, NotSignedIn
from stoa.base.identity.accounts import Accounts
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.limits import PER_ADDRESS
from stoa.base.identity.tables import ApiKey
from tests.base.identity.conftest import HERE


async def test_a_key_acts_as_its_maker(accounts: Accounts, alice: Caller) -> None:
    view, secret = await accounts.create_key(
        alice, " my  key ", scopes=["ask_docs", "v1"], role=Role.EDITOR
    )
    assert secret.startswith("stoa_")
    assert secret.startswith(view.prefix)
    assert view.name == "my key"
    caller = await accounts.caller_of_key(secret, address=HERE)
    assert (caller.workspace_id, caller.user_id, caller.role) == (
        "workspace_a",
        alice.user_id,
        Role.EDITOR,
    )
    assert caller.may("ask_docs.ask")
    assert caller.may("v1")
    assert not caller.may("ask_data.ask")
    assert secret not in view.model_dump_json()


async def test_revoked_and_expired_keys_end(
    accounts: Accounts, alice: Caller, database: Database
) -> None:
    view, secret = await accounts.create_key(alice, "k", scopes=None, role=Role.OWNER)
    await accounts.revoke_key(alice, view.id)
    await accounts.revoke_key(alice, view.id)
    with pytest.raises(NotSignedIn):
        await accounts.caller_of_key(secret, address=HERE)
    view, secret = await accounts.create_key(
        alice, "k", scopes=None, role=Role.OWNER, expires_at=now() + timedelta(hours=1)
    )
    assert await accounts.caller_of_key(secret, address=HERE)
    database.write_now(
        lambda s: s.execute(sa.update(ApiKey).values(expires_at=now())), workspace=EVERY_WORKSPACE
    )
    with pytest.raises(NotSignedIn):
        await accounts.caller_of_key(secret, address=HERE)


async def test_use_is_noted(accounts: Accounts, alice: Caller) -> None:
    _, secret = await accounts.create_key(alice, "k", scopes=None, role=Role.OWNER)
    assert (await accounts.keys(alice))[0].used_at is None
    await accounts.caller_of_key(secret, address=HERE)
    used = (await accounts.keys(alice))[0].used_at
    assert used is not None
    await accounts.caller_of_key(secret, address=HERE)
    assert (await accounts.keys(alice))[0].used_at == used


async def test_keys_of_others_do_not_exist(
    accounts: Accounts, alice: Caller, bob: Caller, mia: Caller
) -> None:
    hers, secret = await accounts.create_key(alice, "hers", scopes=None, role=Role.OWNER)
    mias, _ = await accounts.create_key(mia, "mias", scopes=None, role=Role.MEMBER)
    assert [key.id for key in await accounts.keys(bob)] == []
    assert [key.id for key in await accounts.keys(mia)] == [mias.id]
    assert {key.id for key in await accounts.keys(alice)} == {hers.id, mias.id}
    for caller in (bob, mia):
        with pytest.raises(NotFound):
            await accounts.revoke_key(caller, hers.id)
    assert await accounts.caller_of_key(secret, address=HERE)
    await accounts.revoke_key(alice, mias.id)


async def test_a_key_reaches_no_further_than_its_maker(
    accounts: Accounts, alice: Caller, mia: Caller
) -> None:
    for role in (Role.OWNER, Role.EDITOR, Role.REVIEWER):
        with pytest.raises(Forbidden):
            await accounts.create_key(mia, "k", scopes=None, role=role)
    narrow = Caller("workspace_a", "user_alice", Role.OWNER, "", frozenset({"ask_docs"}))
    admin = Caller("workspace_a", "user_alice", Role.OWNER, "", frozenset({"admin"}))
    for caller, scopes in ((narrow, ["ask_docs"]), (admin, None), (admin, ["ask_docs"])):
        with pytest.raises(Forbidden):
            await accounts.create_key(caller, "k", scopes=scopes, role=Role.OWNER)
    with pytest.raises(Forbidden):
        await accounts.keys(narrow)
    assert await accounts.create_key(admin, "k", scopes=["admin"], role=Role.OWNER)


async def test_malformed_keys_are_refused(accounts: Accounts, alice: Caller) -> None:
    many = [f"s{number}" for number in range(51)]
    for scopes in ([], ["*"], ["Ask"], ["a.b.c"], ["a."], ["a b"], [""], many):
        with pytest.raises(InvalidInput):
            await accounts.create_key(alice, "k", scopes=scopes, role=Role.OWNER)
    for useless in (datetime(2999, 1, 1), now() - timedelta(days=1)):
        with pytest.raises(InvalidInput):
            await accounts.create_key(alice, "k", scopes=None, role=Role.OWNER, expires_at=useless)
    for name in ("", " ", "x" * 201):
        with pytest.raises(InvalidInput):
            await accounts.create_key(alice, name, scopes=None, role=Role.OWNER)
    assert await accounts.keys(alice) == []


async def test_wrong_keys_are_limited_and_right_ones_go_on(
    accounts: Accounts, alice: Caller
) -> None:
    _, secret = await accounts.create_key(alice, "k", scopes=None, role=Role.OWNER)
    for _ in range(PER_ADDRESS):
        with pytest.raises(NotSignedIn):
            await accounts.caller_of_key("stoa_guess", address=HERE)
    with pytest.raises(LimitReached):
        await accounts.caller_of_key("stoa_guess", address=HERE)
    assert await accounts.caller_of_key(secret, address=HERE)
