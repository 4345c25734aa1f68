"""What editors do on the page of ask_docs, and what members see of it, in a real browser."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from stoa.base.identity.caller import Role
from tests.app.console.served import Served, served
from tests.app.console.test_ask_docs_page import PAGE, approve, ask, upload
from tests.app.console.test_browser import EMAIL, live, sign_in, tab_to
from tests.solutions.ask_docs.conftest import LEAVE, PARKING, WEEKS, asked_over_weeks, monday

pytestmark = pytest.mark.slow
MIA, ED = "mia@example.org", "ed@example.org"
LONG = "a-name-without-any-space-" * 6
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "color_scheme": "dark"}


@dataclass(frozen=True)
class Office:
    """A server without the local encoder, with Olga who owns, Ed who edits and Mia who asks."""

    site: Served
    folder: Path
    """What is in here may be read by sources."""


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("shared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STOA_SOURCE_FOLDERS", str(folder))
        patch.setenv("STOA_MODEL_EMBEDDING", "hashed")
        with served(tmp_path_factory.mktemp("office"), "--people") as site:
            workspace = site.whoami("owner")["workspace_id"]
            site.add_member(workspace, MIA, Role.MEMBER)
            site.add_member(workspace, ED, Role.EDITOR)
            yield Office(site, folder)


def opened(office: Office, visit: Any, tab: str, email: str = EMAIL, **context: Any) -> Any:
    """The page on that tab, for whoever signs in."""
    page = visit(office.site, f"/sign-in?next={PAGE}", **context)
    sign_in(page, email)
    page.get_by_test_id(f"tab-{tab}").click()
    return page


def add_source(page: Any, location: Path) -> None:
    page.get_by_test_id("new-source").click()
    page.get_by_test_id("source-location").fill(str(location))
    page.get_by_test_id("add-source").click()


def looked(office: Office, page: Any) -> Any:
    """Wait for the end of the run that is shown, and go back; returns the source's row."""
    page.wait_for_url("**/runs/run_*")
    page.get_by_test_id("result").wait_for()
    page.goto(office.site.url + PAGE)
    live(page)
    page.get_by_test_id("tab-sources").click()
    row = page.get_by_test_id("source")
    row.wait_for()
    return row


def documents(office: Office) -> set[str]:
    """Names of all documents."""
    with office.site.client("owner") as client:
        listed = client.post("/api/ask_docs/list", json={}).json()
    return {each["name"] for each in listed["documents"]}


def fits(page: Any) -> bool:
    """Whether nothing is wider than the screen."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


def test_a_folder_is_added_looked_at_and_removed(office: Office, visit: Any) -> None:
    wiki = office.folder / "wiki"
    wiki.mkdir()
    (wiki / "leave.md").write_text(LEAVE)
    (wiki / "parking.md").write_text(PARKING)
    page = opened(office, visit, "sources", ED)
    page.get_by_text("Point Stoa at a folder").wait_for()
    add_source(page, wiki)
    row = looked(office, page)
    assert row.get_by_text("2 documents").is_visible()
    assert row.get_by_text("looked just now · every day").is_visible()

    wiki.rename(office.folder / "unmounted")
    row.get_by_test_id("sync").click()
    row = looked(office, page)
    problem = row.get_by_test_id("source-problem").inner_text()
    assert problem == "There is no such folder. Check its path on the server."
    assert row.get_by_text("2 documents").is_visible()

    row.get_by_test_id("remove-source").click()
    page.get_by_test_id("dialog").get_by_text("2 documents came from it").wait_for()
    page.get_by_test_id("remove-delete").click()
    page.get_by_text("No sources yet").wait_for()
    assert not {"leave.md", "parking.md"} & documents(office)


def test_documents_may_stay_when_their_source_goes(office: Office, visit: Any) -> None:
    kept = office.folder / "kept"
    kept.mkdir()
    (kept / "kiln.md").write_text("# The kiln\n\nThe kiln is lit on Fridays.\n")
    page = opened(office, visit, "sources", ED)
    add_source(page, kept)
    looked(office, page).get_by_test_id("remove-source").click()
    page.get_by_test_id("remove-keep").click()
    page.get_by_text("No sources yet").wait_for()
    assert "kiln.md" in documents(office)


def test_what_is_wrong_with_a_source_is_said_where_it_is_added(office: Office, visit: Any) -> None:
    page = opened(office, visit, "sources", ED, **PHONE)
    add_source(page, Path("/etc"))
    error = page.get_by_test_id("error")
    error.wait_for()
    assert error.inner_text().split("\n")[1:] == [
        "This folder may not be read.",
        "An operator allows folders with the setting STOA_SOURCE_FOLDERS.",
    ]
    page.get_by_test_id("source-location").fill(" ")
    page.get_by_test_id("add-source").click()
    error.get_by_text("Give its path or address.").wait_for()
    assert page.get_by_test_id("source-branch").is_hidden()
    page.get_by_test_id("source-kind").click()
    page.get_by_role("option", name="Git repository").click()
    page.get_by_test_id("source-branch").wait_for()
    assert fits(page)


def test_a_source_by_keyboard_only_on_a_phone_in_the_dark(office: Office, visit: Any) -> None:
    deep = office.folder / LONG / "deep"
    deep.mkdir(parents=True)
    page = opened(office, visit, "sources", **PHONE)
    tab_to(page, "new-source")
    page.keyboard.press("Enter")
    page.get_by_test_id("add-source").wait_for()
    tab_to(page, "source-location")
    page.keyboard.type(str(deep))
    tab_to(page, "add-source")
    page.keyboard.press("Enter")
    row = looked(office, page)
    assert fits(page)
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    tab_to(page, "sync")
    tab_to(page, "remove-source")
    page.keyboard.press("Enter")
    page.get_by_test_id("dialog").wait_for()
    assert fits(page)
    tab_to(page, "remove-keep")
    page.keyboard.press("Enter")
    row.wait_for(state="detached")


def test_a_closed_collection_is_not_there_for_others(office: Office, visit: Any) -> None:
    page = opened(office, visit, "collections")
    page.get_by_test_id("new-collection").click()
    page.get_by_test_id("save-collection").click()
    page.get_by_test_id("error").get_by_text("Give it a name.").wait_for()
    name = f"Board {LONG}"[:80]
    page.get_by_test_id("collection-name").fill(name)
    page.get_by_test_id("readers").click()
    for option in ("Everyone in the workspace", "Owners"):
        page.get_by_role("option", name=option).click()
    page.keyboard.press("Escape")
    page.get_by_test_id("save-collection").click()
    row = page.get_by_test_id("collection-row").filter(has_text=name)
    row.get_by_text("Read by: Owners").wait_for()
    assert fits(page)

    page.get_by_test_id("tab-documents").click()
    page.get_by_test_id("collection").click()
    page.get_by_role("option", name=name).click()
    secret = {"name": "merger.txt", "mimeType": "text/plain", "buffer": b"The merger is in May."}
    approve(upload(page, secret))
    assert "May" in ask(page, "When is the merger?").inner_text()

    hers = opened(office, visit, "collections", MIA, **PHONE)
    hers.get_by_test_id("collection-row").filter(has_text="General").wait_for()
    assert hers.get_by_test_id("collection-row").count() == 1
    assert hers.get_by_test_id("new-collection").count() == 0
    for tab in ("review", "sources", "report"):
        assert hers.get_by_test_id(f"tab-{tab}").count() == 0
    hers.get_by_test_id("tab-documents").click()
    hers.get_by_label("Find").fill("merger")
    hers.get_by_text("Look for other words").wait_for()
    assert hers.get_by_test_id("documents").get_by_text("merger").count() == 0
    answer = ask(hers, "When is the merger?")
    answer.get_by_test_id("not-found").wait_for()
    assert "May" not in answer.inner_text()

    page.reload()
    live(page)
    assert page.get_by_test_id("suggestion").count() == 0, "the sample's questions are not theirs"
    row = _collection(page, name)
    row.get_by_test_id("edit-collection").click()
    page.get_by_test_id("readers").click()
    page.get_by_role("option", name="Mia").click()
    page.keyboard.press("Escape")
    page.get_by_test_id("save-collection").click()
    row.get_by_text("Read by: Owners, Mia").wait_for()
    assert "May" in ask(hers, "In which month is the merger?").inner_text()
    _collection(hers, name).get_by_text("Read by: Owners, Mia").wait_for()


def _collection(page: Any, name: str) -> Any:
    page.get_by_test_id("tab-collections").click()
    return page.get_by_test_id("collection-row").filter(has_text=name)


@pytest.mark.parametrize("context", [{}, PHONE], ids=["screen", "phone"])
def test_the_report_shows_what_went_unanswered_and_topics_over_time(
    office: Office, visit: Any, context: dict[str, Any], report_filled: None
) -> None:
    page = opened(office, visit, "report", ED, **context)
    chart = page.get_by_test_id("over-time")
    chart.wait_for()
    group = page.get_by_test_id("unanswered").filter(has_text="car park").first
    assert "5 times" in group.inner_text()
    told = {
        topic: chart.get_by_role("listitem").filter(has_text=topic).get_by_role("img")
        for topic in ("car park", "annual leave")
    }
    this, last, before = (f"{monday(weeks_ago):%-d %b}" for weeks_ago, *_ in WEEKS)
    assert told["car park"].get_attribute("aria-label") == f"{before}: 4, {this}: 1"
    assert told["annual leave"].get_attribute("aria-label") == f"{last}: 2, {this}: 3"
    heights = told["car park"].evaluate(
        "e => [...e.querySelectorAll('i')].map(i => i.clientHeight)"
    )
    assert heights[0] > heights[1] > 0, "what was asked more often stands higher"
    page.get_by_text("Week by week").click()
    page.get_by_label("Topics by week").get_by_text("annual leave").first.wait_for()
    assert fits(page)
    tab_to(page, "period")
    page.keyboard.press("Enter")
    page.get_by_role("option", name="7 days").click()
    group.get_by_text("1 time ·").wait_for()


@pytest.fixture(scope="module")
def report_filled(office: Office) -> None:
    workspace = office.site.whoami("owner")["workspace_id"]
    office.site.operate(lambda accounts: asked_over_weeks(accounts.database, workspace))


def test_without_an_encoder_the_page_says_how_it_finds(office: Office, visit: Any) -> None:
    page = opened(office, visit, "ask", MIA)
    note = page.get_by_test_id("embedder-banner").inner_text()
    assert re.search("shared words and parts of words, not by meaning", note)
