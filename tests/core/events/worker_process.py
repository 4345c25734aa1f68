"""A process that delivers, for the tests that kill it: `python -m tests.core.events.worker_process URL HOME`."""

import asyncio
import sys
from pathlib import Path

from stoa.base.database import Database
from stoa.base.identity.audit import AuditLog
from stoa.base.settings import Settings
from stoa.core.events.events import Events
from stoa.core.events.pace import Pace
from tests.core.events.conftest import SECRET

PACE = Pace(look=0.05, attempt=10.0, lease=1.0, pauses=(0.1,) * 50)
"""The lease is shorter than an attempt may take: what hangs is taken over, and sent twice."""


async def main(url: str, home: str) -> None:
    """Deliver until killed."""
    database = Database(url)
    settings = Settings.load(home=Path(home), webhook_private=True)
    events = Events(settings, database, AuditLog(database), secret=SECRET, pace=PACE)
    await events.launch()
    print("ready", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
