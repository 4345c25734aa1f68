"""One-time tokens: the first use of one wins, in every process."""

from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, now
from stoa.base.errors import NotFound
from stoa.base.identity.sessions import digest
from stoa.base.identity.tables import SpentToken


async def spend(database: Database, token: str, *, seconds: int) -> None:
    """Use up `token`, which is good for at most `seconds`. Raises NotFound on every further use."""

    def work(session: Session) -> None:
        at = now()
        session.execute(sa.delete(SpentToken).where(SpentToken.expires_at <= at))
        session.add(SpentToken(id=digest(token), expires_at=at + timedelta(seconds=seconds)))

    try:
        await database.write(work, workspace=EVERY_WORKSPACE)
    except IntegrityError as error:
        raise link_is_dead() from error


def link_is_dead() -> NotFound:
    """The answer to every one-time link that does not work (any more)."""
    return NotFound("This link is not valid any more.", hint="Ask for a new one.")
