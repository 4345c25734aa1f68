"""Posting goes to the checked address, once, and is not held up by what the other side does then."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from stoa.base.errors import InvalidInput, ProviderError
from stoa.base.post import Poster, host_of

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Site:
    """A server that reads a request and answers some bytes; `heads` is what came, by connection."""

    def __init__(self) -> None:
        self.answer = OK
        self.heads: list[list[str]] = []
        self.server: asyncio.Server | None = None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mine: list[str] = []
        self.heads.append(mine)
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                await reader.readexactly(int(head.lower().split("content-length:")[1].split()[0]))
                mine.append(head)
                writer.write(self.answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    @property
    def url(self) -> str:
        assert self.server is not None
        return f"http://localhost:{self.server.sockets[0].getsockname()[1]}/hook?key=1"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    made.server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    yield made
    made.server.close()


@pytest.fixture
async def poster() -> AsyncIterator[Poster]:
    made = Poster(seconds=5.0, allow_private=True, setting="STOA_X")
    yield made
    await made.close()


async def test_the_host_is_named_and_the_connection_kept(site: Site, poster: Poster) -> None:
    for _ in range(3):
        assert (await poster.post(site.url, b"{}", {"x-one": "1"})).status == 200
    (connection,) = site.heads
    assert len(connection) == 3
    lines = connection[0].lower().split("\r\n")
    assert lines[0] == "post /hook?key=1 http/1.1"
    assert f"host: {site.url.split('/')[2]}" in lines
    assert "x-one: 1" in lines


async def test_an_endless_body_does_not_hold_it_up(site: Site, poster: Poster) -> None:
    site.answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 99999999\r\n\r\n" + b"x" * 200_000
    assert (await poster.post(site.url, b"{}", {})).status == 202
    site.answer = b"HTTP/1.1 202 Accepted\r\nContent-Length: 99999999\r\n\r\nx"
    assert (await poster.post(site.url, b"{}", {})).status == 202


async def test_a_redirect_is_an_answer(site: Site, poster: Poster) -> None:
    site.answer = (
        b"HTTP/1.1 307 x\r\nLocation: /other\r\nRetry-After: 7\r\nContent-Length: 0\r\n\r\n"
    )
    answered = await poster.post(site.url, b"{}", {})
    assert (answered.status, answered.retry_after) == (307, "7")
    assert len(site.heads[0]) == 1


async def test_no_answer_in_time(site: Site) -> None:
    site.answer = b""
    hasty = Poster(seconds=0.1, allow_private=True, setting="STOA_X")
    with pytest.raises(ProviderError, match="No answer within"):
        await hasty.post(site.url, b"{}", {})
    await hasty.close()


@pytest.mark.parametrize("answer", [b"nonsense\r\n\r\n", b"HTTP/1.1 200"])
async def test_what_is_no_http_is_no_answer(site: Site, answer: bytes) -> None:
    site.answer = answer
    hasty = Poster(seconds=0.3, allow_private=True, setting="STOA_X")
    with pytest.raises(ProviderError):
        await hasty.post(site.url, b"{}", {})
    await hasty.close()


async def test_private_hosts_are_refused_with_the_setting_to_ask_for(site: Site) -> None:
    strict = Poster(seconds=5.0, allow_private=False, setting="STOA_X")
    with pytest.raises(InvalidInput, match="STOA_X"):
        await strict.post(site.url, b"{}", {})
    assert not site.heads


def test_a_host_is_shown_without_what_may_be_secret() -> None:
    assert host_of("https://u:p@shop.example:8443/secret?key=1") == "shop.example"
