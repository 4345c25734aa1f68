"""Fetching an address that a person or a document gave: http(s) only, bounded, and never inwards.

The host is resolved here, every address it resolves to is checked, and the connection is made to the
checked address itself, so a name can't point elsewhere a moment later. Redirects are followed one by
one through the same check. It knows nothing of what is fetched.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import httpx

from stoa.base.errors import InvalidInput, NotFound, ProviderError, TooLarge

_PORTS = {"http": 80, "https": 443}
_USER_AGENT = "Stoa (document source)"
_REDIRECTS = {301, 302, 303, 307, 308}


@dataclass(frozen=True)
class FetchLimits:
    """How much an address may give, and how long it may take for it."""

    bytes: int = 64 * 2**20
    seconds: float = 60.0
    redirects: int = 5


@dataclass(frozen=True)
class Fetched:
    """What an address gave. `url` is where the redirects ended."""

    url: str
    content: bytes
    content_type: str
    """Without parameters, in lower case: `text/html`."""


@dataclass(frozen=True)
class Place:
    """A checked address: connect to `address`, speak to it as `host`."""

    scheme: str
    host: str
    port: int
    address: str


async def fetch(
    url: str, *, limits: FetchLimits = FetchLimits(), allow_private: bool = False
) -> Fetched:
    """GET an address.

    Raises:
        InvalidInput: not http(s), carries a password, leads to a private address, or answers with
            a client error.
        NotFound: there is nothing at the address (404, 410).
        TooLarge: more bytes than allowed.
        ProviderError: does not answer in time, or with a server error; retryable.
    """
    try:
        async with asyncio.timeout(limits.seconds):
            return await _follow(url, limits, allow_private=allow_private)
    except TimeoutError as error:
        raise ProviderError(
            f"{_shown(url)} took longer than {limits.seconds:g} s.",
            hint="Try again later.",
            retryable=True,
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise ProviderError(
            f"{_shown(url)} does not answer: {type(error).__name__}.",
            hint="Check the address, or try again later.",
            retryable=True,
        ) from error


async def check_place(
    url: str, *, allow_private: bool = False, setting: str = "STOA_FETCH_PRIVATE"
) -> Place:
    """Resolve an address and refuse it where any of its hosts is not public.

    `setting` is what the operator would allow private ones with, for the hint.

    Raises:
        InvalidInput: not http(s), carries a password, can't be resolved, or is private.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidInput("This is no address.", hint="Give a full http(s) address.") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise InvalidInput("Only http(s) addresses are fetched.", hint="Give a full https address.")
    if parts.username is not None or parts.password is not None:
        raise InvalidInput(
            "The address carries a user name or password.", hint="Leave them out of the address."
        )
    port = port or _PORTS[parts.scheme]
    addresses = await _resolve(parts.hostname, port)
    if not allow_private and not all(_is_public(each) for each in addresses):
        raise InvalidInput(
            f"{parts.hostname} is a private address, which is not fetched.",
            hint=f"Give a public address; an operator may allow private ones with {setting}.",
        )
    return Place(parts.scheme, parts.hostname, port, addresses[0])


async def _follow(url: str, limits: FetchLimits, *, allow_private: bool) -> Fetched:
    timeout = httpx.Timeout(limits.seconds)
    async with httpx.AsyncClient(timeout=timeout, trust_env=False) as client:
        for _ in range(limits.redirects + 1):
            place = await check_place(url, allow_private=allow_private)
            request = pinned(client, "GET", url, place, headers={"Accept": "*/*"})
            response = await client.send(request, stream=True, follow_redirects=False)
            try:
                location = response.headers.get("location")
                if response.status_code in _REDIRECTS and location:
                    url = str(httpx.URL(url).join(location))
                    continue
                _refuse_errors(response, url)
                content = await _bounded(response, limits.bytes)
            finally:
                await response.aclose()
            kind = response.headers.get("content-type", "").split(";")[0].strip().lower()
            return Fetched(url, content, kind)
    raise InvalidInput(
        f"{_shown(url)} redirects too often.", hint="Give the address that it ends at."
    )


def pinned(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    place: Place,
    *,
    headers: Mapping[str, str],
    content: bytes | None = None,
) -> httpx.Request:
    """A request to the checked address itself that names the host as the address bar would."""
    target = httpx.URL(url).copy_with(host=place.address, fragment=None)
    default = place.port == _PORTS[place.scheme]
    name = f"[{place.host}]" if ":" in place.host else place.host
    host = name if default else f"{name}:{place.port}"
    return client.build_request(
        method,
        target,
        headers={"User-Agent": _USER_AGENT, **headers, "Host": host},
        content=content,
        extensions={"sni_hostname": place.host},
    )


def _refuse_errors(response: httpx.Response, url: str) -> None:
    status = response.status_code
    if status >= 500:
        raise ProviderError(
            f"{_shown(url)} answers with {status}.", hint="Try again later.", retryable=True
        )
    if status in (404, 410):
        raise NotFound(f"There is nothing at {_shown(url)}.", hint="Check the address.")
    if status != 200:
        raise InvalidInput(
            f"{_shown(url)} answers with {status}.",
            hint="Check the address; pages that need a sign-in can't be fetched.",
        )


async def _bounded(response: httpx.Response, limit: int) -> bytes:
    """The body, unpacked, never holding more than the limit and one piece."""
    pieces = bytearray()
    async for piece in response.aiter_bytes(2**16):
        pieces += piece
        if len(pieces) > limit:
            raise TooLarge(
                f"The address gives more than {limit / 2**20:g} MiB.",
                hint="Give the address of a smaller file.",
            )
    return bytes(pieces)


async def _resolve(host: str, port: int) -> list[str]:
    loop = asyncio.get_running_loop()
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise InvalidInput(
            f"There is no host '{host}'.", hint="Check the address for typing slips."
        ) from error
    return [str(each[4][0]) for each in found]


def _is_public(address: str) -> bool:
    """Global unicast only, also looking inside IPv4-in-IPv6 forms and NAT64."""
    ip = ipaddress.ip_address(address.split("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is None and ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return _is_public(str(inner))
        if ip.is_site_local:  # fec0::/10 is deprecated, and yet some networks are numbered by it
            return False
    return ip.is_global and not ip.is_multicast and not ip.is_reserved


def _shown(url: str) -> str:
    """An address as it may stand in a message: without query, which may carry a secret."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
