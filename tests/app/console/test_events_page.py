"""The events page in a real browser: the log as it grows, a webhook from adding to replay, who sees it."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from stoa.base.identity.caller import Role
from tests.app.console.served import Served, served
from tests.app.console.test_browser import live, sign_in
from tests.core.events.receiver import Receiver, receiving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The example solution, whose webhooks may reach this machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STOA_WEBHOOK_PRIVATE", "true")
        with served(tmp_path_factory.mktemp("events"), "--example", "--people") as running:
            yield running


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as made:
        yield made


def send(site: Served, id_: str, type_: str, data: Any) -> None:
    event = {"specversion": "1.0", "id": id_, "source": "/shop", "type": type_, "data": data}
    with site.client("owner", **{"Content-Type": "application/cloudevents+json"}) as client:
        assert client.post("/api/events", content=json.dumps(event)).status_code == 202


def look(page: Any, folder: Path, name: str) -> None:
    page.wait_for_timeout(300)
    page.screenshot(path=folder / f"{name}.png", full_page=True)


def test_a_webhook_from_its_adding_to_the_replay(
    site: Served, visit: Any, receiver: Receiver, tmp_path: Path
) -> None:
    page = visit(site, "/events?show=webhooks")
    sign_in(page)
    page.get_by_text("Nobody is told yet").wait_for()
    look(page, tmp_path, "empty")
    page.get_by_test_id("add-webhook").click()
    page.get_by_label("Address").fill("http://user:word@127.0.0.1/")
    page.get_by_test_id("webhook-add").click()
    page.get_by_text("carries a user name").wait_for()
    page.get_by_label("Address").fill(f"{receiver.url}/fail")
    page.get_by_label("Event types").fill("review.*, order.*")
    page.get_by_label("Title", exact=True).fill("Shop front")
    page.get_by_test_id("webhook-add").click()
    assert page.get_by_test_id("secret").inner_text().startswith("whsec_")
    page.keyboard.press("Escape")
    page.get_by_test_id("webhook").get_by_text("Active").wait_for()

    page.get_by_test_id("tab-log").click()
    send(site, "1", "review.written", {"text": "<b>Good</b> ☂", "stars": 5})
    page.get_by_test_id("event").get_by_text("review.written").wait_for()
    receiver.wait(1)
    look(page, tmp_path, "log")
    page.get_by_role("link", name="review.written").click()
    page.get_by_test_id("deliveries").get_by_text("It answered 500.").wait_for()
    page.get_by_text("<b>Good</b> ☂").first.wait_for()
    look(page, tmp_path, "event")
    page.goto(f"{site.url}/events")
    live(page)

    receiver.answers["/fail"] = 410
    send(site, "2", "order.placed", {"number": 7})
    page.get_by_test_id("tab-webhooks").click()
    with site.client("owner") as client:
        while client.get("/api/events/subscriptions").json()[0]["active"]:
            pass
    page.get_by_test_id("tab-dead").click()
    page.get_by_test_id("dead-letters").get_by_text("410").wait_for()
    look(page, tmp_path, "dead")
    page.get_by_test_id("tab-webhooks").click()
    page.get_by_text("It answered 410 Gone.").wait_for()
    look(page, tmp_path, "webhooks")
    receiver.answers["/fail"] = 204
    receiver.received.clear()
    page.get_by_test_id("switch").click()
    page.get_by_test_id("webhook").get_by_text("Active").wait_for()
    page.get_by_test_id("tab-dead").click()
    page.get_by_test_id("replay-all").click()
    page.get_by_test_id("confirm-yes").click()
    page.get_by_text("No dead letters").wait_for()
    receiver.wait(2)
    assert receiver.ids().keys() == {"1", "2"}
    assert page.get_by_test_id("empty").count() >= 1
    page.get_by_test_id("tab-log").click()
    page.get_by_text("Told 1").first.wait_for()


def test_on_a_phone_and_in_the_dark(site: Served, visit: Any, tmp_path: Path) -> None:
    send(site, "phone", "a.rather.long.type.of.event.that.wraps.on.a.phone", {"n": 1})
    page = visit(site, "/events", viewport={"width": 390, "height": 800}, color_scheme="dark")
    sign_in(page)
    live(page)
    page.get_by_test_id("events").wait_for()
    wide = page.evaluate("document.documentElement.scrollWidth > innerWidth + 1")
    assert not wide, "nothing sticks out to the side"
    look(page, tmp_path, "phone")


def test_a_member_does_not_see_events(site: Served, visit: Any) -> None:
    workspace = site.whoami("owner")["workspace_id"]
    site.add_member(workspace, "mia@example.org", Role.MEMBER)
    page = visit(site, "/")
    sign_in(page, "mia@example.org")
    assert page.get_by_test_id("navigation").get_by_text("Events").count() == 0
    visit.troubles.clear()
    page.goto(f"{site.url}/events")
    page.get_by_text("Events are for owners and editors.").wait_for()
    visit.troubles.clear()  # the browser notes the 403 itself
