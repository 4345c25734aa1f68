"""A real SMTP server on loopback that keeps what it takes, can be down, and can refuse."""

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import pairwise
from typing import Any

from aiosmtpd.controller import Controller

_LINK = re.compile(r"https?://\S+/decide/\S+")


class MailServer:
    """Takes letters on a port that stays the same while it goes down and comes back."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.letters: list[EmailMessage] = []
        self.refusals: dict[str, str] = {}
        """Answers such as `550 no such person`, by address."""
        self._controller: Any = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}?starttls=no"

    def start(self) -> None:
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
        self._controller = None

    async def handle_RCPT(  # noqa: N802 - the name that aiosmtpd calls
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if address in self.refusals:
            return self.refusals[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """The letters to that address."""
        return [each for each in self.letters if address in str(each["To"])]


@contextmanager
def mail_server() -> Iterator[MailServer]:
    """A running server; stopped at the end."""
    server = MailServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def part(letter: EmailMessage, kind: str) -> str:
    """The `plain` or `html` part."""
    found = letter.get_body((kind,))
    assert found is not None
    return str(found.get_content())


def links(letter: EmailMessage) -> dict[str, str]:
    """Addresses by choice, as the text part says them."""
    lines = part(letter, "plain").splitlines()
    return {above.rstrip(":"): line for above, line in pairwise(lines) if _LINK.fullmatch(line)}
