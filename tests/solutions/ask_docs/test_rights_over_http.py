"""What one may not read is not there over HTTP either: a closed collection, somebody else's conversation."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from stoa.base.identity.caller import Caller, Role
from stoa.base.settings import Settings
from stoa.solutions.ask_docs.solution import SOLUTION
from tests.app.live import LiveSite, live_site
from tests.solutions.ask_docs.conftest import LEAVE, Desk

SAMPLE = SOLUTION.folder / "sample" / "employee-handbook.pdf"
PASSWORD = "another sturdy bicycle"


@dataclass(frozen=True)
class Closed:
    """A collection that only owners read, and what was asked of it."""

    live: LiveSite
    mia: str
    """The key of a member of the same workspace."""
    collection: str
    document: str
    conversation: str
    turn: str

    def client(self, who: str) -> httpx.Client:
        """`owner`, `mia`, or `stranger`, who owns another workspace."""
        if who != "mia":
            return self.live.client(who)
        headers = {"Authorization": f"Bearer {self.mia}"}
        return httpx.Client(base_url=self.live.url, headers=headers, timeout=30)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Closed]:
    home = tmp_path_factory.mktemp("home")
    with live_site(Settings.load(home=home, model_embedding="hashed")) as live:
        yield asyncio.run(filled(live))


async def filled(live: LiveSite) -> Closed:
    """The board's collection with a document, and a question of the owner's."""
    site = live.site
    accounts = site.dispatcher.platform.accounts
    user = await accounts.create_user("mia@example.org", "Mia", PASSWORD)
    await accounts.set_member(None, site.owner.workspace_id, user.id, Role.MEMBER)
    mia = Caller(site.owner.workspace_id, user.id, Role.MEMBER, "Mia")
    _, key = await accounts.create_key(mia, "mia", scopes=None, role=Role.MEMBER)
    desk = Desk(site.dispatcher, site.owner)
    board = await desk.call("collection_create", name="Board", readers=["role:owner"])
    view = await desk.publish("handbook.pdf", SAMPLE.read_bytes(), collection="Board")
    await desk.publish("leave.md", LEAVE, collection="Board")
    answer = await desk.ask("How many days of annual leave does every employee have?")
    assert answer.sentences
    return Closed(live, key, board.id, view.id, answer.conversation, answer.turn)


@pytest.mark.parametrize("who", ["mia", "stranger"])
def test_what_is_closed_is_not_there(closed: Closed, who: str) -> None:
    question = {"question": "How many days of annual leave does every employee have?"}
    refused = [
        ("show", {"document": closed.document}),
        ("delete", {"document": closed.document}),
        ("list", {"collection": closed.collection}),
        ("search", {"query": "leave", "collections": [closed.collection]}),
        ("search", {"query": "leave", "collections": ["Board"]}),
        ("search", {"query": "leave", "documents": [closed.document]}),
        ("ask", {**question, "collections": ["Board"]}),
        ("ask", {**question, "documents": [closed.document]}),
        ("ask", {**question, "conversation": closed.conversation}),
        ("conversation", {"conversation": closed.conversation}),
        ("conversation_export", {"conversation": closed.conversation}),
        ("conversation_delete", {"conversation": closed.conversation}),
        ("feedback", {"turn": closed.turn, "helpful": False}),
    ]
    with closed.client(who) as client:
        for operation, request in refused:
            answer = client.post(f"/api/ask_docs/{operation}", json=request)
            assert answer.status_code == 404, (operation, answer.text)
            assert answer.json()["code"] == "not_found"
        picture = client.get(f"/api/ask_docs/documents/{closed.document}/pages/1/picture")
        assert picture.status_code == 404
        found = client.post("/api/ask_docs/search", json={"query": "annual leave"}).json()
        assert found["passages"] == []
        told = client.post("/api/ask_docs/ask", json=question).json()
        assert (told["kind"], told["passages"]) == ("not_found", [])
        assert client.post("/api/ask_docs/conversations", json={}).json()["conversations"] != []


def test_people_are_told_to_those_who_may_name_them(closed: Closed) -> None:
    def people(who: str) -> list[str]:
        with closed.client(who) as client:
            found = client.post("/api/ask_docs/collections", json={}).json()
        return [each["name"] for each in found["people"]]

    assert (people("owner"), people("mia"), people("stranger")) == (["Mia", "Olga"], [], ["Sven"])


def test_it_is_there_for_whom_it_is_for(closed: Closed) -> None:
    with closed.client("owner") as client:
        picture = client.get(f"/api/ask_docs/documents/{closed.document}/pages/1/picture")
        assert (picture.status_code, picture.content[:4]) == (200, b"\x89PNG")
        kept = client.post(
            "/api/ask_docs/conversation", json={"conversation": closed.conversation}
        ).json()
        assert [turn["id"] for turn in kept["turns"]] == [closed.turn]
