"""People at work with ask_docs: each `Desk` is one person's door to the operations of one house.

The embedder is the hashed one unless a test says otherwise: it loads at once, and what these tests
look at does not depend on how well meaning is compared.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database, new_id, now
from stoa.base.identity.caller import Caller, Role
from stoa.base.settings import Settings
from stoa.dispatch import Dispatcher
from stoa.solutions.ask_docs.schema import Answer, AskEvent, DocumentView, Receipt
from stoa.solutions.ask_docs.tables import DocumentRow, QuestionRow
from tests.http_server import answering
from tests.solutions.ask_docs.places import GitServer, Pages, git

LEAVE = """# Leave policy

Every employee has 25 days of annual leave in a calendar year.

Leave is requested in the Harbour portal at least two weeks before it begins.

Up to five days may be carried over; they must be taken by 31 March.
"""
PARKING = """# Parking

The car park of the head office has 40 spaces. Visitors park in row C. A parking badge is handed out
by reception, and it costs nothing.
"""

WEEKS = ((0, 1, 3, 11), (1, 0, 2, 0), (3, 4, 0, 0))
"""Weeks ago, and how many asked about the car park, about annual leave, and about something else."""
_ELSE = (
    "alpine meadows", "amber beads", "antique clocks", "apple orchards", "autumn leaves",
    "badger setts", "baked goods", "bamboo poles", "barley fields", "brick kilns", "bronze statues",
)  # fmt: skip


async def asked_over_weeks(database: Database, workspace: str) -> None:
    """Put the questions of these weeks into the log."""

    def log(session: Session) -> None:
        for weeks_ago, parking, leave, others in WEEKS:
            texts = [f"May visitor {number} use the car park?" for number in range(parking)]
            texts += [f"Has team {number} annual leave?" for number in range(leave)]
            texts += [f"What about the {name}?" for name in _ELSE[:others]]
            at = datetime.combine(monday(weeks_ago), time(), UTC)
            for text in texts:
                row = QuestionRow(
                    id=new_id("turn"), workspace_id=workspace, user_id="user_alice",
                    user_name="Alice", at=at, text=text, kind="not_found", answered_by="offline",
                    steps={}, seconds=0.1, input_tokens=0, output_tokens=0,
                )  # fmt: skip
                session.add(row)

    await database.write(log, workspace=workspace)


def monday(weeks_ago: int) -> date:
    """The day that week began, in UTC."""
    today = now().date()
    return today - timedelta(days=today.weekday() + 7 * weeks_ago)


@dataclass
class Desk:
    """One caller's door to ask_docs."""

    house: Dispatcher
    caller: Caller
    events: list[AskEvent] = field(default_factory=list)

    async def call(self, operation: str, **request: Any) -> Any:
        """Call an operation and get its result."""
        return await self.house.call(self.caller, "ask_docs", operation, request)

    async def upload(self, name: str, content: str | bytes) -> str:
        """Store a file; return its id."""
        data = content.encode() if isinstance(content, str) else content
        return (await self.house.platform.files.add(self.caller, name, data)).id

    async def add(self, name: str, content: str | bytes, **request: Any) -> Receipt:
        """Add one file."""
        receipts = await self.call("add", files=[await self.upload(name, content)], **request)
        receipt: Receipt = receipts.documents[0]
        return receipt

    async def publish(self, name: str, content: str | bytes, **request: Any) -> DocumentView:
        """Add one file and approve it."""
        receipt = await self.add(name, content, **request)
        view: DocumentView = await self.call("approve", document=receipt.document.id)
        return view

    async def ask(self, question: str, **request: Any) -> Answer:
        """Ask, and keep the events that came before the answer."""
        self.events.clear()

        async def keep(event: Any) -> None:
            self.events.append(event)

        answer = await self.house.call(
            self.caller, "ask_docs", "ask", {"question": question, **request}, on_event=keep
        )
        assert isinstance(answer, Answer)
        return answer

    def beside(self, user: str, role: Role = Role.MEMBER) -> "Desk":
        """Another person of the same workspace."""
        return Desk(
            self.house, Caller(self.caller.workspace_id, f"user_{user}", role, user.title())
        )

    async def rows(self) -> list[DocumentRow]:
        """Every document row of every workspace."""
        return await self.house.platform.database.read(
            lambda session: list(
                session.scalars(select(DocumentRow).order_by(DocumentRow.added_at))
            ),
            workspace=EVERY_WORKSPACE,
        )


@pytest.fixture
def given() -> dict[str, Any]:
    """More settings; a test module overrides it."""
    return {}


@pytest.fixture
def settings(tmp_path: Path, given: dict[str, Any]) -> Settings:
    return Settings.load(home=tmp_path / "home", **{"model_embedding": "hashed", **given})


@pytest.fixture
def desk(house: Dispatcher, alice: Caller) -> Desk:
    """Alice, owner of workspace_a."""
    return Desk(house, alice)


@pytest.fixture
def other(house: Dispatcher, bob: Caller) -> Desk:
    """Bob, owner of workspace_b."""
    return Desk(house, bob)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "shared" / "wiki"
    made.mkdir(parents=True)
    return made


@pytest.fixture
async def open_desk(desk: Desk) -> Desk:
    """A desk whose collection needs no review."""
    await desk.call("collections")
    await desk.call("collection_set", collection="General", review=False)
    return desk


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    made = tmp_path / "shared" / "repository"
    made.mkdir(parents=True)
    git(made, "init", "--quiet", "--initial-branch", "main")
    return made


@pytest.fixture
def web() -> Iterator[str]:
    """Address of a server of web pages; it begins with none."""
    Pages.pages.clear()
    with answering(Pages) as address:
        yield address


@pytest.fixture
def git_host(repository: Path) -> Iterator[str]:
    """Address of a server of git over HTTP, with the repository on it; nobody's copy on this machine."""
    GitServer.root = repository.parent
    GitServer.asked.clear()
    with answering(GitServer) as address:
        yield f"{address}/{repository.name}/.git"
