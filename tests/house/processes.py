"""`stoa serve` as a real process over a data folder, to be killed and started again."""

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from stoa.app.house import at_work
from stoa.base.identity.caller import Role
from stoa.base.settings import Settings
from stoa.contract import Solution
from stoa.wiring import build
from tests.encoder import lend_encoder
from tests.forked import STOA, Forked


def settled_home(home: Path, filled: Solution | None = None) -> str:
    """Make a data folder with a sample workspace; return a key of its owner.

    The workspace holds the sample of the solution that is `filled`, or nothing.
    """
    dispatcher = build(Settings.load(home=lend_encoder(home)))

    async def settle() -> str:
        accounts = dispatcher.platform.accounts
        owner = await accounts.ensure_sample()
        if filled is not None and filled.sample is not None:
            async with at_work(dispatcher):
                await filled.sample(dispatcher.as_call(owner, filled))
        return (await accounts.create_key(owner, "test", scopes=None, role=Role.OWNER))[1]

    try:
        return asyncio.run(settle())
    finally:
        dispatcher.platform.database.close()


class Server:
    """A server process; `url` once it is ready. Ends with the block, in order unless killed."""

    def __init__(self, home: Path, *options: str) -> None:
        self._log = home / "serve.log"
        self._mark = self._log.stat().st_size if self._log.exists() else 0
        with self._log.open("ab") as log:
            self.process = Forked(
                STOA,
                ["serve", "--port", "0", *options],
                env={**os.environ, "STOA_HOME": str(home)},
                stderr=log,
                stdout=log,
            )
        self.url = self._address()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """kill -9."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    @property
    def said(self) -> str:
        """What it has logged since it was started."""
        return self._log.read_bytes()[self._mark :].decode("utf-8", "replace")

    def _address(self) -> str:
        while True:
            for line in self.said.splitlines():
                if line.startswith("Stoa is ready on "):
                    return line.rsplit(" ", 1)[1]
            assert self.process.poll() is None, self.said
            time.sleep(0.05)
