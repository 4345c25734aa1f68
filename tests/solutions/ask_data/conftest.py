"""People at work with ask_data: each `Desk` is one person's door to the operations of one house.

The embedder is the hashed one unless a test says otherwise: it loads at once, and what these tests
look at does not depend on how well meaning is compared.
"""

import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from stoa.base.identity.caller import Caller, Role
from stoa.base.settings import Settings
from stoa.dispatch import Dispatcher
from stoa.solutions.ask_data.schema import Answer, AskEvent

SCRIPT = (Path(__file__).parents[3] / "src/stoa/solutions/ask_data/sample/bikes.sql").read_text(
    encoding="utf-8"
)
TRIPS = "How many trips are there?"


@dataclass
class Desk:
    """One caller's door to ask_data."""

    house: Dispatcher
    caller: Caller
    events: list[AskEvent] = field(default_factory=list)

    async def call(self, operation: str, **request: Any) -> Any:
        """Call an operation and get its result."""
        return await self.house.call(self.caller, "ask_data", operation, request)

    async def ask(self, *questions: str, **request: Any) -> list[Answer]:
        """Ask a question and its follow-ups, and keep the events that came before the answers."""
        self.events.clear()

        async def keep(event: Any) -> None:
            self.events.append(event)

        payload = {"database": "bikes", "input_queries": list(questions), **request}
        found = await self.house.call(self.caller, "ask_data", "ask", payload, on_event=keep)
        answers: list[Answer] = found.answers  # type: ignore[attr-defined]
        return answers

    async def one(self, question: str, **request: Any) -> Answer:
        """Ask one question."""
        return (await self.ask(question, **request))[0]

    def beside(self, user: str, role: Role = Role.MEMBER) -> "Desk":
        """Another person of the same workspace."""
        caller = Caller(self.caller.workspace_id, f"user_{user}", role, user.title())
        return Desk(self.house, caller)


def bikes(folder: Path, more: str = "") -> Path:
    """The sample database as a file in `folder`, with `more` run after it."""
    path = folder / "bikes.sqlite"
    connection = sqlite3.connect(path)
    connection.executescript(SCRIPT + more)
    connection.close()
    return path


@pytest.fixture
def given() -> dict[str, Any]:
    """More settings; a test module overrides it."""
    return {}


@pytest.fixture
def settings(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, given: dict[str, Any]
) -> Settings:
    base = {"model_embedding": "hashed", "source_folders": str(tmp_path_factory.getbasetemp())}
    return Settings.load(home=tmp_path / "home", **{**base, **given})


@pytest.fixture
def desk(house: Dispatcher, alice: Caller) -> Desk:
    """Alice, owner of workspace_a."""
    return Desk(house, alice)


@pytest.fixture
def other(house: Dispatcher, bob: Caller) -> Desk:
    """Bob, owner of workspace_b."""
    return Desk(house, bob)


@pytest.fixture
async def asked(desk: Desk, tmp_path: Path) -> Desk:
    """Alice with the sample database connected as `bikes`."""
    await desk.call("connect", name="bikes", url=f"sqlite:///{bikes(tmp_path)}")
    return desk
