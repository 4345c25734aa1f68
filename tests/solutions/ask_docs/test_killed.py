"""Kill -9 beside reading: while a document is received, made current, rejected or deleted.

A real process works and kills itself right after one write. Then the house is opened again, the run it
left ends, the clock strikes, and everything fits together as if nothing had happened. How a document
survives while it is read, tests/core/knowledge/test_killed.py shows.
"""

import asyncio
import json
import os
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

from stoa.app.house import at_work
from stoa.base.database import EVERY_WORKSPACE
from stoa.base.identity.caller import Caller, Role
from stoa.base.settings import Settings
from stoa.core.flows.run import RunState
from stoa.core.flows.tables import Run
from stoa.dispatch import Dispatcher
from stoa.solutions.ask_docs.schema import DocumentState
from stoa.wiring import build
from tests.forked import run_forked
from tests.solutions.ask_docs.conftest import LEAVE, PARKING, Desk
from tests.solutions.ask_docs.whole import check_whole

ALICE = Caller("workspace_a", "user_alice", Role.OWNER, "Alice")
NEWER = LEAVE.replace("25 days", "28 days")
QUESTION = "days of annual leave"
EVENTS: dict[str, list[str]] = {
    "replace": [
        "write Intake.receive",
        "write Intake.finish",
        "write make_current",
        "index set_live",
        "write settle",
        "write _withdraw",
    ],
    "again": ["objects delete", "write Files.delete"],
    "reject": ["write reject", "index set_live"],
    "delete": [
        "write delete",
        "index delete",
        "write Records.erase",
        "objects delete",
        "write Files.delete",
        "write remove_deleted",
    ],
}
"""What is asked for, and after which writes it is killed: a function whose work the database has done, or a
method of the index or the object store."""
FAST = ("delete", "write remove_deleted")


def kill_after(house: Dispatcher, at: str) -> None:
    """Let the process die once the write named so is done."""
    kind, name = at.split()
    platform = house.platform
    owners = {"write": platform.database, "index": platform.knowledge._index}
    owner: Any = owners.get(kind, platform.objects)
    original = getattr(owner, "write" if kind == "write" else name)

    async def then_die(*given: Any, **named: Any) -> Any:
        result = await original(*given, **named)
        inside = getattr(given[0], "__qualname__", "")
        if kind != "write" or inside.startswith(f"{name}.<locals>"):
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, original.__name__, then_die)


async def work(home: Path, event: str, request: dict[str, Any], at: str) -> None:
    """Ask for it, in the process that dies."""
    house = opened(home)
    kill_after(house, at)
    async with at_work(house):
        if event in ("replace", "again"):
            run = await house.start(ALICE, "ask_docs", "add", request)
            await house.platform.flows.wait(ALICE, run.run_id)
        else:
            await house.call(ALICE, "ask_docs", event, request)


def opened(home: Path) -> Dispatcher:
    return build(Settings.load(home=home, model_embedding="hashed"))


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path) -> tuple[Path, str]:
    """A data folder with a document without review and one beside it; the id of the first."""
    home = tmp_path_factory.mktemp("filled")
    shutil.copy(sqlite_template, home / "stoa.sqlite")

    async def fill() -> str:
        house = opened(home)
        desk = Desk(house, ALICE)
        async with at_work(house):
            await desk.call("collection_create", name="News", review=False)
            document = (await desk.add("leave.md", LEAVE, collection="News")).document.id
            await desk.publish("parking.md", PARKING)
        house.platform.database.close()
        return document

    return home, asyncio.run(fill())


@pytest.mark.parametrize(
    ("event", "at"),
    [
        pytest.param(event, at, marks=() if (event, at) == FAST else pytest.mark.slow)
        for event, places in EVENTS.items()
        for at in places
    ],
)
async def test_killed_and_opened_again(
    tmp_path: Path, filled: tuple[Path, str], event: str, at: str
) -> None:
    home = tmp_path / "home"
    template, document = filled
    await asyncio.to_thread(shutil.copytree, template, home)
    request: dict[str, Any] = {"document": document}
    if event in ("replace", "again"):
        house = opened(home)
        content = NEWER if event == "replace" else LEAVE
        request = {"files": [await Desk(house, ALICE).upload("leave.md", content)]}
        request["collection"] = "News"
        house.platform.database.close()
    given = json.dumps([str(home), event, request, at])
    killed = await asyncio.to_thread(
        run_forked, "tests.solutions.ask_docs.test_killed", [given], timeout=100
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr

    house = opened(home)
    desk = Desk(house, ALICE)
    async with at_work(house):
        for run in await house.platform.database.read(
            lambda session: session.query(Run).filter_by(operation="add").all(),
            workspace=EVERY_WORKSPACE,
        ):
            ended = await house.platform.flows.wait(ALICE, run.id)
            assert ended.state is RunState.DONE, ended.error
        await desk.call("sync_due")
        states = {row.version: row.state for row in await desk.rows() if row.name == "leave.md"}
        found = (await desk.call("search", query=QUESTION, limit=50)).passages
        about = [passage for passage in found if "annual leave" in passage.text]
        await check_whole(house, ALICE.workspace_id)
    house.platform.database.close()
    text = "".join(passage.text for passage in about)
    if event == "replace":
        assert states == {1: DocumentState.SUPERSEDED, 2: DocumentState.CURRENT}
        assert ("25 days" in text, text.count("28 days")) == (False, 1)
    elif event == "again":
        assert states == {1: DocumentState.CURRENT}
        assert text.count("25 days") == 1
    else:
        assert states == ({} if event == "delete" else {1: DocumentState.REJECTED})
        assert not about


if __name__ == "__main__":
    its_home, its_event, its_request, its_death = json.loads(sys.argv[1])
    asyncio.run(work(Path(its_home), its_event, its_request, its_death))
