"""Workers to be killed: `python -m tests.solutions.answer_reviews.chaos_worker DATABASE_URL HOME`.

A parent that has everything imported forks a worker for each name that it reads, and writes its process
id; the worker writes `ready NAME`. So a killed worker is replaced in the time that it takes to open the
house, not to load Python.
"""

import asyncio
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path

from stoa import wiring
from stoa.app.house import at_work
from stoa.base.settings import Settings
from stoa.core.events.events import Events
from stoa.core.events.pace import Pace as EventPace
from stoa.core.flows.engine import Pace
from stoa.core.flows.flows import Flows
from stoa.core.language.detect import detect_language
from stoa.core.language.sentiment import judge_sentiment
from stoa.core.language.toxicity import judge_toxicity

CONCURRENCY = 8
FLOWS = Pace(queue=0.05, watch=0.2, beat=0.3, dead_after=5.0, sweep=1.0)
EVENTS = EventPace(look=0.2, attempt=4.0, lease=5.0, pauses=(0.2, 0.5, 1.0, *(2.0,) * 40))


def house_settings(url: str, home: Path, name: str) -> Settings:
    """The settings of one process on the database."""
    return Settings.load(
        home=home,
        database_url=url,
        executor_id=name,
        worker_concurrency=CONCURRENCY,
        model_embedding="hashed",
        webhook_private=True,
        log_level="WARNING",
    )


def hurry() -> None:
    """Let the house look at everything more often, and hold only the solution that is tested."""
    names = vars(wiring)
    names["SOLUTIONS"] = ("answer_reviews",)
    names["Flows"] = partial(Flows, pace=FLOWS)
    names["Events"] = partial(Events, pace=EVENTS)


async def _work(url: str, home: Path, name: str) -> None:
    house = wiring.build(house_settings(url, home, name))
    async with at_work(house):
        _say(f"ready {name}")
        await asyncio.Event().wait()


def _say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def main(url: str, home: str) -> None:
    """Fork a worker for each line."""
    hurry()
    wiring.solutions()
    detect_language("Loaded here, so that a forked worker has it at once.")
    judge_toxicity("So is this.")
    judge_sentiment("And this.")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    _say("parent")
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            while True:
                try:
                    asyncio.run(_work(url, Path(home), line.strip()))
                except Exception as error:  # noqa: BLE001 - the database may be away at the start
                    print(f"{line.strip()} starts again: {error!r}", file=sys.stderr)
                    time.sleep(0.3)
        _say(f"pid {line.strip()} {child}")


if __name__ == "__main__":
    main(*sys.argv[1:])
