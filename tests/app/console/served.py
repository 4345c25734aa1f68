"""A Stoa in a process of its own, as a browser meets it: over the example solution or the real ones.

    python -m tests.app.console.served HOME [--example] [--people] [--sample]

prints one line of JSON (address and keys) when it is ready.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx
import uvicorn

from stoa import wiring
from stoa.app.serving import bound
from stoa.base.database import Database
from stoa.base.identity.accounts import Accounts
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Role
from stoa.base.secrets import load_secret
from stoa.base.settings import Settings
from tests.app.example import EXAMPLE
from tests.app.live import PASSWORD, prepared
from tests.encoder import lend_encoder
from tests.forked import Forked

T = TypeVar("T")


@dataclass(frozen=True)
class Served:
    """A running server."""

    url: str
    home: Path
    keys: dict[str, str] = field(default_factory=dict)

    def client(self, who: str | None = None, **headers: str) -> httpx.Client:
        """A client with the key of `who`, or with none."""
        if who is not None:
            headers["Authorization"] = f"Bearer {self.keys[who]}"
        return httpx.Client(base_url=self.url, headers=headers, timeout=30)

    def operate(self, work: Callable[[Accounts], Coroutine[Any, Any, T]]) -> T:
        """What the server's operator does to its accounts, beside the server.

        In a thread of its own: a browser driven from a test occupies the test's event loop.
        """
        settings = Settings.load(home=self.home)
        database = Database(settings.resolved_database_url())
        accounts = Accounts(database, AuditLog(database), secret=load_secret(settings))
        try:
            with ThreadPoolExecutor(1) as pool:
                return pool.submit(lambda: asyncio.run(work(accounts))).result()
        finally:
            database.close()

    def add_member(self, workspace: str, email: str, role: Role) -> str:
        """A new user with the password of all; returns the id."""

        async def work(accounts: Accounts) -> str:
            user = await accounts.create_user(email, email.partition("@")[0].title(), PASSWORD)
            await accounts.set_member(None, workspace, user.id, role)
            return user.id

        return self.operate(work)

    def whoami(self, who: str) -> dict[str, str]:
        """The caller of that key."""
        with self.client(who) as client:
            told: dict[str, str] = client.get("/api/whoami").json()
            return told


@contextmanager
def served(home: Path, *flags: str) -> Iterator[Served]:
    """Serve until the block ends."""
    lend_encoder(home)
    with (home.parent / f"{home.name}.log").open("wb") as log:
        process = Forked(
            "tests.app.console.served",
            [str(home), *flags],
            stdout=subprocess.PIPE,
            stderr=log,
        )
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            assert line, (home.parent / f"{home.name}.log").read_text()
            told = json.loads(line)
            yield Served(told["url"], home, told["keys"])
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            process.stdout.close()


class _Announcing(uvicorn.Server):
    """Says where it is when it is ready."""

    announcement: str = ""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        print(self.announcement, flush=True)
        os.dup2(2, 1)  # nobody reads the pipe from here on: full, it would stop the server


def _main() -> None:
    home, flags = Path(sys.argv[1]), set(sys.argv[2:])
    if "--example" in flags:
        wiring.solutions = lambda: [EXAMPLE]
    listening = bound(Settings.load(home=home, port=0))
    port = listening.getsockname()[1]
    settings = Settings.load(home=home, port=port)
    site = asyncio.run(prepared(settings, sample="--sample" in flags, people="--people" in flags))
    config = uvicorn.Config(site.app, log_level="warning", timeout_graceful_shutdown=5)
    server = _Announcing(config)
    server.announcement = json.dumps({"url": f"http://127.0.0.1:{port}", "keys": site.keys})
    server.run(sockets=[listening])


if __name__ == "__main__":
    _main()
