"""Workspaces, users, members: who may change what, and the last owner."""

import asyncio

import pytest

from stoa.base.database import Database, Row
from stoa.base.errors import Conflict, Forbidden, InvalidInput, NotFound, UserError
from stoa.base.identity.accounts import Accounts
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.people import UserView
from tests.base.identity.conftest import HERE, PASSWORD


async def a_user(accounts: Accounts, name: str) -> UserView:
    return await accounts.create_user(f"{name}@example.org", name, None)


async def test_create_and_find(accounts: Accounts) -> None:
    made = await accounts.create_user(" Ann@Example.ORG ", "  Ann  Lee ", None)
    assert (made.email, made.name, made.has_password) == ("ann@example.org", "Ann Lee", False)
    assert await accounts.user_by_email("ANN@example.org") == made
    assert await accounts.user(made.id) == made
    with pytest.raises(NotFound):
        await accounts.user_by_email("other@example.org")


async def test_an_address_is_taken_once(accounts: Accounts) -> None:
    await a_user(accounts, "ann")
    with pytest.raises(Conflict):
        await accounts.create_user("ANN@example.org", "Other", None)


async def test_odd_users_are_refused(accounts: Accounts) -> None:
    for email in ("", "ann", "ann@", "a b@c", "a@b@c", "a@" + "b" * 300, "<ann@example.org>"):
        with pytest.raises(InvalidInput):
            await accounts.create_user(email, "Ann", None)
    for name in ("", "x" * 201, "\n\x00"):
        with pytest.raises(InvalidInput):
            await accounts.create_user("ann@example.org", name, None)
        with pytest.raises(InvalidInput):
            await accounts.create_workspace(name)
    assert not await accounts.has_users()


async def test_a_user_may_be_in_several_workspaces(accounts: Accounts, ann: UserView) -> None:
    made = await accounts.create_workspace("Zebra")
    await accounts.set_member(None, made.id, ann.id, Role.REVIEWER)
    found = {each.id: each.role for each in await accounts.workspaces(ann.id)}
    assert found == {"workspace_a": Role.OWNER, made.id: Role.REVIEWER}


async def test_members_are_those_of_the_own_workspace(
    accounts: Accounts, owner: Caller, bob: Caller
) -> None:
    assert [each.email for each in await accounts.members(owner)] == ["ann@example.org"]
    assert await accounts.members(bob) == []


async def test_only_owners_of_that_workspace_change_members(
    accounts: Accounts, owner: Caller, bob: Caller, mia: Caller
) -> None:
    user = await a_user(accounts, "new")
    for caller, error in ((bob, NotFound), (mia, Forbidden)):
        with pytest.raises(error):
            await accounts.set_member(caller, "workspace_a", user.id, Role.OWNER)
        with pytest.raises(error):
            await accounts.remove_member(caller, "workspace_a", owner.user_id)
    narrow = Caller("workspace_a", owner.user_id, Role.OWNER, "", frozenset({"ask_docs"}))
    with pytest.raises(Forbidden):
        await accounts.set_member(narrow, "workspace_a", user.id, Role.MEMBER)
    with pytest.raises(NotFound):
        await accounts.set_member(owner, "workspace_a", "user_none", Role.MEMBER)
    with pytest.raises(NotFound):
        await accounts.set_member(None, "workspace_none", user.id, Role.MEMBER)
    assert [each.user_id for each in await accounts.members(owner)] == [owner.user_id]


async def test_the_last_owner_stays(accounts: Accounts, owner: Caller) -> None:
    with pytest.raises(Conflict):
        await accounts.set_member(owner, "workspace_a", owner.user_id, Role.EDITOR)
    with pytest.raises(Conflict):
        await accounts.remove_member(None, "workspace_a", owner.user_id)
    second = await a_user(accounts, "second")
    await accounts.set_member(owner, "workspace_a", second.id, Role.OWNER)
    await accounts.remove_member(owner, "workspace_a", owner.user_id)
    assert [each.user_id for each in await accounts.members(owner)] == [second.id]


async def test_two_owners_who_leave_at_once_do_not_both_go(
    accounts: Accounts, owner: Caller
) -> None:
    second = await a_user(accounts, "second")
    await accounts.set_member(owner, "workspace_a", second.id, Role.OWNER)
    outcomes = await asyncio.gather(
        accounts.remove_member(None, "workspace_a", owner.user_id),
        accounts.remove_member(None, "workspace_a", second.id),
        return_exceptions=True,
    )
    assert sorted(type(each).__name__ for each in outcomes) == ["Conflict", "NoneType"]


async def test_a_member_may_leave(accounts: Accounts, owner: Caller) -> None:
    user = await a_user(accounts, "new")
    await accounts.set_member(owner, "workspace_a", user.id, Role.MEMBER)
    await accounts.remove_member(
        Caller("workspace_a", user.id, Role.MEMBER), "workspace_a", user.id
    )
    assert await accounts.workspaces(user.id) == []


async def test_demotion_and_removal_take_the_keys_along(accounts: Accounts, owner: Caller) -> None:
    user = await a_user(accounts, "new")
    await accounts.set_member(owner, "workspace_a", user.id, Role.EDITOR)
    editor = Caller("workspace_a", user.id, Role.EDITOR)
    _, secret = await accounts.create_key(editor, "k", scopes=None, role=Role.EDITOR)
    await accounts.set_member(owner, "workspace_a", user.id, Role.MEMBER)
    with pytest.raises(UserError, match="revoked"):
        await accounts.caller_of_key(secret, address=HERE)
    member = Caller("workspace_a", user.id, Role.MEMBER)
    _, secret = await accounts.create_key(member, "k", scopes=None, role=Role.MEMBER)
    await accounts.remove_member(owner, "workspace_a", user.id)
    with pytest.raises(UserError, match="revoked"):
        await accounts.caller_of_key(secret, address=HERE)


async def test_the_sample_is_made_once(accounts: Accounts, database: Database) -> None:
    callers = await asyncio.gather(*(accounts.ensure_sample() for _ in range(4)))
    assert len(set(callers)) == 1
    assert callers[0].role is Role.OWNER
    assert (await accounts.user(callers[0].user_id)).email == "owner@sample.local"
    names = [each.name for each in await accounts.all_workspaces()]
    assert names.count("Sample") == 1
    assert [each.role for each in await accounts.members(callers[0])] == [Role.OWNER]


class TestSetup:
    async def test_the_first_owner(self, accounts: Accounts) -> None:
        token = await accounts.setup_token()
        assert token is not None
        session = await accounts.set_up(
            token, workspace="Ours", email="ann@example.org", name="Ann", password=PASSWORD
        )
        caller = await accounts.caller_of_session(session)
        assert caller.role is Role.OWNER
        assert await accounts.setup_token() is None
        with pytest.raises(NotFound):
            await accounts.set_up(
                token, workspace="Mine", email="eve@example.org", name="Eve", password=PASSWORD
            )

    async def test_a_password_that_does_not_do_spends_nothing(self, accounts: Accounts) -> None:
        token = await accounts.setup_token()
        assert token is not None
        given = {"workspace": "Ours", "email": "ann@example.org", "name": "Ann"}
        with pytest.raises(InvalidInput):
            await accounts.set_up(token, password="short", **given)
        await accounts.set_up(token, password=PASSWORD, **given)

    async def test_two_at_once_make_one_owner(self, accounts: Accounts) -> None:
        token = await accounts.setup_token()
        assert token is not None
        outcomes = await asyncio.gather(
            *(
                accounts.set_up(
                    token, workspace="W", email=f"{name}@example.org", name=name, password=PASSWORD
                )
                for name in ("ann", "eve")
            ),
            return_exceptions=True,
        )
        assert sorted(isinstance(each, NotFound) for each in outcomes) == [False, True]
        assert [each.name for each in await accounts.all_workspaces()].count("W") == 1

    async def test_forged_links_are_not_found(self, accounts: Accounts, ann: UserView) -> None:
        with pytest.raises(NotFound):
            await accounts.set_up("x", workspace="W", email="e@x.y", name="E", password=PASSWORD)
        with pytest.raises(NotFound):
            await accounts.use_password_token("x.y.z", PASSWORD)
        with pytest.raises(NotFound):
            await accounts.password_token("user_none")


async def test_a_password_link_works_once(accounts: Accounts) -> None:
    user = await a_user(accounts, "new")
    await accounts.set_member(None, "workspace_a", user.id, Role.MEMBER)
    token = await accounts.password_token(user.id)
    session = await accounts.use_password_token(token, PASSWORD)
    assert (await accounts.caller_of_session(session)).user_id == user.id
    with pytest.raises(NotFound):
        await accounts.use_password_token(token, "another unrelated password")
    assert await accounts.sign_in(user.email, PASSWORD, address=HERE)


async def test_passwords_and_tokens_are_not_in_the_database(
    accounts: Accounts, owner: Caller, database: Database
) -> None:
    token = await accounts.sign_in("ann@example.org", PASSWORD, address=HERE)
    _, secret = await accounts.create_key(owner, "k", scopes=None, role=Role.OWNER)
    with database.engine.connect() as connection:
        everything = " ".join(
            str(row)
            for table in Row.metadata.sorted_tables
            for row in connection.execute(table.select())
        )
    assert "ann@example.org" in everything
    for text in (PASSWORD, token, secret):
        assert text not in everything
