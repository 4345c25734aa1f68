"""Signing in and out, forged requests, foreign hosts."""

from collections.abc import Iterator

import httpx
import pytest

from tests.app.live import PASSWORD, LiveSite

OWN = {"Sec-Fetch-Site": "same-origin"}
PAGE = {"Accept": "text/html"}


@pytest.fixture
def visitor(site: LiveSite) -> Iterator[httpx.Client]:
    """A client that has signed in with a password, as a browser does."""
    with site.client(None) as client:
        answer = sign_in(client)
        assert answer.status_code == 204
        yield client


def sign_in(client: httpx.Client, password: str = PASSWORD, **headers: str) -> httpx.Response:
    body = {"email": "Olga@Example.org", "password": password}
    return client.post("/api/session", json=body, headers=headers)


def test_the_session_cookie_is_out_of_reach_of_scripts(site: LiveSite) -> None:
    with site.client(None) as client:
        cookie = sign_in(client).headers["set-cookie"]
    assert cookie.startswith("stoa_session=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie


def test_a_session_proves_the_person(visitor: httpx.Client, site: LiveSite) -> None:
    assert visitor.get("/api/whoami").json()["name"] == "Olga"
    answer = visitor.post("/api/example/greet", json={"name": "Ada"}, headers=OWN)
    assert answer.status_code == 200


def test_wrong_password_and_unknown_user_read_the_same(site: LiveSite) -> None:
    with site.client(None) as client:
        wrong = sign_in(client, "something else entirely")
        unknown = client.post(
            "/api/session", json={"email": "nobody@example.org", "password": "something else"}
        )
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json()["detail"] == unknown.json()["detail"]


def test_signing_out_ends_the_session(visitor: httpx.Client, site: LiveSite) -> None:
    token = visitor.cookies["stoa_session"]
    assert visitor.delete("/api/session", headers=OWN).status_code == 204
    with site.client(None, Cookie=f"stoa_session={token}") as copy:
        assert copy.get("/api/whoami").status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    ],
)
def test_a_forged_change_is_refused(visitor: httpx.Client, headers: dict[str, str]) -> None:
    answer = visitor.post("/api/example/greet", json={"name": "Ada"}, headers=headers)
    assert answer.status_code == 403
    assert visitor.delete("/api/session", headers=headers).status_code == 403


def test_our_own_origin_is_enough_for_older_browsers(visitor: httpx.Client, site: LiveSite) -> None:
    own = {"Origin": site.url}
    answer = visitor.post("/api/example/greet", json={"name": "Ada"}, headers=own)
    assert answer.status_code == 200


def test_a_foreign_page_cannot_sign_a_visitor_in(site: LiveSite) -> None:
    with site.client(None) as client:
        answer = sign_in(client, **{"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_another_workspace_is_not_to_be_chosen(visitor: httpx.Client, site: LiveSite) -> None:
    ours, theirs = site.site.owner.workspace_id, site.site.stranger.workspace_id
    assert visitor.get("/api/whoami", headers={"Stoa-Workspace": ours}).status_code == 200
    assert visitor.get("/api/whoami", headers={"Stoa-Workspace": theirs}).status_code == 404


def test_a_foreign_host_name_is_refused(site: LiveSite) -> None:
    with site.client(None, Host="rebound.example") as client:
        answer = client.get("/health")
        page = client.get("/", headers=PAGE)
    assert answer.status_code == page.status_code == 403
    assert "STOA_PUBLIC_URL" in answer.json()["hint"]


def test_every_answer_carries_security_headers(site: LiveSite) -> None:
    with site.client() as client:
        for path in ("/api/whoami", "/api/nothing", "/sign-in"):
            headers = client.get(path).headers
            assert headers["x-content-type-options"] == "nosniff"
            assert "frame-ancestors 'none'" in headers["content-security-policy"]
            assert headers["referrer-policy"] == "same-origin"
            assert headers["x-request-id"].startswith("req_")


def test_a_request_id_is_taken_over_where_it_is_one(site: LiveSite) -> None:
    with site.client(None) as client:
        given = client.get("/health", headers={"X-Request-ID": "trace-12345"})
        evil = client.get("/health", headers={"X-Request-ID": "a b<script>"})
    assert given.headers["x-request-id"] == "trace-12345"
    assert evil.headers["x-request-id"].startswith("req_")


def test_too_many_wrong_passwords_are_stopped(site: LiveSite) -> None:
    with site.client(None) as client:
        body = {"email": "mallory@example.org", "password": "guess"}
        answers = [client.post("/api/session", json=body).status_code for _ in range(30)]
    assert answers[0] == 401
    assert answers[-1] == 429


def test_without_sample_a_visitor_comes_to_the_sign_in_page(site: LiveSite) -> None:
    with site.client(None) as client:
        answer = client.get("/", headers=PAGE)
    assert answer.headers["location"] == "/sign-in"
    assert "set-cookie" not in answer.headers
