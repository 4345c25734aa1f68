"""The short road answers byte for byte as the ordinary one, good and bad, and forgets revoked keys."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from stoa.app.callers import SESSION_COOKIE, Callers
from stoa.app.proven import LONGEST_SECONDS, ProvenCallers
from stoa.app.rest.hot import HotRoad
from stoa.base.identity.caller import Role
from stoa.base.settings import Settings
from stoa.contract import Operation
from stoa.wiring import build
from tests.app.example import EXAMPLE, count
from tests.app.live import PASSWORD, LiveSite, live_site

JSON = {"content-type": "application/json"}
BODIES: list[Any] = [
    b'{"name": "Ada"}',
    '{"name": "Ünïcode ❤ 🎉"}'.encode(),
    '{"name": "Ada"}'.encode("utf-16"),
    b'\xef\xbb\xbf{"name": "Ada"}',
    b'{"name": "Ada", "name": "Bob"}',
    b'  {"name" : "Ada", "times": 2, "titles": ["Dr", "Sir"], "place": {"city": "Rome"}}  ',
    b'{"name": "Ada", "times": "3", "loud": "yes"}',
    b'{"name": "Ada", "times": 1e0}',
    b'{"name": "Ada", "times": 99}',
    b'{"name": "Ada", "times": NaN}',
    b'{"name": "Ada", "times": 12345678901234567890123}',
    b'{"name": "Ada", "manner": "rude"}',
    b'{"name": "Ada", "more": 1}',
    b'{"name": ""}',
    b'{"name": "\\u0000"}',
    b'{"name": "\\ud800"}',
    b'{"name": "Ada", "titles": "Dr"}',
    b'{"name": "Nobody"}',
    b'{"name": "Everybody"}',
    b'{"name": "Bug"}',
    b"{}",
    b"[]",
    b"null",
    b'"text"',
    b"",
    b"{",
    b'{"name": "Ada"} x',
    b"\xff\xfe",
    b"[" * 3000,
    b'{"name": "' + b"x" * 300_000 + b'"}',
    b'{"name": "' + b"x" * 5_000_000 + b'"}',
]
HEADERS: list[dict[str, str]] = [
    JSON,
    {"content-type": "application/json; charset=utf-8"},
    {"content-type": "application/json;charset=latin-1"},
    {"content-type": "APPLICATION/JSON"},
    {"content-type": "application/vnd.api+json"},
    {"content-type": "text/plain"},
    {"content-type": ""},
    {},
    {**JSON, "accept": "text/event-stream"},
    {**JSON, "accept": "text/html"},
    {**JSON, "authorization": ""},
    {**JSON, "authorization": "Bearer stoa_wrong"},
    {**JSON, "authorization": "Basic abc"},
    {**JSON, "authorization": "bearer  {key}"},
    {**JSON, "host": "evil.example"},
    {**JSON, "stoa-workspace": "workspace_other"},
    {**JSON, "cookie": f"{SESSION_COOKIE}=nonsense"},
    {**JSON, "authorization": "", "cookie": f"{SESSION_COOKIE}=nonsense"},
]


@pytest.fixture(scope="module")
def hot_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """A server of its own: these tests try many wrong keys."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stoa.wiring.solutions", lambda: [EXAMPLE])
        with live_site(Settings.load(home=tmp_path_factory.mktemp("home"))) as running:
            yield running


class Roads:
    """The same request on both roads of one application."""

    def __init__(self, site: LiveSite) -> None:
        self.site = site
        self.short = 0
        app = site.site.app
        stack: Any = app.build_middleware_stack()
        self._whole = stack
        self._ordinary = app.build_middleware_stack()
        self._without(self._ordinary)

    def _without(self, stack: Any) -> None:
        """Take the short road out of a stack of middleware."""
        layer = stack
        while type(layer.app if hasattr(layer, "app") else layer._app).__name__ != "HotRoad":
            layer = layer.app if hasattr(layer, "app") else layer._app
        name = "app" if hasattr(layer, "app") else "_app"
        setattr(layer, name, getattr(layer, name)._app)

    async def compare(
        self, operation: str, body: bytes, headers: dict[str, str], who: str = "owner"
    ) -> int:
        """The status, which like everything else must be the same on both."""
        keyed = {"authorization": "Bearer {key}", "x-request-id": "request-of-this-test", **headers}
        key = self.site.site.keys[who]
        sent = {name: value.replace("{key}", key) for name, value in keyed.items() if value}
        answers = []
        for app in (self._whole, self._ordinary):
            counted: ASGIApp = app
            transport = httpx.ASGITransport(counted, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url="http://localhost"
            ) as client:
                answer = await client.post(f"/api/example/{operation}", content=body, headers=sent)
            answers.append((answer.status_code, answer.headers.raw, answer.content))
        assert answers[0] == answers[1]
        return int(answers[0][0])


@pytest.fixture(scope="module")
def roads(hot_site: LiveSite) -> Roads:
    """Both roads."""
    return Roads(hot_site)


async def test_both_roads_answer_the_same_bytes(roads: Roads) -> None:
    statuses = set()
    for body in BODIES:
        statuses.add(await roads.compare("hurry", body, JSON))
    for headers in HEADERS:
        statuses.add(await roads.compare("hurry", BODIES[0], headers))
        statuses.add(await roads.compare("hurry", b"{", headers))
    for who in ("owner", "member", "narrow", "stranger"):
        for operation in ("hurry", "hurry_back", "nothing"):
            statuses.add(await roads.compare(operation, BODIES[0], JSON, who))
    assert statuses >= {200, 401, 403, 404, 409, 413, 422, 429, 500}


async def test_a_session_takes_the_short_road_too_but_not_from_a_foreign_page(
    roads: Roads, hot_site: LiveSite
) -> None:
    accounts = hot_site.site.dispatcher.platform.accounts
    token = await accounts.sign_in("olga@example.org", PASSWORD, address="here")
    signed_in = {**JSON, "authorization": "", "cookie": f"{SESSION_COOKIE}={token}"}
    own = {**signed_in, "sec-fetch-site": "same-origin"}
    for _ in range(2):
        assert await roads.compare("hurry", BODIES[0], own) == 200
    for foreign in (
        {},
        {"sec-fetch-site": "cross-site"},
        {"origin": "https://evil.example"},
    ):
        assert await roads.compare("hurry", BODIES[0], {**signed_in, **foreign}) == 403
    other = {**own, "stoa-workspace": hot_site.site.stranger.workspace_id}
    assert await roads.compare("hurry", BODIES[0], other) == 404
    await accounts.sign_out(token)
    await asyncio.sleep(LONGEST_SECONDS)
    assert await roads.compare("hurry", BODIES[0], own) == 401


async def test_plain_requests_never_reach_the_framework(hot_site: LiveSite) -> None:
    reached = []

    async def framework(scope: Scope, receive: Receive, send: Send) -> None:
        reached.append(scope["path"])

    road = HotRoad(framework, parts=hot_site.site.app.state.parts)
    transport = httpx.ASGITransport(road)
    key = {"authorization": f"Bearer {hot_site.site.keys['owner']}"}
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.post("/api/example/hurry", json={"name": "Ada"}, headers=key)
    assert answer.json() == {"text": "Hello Ada!"}
    assert reached == []


def test_a_revoked_key_is_refused_within_a_second_on_every_process(
    hot_site: LiveSite, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The key is revoked through another process's connection to the same database."""
    monkeypatch.setattr("stoa.wiring.solutions", lambda: [EXAMPLE])
    platform = hot_site.site.dispatcher.platform
    other = build(platform.settings)
    made, secret = asyncio.run(
        platform.accounts.create_key(hot_site.site.owner, "gone", scopes=None, role=Role.OWNER)
    )
    with hot_site.client(None, Authorization=f"Bearer {secret}") as client:
        for _ in range(3):
            assert client.post("/api/example/hurry", json={"name": "Ada"}).status_code == 200
        asyncio.run(other.platform.accounts.revoke_key(hot_site.site.owner, made.id))
        revoked = time.monotonic()
        while client.post("/api/example/hurry", json={"name": "Ada"}).status_code == 200:
            assert time.monotonic() < revoked + 30
        assert time.monotonic() - revoked <= LONGEST_SECONDS + 0.5
        for _ in range(3):
            assert client.post("/api/example/hurry", json={"name": "Ada"}).status_code == 401
    other.platform.database.close()


async def test_proofs_are_few_and_are_renewed_before_they_end(hot_site: LiveSite) -> None:
    class Counting(Callers):
        proved = 0

        async def of(self, connection: Any) -> Any:
            self.proved += 1
            return await super().of(connection)

    accounts = hot_site.site.dispatcher.platform.accounts
    counting, at = Counting(accounts, public_url="http://localhost"), [0.0]
    proven = ProvenCallers(counting, clock=lambda: at[0])

    def showing(key: str) -> HTTPConnection:
        headers = [(b"authorization", f"Bearer {key}".encode())]
        return HTTPConnection({"type": "http", "headers": headers, "client": ("here", 1)})

    connection = showing(hot_site.site.keys["owner"])
    for _ in range(100):
        await proven.of(connection)
    assert counting.proved == 1
    at[0] = 0.3
    await proven.of(connection)
    await asyncio.gather(*proven._renewing.values())
    assert counting.proved == 2
    at[0] = 0.7  # the renewed proof is still good, the first would not be
    await proven.of(connection)
    await asyncio.gather(*proven._renewing.values())
    at[0] = 5.0
    await proven.of(connection)
    assert counting.proved == 4
    assert len(proven._proofs) == 1


def test_a_durable_operation_is_not_hot() -> None:
    with pytest.raises(TypeError):
        Operation(count, durable=True, hot=True)
