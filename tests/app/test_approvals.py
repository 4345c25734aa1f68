"""Approvals over HTTP: the routes of programs, and the pages behind the links of e-mails."""

import re
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from stoa.base.identity.caller import Role
from stoa.base.settings import Settings
from tests.app.example import EXAMPLE
from tests.app.live import PASSWORD, LiveSite, live_site
from tests.mail_server import MailServer, links, mail_server, part

_LINK = re.compile(r"https?://[^\s\"'<>]+")


@pytest.fixture(scope="module")
def server() -> Iterator[MailServer]:
    with mail_server() as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, server: MailServer) -> Iterator[LiveSite]:
    """The example solution, with a mail server, and Rita and Rex, who review."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stoa.wiring.solutions", lambda: [EXAMPLE])
        settings = Settings.load(
            home=tmp_path_factory.mktemp("home"),
            smtp_url=server.url,
            mail_from="stoa@example.org",
        )
        with live_site(settings) as running:
            add(running, "rita@example.org")
            add(running, "rex@example.org")
            yield running


def add(site: LiveSite, email: str) -> str:
    """A reviewer who can sign in."""

    async def work() -> str:
        accounts = site.site.dispatcher.platform.accounts
        user = await accounts.create_user(email, email.partition("@")[0].title(), PASSWORD)
        await accounts.set_member(None, site.site.owner.workspace_id, user.id, Role.REVIEWER)
        return user.id

    return str(run(work))


def run(work: Callable[[], Any]) -> Any:
    """Run a coroutine in a loop of its own."""
    import asyncio  # noqa: PLC0415 - only here

    return asyncio.run(work())


def ask(client: httpx.Client, **request: Any) -> dict[str, Any]:
    """Have a question asked; as the owner sees it."""
    before = {each["id"] for each in client.get("/api/approvals").json()}
    started = client.post("/api/example/deliberate", json=request)
    assert started.status_code == 202, started.text
    while True:
        for each in client.get("/api/approvals").json():
            run_id = started.headers["location"].rpartition("/")[2]
            waits = client.get(f"/api/runs/{run_id}").json()["state"] == "waiting"
            if each["id"] not in before and each["run_id"] == run_id and waits:
                return dict(each)
        time.sleep(0.02)


def letter(server: MailServer, address: str, question: dict[str, Any]) -> EmailMessage:
    """The letter about that question to that address, once it is there."""
    while True:
        for each in server.to(address):
            if question["id"] in part(each, "plain"):  # others may still be on their way
                return each
        time.sleep(0.02)


def path_of(link: str) -> str:
    return urlsplit(link).path


class _Page(HTMLParser):
    """What a page would load or run, and where its forms go."""

    def __init__(self) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.forms: list[dict[str, str | None]] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        if tag in {"script", "img", "iframe", "link", "object", "embed"} or "src" in given:
            self.loads.append(tag)
        self.loads += [name for name in given if name.startswith("on")]
        if tag == "form":
            self.forms.append(given)


def check_page(answer: httpx.Response) -> _Page:
    """Every page behind a link keeps to itself."""
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["referrer-policy"] == "no-referrer"
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "script-src" not in policy
    assert "unsafe" not in policy
    page = _Page()
    page.feed(answer.text)
    assert page.loads == []
    return page


def test_a_scanner_that_follows_every_link_decides_nothing(
    site: LiveSite, server: MailServer
) -> None:
    with site.client() as client, site.client(None) as scanner:
        question = ask(client, role="reviewer")
        letters = [letter(server, f"{name}@example.org", question) for name in ("rita", "rex")]
        found = {
            link
            for each in letters
            for kind in ("plain", "html")
            for link in _LINK.findall(part(each, kind))
        }
        assert len([link for link in found if "/decide/" in link]) == 6
        for link in sorted(found) * 2:
            scanned = scanner.head(path_of(link)), scanner.get(path_of(link))
            if "/decide/" not in link:
                continue  # the inbox: a page of the console, which needs a session
            assert [each.status_code for each in scanned] == [200, 200]
            inside = check_page(scanned[1])
            assert [each["method"] for each in inside.forms] == ["post"]
            assert not scanner.cookies
        assert client.get(f"/api/approvals/{question['id']}").json()["state"] == "open"
        assert client.get(f"/api/approvals/{question['id']}").json() == question
        history = client.get(f"/api/approvals/{question['id']}/history").json()
        assert [each["action"] for each in history] == ["asked"]


def test_confirming_with_a_changed_text_and_clicking_again(
    site: LiveSite, server: MailServer
) -> None:
    with site.client() as client, site.client(None) as browser:
        question = ask(client, role="reviewer", review="<b>You idiot</b>")
        of_rita = links(letter(server, "rita@example.org", question))
        of_rex = links(letter(server, "rex@example.org", question))
        page = browser.get(path_of(of_rita["Send"]))
        assert "&lt;b&gt;You <mark>idiot</mark>&lt;/b&gt;" in page.text
        form = check_page(page).forms[0]
        assert form["action"] == path_of(of_rita["Send"])
        done = browser.post(str(form["action"]), data={"text": "Dear you,\r\nthank you."})
        check_page(done)
        assert done.status_code == 200
        assert "Thank you, Rita" in done.text
        ended = client.get(f"/api/runs/{question['run_id']}/events") and client.get(
            f"/api/runs/{question['run_id']}"
        )
        assert ended.json()["result"] == {"text": "send: Dear you,\nthank you."}
        shown = client.get(f"/api/approvals/{question['id']}").json()
        assert (shown["decided_by_name"], shown["way"]) == ("Rita", "email")

        for method in ("GET", "POST"):
            same = browser.request(method, path_of(of_rita["Send"]))
            assert same.status_code == 200
            assert "You chose “Send” on" in same.text
            other = browser.request(method, path_of(of_rita["Reject"]))
            assert other.status_code == 409
            assert "You chose “Send” on" in other.text
            late = browser.request(method, path_of(of_rex["Reject"]))
            assert late.status_code == 409
            assert "Rita chose “Send” on" in late.text
            for answer in (same, other, late):
                assert "Nothing was changed." in answer.text
                assert check_page(answer).forms == []
        assert client.get(f"/api/approvals/{question['id']}").json() == shown


def test_each_link_that_is_no_good_has_its_own_page(site: LiveSite, server: MailServer) -> None:
    with site.client() as client, site.client(None) as browser:
        question = ask(client, role="reviewer")
        other = ask(client)
        good = path_of(links(letter(server, "rita@example.org", question))["Send"])
        body, _, signature = good.rpartition(".")
        token = good.rpartition("/")[2]
        cases = (
            (good[:-2], 400, "not complete"),
            (f"{body}.{signature[::-1]}", 403, "not made here"),
            (f"/decide/{other['id']}/{token}", 404, "not valid here"),
            (f"/decide/approval_none/{token}", 404, "not valid here"),
        )
        titles = set()
        for path, status, words in cases:
            for method in ("GET", "POST"):
                answer = browser.request(method, path)
                assert answer.status_code == status, path
                assert words in answer.text
                check_page(answer)
                assert question["question"] not in answer.text
            titles.add(words)
        existing, absent = (browser.get(cases[place][0]) for place in (2, 3))
        assert existing.text == absent.text  # an id that exists looks like one that does not
        assert len(titles) == 3

        browser.post(
            "/sign-in",
            data={"email": "rex@example.org", "password": PASSWORD},
            headers={"Origin": site.url},
        )
        foreign = browser.post(good)
        assert foreign.status_code == 403
        assert "sent to somebody else" in foreign.text
        browser.cookies.clear()
        client.post(f"/api/runs/{question['run_id']}/cancel")
        gone = browser.post(good)
        assert (gone.status_code, "cancelled" in gone.text) == (410, True)
        assert client.get(f"/api/approvals/{question['id']}").json()["state"] == "withdrawn"


def test_a_text_that_is_too_long_is_refused_and_decides_nothing(
    site: LiveSite, server: MailServer
) -> None:
    with site.client() as client, site.client(None) as browser:
        question = ask(client, role="reviewer")
        good = path_of(links(letter(server, "rita@example.org", question))["Send"])
        for text, status in (("x" * 1_000_001, 422), ("x" * 12_000_001, 413)):
            answer = browser.post(good, data={"text": text})
            assert answer.status_code == status
            assert "Nothing was changed." in answer.text
            check_page(answer)
        assert client.get(f"/api/approvals/{question['id']}").json()["state"] == "open"


def test_two_people_by_e_mail(site: LiveSite, server: MailServer) -> None:
    with site.client() as client, site.client(None) as browser:
        question = ask(client, role="reviewer", people=2)
        of_rita = links(letter(server, "rita@example.org", question))
        of_rex = links(letter(server, "rex@example.org", question))
        first = browser.post(path_of(of_rita["Send"]), data={"text": "Thanks."})
        assert "One more person must agree" in first.text
        assert browser.post(path_of(of_rita["Reject"])).status_code == 409
        page = browser.get(path_of(of_rex["Send"]))
        assert "Rita chose “Send”" in page.text
        assert ">\nThanks.</textarea>" in page.text
        assert "the work goes on" in browser.post(path_of(of_rex["Send"])).text
        shown = client.get(f"/api/approvals/{question['id']}").json()
        assert (shown["choice"], shown["text"], len(shown["votes"])) == ("send", "Thanks.", 2)


def test_programs_list_reassign_and_read_the_history(site: LiveSite, server: MailServer) -> None:
    with site.client() as client, site.client("stranger") as stranger:
        question = ask(client, role="reviewer")
        where = f"/api/approvals/{question['id']}"
        members = site.site.dispatcher.platform.accounts
        rex = run(lambda: members.user_by_email("rex@example.org")).id
        for body, status in (
            ({}, 422),
            ({"to_role": "owner", "to_user": rex}, 422),
            ({"to_user": "user_none"}, 422),
            ({"to_role": "king"}, 422),
            ({"to_user": rex, "note": "x" * 2_001}, 422),
        ):
            refused = client.post(f"{where}/reassign", json=body)
            assert refused.status_code == status
            assert refused.headers["content-type"] == "application/problem+json"
        for path, method in (("", "GET"), ("/history", "GET"), ("/reassign", "POST")):
            given = {"to_role": "owner"} if method == "POST" else None
            assert stranger.request(method, where + path, json=given).status_code == 404
        moved = client.post(f"{where}/reassign", json={"to_user": rex, "note": "Yours"})
        assert (moved.json()["to_user"], moved.json()["to_name"]) == (rex, "Rex")
        assert client.post(where, json={"choice": "send"}).status_code == 403
        assert client.get("/api/approvals", params={"mine": True}).json() == []
        actions = [each["action"] for each in client.get(f"{where}/history").json()]
        assert actions == ["asked", "reassigned"]
        back = client.post(f"{where}/reassign", json={"to_role": "owner"})
        assert back.json()["may_decide"] is True
        counts = client.get("/api/approvals/count").json()
        assert counts["by_solution"]["example"] == counts["waiting"] >= 1
        decided = client.post(where, json={"choice": "send", "reason": "Fine"})
        assert (decided.json()["reason"], decided.json()["way"]) == ("Fine", "api")
        found = client.get(
            "/api/approvals", params={"state": "decided", "solution": "example", "role": "owner"}
        )
        assert question["id"] in {each["id"] for each in found.json()}
        assert stranger.get("/api/approvals", params={"state": "decided"}).json() == []


def test_members_choose_whether_they_get_e_mails(site: LiveSite) -> None:
    with site.client() as client:
        assert client.get("/api/approvals/mail").json() == {"by_mail": True}
        assert client.put("/api/approvals/mail", json={"by_mail": False}).status_code == 200
        assert client.get("/api/approvals/mail").json() == {"by_mail": False}
        client.put("/api/approvals/mail", json={"by_mail": True})
        assert client.get("/api/approvals/letters").json() == []
        assert client.post("/api/approvals/letters/letter_none/retry").status_code == 404
    with site.client("member") as member:
        assert member.get("/api/approvals/letters").status_code == 403


def test_guessing_links_is_slowed_down_and_hurts_nobody_else(
    site: LiveSite, server: MailServer
) -> None:
    with site.client() as client, site.client(None) as browser:
        question = ask(client, role="reviewer")
        good = path_of(links(letter(server, "rita@example.org", question))["Send"])
        statuses = []
        for n in range(120):  # twice the limit: the window of time may end on the way
            wrong = f"/decide/approval_{n}/{'x' * 60}.{'y' * 43}"
            statuses.append(browser.get(wrong).status_code)
            if statuses[-1] != 403:
                break
        assert statuses[0] == 403
        assert statuses[-1] == 429
        assert browser.get(good).status_code == 200  # one with a true link gets in all the same
        signed_in = browser.post(
            "/sign-in",
            data={"email": "rita@example.org", "password": PASSWORD},
            headers={"Origin": site.url},
        )
        assert signed_in.status_code == 303
