"""Signing in against a real issuer in a process of its own, well-behaved and not."""

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from stoa.base.database import Database
from stoa.base.errors import Forbidden, NotSignedIn, SetupError
from stoa.base.identity.accounts import Accounts
from stoa.base.identity.caller import Role
from stoa.base.identity.oidc import OpenIdConnect
from stoa.base.identity.people import UserView
from stoa.base.settings import Settings
from tests.base.oidc_server import CLIENT_SECRET

CALLBACK = "http://127.0.0.1:1/sign-in/callback"
SECRET = b"s" * 32


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    """Address of a running issuer."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(__file__).parents[1] / "oidc_server.py"
    process = subprocess.Popen([sys.executable, str(program), str(port)])
    address = f"http://127.0.0.1:{port}"
    try:
        _wait_for(address, process)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _wait_for(address: str, process: "subprocess.Popen[bytes]") -> None:
    for _ in range(300):
        assert process.poll() is None
        try:
            httpx.get(f"{address}/keys")
            return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError("the issuer did not start")


def sign_in(
    accounts: Accounts, issuer: str, fault: str = "", workspace: str = "workspace_a"
) -> OpenIdConnect:
    settings = Settings.load(
        oidc_issuer=issuer,
        oidc_client_id=f"stoa-{fault}" if fault else "stoa",
        oidc_client_secret=CLIENT_SECRET,
        oidc_workspace=workspace,
    )
    return OpenIdConnect(settings, accounts, secret=SECRET, redirect_url=CALLBACK)


async def browse(url: str) -> dict[str, str]:
    """Follow the issuer's redirect as a browser would; return the callback's parameters."""
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(url)
    assert answer.status_code == 307
    assert answer.headers["location"].startswith(CALLBACK)
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


async def test_a_new_person_joins_the_workspace(accounts: Accounts, issuer: str) -> None:
    oidc = sign_in(accounts, issuer)
    begun = await oidc.begin("/ask_docs?x=1")
    finished = await oidc.finish(await browse(begun.url), begun.cookie)
    assert finished.return_to == "/ask_docs?x=1"
    caller = await accounts.caller_of_session(finished.session)
    assert (caller.workspace_id, caller.role, caller.name) == ("workspace_a", Role.MEMBER, "Olga")
    user = await accounts.user(caller.user_id)
    assert (user.email, user.has_password) == ("olga@example.org", False)


async def test_a_known_person_keeps_who_and_what_they_are(
    accounts: Accounts, issuer: str, ann: UserView
) -> None:
    olga = await accounts.create_user("olga@example.org", "O.", None)
    await accounts.set_member(None, "workspace_a", olga.id, Role.EDITOR)
    oidc = sign_in(accounts, issuer)
    for _ in range(2):
        begun = await oidc.begin()
        finished = await oidc.finish(await browse(begun.url), begun.cookie)
        caller = await accounts.caller_of_session(finished.session)
        assert (caller.user_id, caller.role) == (olga.id, Role.EDITOR)


@pytest.mark.parametrize(
    "fault",
    [
        "bad_nonce", "no_nonce", "wrong_audience", "foreign_party", "two_audiences",
        "wrong_issuer", "expired", "from_the_future", "unsigned", "signed_by_public_key",
        "strange_key", "no_token", "refused",
    ],
)  # fmt: skip
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_an_id_token_that_does_not_hold_is_refused(
    accounts: Accounts, issuer: str, fault: str
) -> None:
    oidc = sign_in(accounts, issuer, fault)
    begun = await oidc.begin()
    with pytest.raises(NotSignedIn):
        await oidc.finish(await browse(begun.url), begun.cookie)
    assert not await accounts.has_users()


@pytest.mark.parametrize("fault", ["unverified", "verified_as_text", "no_email"])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_an_address_nobody_verified_is_nobody(
    accounts: Accounts, issuer: str, fault: str
) -> None:
    await accounts.create_user("olga@example.org", "O.", None)
    oidc = sign_in(accounts, issuer, fault)
    begun = await oidc.begin()
    with pytest.raises(Forbidden):
        await oidc.finish(await browse(begun.url), begun.cookie)


async def test_without_a_workspace_to_join_strangers_stay_out(
    accounts: Accounts, issuer: str
) -> None:
    oidc = sign_in(accounts, issuer, workspace="")
    begun = await oidc.begin()
    with pytest.raises(Forbidden, match="e-mail"):
        await oidc.finish(await browse(begun.url), begun.cookie)
    assert not await accounts.has_users()


class TestTheCallback:
    async def test_a_state_is_good_once(self, accounts: Accounts, issuer: str) -> None:
        oidc = sign_in(accounts, issuer)
        begun = await oidc.begin()
        first, second = await browse(begun.url), await browse(begun.url)
        await oidc.finish(first, begun.cookie)
        with pytest.raises(NotSignedIn):
            await oidc.finish(second, begun.cookie)
        again = sign_in(accounts, issuer)  # another process knows it, too
        with pytest.raises(NotSignedIn):
            await again.finish(second, begun.cookie)

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    async def test_an_answer_for_another_browser_is_refused(
        self, accounts: Accounts, issuer: str
    ) -> None:
        oidc = sign_in(accounts, issuer)
        victim, attacker = await oidc.begin(), await oidc.begin()
        parameters = await browse(attacker.url)
        for cookie in (victim.cookie, "", "x.y.z", attacker.cookie[:-2] + "xx"):
            with pytest.raises(NotSignedIn):
                await oidc.finish(parameters, cookie)
        for changed in ({"state": "x"}, {"iss": "https://elsewhere.example.org"}):
            with pytest.raises(NotSignedIn):
                await oidc.finish(parameters | changed, attacker.cookie)

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    async def test_a_code_of_another_sign_in_is_refused(
        self, accounts: Accounts, issuer: str
    ) -> None:
        """PKCE: the code belongs to the verifier of the browser that began."""
        oidc = sign_in(accounts, issuer)
        mine, stolen = await oidc.begin(), await oidc.begin()
        code = (await browse(stolen.url))["code"]
        with pytest.raises(NotSignedIn):
            await oidc.finish(await browse(mine.url) | {"code": code}, mine.cookie)
        for parameters in ({}, {"code": ""}, {"state": ""}):
            with pytest.raises(NotSignedIn):
                await oidc.finish(parameters, mine.cookie)

    @pytest.mark.parametrize("database", ["sqlite"], indirect=True)
    @pytest.mark.parametrize(
        "address",
        ["https://evil.example.org", "//evil.example.org", "/\\evil.example.org", "x", "", "/a\nb"],
    )
    async def test_it_is_no_open_redirect(
        self, accounts: Accounts, issuer: str, address: str
    ) -> None:
        oidc = sign_in(accounts, issuer)
        begun = await oidc.begin(address)
        assert (await oidc.finish(await browse(begun.url), begun.cookie)).return_to == "/"


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
class TestTheIssuer:
    async def test_a_changed_key_is_fetched(
        self, accounts: Accounts, issuer: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("stoa.base.identity.oidc._REFETCH_KEYS", 0.0)
        oidc = sign_in(accounts, issuer)
        for _ in range(2):
            begun = await oidc.begin()
            assert await oidc.finish(await browse(begun.url), begun.cookie)
            async with httpx.AsyncClient() as operator:
                await operator.post(f"{issuer}/rotate")

    async def test_silence_is_the_operators_to_mend(self, accounts: Accounts) -> None:
        with pytest.raises(SetupError, match="does not answer"):
            await sign_in(accounts, "http://127.0.0.1:9").begin()

    async def test_another_name_is_refused(self, accounts: Accounts, issuer: str) -> None:
        with pytest.raises(SetupError, match="differently"):
            await sign_in(accounts, issuer + "/").begin()

    def test_only_https_beyond_this_machine(self, accounts: Accounts, database: Database) -> None:
        for address in ("http://issuer.example.org", "ftp://127.0.0.1", "", "javascript:x"):
            with pytest.raises(SetupError):
                sign_in(accounts, address)
