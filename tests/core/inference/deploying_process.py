"""A process that deploys, for the test that kills it:
`python -m tests.core.inference.deploying_process URL HOME VERSION`."""

import asyncio
import sys
from pathlib import Path

from stoa.base.database import Database
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller, Role
from stoa.base.objects import Objects
from stoa.base.settings import Settings
from stoa.core.inference.inference import Inference
from stoa.core.inference.views import Probe
from stoa.core.registry.registry import Registry
from tests.core.inference.conftest import SECRET


async def main(url: str, home: str, version: str) -> None:
    """Bring the version up, say so, and never come to the end of the probes."""
    database = Database(url)
    settings = Settings.load(home=Path(home))
    objects = Objects(settings.resolved_objects_url(), secret=SECRET, public_url="http://here")
    registry = Registry(settings, database, objects, AuditLog(database))
    inference = Inference(database, registry, secret=SECRET)
    alice = Caller("workspace_a", "user_alice", Role.OWNER, "Alice")
    probe = Probe(method="rank", payload={"user": "u1", "items": ["i1"]})
    print("deploying", flush=True)
    await inference.deploy(alice, "films", version, probes=[probe] * 100_000)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
