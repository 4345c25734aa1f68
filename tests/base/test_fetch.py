"""Fetching never leads inwards, whatever the name, the redirect or the spelling of the address."""

import asyncio
import gzip
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from stoa.base import fetch as room
from stoa.base.errors import InvalidInput, NotFound, ProviderError, TooLarge
from stoa.base.fetch import FetchLimits, check_place, fetch


class _Site(BaseHTTPRequestHandler):
    seen: list[str] = []

    def do_GET(self) -> None:
        self.seen.append(f"{self.headers['Host']}{self.path}")
        name, _, rest = self.path[1:].partition("/")
        if name == "to":
            return self._answer(302, b"", Location=rest if "://" in rest else f"/{rest}")
        if name == "status":
            return self._answer(int(rest), b"")
        if name == "bomb":
            return self._answer(
                200, gzip.compress(b"0" * 20_000_000), **{"Content-Encoding": "gzip"}
            )
        return self._answer(200, b"<p>hello</p>", **{"Content-Type": "Text/HTML; charset=utf-8"})

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    _Site.seen.clear()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


async def test_a_page_is_fetched_by_its_name(site: str) -> None:
    fetched = await fetch(f"{site}/page", allow_private=True)
    assert (fetched.content, fetched.content_type) == (b"<p>hello</p>", "text/html")
    assert _Site.seen == [f"{site.removeprefix('http://')}/page"]


async def test_redirects_are_followed_so_far(site: str) -> None:
    assert (await fetch(f"{site}/to/page", allow_private=True)).url == f"{site}/page"
    with pytest.raises(InvalidInput, match="redirects too often"):
        await fetch(f"{site}/to/to/to/to/to/to/to/page", allow_private=True)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost/",
        "http://0.0.0.0/",
        "http://127.1/",
        "http://2130706433/",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fe80::1]/",
        "http://[fec0::2]/",
        "http://[fd00::1]/",
        "http://10.1.2.3/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/meta-data",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "https://user:pass@93.184.216.34/",
        "ftp://93.184.216.34/",
        "file:///etc/passwd",
        "gopher://93.184.216.34/",
        "//93.184.216.34/",
        "http://",
        "http://[::1",
        "http://93.184.216.34:99999/",
        "",
    ],
)
async def test_refused_addresses(url: str) -> None:
    with pytest.raises(InvalidInput):
        await fetch(url)


async def test_a_public_page_that_redirects_inwards_is_refused(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first hop is let through, as a public host would be; the second is checked again."""
    checked: list[str] = []
    really = room.check_place

    async def first_is_public(url: str, *, allow_private: bool = False) -> room.Place:
        checked.append(url)
        return await really(url, allow_private=len(checked) == 1)

    monkeypatch.setattr(room, "check_place", first_is_public)
    with pytest.raises(InvalidInput, match="private"):
        await fetch(f"{site}/to/{site}/secret")
    assert len(checked) == 2
    assert not any("secret" in seen.partition("/to/")[0] for seen in _Site.seen)


async def test_a_name_with_one_private_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "10.0.0.7"]

    monkeypatch.setattr(room, "_resolve", resolve)
    with pytest.raises(InvalidInput, match="private"):
        await check_place("https://rebind.example/")


async def test_the_checked_address_is_the_one_connected_to(
    site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name that resolves elsewhere the second time: it is resolved only once."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    monkeypatch.setattr(room, "_resolve", resolve)
    port = site.rpartition(":")[2]
    fetched = await fetch(f"http://wiki.example:{port}/page", allow_private=True)
    assert fetched.content == b"<p>hello</p>"
    assert asked == ["wiki.example"]
    assert _Site.seen == [f"wiki.example:{port}/page"]


async def test_what_an_answer_may_be(site: str) -> None:
    with pytest.raises(NotFound):
        await fetch(f"{site}/status/404", allow_private=True)
    with pytest.raises(InvalidInput):
        await fetch(f"{site}/status/403", allow_private=True)
    with pytest.raises(ProviderError) as failed:
        await fetch(f"{site}/status/503?token=secret", allow_private=True)
    assert failed.value.retryable
    assert "secret" not in str(failed.value)
    with pytest.raises(TooLarge):
        await fetch(f"{site}/page", limits=FetchLimits(bytes=5), allow_private=True)
    with pytest.raises(TooLarge):
        await fetch(f"{site}/bomb", limits=FetchLimits(bytes=1_000_000), allow_private=True)


async def test_a_silent_host_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        limits = FetchLimits(seconds=0.2)
        with pytest.raises(ProviderError):
            await asyncio.wait_for(
                fetch(f"http://127.0.0.1:{port}/", limits=limits, allow_private=True), 10
            )


async def test_a_closed_port_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(ProviderError):
        await fetch(f"http://127.0.0.1:{port}/", allow_private=True)
