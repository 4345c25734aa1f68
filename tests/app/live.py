"""A real HTTP server on loopback over the example solution, in a thread of the test process."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp

from stoa.app.rest.application import create_app
from stoa.base.identity.caller import Caller, Role
from stoa.base.settings import Settings
from stoa.dispatch import Dispatcher
from stoa.wiring import build

PASSWORD = "a sturdy old bicycle"


@dataclass(frozen=True)
class Site:
    """The application, and who may enter."""

    app: FastAPI
    dispatcher: Dispatcher
    owner: Caller
    stranger: Caller
    """Owner of another workspace."""
    keys: dict[str, str]
    """Secrets by name: owner, member, narrow, stranger."""


@dataclass(frozen=True)
class LiveSite:
    """A running server."""

    url: str
    site: Site

    def client(self, who: str | None = "owner", **headers: str) -> httpx.Client:
        """A client over real sockets, with the key of `who`, or with none."""
        if who is not None:
            headers["Authorization"] = f"Bearer {self.site.keys[who]}"
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)


@contextmanager
def live_site(settings: Settings, *, sample: bool = False, port: int = 0) -> Iterator[LiveSite]:
    """Serve until the block ends."""
    site = asyncio.run(prepared(settings, sample=sample))
    try:
        with served(site.app, port) as url:
            yield LiveSite(url, site)
    finally:
        site.dispatcher.platform.database.close()


@contextmanager
def served(app: ASGIApp, port: int = 0) -> Iterator[str]:
    """The address of a real server over an application, until the block ends."""
    server = uvicorn.Server(uvicorn.Config(app, port=port, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, name="server")
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            thread.join(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join()


async def prepared(settings: Settings, *, sample: bool, people: bool = True) -> Site:
    """Two workspaces with an owner each, and keys; without `people` nobody exists yet."""
    dispatcher = build(settings)
    if not people:
        nobody = Caller("", "", Role.MEMBER)
        return Site(create_app(dispatcher, sample=sample), dispatcher, nobody, nobody, {})
    owner = await _owner(dispatcher, "Ours", "olga@example.org")
    stranger = await _owner(dispatcher, "Theirs", "sven@example.org")
    given = (
        ("owner", owner, Role.OWNER, None),
        ("member", owner, Role.MEMBER, None),
        ("narrow", owner, Role.OWNER, {"example.greet"}),
        ("stranger", stranger, Role.OWNER, None),
    )
    keys = {
        name: (await dispatcher.platform.accounts.create_key(who, name, scopes=scopes, role=role))[
            1
        ]
        for name, who, role, scopes in given
    }
    return Site(create_app(dispatcher, sample=sample), dispatcher, owner, stranger, keys)


async def _owner(dispatcher: Dispatcher, workspace: str, email: str) -> Caller:
    accounts = dispatcher.platform.accounts
    made = await accounts.create_workspace(workspace)
    user = await accounts.create_user(email, email.split("@")[0].title(), PASSWORD)
    await accounts.set_member(None, made.id, user.id, Role.OWNER)
    return Caller(made.id, user.id, Role.OWNER, user.name)
