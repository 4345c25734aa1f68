"""Signing in at the console: plain forms, one cookie, and nothing given away."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from stoa.app.callers import SESSION_COOKIE
from stoa.app.console.sign_in import local_path
from stoa.base.identity.caller import Role
from tests.app.console.served import Served, served
from tests.app.live import PASSWORD

OURS = {"Sec-Fetch-Site": "same-origin", "Accept": "text/html"}
RIGHT = {"email": "olga@example.org", "password": PASSWORD, "next": "/runs"}


def browser(example_site: Served) -> httpx.Client:
    """A visitor that is not signed in."""
    return example_site.client(None, **OURS)


@contextmanager
def signed_in(example_site: Served) -> Iterator[httpx.Client]:
    """A visitor that is signed in as the owner."""
    with browser(example_site) as visitor:
        visitor.post("/sign-in", data=RIGHT)
        yield visitor


@pytest.mark.parametrize(
    ("path", "goes"),
    [
        ("/", "/sign-in"),
        ("/runs", "/sign-in?next=%2Fruns"),
        ("/solutions/example?a=b", "/sign-in?next=%2Fsolutions%2Fexample%3Fa%3Db"),
        ("/settings/members", "/sign-in?next=%2Fsettings%2Fmembers"),
    ],
)
def test_no_page_is_built_for_nobody(example_site: Served, path: str, goes: str) -> None:
    with browser(example_site) as visitor:
        answer = visitor.get(path)
    assert (answer.status_code, answer.headers["location"]) == (303, goes)


def test_signing_in_sets_one_cookie_that_scripts_cannot_read(example_site: Served) -> None:
    with browser(example_site) as visitor:
        answer = visitor.post("/sign-in", data=RIGHT)
        assert (answer.status_code, answer.headers["location"]) == (303, "/runs")
        cookie = answer.headers["set-cookie"]
        assert SESSION_COOKIE in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=lax" in cookie
        assert (visitor.get("/")).status_code == 200


def test_wrong_password_and_unknown_user_read_the_same(example_site: Served) -> None:
    with browser(example_site) as visitor:
        wrong = visitor.post("/sign-in", data=RIGHT | {"password": "not this one"})
        unknown = visitor.post(
            "/sign-in", data=RIGHT | {"email": "olga@example.com", "password": "not this one"}
        )
    assert wrong.status_code == unknown.status_code == 401
    assert 'role="alert"' in wrong.text
    assert wrong.text.replace("olga@example.org", "") == unknown.text.replace(
        "olga@example.com", ""
    )
    assert "not this one" not in wrong.text


def test_what_is_typed_comes_back_escaped(example_site: Served) -> None:
    with browser(example_site) as visitor:
        answer = visitor.post(
            "/sign-in", data={"email": '"><script>alert(1)</script>', "password": "x"}
        )
    assert "<script>alert(1)" not in answer.text


def test_a_form_that_another_site_submits_is_refused(example_site: Served) -> None:
    with example_site.client(None, **{"Sec-Fetch-Site": "cross-site"}) as visitor:
        answer = visitor.post("/sign-in", data=RIGHT)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


def test_signing_out_ends_the_session_on_the_server(example_site: Served) -> None:
    with signed_in(example_site) as visitor:
        token = visitor.cookies[SESSION_COOKIE]
        assert (visitor.post("/sign-out")).status_code == 303
        visitor.cookies.set(SESSION_COOKIE, token)
        assert (visitor.get("/")).headers["location"] == "/sign-in"


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example",
        "https://evil.example/",
        "/\\evil.example",
        "javascript:alert(1)",
        "",
        "/a\r\nSet-Cookie: a=b",
    ],
)
def test_after_signing_in_one_stays_here(path: str) -> None:
    assert local_path(path) == "/"
    assert local_path("/runs/run_1?x=1") == "/runs/run_1?x=1"


def test_the_setup_link_works_once(tmp_path: Path) -> None:
    with served(tmp_path / "home", "--example") as fresh:
        token = fresh.operate(lambda accounts: accounts.setup_token())
        given = {"workspace": "Ours", "name": "Ada", "email": "ada@example.org"}
        short, good = given | {"password": "short"}, given | {"password": PASSWORD}
        with browser(fresh) as visitor:
            assert "Nobody can sign in yet" in visitor.get("/sign-in").text
            assert visitor.get(f"/setup/{token}").status_code == 200
            assert visitor.post(f"/setup/{token}", data=short).status_code == 422
            assert visitor.post(f"/setup/{token}", data=good).status_code == 303
            assert visitor.get("/").status_code == 200
            assert visitor.post(f"/setup/{token}", data=good).status_code == 404
            assert visitor.get("/setup/forged").status_code == 404


def test_an_invitation_sets_a_password_once(example_site: Served) -> None:
    ours = example_site.whoami("owner")["workspace_id"]
    user = example_site.add_member(ours, "mia@example.org", Role.MEMBER)
    token = example_site.operate(lambda accounts: accounts.password_token(user))
    with browser(example_site) as visitor:
        chosen = {"password": "a calm brown river"}
        assert (visitor.get(f"/password/{token}")).status_code == 200
        assert (visitor.post(f"/password/{token}", data=chosen)).status_code == 303
        assert (visitor.post(f"/password/{token}", data=chosen)).status_code == 404


def test_another_workspace_is_not_there(example_site: Served) -> None:
    with signed_in(example_site) as visitor:
        theirs = example_site.whoami("stranger")["workspace_id"]
        answer = visitor.post("/workspace", data={"workspace": theirs})
    assert answer.status_code == 404


def test_unknown_addresses_answer_in_the_form_that_is_asked_for(example_site: Served) -> None:
    with signed_in(example_site) as visitor:
        page = visitor.get("/nowhere")
        data = visitor.get("/api/nowhere/at/all")
    assert (page.status_code, data.status_code) == (404, 404)
    assert page.headers["content-type"].startswith("text/html")
    assert data.headers["content-type"].startswith("application/problem+json")


def test_the_page_of_another_workspaces_run_does_not_exist(example_site: Served) -> None:
    with example_site.client("stranger") as stranger:
        run = stranger.post("/api/example/count", json={"to": 1}).json()["run_id"]
    with signed_in(example_site) as visitor:
        answer = visitor.get(f"/runs/{run}")
    assert answer.status_code == 404
    assert "counted" not in answer.text.lower()


@pytest.mark.parametrize("page", ["members", "usage", "audit"])
def test_pages_for_owners_refuse_members(example_site: Served, page: str) -> None:
    email = f"max-{page}@example.org"
    example_site.add_member(example_site.whoami("owner")["workspace_id"], email, Role.MEMBER)
    with browser(example_site) as visitor:
        visitor.post("/sign-in", data=RIGHT | {"email": email})
        assert (visitor.get(f"/settings/{page}")).status_code == 403
    with signed_in(example_site) as visitor:
        assert (visitor.get(f"/settings/{page}")).status_code == 200
