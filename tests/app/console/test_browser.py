"""The console in a real browser over the example solution: every page by what a person sees."""

from typing import Any

import pytest

from stoa.base.identity.caller import Role
from tests.app.console.served import Served
from tests.app.live import PASSWORD

pytestmark = pytest.mark.slow
EMAIL = "olga@example.org"
PAGES = (
    "/",
    "/solutions/example",
    "/solutions/example/operations/greet",
    "/runs",
    "/inbox",
    "/events",
    "/connect",
    "/settings/members",
    "/settings/keys",
    "/settings/usage",
    "/settings/audit",
)


def sign_in(page: Any, email: str = EMAIL, password: str = PASSWORD) -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password").fill(password)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    if "/sign-in" not in page.url:
        live(page)


def live(page: Any) -> None:
    """Wait until the page hears its server: clicks before that are lost."""
    page.wait_for_selector("html[data-live]")


def tab_to(page: Any, test_id: str, most: int = 80) -> None:
    """Press Tab until that widget, or something in it, has the focus."""
    script = f"!!document.activeElement?.closest('[data-testid=\"{test_id}\"]')"
    for _ in range(most):
        page.keyboard.press("Tab")
        if page.evaluate(script):
            return
    raise AssertionError(f"{test_id} can't be reached by keyboard")


def test_wrong_password_then_right_one(example_site: Served, visit: Any) -> None:
    page = visit(example_site, "/runs")
    sign_in(page, password="not this one")
    assert "wrong" in page.get_by_test_id("error").inner_text()
    assert page.get_by_label("E-mail").input_value() == EMAIL
    visit.troubles.clear()  # the browser notes the 401 itself
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_test_id("submit").click()
    page.get_by_role("heading", name="Runs").wait_for()
    assert page.url.endswith("/runs")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_page_opens_on_a_phone_without_scrolling_sideways(
    example_site: Served, visit: Any, theme: str
) -> None:
    page = visit(
        example_site, "/sign-in", viewport={"width": 390, "height": 844}, color_scheme=theme
    )
    sign_in(page)
    for path in PAGES:
        page.goto(example_site.url + path)
        page.get_by_test_id("phone-bar").wait_for()
        live(page)
        width = page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390, (path, width)
    page.get_by_test_id("menu").click()
    page.get_by_test_id("navigation").get_by_role("link", name="Inbox").click()
    page.get_by_role("heading", name="Inbox").wait_for()


def test_an_operation_by_its_generated_form(example_site: Served, visit: Any) -> None:
    page = visit(example_site, "/sign-in")
    sign_in(page)
    page.get_by_test_id("solution-example").click()
    page.get_by_test_id("operation-greet").click()
    page.wait_for_url("**/greet")
    live(page)
    page.get_by_test_id("run-operation").click()
    page.get_by_test_id("error").wait_for()
    assert "1 character" in page.get_by_test_id("field-name").inner_text()
    page.get_by_test_id("input-name").fill("<b>Ada</b>")
    page.get_by_test_id("input-times").fill("2")
    page.get_by_test_id("run-operation").click()
    result = page.get_by_test_id("result")
    result.wait_for()
    assert "Hello <b>Ada</b>! Hello <b>Ada</b>!" in result.inner_text()
    assert page.get_by_test_id("error").count() == 0


def test_an_upload_in_a_form_and_a_refused_one(example_site: Served, visit: Any) -> None:
    page = visit(example_site, "/sign-in?next=/solutions/example/operations/weigh")
    sign_in(page)
    page.get_by_test_id("upload-input").first.set_input_files(
        [
            {
                "name": "<img src=x onerror=alert(1)>.txt",
                "mimeType": "text/plain",
                "buffer": b"four",
            },
            {"name": "b.txt", "mimeType": "text/plain", "buffer": b"seven!!"},
        ]
    )
    page.get_by_label("Remove b.txt").wait_for()
    page.get_by_test_id("run-operation").click()
    page.get_by_test_id("result").wait_for()
    shown = page.get_by_test_id("result").inner_text()
    assert "11" in shown
    assert "<img src=x onerror=alert(1)>.txt" in shown


def test_a_durable_run_shows_its_steps_live_and_its_end(example_site: Served, visit: Any) -> None:
    page = visit(example_site, "/sign-in?next=/solutions/example/operations/count")
    sign_in(page)
    page.get_by_test_id("input-to").fill("4")
    page.get_by_test_id("input-pause").fill("0.3")
    page.get_by_test_id("run-operation").click()
    page.wait_for_url("**/runs/run_*")
    page.get_by_test_id("timeline").get_by_text("at 2").wait_for()
    page.get_by_test_id("result").wait_for()
    assert "10" in page.get_by_test_id("result").inner_text()
    assert page.get_by_test_id("run-progress").is_hidden()
    page.goto(example_site.url + "/runs")
    assert page.get_by_test_id("runs").get_by_text("Example: count").first.is_visible()


def test_cancelling_and_resuming_a_run(example_site: Served, visit: Any) -> None:
    page = visit(example_site, "/sign-in?next=/solutions/example/operations/count")
    sign_in(page)
    page.get_by_test_id("input-to").fill("30")
    page.get_by_test_id("input-pause").fill("0.2")
    page.get_by_test_id("run-operation").click()
    page.wait_for_url("**/runs/run_*")
    live(page)
    page.get_by_test_id("cancel").click()
    page.get_by_test_id("confirm-yes").click()
    page.get_by_test_id("resume").click()
    page.get_by_test_id("cancel").wait_for()


def test_a_failed_run_says_what_to_do(example_site: Served, visit: Any) -> None:
    page = visit(example_site, "/sign-in?next=/solutions/example/operations/count")
    sign_in(page)
    page.get_by_test_id("input-to").fill("3")
    page.get_by_test_id("input-fail_at").fill("2")
    page.get_by_test_id("run-operation").click()
    page.get_by_test_id("error").wait_for()
    assert "Count elsewhere." in page.get_by_test_id("error").inner_text()


def test_a_key_is_shown_once_works_and_can_be_revoked(example_site: Served, visit: Any) -> None:
    page = visit(example_site, "/sign-in?next=/settings/keys")
    sign_in(page)
    page.get_by_test_id("new-key").click()
    page.get_by_test_id("key-name").fill("nightly job")
    page.get_by_test_id("make-key").click()
    secret = page.get_by_test_id("secret").inner_text()
    with example_site.client(None, Authorization=f"Bearer {secret}") as program:
        assert program.get("/api/whoami").status_code == 200
        page.reload()
        live(page)
        page.get_by_text("nightly job").wait_for()
        assert secret not in page.content()
        page.get_by_test_id("keys").get_by_role("listitem").filter(
            has_text="nightly job"
        ).get_by_test_id("revoke").click()
        page.get_by_test_id("confirm-yes").click()
        page.get_by_text("Revoked").first.wait_for()
        assert program.get("/api/whoami").status_code == 401


def test_inviting_a_member(example_site: Served, visit: Any) -> None:
    page = visit(example_site, "/sign-in?next=/settings/members")
    sign_in(page)
    page.get_by_test_id("add-member").click()
    page.get_by_test_id("new-email").fill("nils@example.org")
    page.get_by_test_id("add").click()
    link = page.get_by_test_id("invitation").inner_text()
    guest = visit(example_site, link.removeprefix(example_site.url))
    guest.get_by_label("Password").fill("a calm brown river")
    guest.get_by_test_id("submit").click()
    guest.get_by_test_id("person").wait_for()
    assert guest.get_by_test_id("navigation").get_by_text("Members").count() == 0


def test_an_open_page_does_nothing_after_the_session_has_ended(
    example_site: Served, visit: Any
) -> None:
    page = visit(example_site, "/sign-in?next=/solutions/example/operations/greet")
    sign_in(page)
    page.get_by_test_id("input-name").fill("Ada")
    user = example_site.whoami("owner")["user_id"]
    example_site.operate(lambda accounts: accounts.sign_out_everywhere(user))
    page.get_by_test_id("run-operation").click()
    page.wait_for_url("**/sign-in")


def test_a_role_taken_away_counts_on_an_open_page(example_site: Served, visit: Any) -> None:
    ours = example_site.whoami("owner")["workspace_id"]
    user = example_site.add_member(ours, "ed@example.org", Role.EDITOR)
    page = visit(example_site, "/sign-in?next=/solutions/example/operations/rule")
    sign_in(page, "ed@example.org")
    page.get_by_test_id("run-operation").click()
    page.get_by_test_id("result").wait_for()
    example_site.operate(lambda accounts: accounts.set_member(None, ours, user, Role.MEMBER))
    page.get_by_test_id("run-operation").click()
    page.get_by_test_id("error").wait_for()
    assert "you are member" in page.get_by_test_id("error").inner_text()


def test_the_theme_follows_the_system_until_chosen_and_is_remembered(
    example_site: Served, visit: Any
) -> None:
    page = visit(example_site, "/sign-in", color_scheme="dark")
    theme = "document.documentElement.dataset.theme"
    assert page.evaluate(theme) == "dark"
    sign_in(page)
    page.get_by_test_id("person").click()
    page.get_by_test_id("theme-light").click()
    assert page.evaluate(theme) == "light"
    page.reload()
    page.get_by_test_id("person").wait_for()
    assert page.evaluate(theme) == "light"
    assert page.evaluate("Quasar.Dark.isActive") is False


def test_a_form_by_keyboard_only(example_site: Served, visit: Any) -> None:
    page = visit(example_site, "/sign-in")
    page.keyboard.type(EMAIL)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.get_by_test_id("person").wait_for()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the page"
    page.keyboard.press("Enter")
    tab_to(page, "solution-example")
    page.keyboard.press("Enter")
    page.get_by_test_id("operations-list").wait_for()
    tab_to(page, "operation-greet")
    page.keyboard.press("Enter")
    page.get_by_test_id("field-name").wait_for()
    live(page)
    tab_to(page, "input-name")
    page.keyboard.type("Ada")
    tab_to(page, "run-operation")
    outline = "getComputedStyle(document.activeElement).outlineStyle"
    assert page.evaluate(outline) == "solid"
    page.keyboard.press("Enter")
    page.get_by_test_id("result").wait_for()


def test_signing_out_from_the_menu(example_site: Served, visit: Any) -> None:
    page = visit(example_site, "/sign-in")
    sign_in(page)
    page.get_by_test_id("person").click()
    page.get_by_test_id("sign-out").click()
    page.get_by_role("heading", name="Sign in").wait_for()
