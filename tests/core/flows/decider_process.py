"""A process that decides: `python -m tests.core.flows.decider_process URL HOME APPROVAL CHOICE WHO [die]`.

It says `ready`, waits for a line, decides, and prints what came of it. With `die` it kills itself
between the decision and the waking of the run, as a power cut would.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from stoa.base.database import Database
from stoa.base.errors import Conflict
from stoa.base.identity.caller import Caller, Role
from stoa.base.settings import Settings
from stoa.core.flows.approval_rows import Ballot
from stoa.core.flows.flows import Flows
from tests.core.flows.people import WORKSPACE


def _die(_run_ids: Sequence[str]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def main(url: str, home: str, approval_id: str, choice: str, who: str, *more: str) -> None:
    """Decide once."""
    flows = Flows(Settings.load(home=Path(home), executor_id=f"decider-{who}"), Database(url))
    await flows.launch(works=False)
    if more == ("die",):
        setattr(flows._engine, "resume", _die)  # noqa: B010 - no method of it is like this
    caller = Caller(WORKSPACE, f"user_{who}", Role.REVIEWER, who.title())
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    try:
        decision = await flows.approvals.decide(caller, approval_id, Ballot(choice))
        print(f"decided {decision.choice} {decision.decided_by}", flush=True)
    except Conflict as error:
        print(f"refused {error.message}", flush=True)
    await flows.close()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
