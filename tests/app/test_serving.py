"""What `stoa serve` listens on."""

import asyncio
import socket

import pytest

from stoa.app.serving import bound
from stoa.base.settings import Settings


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_answers_leave_at_once(host: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Nagle's algorithm would hold the second part of each answer back for 40 ms."""
    settings = Settings.load(home=tmp_path_factory.mktemp("home"), host=host, port=0)
    try:
        listening = bound(settings)
    except OSError as error:
        pytest.skip(f"{host}: {error}")
    told: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        told.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(greet, sock=listening) as server:
        address = server.sockets[0].getsockname()
        _, writer = await asyncio.open_connection(*address[:2])
        assert await told
        writer.close()
