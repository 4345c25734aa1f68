"""Signing in at an organisation's issuer, through the two redirects, against a real issuer process."""

import asyncio
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from stoa.base.settings import Settings
from tests.app.example import EXAMPLE
from tests.app.live import LiveSite, live_site
from tests.base.oidc_server import CLIENT_SECRET

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(__file__).parents[1] / "base" / "oidc_server.py"
    process = subprocess.Popen([sys.executable, program, str(port)])
    try:
        while not _answers(f"http://127.0.0.1:{port}"):
            assert process.poll() is None
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


@pytest.fixture(scope="module")
def organised(issuer: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveSite]:
    """A site whose people sign in at the issuer, and join the sample workspace."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("stoa.wiring.solutions", lambda: [EXAMPLE])
        settings = Settings.load(
            home=tmp_path_factory.mktemp("home"),
            port=port,
            oidc_issuer=issuer,
            oidc_client_id="stoa",
            oidc_client_secret=CLIENT_SECRET,
            oidc_workspace="workspace_sample",
        )
        with live_site(settings, port=port) as running:
            asyncio.run(running.site.dispatcher.platform.accounts.ensure_sample())
            yield running


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/.well-known/openid-configuration").status_code == 200
    except httpx.TransportError:
        return False


def test_a_person_comes_back_signed_in(organised: LiveSite) -> None:
    with organised.client(None) as client:
        started = client.get("/oidc/start", params={"next": "/runs?x=1"})
        assert started.status_code == 303
        assert "HttpOnly" in started.headers["set-cookie"]
        back = httpx.get(started.headers["location"]).headers["location"]
        ended = client.get(back)
        assert ended.headers["location"] == "/runs?x=1"
        joined = client.get("/api/whoami", headers={"Stoa-Workspace": "workspace_sample"})
        assert joined.json()["role"] == "member"
        assert "stoa_oidc" not in client.cookies


def test_the_answer_belongs_to_the_browser_that_asked(organised: LiveSite) -> None:
    with organised.client(None) as asker, organised.client(None) as other:
        started = asker.get("/oidc/start")
        back = httpx.get(started.headers["location"]).headers["location"]
        stolen = other.get(back)
        assert stolen.status_code == 401
        assert "set-cookie" not in stolen.headers
        assert asker.get(back).status_code == 303
        assert asker.get(back).status_code == 401  # good once


def test_the_sign_in_leads_to_no_other_site(organised: LiveSite) -> None:
    with organised.client(None) as client:
        started = client.get("/oidc/start", params={"next": "https://evil.example/"})
        back = httpx.get(started.headers["location"]).headers["location"]
        assert client.get(back).headers["location"] == "/"
