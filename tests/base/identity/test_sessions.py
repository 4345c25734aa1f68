"""Signing in, staying signed in, and being kept out."""

import asyncio
from datetime import timedelta
from typing import Literal

import pytest
import sqlalchemy as sa
from argon2 import PasswordHasher

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.errors import Forbidden, InvalidInput, LimitReached, NotFound, NotSignedIn
from stoa.base.identity.accounts import Accounts
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.limits import PER_ACCOUNT, PER_ADDRESS
from stoa.base.identity.passwords import Passwords
from stoa.base.identity.people import UserView
from stoa.base.identity.sessions import IDLE, LONGEST
from stoa.base.identity.tables import AttemptCount, SignInSession, User
from tests.base.identity.conftest import HERE, PASSWORD


async def test_in_and_out(accounts: Accounts, ann: UserView) -> None:
    token = await accounts.sign_in("Ann@Example.org ", PASSWORD, address=HERE)
    caller = await accounts.caller_of_session(token)
    assert caller == Caller("workspace_a", ann.id, Role.OWNER, "Ann")
    await accounts.sign_out(token)
    await accounts.sign_out(token)
    with pytest.raises(NotSignedIn):
        await accounts.caller_of_session(token)


async def test_all_wrong_proofs_get_one_answer(accounts: Accounts, ann: UserView) -> None:
    await accounts.create_user("no.password@example.org", "Nora", None)
    answers = set()
    for email, password in (
        (ann.email, "wrong"),
        (ann.email, ""),
        (ann.email, "x" * 100_000),
        ("nobody@example.org", PASSWORD),
        ("no.password@example.org", ""),
        ("", ""),
        ("\x00' OR 1=1 --", PASSWORD),
    ):
        with pytest.raises(NotSignedIn) as caught:
            await accounts.sign_in(email, password, address=HERE)
        answers.add(str(caught.value))
    assert len(answers) == 1


async def test_unknown_users_cost_the_same_work(database: Database, audit: AuditLog) -> None:
    """Counted, not timed: one verification each, whoever is asked for."""
    counted: list[str] = []

    class Counting(PasswordHasher):
        def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:
            counted.append("verify")
            return super().verify(hash, password)

    hasher = Counting(time_cost=1, memory_cost=64, parallelism=1)
    accounts = Accounts(database, audit, secret=b"s" * 32, passwords=Passwords(hasher))
    await accounts.create_user("ann@example.org", "Ann", PASSWORD)
    for email in ("ann@example.org", "nobody@example.org"):
        counted.clear()
        with pytest.raises(NotSignedIn):
            await accounts.sign_in(email, "wrong", address=HERE)
        assert counted == ["verify"]


class TestLimits:
    @pytest.mark.parametrize("email", ["ann@example.org", "nobody@example.org"])
    async def test_an_account_is_closed_after_failures(
        self, accounts: Accounts, ann: UserView, email: str
    ) -> None:
        for number in range(PER_ACCOUNT):
            with pytest.raises(NotSignedIn):
                await accounts.sign_in(email, "wrong", address=f"192.0.2.{number}")
        with pytest.raises(LimitReached) as caught:
            await accounts.sign_in(email, PASSWORD, address="192.0.2.99")
        assert 0 < caught.value.retry_after <= 900

    async def test_guesses_sent_at_once_are_all_counted(
        self, accounts: Accounts, ann: UserView
    ) -> None:
        outcomes = await asyncio.gather(
            *(
                accounts.sign_in(ann.email, f"guess {number}", address=HERE)
                for number in range(PER_ACCOUNT * 2)
            ),
            return_exceptions=True,
        )
        kinds = [type(each) for each in outcomes]
        assert kinds.count(NotSignedIn) == PER_ACCOUNT
        assert kinds.count(LimitReached) == PER_ACCOUNT

    async def test_an_address_is_closed_after_failures(
        self, accounts: Accounts, ann: UserView
    ) -> None:
        for number in range(PER_ADDRESS):
            with pytest.raises(NotSignedIn):
                await accounts.sign_in(f"user{number}@example.org", "x", address=HERE)
        with pytest.raises(LimitReached):
            await accounts.sign_in(ann.email, PASSWORD, address=HERE)
        assert await accounts.sign_in(ann.email, PASSWORD, address="192.0.2.7")

    async def test_success_starts_the_count_anew(self, accounts: Accounts, ann: UserView) -> None:
        for _ in range(2):
            for _ in range(PER_ACCOUNT - 1):
                with pytest.raises(NotSignedIn):
                    await accounts.sign_in(ann.email, "wrong", address=HERE)
            await accounts.sign_in(ann.email, PASSWORD, address=HERE)

    async def test_an_earlier_window_is_forgotten(
        self, accounts: Accounts, ann: UserView, database: Database
    ) -> None:
        for _ in range(PER_ACCOUNT + 1):
            with pytest.raises((NotSignedIn, LimitReached)):
                await accounts.sign_in(ann.email, "wrong", address=HERE)
        database.write_now(
            lambda s: s.execute(sa.update(AttemptCount).values(window=AttemptCount.window - 1)),
            workspace=EVERY_WORKSPACE,
        )
        assert await accounts.sign_in(ann.email, PASSWORD, address=HERE)
        rows = database.read_now(
            lambda s: s.scalars(sa.select(AttemptCount.count)).all(), workspace=EVERY_WORKSPACE
        )
        assert sum(rows) == 0


class TestSessionAge:
    async def _shift(self, database: Database, **values: object) -> None:
        database.write_now(
            lambda s: s.execute(sa.update(SignInSession).values(**values)),
            workspace=EVERY_WORKSPACE,
        )

    async def test_idle_sessions_end(
        self, accounts: Accounts, ann: UserView, database: Database
    ) -> None:
        token = await accounts.open_session(ann.id)
        await self._shift(database, used_at=now() - IDLE + timedelta(minutes=1))
        await accounts.caller_of_session(token)  # counts as use
        used = database.read_now(
            lambda s: s.scalar(sa.select(SignInSession.used_at)), workspace=EVERY_WORKSPACE
        )
        assert used is not None
        assert now() - used < timedelta(minutes=1)
        await self._shift(database, used_at=now() - IDLE - timedelta(seconds=1))
        with pytest.raises(NotSignedIn):
            await accounts.caller_of_session(token)

    async def test_old_sessions_end_however_busy(
        self, accounts: Accounts, ann: UserView, database: Database
    ) -> None:
        token = await accounts.open_session(ann.id)
        expires = database.read_now(
            lambda s: s.scalar(sa.select(SignInSession.expires_at)), workspace=EVERY_WORKSPACE
        )
        assert expires is not None
        assert abs(expires - now() - LONGEST) < timedelta(minutes=1)
        await self._shift(database, expires_at=now())
        with pytest.raises(NotSignedIn):
            await accounts.caller_of_session(token)

    async def test_no_session(self, accounts: Accounts) -> None:
        for token in ("", "x", "stoa_x", "ü" * 50, "\x00"):
            with pytest.raises(NotSignedIn):
                await accounts.caller_of_session(token)


class TestPasswordChange:
    async def test_every_other_session_ends(self, accounts: Accounts, ann: UserView) -> None:
        tokens = [await accounts.open_session(ann.id) for _ in range(2)]
        fresh = await accounts.change_password(
            ann.id, PASSWORD, "another unrelated phrase", address=HERE
        )
        for token in tokens:
            with pytest.raises(NotSignedIn):
                await accounts.caller_of_session(token)
        assert (await accounts.caller_of_session(fresh)).user_id == ann.id
        with pytest.raises(NotSignedIn):
            await accounts.sign_in(ann.email, PASSWORD, address=HERE)

    async def test_it_takes_the_current_one(self, accounts: Accounts, ann: UserView) -> None:
        token = await accounts.open_session(ann.id)
        for _ in range(PER_ACCOUNT):
            with pytest.raises(NotSignedIn):
                await accounts.change_password(ann.id, "wrong", "another phrase", address=HERE)
        with pytest.raises(LimitReached):
            await accounts.change_password(ann.id, PASSWORD, "another phrase", address=HERE)
        assert await accounts.caller_of_session(token)

    async def test_an_easy_one_is_refused(self, accounts: Accounts, ann: UserView) -> None:
        with pytest.raises(InvalidInput):
            await accounts.change_password(ann.id, PASSWORD, "short", address=HERE)
        assert await accounts.sign_in(ann.email, PASSWORD, address=HERE)

    async def test_sign_out_everywhere(self, accounts: Accounts, ann: UserView) -> None:
        token = await accounts.open_session(ann.id)
        await accounts.sign_out_everywhere(ann.id)
        with pytest.raises(NotSignedIn):
            await accounts.caller_of_session(token)

    async def test_a_hash_of_weaker_parameters_is_renewed(
        self, accounts: Accounts, ann: UserView, database: Database
    ) -> None:
        weaker = PasswordHasher(time_cost=1, memory_cost=32, parallelism=1).hash(PASSWORD)
        database.write_now(
            lambda s: s.execute(sa.update(User).values(password_hash=weaker)),
            workspace=EVERY_WORKSPACE,
        )
        await accounts.sign_in(ann.email, PASSWORD, address=HERE)
        stored = database.read_now(
            lambda s: s.scalar(sa.select(User.password_hash)), workspace=EVERY_WORKSPACE
        )
        assert stored != weaker
        assert "m=64," in str(stored)


class TestWorkspaces:
    async def test_choosing_one_is_remembered(self, accounts: Accounts, ann: UserView) -> None:
        await accounts.set_member(None, "workspace_b", ann.id, Role.MEMBER)
        token = await accounts.open_session(ann.id)
        assert (await accounts.caller_of_session(token)).workspace_id == "workspace_a"
        once = await accounts.caller_of_session(token, "workspace_b")
        assert (once.workspace_id, once.role) == ("workspace_b", Role.MEMBER)
        assert (await accounts.caller_of_session(token)).workspace_id == "workspace_a"
        await accounts.switch_workspace(token, "workspace_b")
        assert (await accounts.caller_of_session(token)).workspace_id == "workspace_b"

    async def test_a_foreign_one_is_not_found(self, accounts: Accounts, ann: UserView) -> None:
        token = await accounts.open_session(ann.id)
        for workspace in ("workspace_b", "workspace_none", ""):
            with pytest.raises(NotFound):
                await accounts.caller_of_session(token, workspace)
            with pytest.raises(NotFound):
                await accounts.switch_workspace(token, workspace)

    async def test_a_role_taken_away_is_gone_at_once(
        self, accounts: Accounts, ann: UserView
    ) -> None:
        await accounts.set_member(None, "workspace_b", ann.id, Role.MEMBER)
        token = await accounts.open_session(ann.id)
        await accounts.switch_workspace(token, "workspace_b")
        await accounts.remove_member(None, "workspace_b", ann.id)
        assert (await accounts.caller_of_session(token)).workspace_id == "workspace_a"

    async def test_a_user_of_no_workspace(self, accounts: Accounts) -> None:
        user = await accounts.create_user("new@example.org", "New", None)
        token = await accounts.open_session(user.id)
        with pytest.raises(Forbidden):
            await accounts.caller_of_session(token)
        with pytest.raises(NotFound):
            await accounts.open_session("user_none")
