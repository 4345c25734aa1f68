"""The links in letters: one person, one choice of one question, once.

A token is signed and says when it ends, so that a cut, forged or old one is known without a look into
the database. What it is good for stands in a row that is found by the token's hash; nobody who reads
the database can make a link from it. This file knows no letter's words and no page.
"""

import binascii
import hashlib
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from itsdangerous import BadSignature, URLSafeSerializer

from stoa.base.identity.sessions import digest
from stoa.base.secrets import derive_key

LONGEST_LIFE: Final = timedelta(days=30)
_SIGNATURE_LENGTH = 43
"""Of SHA-256 in base64 without padding."""


class Standing(StrEnum):
    """How a link stands when somebody opens it."""

    READY = "ready"
    """The choice can be confirmed."""
    DONE = "done"
    """It was just confirmed, and counts."""
    REPEATED = "repeated"
    """The person made this very choice before."""
    CONTRADICTED = "contradicted"
    """The person made another choice before."""
    DECIDED = "decided"
    """Somebody else decided."""
    EXPIRED = "expired"
    """The question's deadline has passed."""
    WITHDRAWN = "withdrawn"
    """The run was cancelled."""
    NOT_ASKED = "not_asked"
    """The question was put to somebody else meanwhile, or the person may no longer decide."""
    NOT_YOU = "not_you"
    """Somebody else is signed in where the link was opened."""
    INCOMPLETE = "incomplete"
    """The token was cut."""
    FORGED = "forged"
    """The signature is not ours."""
    TOO_OLD = "too_old"
    """The link's own time is over."""
    UNKNOWN = "unknown"
    """Signed by us, but good for nothing here: of another question or workspace, or long gone."""


class Tokens:
    """Makes and reads the tokens of one installation."""

    def __init__(self, secret: bytes) -> None:
        self._serializer = URLSafeSerializer(
            derive_key(secret, "stoa.approval.links"),
            salt="stoa.link.approval",
            signer_kwargs={"digest_method": hashlib.sha256},
        )

    def make(self, letter_id: str, place: int, expires_at: datetime) -> str:
        """The token of a letter's choice; the same whenever it is made."""
        token = self._serializer.dumps([letter_id, place, int(expires_at.timestamp())])
        return token.decode() if isinstance(token, bytes) else token

    def trouble(self, token: str, at: datetime) -> Standing | None:
        """What is wrong with a token in itself; None where it is ours and in time."""
        _, dot, signature = token.rpartition(".")
        if not dot or len(signature) < _SIGNATURE_LENGTH:
            return Standing.INCOMPLETE
        try:
            *_, ends = self._serializer.loads(token)
        except (BadSignature, ValueError, binascii.Error):
            return Standing.FORGED
        return Standing.TOO_OLD if datetime.fromtimestamp(ends, UTC) <= at else None


def hash_of(token: str) -> str:
    """What is stored of a token."""
    return digest(token)


def life_of(deadline: datetime | None, at: datetime) -> datetime:
    """When links made at `at` end, to the second: with the question, but within a month."""
    ends = at + LONGEST_LIFE
    return (min(deadline, ends) if deadline else ends).replace(microsecond=0)
