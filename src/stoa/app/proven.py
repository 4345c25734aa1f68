"""Callers that were proved a moment ago: a short memory before the database, for roads that are very busy.

An entry lives half a second from the moment its proof began, so a key that is revoked anywhere, by any
process, is refused here within that time. It is renewed in the background before it ends, so nobody waits
for it. Only proofs are remembered: whoever is refused is refused anew each time, and counted. What is
checked per request (that a change by session comes from our own pages) is checked per request.
"""

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from starlette.requests import HTTPConnection

from stoa.app.callers import SESSION_COOKIE, Callers, bearer_of, workspace_of
from stoa.base.errors import StoaError
from stoa.base.identity.caller import Caller

LONGEST_SECONDS: Final = 0.5
RENEWED_AFTER: Final = 0.25
MOST: Final = 4096
_Key = tuple[bytes, str | None]


class _Proof(NamedTuple):
    caller: Caller
    at: float


class ProvenCallers:
    """`Callers.of` with a memory. One per process."""

    def __init__(self, callers: Callers, clock: Callable[[], float] = time.monotonic) -> None:
        self._callers = callers
        self._clock = clock
        self._proofs: OrderedDict[_Key, _Proof] = OrderedDict()
        self._renewing: dict[_Key, asyncio.Task[None]] = {}

    async def of(self, connection: HTTPConnection) -> Caller:
        """The caller that the connection proves. Raises as `Callers.of`."""
        key = self._key_of(connection)
        if key is None:
            return await self._callers.of(connection)
        proof = self._proofs.get(key)
        age = self._clock() - proof.at if proof is not None else LONGEST_SECONDS
        if proof is None or age >= LONGEST_SECONDS:
            return await self._proved(key, connection)
        if age >= RENEWED_AFTER and key not in self._renewing:
            task = asyncio.create_task(self._renew(key, connection))
            self._renewing[key] = task
            task.add_done_callback(lambda _done: self._renewing.pop(key, None))
        return proof.caller

    def _key_of(self, connection: HTTPConnection) -> _Key | None:
        """What the caller shows, hashed; None where it shows nothing. Raises Forbidden."""
        secret = bearer_of(connection)
        if secret:
            return hashlib.sha256(secret.encode()).digest(), None
        session = connection.cookies.get(SESSION_COOKIE)
        if not session:
            return None
        self._callers.refuse_forged(connection)
        return hashlib.sha256(f"session {session}".encode()).digest(), workspace_of(
            connection
        ) or ""

    async def _proved(self, key: _Key, connection: HTTPConnection) -> Caller:
        at = self._clock()  # before the look, which is what the age of a proof counts from
        try:
            caller = await self._callers.of(connection)
        except StoaError:
            self._proofs.pop(key, None)
            raise
        self._proofs[key] = _Proof(caller, at)
        self._proofs.move_to_end(key)
        while len(self._proofs) > MOST:
            self._proofs.popitem(last=False)
        return caller

    async def _renew(self, key: _Key, connection: HTTPConnection) -> None:
        try:
            await self._proved(key, connection)
        except StoaError:
            return  # forgotten: the next request is told why
        except Exception:  # noqa: BLE001 - the edge of a task: the next request meets it itself
            self._proofs.pop(key, None)
