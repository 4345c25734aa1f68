"""The frames between the serving process and a replica: MessagePack, on a socket after four bytes of length.

Both ends use this file. A call is `[id, method, payloads]`, its reply `[id, results]` with one result
per payload: `["", value]`, or `[code, [message, hint]]` with the code of an error in `base.errors`. It
knows no model and no process.
"""

import asyncio
import hashlib
from typing import Any, Final, cast

import msgspec

HEALTH: Final = "_health"
"""Method that every replica answers at once: that it lives, and what kind it serves."""
LONGEST: Final = 256 * 2**20
_SIZE: Final = 4


class CallFrame(msgspec.Struct, array_like=True, gc=False):
    """A batch of calls of one method."""

    id: int
    method: str
    payloads: list[Any]


class ReplyFrame(msgspec.Struct, array_like=True, gc=False):
    """The results of a batch, in the order of its payloads."""

    id: int
    results: list[tuple[str, Any]]


_encoder = msgspec.msgpack.Encoder()
calls: Final = msgspec.msgpack.Decoder(CallFrame)
replies: Final = msgspec.msgpack.Decoder(ReplyFrame)


class UnreadableFrame(Exception):
    """What came is no frame: the other end is broken, and the connection with it."""


def encoded(frame: CallFrame | ReplyFrame) -> bytes:
    """A frame without its length. Raises TypeError for values that JSON would not hold either."""
    return _encoder.encode(frame)


def framed(frame: CallFrame | ReplyFrame) -> bytes:
    """A frame as bytes to send. Raises TypeError as `encoded`."""
    body = encoded(frame)
    return len(body).to_bytes(_SIZE, "little") + body


def hash_of(token: str) -> str:
    """What the end that is asked knows of the token that the other one shows."""
    return hashlib.sha256(token.encode()).hexdigest()


class Frames:
    """Cuts a stream of bytes into the bodies of frames."""

    def __init__(self) -> None:
        self._held = bytearray()

    def take(self, data: bytes) -> list[bytes]:
        """The frames that `data` completes.

        Raises:
            UnreadableFrame: one says that it is longer than any frame may be.
        """
        held = self._held
        held += data
        found, at = [], 0
        while len(held) - at >= _SIZE:
            length = int.from_bytes(held[at : at + _SIZE], "little")
            if length > LONGEST:
                raise UnreadableFrame(f"a frame of {length} bytes")
            end = at + _SIZE + length
            if len(held) < end:
                break
            found.append(bytes(held[at + _SIZE : end]))
            at = end
        del held[:at]
        return found


class Connection(asyncio.Protocol):
    """One end of the socket: hands each frame to `on_frame`, and the end of it to `on_lost`."""

    def __init__(self) -> None:
        self._frames = Frames()
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio's call when the socket is ours."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's are no subclass of it

    def data_received(self, data: bytes) -> None:
        """asyncio's call for each piece."""
        try:
            frames = self._frames.take(data)
            for frame in frames:
                self.on_frame(frame)
        except (UnreadableFrame, msgspec.DecodeError):
            self.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio's call when the other end is gone."""
        self._transport = None
        self.on_lost()

    def send(self, data: bytes) -> bool:
        """Send; False where the other end is gone."""
        if self._transport is None or self._transport.is_closing():
            return False
        self._transport.write(data)
        return True

    def close(self) -> None:
        """Cut the connection; `on_lost` follows."""
        if self._transport is not None:
            self._transport.abort()

    def on_frame(self, body: bytes) -> None:
        """One whole frame."""
        raise NotImplementedError

    def on_lost(self) -> None:
        """The other end is gone."""
        raise NotImplementedError
