"""The inbox in a real browser, by the keyboard alone, and while others decide."""

import time
from typing import Any

import pytest

from stoa.base.identity.caller import Role
from tests.app.console.served import Served, served
from tests.app.console.test_browser import EMAIL, live, sign_in, tab_to

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A site of its own: what waits in it is what these tests asked."""
    with served(tmp_path_factory.mktemp("inbox"), "--example", "--people") as running:
        running.add_member(
            running.whoami("owner")["workspace_id"], "rita@example.org", Role.REVIEWER
        )
        yield running


def ask(site: Served, operation: str = "deliberate", **request: Any) -> dict[str, Any]:
    """Have a question asked; as the owner's programs see it, once it waits."""
    with site.client("owner") as client:
        where = client.post(f"/api/example/{operation}", json=request).headers["location"]
        while client.get(where).json()["state"] != "waiting":
            time.sleep(0.05)
        asked = client.get("/api/approvals", params={"order": "newest"}).json()
        return next(each for each in asked if where.endswith(each["run_id"]))


def shown(site: Served, approval_id: str) -> dict[str, Any]:
    with site.client("owner") as client:
        found: dict[str, Any] = client.get(f"/api/approvals/{approval_id}").json()
        return found


def opened(page: Any, question: dict[str, Any]) -> None:
    """Wait until that question is the one that is open."""
    page.locator(
        f'.inbox-row[aria-current=true]:has([data-testid="open-{question["id"]}"])'
    ).wait_for()


def test_deciding_with_the_keyboard_alone(site: Served, visit: Any) -> None:
    page = visit(site, "/sign-in?next=/inbox")
    sign_in(page)
    page.get_by_text("Nothing waits for you").wait_for()
    first = ask(site, "consult", name="<i>Ada</i>")
    second = ask(site)
    page.get_by_test_id(f"open-{second['id']}").wait_for()  # it came while the page was open
    opened(page, first)
    page.keyboard.press("?")
    page.get_by_test_id("help").wait_for()
    page.keyboard.press("Escape")
    page.get_by_test_id("help").wait_for(state="detached")
    page.keyboard.press("j")
    opened(page, second)
    page.keyboard.press("k")
    opened(page, first)
    assert "May <i>Ada</i> be greeted?" in page.get_by_test_id("approval").inner_text()
    page.keyboard.press("j")
    opened(page, second)
    assert page.locator("mark").inner_text() == "idiot"

    page.keyboard.press("e")
    page.wait_for_function("document.activeElement.tagName == 'TEXTAREA'")
    page.keyboard.press("End")
    page.keyboard.type(" Have a voucher, j k 1 a.")
    page.locator("ins", has_text="voucher").wait_for()
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement.tagName != 'TEXTAREA'")
    page.keyboard.press("2")
    page.locator("[data-choice='1']:focus").wait_for()
    assert shown(site, second["id"])["state"] == "open"  # picked is not decided
    page.keyboard.press("a")
    page.locator("[data-choice='0']:focus").wait_for()
    page.keyboard.press("Enter")
    opened(page, first)
    decided = shown(site, second["id"])
    assert (decided["choice"], decided["way"], decided["decided_by_name"]) == (
        "send",
        "console",
        "Olga",
    )
    assert decided["text"].endswith("courier. Have a voucher, j k 1 a.")
    page.keyboard.press("r")
    page.locator("[data-choice='1']:focus").wait_for()
    page.keyboard.press("Enter")
    page.get_by_text("Nothing waits for you").wait_for()
    assert shown(site, first["id"])["choice"] == "no"


def test_putting_it_to_somebody_else_by_keyboard_and_reading_its_history(
    site: Served, visit: Any
) -> None:
    question = ask(site)
    page = visit(site, f"/sign-in?next=/inbox%3Fapproval%3D{question['id']}")
    sign_in(page)
    opened(page, question)
    page.keyboard.press("t")
    page.get_by_test_id("send").wait_for()
    tab_to(page, "to-whom")
    page.keyboard.type("Rita")
    page.locator(".q-item", has_text="Rita").wait_for()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    tab_to(page, "note")
    page.keyboard.type("You know the courier")
    tab_to(page, "send")
    page.keyboard.press("Enter")
    page.get_by_text("Nothing waits for you").wait_for()
    assert shown(site, question["id"])["to_name"] == "Rita"
    page.goto(site.url + f"/inbox?approval={question['id']}")
    live(page)

    rita = visit(site, "/sign-in?next=/inbox")
    sign_in(rita, email="rita@example.org")
    opened(rita, question)
    rita.keyboard.press("h")
    history = rita.get_by_test_id("history")
    history.get_by_text("You know the courier").wait_for()
    assert "Put to somebody else, by Olga" in history.inner_text()
    rita.keyboard.press("r")
    rita.locator("[data-choice='2']:focus").wait_for()
    rita.keyboard.press("Enter")
    rita.get_by_text("Nothing waits for you").wait_for()


def test_what_others_decide_shows_and_what_was_typed_stays(site: Served, visit: Any) -> None:
    question = ask(site, role="reviewer", people=2)
    page = visit(site, "/sign-in?next=/inbox")
    sign_in(page)
    opened(page, question)
    page.get_by_test_id("reason").fill("still thinking")
    page.locator("textarea").first.fill("Half a sentence")
    rita = visit(site, "/sign-in?next=/inbox")
    sign_in(rita, email="rita@example.org")
    opened(rita, question)
    rita.keyboard.press("1")
    rita.locator("[data-choice='0']:focus").wait_for()
    rita.keyboard.press("Enter")
    page.get_by_test_id("votes").get_by_text("Rita chose “Send”").wait_for()
    assert page.locator("textarea").first.input_value() == "Half a sentence"
    assert page.get_by_test_id("reason").input_value() == "still thinking"
    with site.client("owner") as client:
        client.post(f"/api/approvals/{question['id']}", json={"choice": "send"})
    page.get_by_test_id("ending").wait_for()
    assert "owner chose “Send” over the API" in page.get_by_test_id("ending").inner_text()
    assert page.get_by_test_id("decide-send").count() == 0


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_on_a_phone_the_question_takes_the_place_of_the_queue(
    site: Served, visit: Any, theme: str
) -> None:
    question = ask(site)
    page = visit(
        site,
        "/sign-in?next=/inbox",
        viewport={"width": 390, "height": 844},
        color_scheme=theme,
    )
    sign_in(page)
    assert page.get_by_test_id("approval").is_hidden()
    page.get_by_test_id(f"open-{question['id']}").click()
    page.get_by_test_id("approval").wait_for()
    assert page.get_by_test_id("queue").is_hidden()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.get_by_test_id("back").click()
    page.get_by_test_id("queue").wait_for()
    page.get_by_test_id(f"open-{question['id']}").click()
    page.get_by_test_id("decide-send").click()
    page.get_by_text("Nothing waits for you").wait_for()
    assert shown(site, question["id"])["choice"] == "send"
    assert EMAIL.startswith(shown(site, question["id"])["decided_by_name"].lower())
