"""The whole house, all solutions, on a real server, with the sample in and a stranger next door."""

import asyncio
import io
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from stoa.app.rest.application import create_app
from stoa.base import telemetry
from stoa.base.identity.caller import Caller, Role
from stoa.base.settings import Settings
from stoa.dispatch import Dispatcher
from stoa.wiring import build
from tests.app.live import served
from tests.encoder import lend_encoder


@dataclass(frozen=True)
class Street:
    """A server, and the keys of two workspaces on it."""

    url: str
    dispatcher: Dispatcher
    owner: str
    """Key of the owner of the sample workspace."""
    stranger: str
    """Key of the owner of an empty workspace."""


@pytest.fixture(scope="session", autouse=True)
def _logs(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Logs as in a real process."""
    settings = Settings.load(home=tmp_path_factory.mktemp("logs"))
    telemetry.setup(settings, stream=io.StringIO())


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    """Everything running, offline."""
    dispatcher = build(Settings.load(home=lend_encoder(tmp_path_factory.mktemp("home"))))
    owner, stranger = asyncio.run(_settled(dispatcher))
    with served(create_app(dispatcher)) as url:
        yield Street(url, dispatcher, owner, stranger)
    dispatcher.platform.database.close()


async def _settled(dispatcher: Dispatcher) -> tuple[str, str]:
    """The sample, and a neighbour; their keys."""
    accounts = dispatcher.platform.accounts
    owner = await accounts.ensure_sample()
    await dispatcher.fill(owner)
    await dispatcher.platform.inference.close()  # its replicas belong to this event loop
    made = await accounts.create_workspace("Next door")
    user = await accounts.create_user("sven@example.org", "Sven", None)
    await accounts.set_member(None, made.id, user.id, Role.OWNER)
    stranger = Caller(made.id, user.id, Role.OWNER, user.name)
    keys = [
        await accounts.create_key(who, "test", scopes=None, role=Role.OWNER)
        for who in (owner, stranger)
    ]
    return keys[0][1], keys[1][1]
