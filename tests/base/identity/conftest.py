"""Accounts over the test database, with cheap password hashes."""

from typing import Final

import pytest
from argon2 import PasswordHasher

from stoa.base.database import Database
from stoa.base.identity.accounts import Accounts
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.passwords import Passwords
from stoa.base.identity.people import UserView

PASSWORD: Final = "four unrelated plain words"
HERE: Final = "192.0.2.1"


@pytest.fixture
def audit(database: Database) -> AuditLog:
    return AuditLog(database)


@pytest.fixture
def accounts(database: Database, audit: AuditLog) -> Accounts:
    cheap = Passwords(PasswordHasher(time_cost=1, memory_cost=64, parallelism=1))
    return Accounts(database, audit, secret=b"s" * 32, passwords=cheap)


@pytest.fixture
async def ann(accounts: Accounts) -> UserView:
    """A user with a password, owner of workspace_a."""
    user = await accounts.create_user("ann@example.org", "Ann", PASSWORD)
    await accounts.set_member(None, "workspace_a", user.id, Role.OWNER)
    return user


@pytest.fixture
def owner(ann: UserView) -> Caller:
    return Caller("workspace_a", ann.id, Role.OWNER, ann.name)
