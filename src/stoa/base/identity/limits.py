"""Brute-force limits: failed proofs counted per account and per address, in the database.

Counting comes before proving, in one atomic statement, so that a thousand guesses sent at the same
moment are a thousand counts. A proof that succeeds takes its count back. Unknown accounts count like
known ones.
"""

import hashlib
import hmac
import time
from collections.abc import Callable
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.errors import LimitReached
from stoa.base.identity.tables import AttemptCount
from stoa.base.secrets import derive_key

WINDOW_SECONDS: Final = 900
PER_ACCOUNT: Final = 10
PER_ADDRESS: Final = 50


class Limits:
    """Counts failed proofs within windows of fifteen minutes."""

    def __init__(
        self, database: Database, secret: bytes, clock: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._key = derive_key(secret, "stoa.attempts")
        self._clock = clock

    async def count(self, *, account: str | None, address: str) -> None:
        """Count an attempt before it is tried.

        Raises:
            LimitReached: this account or this address has failed too often; `retry_after` says when
                the window ends.
        """
        window = self._window()
        most = {self._name("address", address): PER_ADDRESS}
        if account is not None:
            most[self._name("account", account)] = PER_ACCOUNT

        def work(session: Session) -> bool:
            session.execute(sa.delete(AttemptCount).where(AttemptCount.window < window))
            counts = {
                subject: session.scalar(self._one_more(subject, window)) for subject in sorted(most)
            }
            return any((counts[subject] or 0) > limit for subject, limit in most.items())

        if await self._database.write(work, workspace=EVERY_WORKSPACE):
            raise LimitReached(
                "Too many failed attempts.",
                hint="Wait for a quarter of an hour, or have an owner send you a password link.",
                retry_after=(window + 1) * WINDOW_SECONDS - self._clock(),
            )

    def forgive(self, session: Session, *, account: str, address: str) -> None:
        """After a proof that succeeded: the account starts anew, the address gets its count back."""
        window = self._window()
        session.execute(
            sa.delete(AttemptCount).where(
                AttemptCount.subject == self._name("account", account),
                AttemptCount.window == window,
            )
        )
        session.execute(
            sa.update(AttemptCount)
            .where(
                AttemptCount.subject == self._name("address", address),
                AttemptCount.window == window,
                AttemptCount.count > 0,
            )
            .values(count=AttemptCount.count - 1)
        )

    def _window(self) -> int:
        return int(self._clock() // WINDOW_SECONDS)

    def _name(self, kind: str, value: str) -> str:
        return hmac.new(self._key, f"{kind}\n{value}".encode(), hashlib.sha256).hexdigest()

    def _one_more(self, subject: str, window: int) -> sa.Executable:
        insert = sqlite.insert if self._database.is_sqlite else postgresql.insert
        return (
            insert(AttemptCount)
            .values(subject=subject, window=window, count=1)
            .on_conflict_do_update(
                index_elements=["subject", "window"], set_={"count": AttemptCount.count + 1}
            )
            .returning(AttemptCount.count)
        )
