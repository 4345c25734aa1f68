"""Posting to addresses that people gave: the guard of `fetch`, one attempt, no redirects, bounded.

Every host has connections of its own, so one that hangs holds nobody else's, and a connection that was
opened and proven for one host is never used for another at the same address. It knows nothing of what is
posted.
"""

import asyncio
import ssl
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from stoa.base.errors import ProviderError
from stoa.base.fetch import check_place, pinned

_HOSTS = 100
_KEPT = 8
"""Idle connections of one host."""
_READ = 2**16
_READ_SECONDS = 1.0


@dataclass(frozen=True)
class Answered:
    """What came back. Of the body nothing is kept."""

    status: int
    retry_after: str | None


class Poster:
    """POSTs, and keeps connections open between them."""

    def __init__(self, *, seconds: float, allow_private: bool, setting: str) -> None:
        """
        Args:
            seconds: that one attempt may take, all in all.
            allow_private: let it reach private and loopback hosts.
            setting: name of the operator's setting that allows it, for the hint.
        """
        self._seconds = seconds
        self._allow_private = allow_private
        self._setting = setting
        self._tls: ssl.SSLContext | None = None
        self._clients: OrderedDict[str, httpx.AsyncClient] = OrderedDict()

    async def post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Answered:
        """One attempt; any answer counts, also a redirect, which is not followed.

        Raises:
            InvalidInput: not http(s), carries a password, can't be resolved, or is private.
            ProviderError: no answer in time, or none at all; retryable.
        """
        try:
            async with asyncio.timeout(self._seconds):
                return await self._post(url, content, headers)
        except TimeoutError as error:
            raise ProviderError(
                f"No answer within {self._seconds:g} s.", hint="Try again later.", retryable=True
            ) from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ProviderError(
                f"No answer: {type(error).__name__}.", hint="Try again later.", retryable=True
            ) from error

    async def _post(self, url: str, content: bytes, headers: Mapping[str, str]) -> Answered:
        place = await check_place(url, allow_private=self._allow_private, setting=self._setting)
        client = self._client(f"{place.scheme}://{place.host}:{place.port}")
        request = pinned(client, "POST", url, place, headers=headers, content=content)
        response = await client.send(request, stream=True, follow_redirects=False)
        try:
            # Read to its end, a short body leaves the connection to the next message.
            with suppress(TimeoutError, httpx.HTTPError):
                async with asyncio.timeout(_READ_SECONDS):
                    await _skim(response)
        finally:
            await response.aclose()
        await self._trim()
        return Answered(response.status_code, response.headers.get("retry-after"))

    def _client(self, host: str) -> httpx.AsyncClient:
        client = self._clients.pop(host, None)
        if client is None:
            if self._tls is None:
                self._tls = ssl.create_default_context()
            client = httpx.AsyncClient(
                verify=self._tls,
                trust_env=False,
                timeout=httpx.Timeout(self._seconds),
                limits=httpx.Limits(max_keepalive_connections=_KEPT, keepalive_expiry=30),
            )
        self._clients[host] = client
        return client

    async def _trim(self) -> None:
        """Close the connections of the hosts that were not posted to for longest, beyond a number."""
        while len(self._clients) > _HOSTS:
            _, client = self._clients.popitem(last=False)
            await client.aclose()

    async def close(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()


async def _skim(response: httpx.Response) -> None:
    read = 0
    async for piece in response.aiter_raw(2**12):
        read += len(piece)
        if read > _READ:
            return


def host_of(url: str) -> str:
    """The host of an address, for messages: without path and query, which may carry a secret."""
    return urlsplit(url).hostname or ""
