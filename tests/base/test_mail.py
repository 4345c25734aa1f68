"""Sending through real SMTP servers: in the clear, with STARTTLS, with TLS, with a password, refused."""

import socket
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from stoa.base.errors import ProviderError, SetupError
from stoa.base.mail import Mail, Message
from tests.mail_server import part

MESSAGE = Message(
    to="ada@example.org",
    to_name="Ada\r\nBcc: eve@example.org",
    subject="Grüße\r\nBcc: eve@example.org " + "x" * 300,
    text="Grüße aus Köln. " * 20 + "\n.\nEnd\n",
    html="<p>Grüße</p>",
    message_id="letter_1@example.org",
)


class Kept:
    """Takes what comes, or answers as it is told to."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []
        self.encrypted: list[bool] = []
        self.answer = "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.answer.startswith("250"):
            self.contents.append(envelope.content)
            self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
        return self.answer


def check_password(_server: Any, _session: Any, _envelope: Any, _mechanism: str, given: Any) -> Any:
    right = (given.login, given.password) == (b"me", b"s3cr/t:@")
    return AuthResult(success=right, handled=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One file with a certificate for 127.0.0.1 that it signs itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail.example.org")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "both.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.fixture
def kept() -> Kept:
    return Kept()


class Server:
    """Starts servers of several kinds; all are stopped at the end."""

    def __init__(self, kept: Kept, certificate: Path) -> None:
        self._kept = kept
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.running: list[Controller] = []

    def start(self, **kind: Any) -> int:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        controller = Controller(self._kept, hostname="127.0.0.1", port=port, **kind)
        controller.start()
        self.running.append(controller)
        return port


@pytest.fixture
def server(kept: Kept, certificate: Path) -> Iterator[Server]:
    made = Server(kept, certificate)
    yield made
    for controller in made.running:
        controller.stop()


def send(url: str, message: Message = MESSAGE) -> None:
    with Mail(url, "Stoa <stoa@example.org>").connected() as connection:
        connection.send(message)


def test_a_message_arrives_whole_and_its_headers_stay_its_own(server: Server, kept: Kept) -> None:
    send(f"smtp://127.0.0.1:{server.start()}?starttls=no")
    [content] = kept.contents
    letter = message_from_bytes(content, policy=policy.default)
    assert letter["Bcc"] is None
    assert letter["From"] == "Stoa <stoa@example.org>"
    assert "ada@example.org" in letter["To"]
    assert letter["Subject"].startswith("Grüße Bcc: eve@example.org xxx")
    assert len(letter["Subject"]) == 150
    assert letter["Message-ID"] == "<letter_1@example.org>"
    assert letter["Auto-Submitted"] == "auto-generated"
    assert isinstance(letter, EmailMessage)
    assert part(letter, "plain").replace("\r\n", "\n") == MESSAGE.text
    assert part(letter, "html").strip() == MESSAGE.html


def test_starttls_and_a_password(
    server: Server, kept: Kept, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = server.start(
        tls_context=server.context,
        require_starttls=True,
        auth_required=True,
        authenticator=check_password,
    )
    with pytest.raises(ProviderError, match="does not answer as it should"):
        send(f"smtp://me:s3cr%2Ft%3A%40@127.0.0.1:{port}")  # nobody vouches for its certificate
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    send(f"smtp://me:s3cr%2Ft%3A%40@127.0.0.1:{port}")
    assert kept.encrypted == [True]
    with pytest.raises(ProviderError, match="name or password") as refused:
        send(f"smtp://me:wrong@127.0.0.1:{port}")
    assert not refused.value.retryable
    with pytest.raises(ProviderError):
        send(f"smtp://127.0.0.1:{port}?starttls=no")
    assert len(kept.contents) == 1


def test_tls_from_the_start(
    server: Server, kept: Kept, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    send(f"smtps://127.0.0.1:{server.start(ssl_context=server.context)}")
    assert kept.encrypted == [True]


def test_a_server_without_starttls_gets_nothing_in_the_clear(server: Server, kept: Kept) -> None:
    with pytest.raises(ProviderError):
        send(f"smtp://127.0.0.1:{server.start()}")
    assert kept.contents == []


@pytest.mark.parametrize(
    ("answer", "again"),
    [("451 4.3.0 busy", True), ("552 5.2.2 full", False), ("554 5.7.1 no", False)],
)
def test_whether_to_try_again_is_what_the_server_says(
    server: Server, kept: Kept, answer: str, again: bool
) -> None:
    kept.answer = answer
    with pytest.raises(ProviderError) as refused:
        send(f"smtp://127.0.0.1:{server.start()}?starttls=no")
    assert refused.value.retryable is again
    assert answer in refused.value.message


def test_an_address_that_no_header_carries_is_refused_for_good(server: Server) -> None:
    broken = Message(**{**vars(MESSAGE), "to": "no address"})
    with pytest.raises(ProviderError) as refused:
        send(f"smtp://127.0.0.1:{server.start()}?starttls=no", broken)
    assert not refused.value.retryable


def test_nobody_listens(server: Server) -> None:
    port = server.start()
    server.running.pop().stop()
    with pytest.raises(ProviderError) as refused:
        send(f"smtp://127.0.0.1:{port}?starttls=no")
    assert refused.value.retryable


def test_a_sender_that_is_none() -> None:
    for sender in ("", "Stoa", "a@b@c", "Stoa <>"):
        with pytest.raises(SetupError):
            Mail("smtp://mail.example.org", sender)
