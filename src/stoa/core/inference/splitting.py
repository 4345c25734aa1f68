"""Which arm a user is given, and the tickets that bring a click back to it.

The same user gets the same arm as long as the challenger stays, also when its share grows: those who
had it keep it. A ticket is signed, so a click counts only for an answer that was given, and carries all
that is needed to count it. It knows no process and no database.
"""

import hashlib
import hmac
import random
import struct
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Final, NamedTuple

from stoa.base.errors import NotFound
from stoa.core.inference.views import Arm

BUCKETS: Final = 64
GOOD_SECONDS: Final = 7 * 24 * 3600
_BODY = struct.Struct("<IIBBQ")
_MAC = 12
_ARMS: Final = (Arm.CHAMPION, Arm.CHALLENGER)


class Place(NamedTuple):
    """Where a user stands: the arm, and the bucket that it is counted in."""

    arm: Arm
    bucket: int


class Ticket(NamedTuple):
    """What a ticket says."""

    id: str
    endpoint_id: str
    generation: int
    arm: Arm
    bucket: int


def place_of(user: str, salt: str, share: float) -> Place:
    """The place of a user; by chance without one.

    Args:
        user: any text that stays the same for a person.
        salt: of this endpoint and challenger, so that trials are independent of each other.
        share: of the challenger, from 0 to 1.
    """
    if user:
        digest = hashlib.blake2b(f"{salt}\n{user}".encode(), digest_size=12).digest()
        number = int.from_bytes(digest[:8], "little")
        bucket = digest[8] % BUCKETS
    else:
        number, bucket = random.getrandbits(64), random.getrandbits(6)
    return Place(Arm.CHALLENGER if number < share * 2.0**64 else Arm.CHAMPION, bucket)


class Tickets:
    """Signs and reads tickets."""

    def __init__(self, key: bytes, clock: Callable[[], float] = time.time) -> None:
        self._key = key[:64]
        self._clock = clock

    def sign(self, workspace: str, endpoint_id: str, generation: int, place: Place) -> str:
        """A ticket for one answer."""
        body = _BODY.pack(
            int(self._clock()),
            generation,
            _ARMS.index(place.arm),
            place.bucket,
            random.getrandbits(64),
        )
        mac = self._mac(workspace, endpoint_id, body)
        return f"{endpoint_id}.{urlsafe_b64encode(body + mac).decode()}"

    def read(self, workspace: str, ticket: str) -> Ticket:
        """Raises NotFound: forged, of another workspace, or too old."""
        gone = NotFound("No such answer was given.", hint="Tickets are good for a week.")
        endpoint_id, _, text = ticket.rpartition(".")
        try:
            raw = urlsafe_b64decode(text)
            mac = self._mac(workspace, endpoint_id, raw[: _BODY.size])
        except (ValueError, UnicodeEncodeError) as error:
            raise gone from error
        if len(raw) != _BODY.size + _MAC or not hmac.compare_digest(raw[_BODY.size :], mac):
            raise gone
        at, generation, arm, bucket, _ = _BODY.unpack(raw[: _BODY.size])
        if at < self._clock() - GOOD_SECONDS:
            raise gone
        return Ticket(raw[: _BODY.size].hex(), endpoint_id, generation, _ARMS[arm], bucket)

    def _mac(self, workspace: str, endpoint_id: str, body: bytes) -> bytes:
        signed = f"{workspace}\n{endpoint_id}\n".encode() + body
        return hashlib.blake2b(signed, key=self._key, digest_size=_MAC).digest()
