"""Reviews a second, with a model that answers at once. `python -m benchmarks.answer_reviews [REVIEWS]`.

One worker with eight places answers reviews on SQLite and on PostgreSQL: the whole flow, with its row,
its two events in the outbox, and every step recorded. The peer is the same flow on LangGraph with its
own SQLite and PostgreSQL checkpointer, in its own environment, right after, on the same machine.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from tests.postgres import running_server

from benchmarks.results import record
from stoa import wiring
from stoa.app.house import at_work
from stoa.base.database import EVERY_WORKSPACE, now
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.tables import Workspace
from stoa.base.settings import Settings
from stoa.core.flows.run import RunState
from stoa.core.language.classify import Judgement
from stoa.dispatch import Dispatcher
from stoa.solutions.answer_reviews import judging

CALLER = Caller("bench", "user_bench", Role.OWNER, "Bench")
REVIEWS, AT_ONCE = 200, 8
ROOT = Path(__file__).parents[1]
PEER = Path(__file__).with_name("peer_answer_reviews.py")


async def main(reviews: int) -> None:
    """SQLite, then PostgreSQL; ours, then the peer's."""
    vars(judging.LOCAL)["judge"] = at_once_judged
    with tempfile.TemporaryDirectory(prefix="stoa-bench-", dir="/tmp") as name:
        folder = Path(name)
        await compare(
            "SQLite", f"sqlite:///{folder}/ours.sqlite", f"sqlite:///{folder}/peer.sqlite", reviews
        )
        server = folder / "postgres"
        server.mkdir()
        with running_server(server) as url:
            await compare("PostgreSQL", url, url, reviews)


async def compare(name: str, url: str, peer_url: str, reviews: int) -> None:
    """One row."""
    ours = await measured(url, reviews)
    theirs = peer(peer_url, reviews)
    record(
        f"answer_reviews {name}: reviews a second", ours, "", "LangGraph", theirs,
        f"{reviews} reviews, {AT_ONCE} at once; ours with outbox, queue and take-over",
    )  # fmt: skip


async def at_once_judged(texts: Sequence[str]) -> list[Judgement]:
    """The instant stub: nothing is toxic."""
    return [Judgement(score=0.1, sure=True, language="en") for _ in texts]


async def measured(url: str, reviews: int) -> float:
    """Reviews a second, from the first that is sent to the last that is answered."""
    with tempfile.TemporaryDirectory(prefix="stoa-bench-home-", dir="/tmp") as home:
        settings = Settings.load(
            home=Path(home), database_url=url, worker_concurrency=AT_ONCE, model_embedding="hashed"
        )
        house = wiring.build(settings)
        house.platform.database.write_now(
            lambda s: s.add(Workspace(id="bench", name="Bench", created_at=now())),
            workspace=EVERY_WORKSPACE,
        )
        async with at_work(house):
            await answered(house, AT_ONCE)
            started = time.perf_counter()
            await answered(house, reviews)
            seconds = time.perf_counter() - started
        house.platform.database.close()
    return reviews / seconds


async def answered(house: Dispatcher, count: int) -> None:
    """Send reviews and wait for their ends."""
    runs = [
        (
            await house.start(
                CALLER, "answer_reviews", "submit", {"text": f"The delivery was quick. Order {n}."}
            )
        ).run_id
        for n in range(count)
    ]
    for run in runs:
        view = await house.platform.flows.wait(CALLER, run)
        if (
            view.state is not RunState.DONE
            or view.result is None
            or view.result["state"] != "answered"
        ):
            raise SystemExit(f"a review was not answered: {view}")


def peer(url: str, reviews: int) -> float:
    """LangGraph's figure, from a process of its own environment."""
    python = ROOT / ".venv" / "peers" / "bin" / "python"
    done = subprocess.run(
        [str(python), str(PEER), url, str(reviews), str(AT_ONCE)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(done.stdout.splitlines()[-1])["reviews_per_second"])


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else REVIEWS))
