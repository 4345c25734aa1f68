"""Sending e-mail over SMTP. It knows no question and no person, only messages and one server.

The standard library's client, used from a thread: one connection for a batch of messages. Whether a
failure is for good is read from the server's answer (RFC 5321: 4yz try again, 5yz never).
"""

import re
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import parse_qs, unquote, urlsplit

from stoa.base.database import now
from stoa.base.errors import ProviderError, SetupError
from stoa.base.settings import Settings

_SECONDS = 20.0
_SUBJECT_LIMIT = 150
_PORTS = {"smtp": 587, "smtps": 465}
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_FINAL = range(500, 600)
_UNWRITABLE = (ValueError, IndexError, MessageError)
"""What the standard library raises for an address that no header can carry."""


@dataclass(frozen=True)
class Message:
    """An e-mail to one person, in two forms that say the same."""

    to: str
    to_name: str
    subject: str
    text: str
    html: str
    message_id: str
    """Without angle brackets; the same when the same message is sent again."""


@dataclass(frozen=True)
class _Server:
    host: str
    port: int
    implicit_tls: bool
    starttls: bool
    user: str
    password: str


class Mail:
    """One SMTP server, and whom its messages come from."""

    def __init__(self, url: str, sender: str) -> None:
        """Raises SetupError: the URL or the sender can't be used."""
        self._server = _server_of(url)
        self._sender = _address(sender)
        self.domain = self._sender.domain

    @classmethod
    def of(cls, settings: Settings) -> "Mail | None":
        """The configured server; None where none is configured.

        Raises:
            SetupError: a setting that can't be used, or a server without a sender.
        """
        if settings.smtp_url is None:
            return None
        return cls(settings.smtp_url.get_secret_value(), settings.mail_from)

    @contextmanager
    def connected(self) -> "Iterator[Connection]":
        """A connection for a batch of messages. Blocking.

        Raises:
            ProviderError: the server does not answer, or not as it should; retryable but where it
                refuses the password.
        """
        try:
            client = self._connect()
        except smtplib.SMTPAuthenticationError as error:
            raise ProviderError(
                "The mail server refuses our name or password.", hint="Check STOA_SMTP_URL."
            ) from error
        except (OSError, smtplib.SMTPException) as error:
            raise _unreachable(error) from error
        try:
            yield Connection(client, self._sender)
        finally:
            with suppress(OSError, smtplib.SMTPException):
                client.quit()

    def _connect(self) -> smtplib.SMTP:
        server = self._server
        context = ssl.create_default_context()
        if server.implicit_tls:
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=_SECONDS, context=context
            )
        else:
            client = smtplib.SMTP(server.host, server.port, timeout=_SECONDS)
        try:
            if server.starttls:
                client.starttls(context=context)
            if server.user:
                client.login(server.user, server.password)
        except BaseException:
            client.close()
            raise
        return client


class Connection:
    """An open connection that takes messages. Blocking."""

    def __init__(self, client: smtplib.SMTP, sender: Address) -> None:
        self._client = client
        self._sender = sender

    def send(self, message: Message) -> None:
        """Hand a message over.

        Raises:
            ProviderError: not taken; `retryable` says whether it may be later.
        """
        try:
            self._client.send_message(_mime(message, self._sender))
        except _UNWRITABLE as error:
            raise _refused(str(error)) from error
        except smtplib.SMTPRecipientsRefused as error:
            [(code, words)] = list(error.recipients.values())
            raise _answered(code, words) from error
        except smtplib.SMTPResponseException as error:
            raise _answered(error.smtp_code, error.smtp_error) from error
        except smtplib.SMTPNotSupportedError as error:
            raise _refused(str(error)) from error
        except (OSError, smtplib.SMTPException) as error:
            raise _unreachable(error) from error


def _mime(message: Message, sender: Address) -> EmailMessage:
    mime = EmailMessage()
    mime["From"] = sender
    mime["To"] = Address(_on_one_line(message.to_name), addr_spec=message.to)
    mime["Subject"] = _on_one_line(message.subject)[:_SUBJECT_LIMIT]
    mime["Date"] = format_datetime(now())
    mime["Message-ID"] = f"<{message.message_id}>"
    mime["Auto-Submitted"] = "auto-generated"  # RFC 3834: no absence notes in return
    mime.set_content(message.text, cte="quoted-printable")
    mime.add_alternative(message.html, subtype="html", cte="quoted-printable")
    return mime


def _server_of(url: str) -> _Server:
    parts = urlsplit(url)
    asked = parse_qs(parts.query).get("starttls", ["yes"])[-1]
    if parts.scheme not in _PORTS or not parts.hostname or asked not in {"yes", "no"}:
        raise SetupError(
            "STOA_SMTP_URL can't be used.",
            hint="Write smtp://user:password@host:587, smtps://…:465, or end it with ?starttls=no.",
        )
    server = _Server(
        host=parts.hostname,
        port=parts.port or _PORTS[parts.scheme],
        implicit_tls=parts.scheme == "smtps",
        starttls=parts.scheme == "smtp" and asked == "yes",
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )
    bare = not server.implicit_tls and not server.starttls
    if bare and server.user and server.host not in _LOOPBACK:
        raise SetupError(
            "STOA_SMTP_URL would send a password in the clear.", hint="Leave STARTTLS on."
        )
    return server


def _address(written: str) -> Address:
    """`Stoa <stoa@example.org>`, or the bare address."""
    found = re.fullmatch(r"\s*(?:(.*?)\s*<([^<>\s]+@[^<>\s]+)>|([^<>\s]+@[^<>\s]+))\s*", written)
    try:
        if found is None:
            raise ValueError("no address")
        return Address(_on_one_line(found[1] or "Stoa").strip('"'), addr_spec=found[2] or found[3])
    except _UNWRITABLE as error:
        raise SetupError(
            "STOA_MAIL_FROM is no e-mail address.", hint="Write Stoa <stoa@example.org>."
        ) from error


def _on_one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _answered(code: int, words: bytes | str) -> ProviderError:
    said = words.decode("utf-8", "replace") if isinstance(words, bytes) else words
    return _refused(f"{code} {_on_one_line(said)}", retryable=code not in _FINAL)


def _refused(words: str, *, retryable: bool = False) -> ProviderError:
    return ProviderError(
        f"The mail server refused a message: {words[:300]}",
        hint="Check the person's address.",
        retryable=retryable,
    )


def _unreachable(error: Exception) -> ProviderError:
    return ProviderError(
        f"The mail server does not answer as it should: {_on_one_line(str(error))[:300]}",
        hint="Check STOA_SMTP_URL and the server.",
        retryable=True,
    )
