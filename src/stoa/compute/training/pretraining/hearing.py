"""Signs of life over the network: a rank whose machine is cut off is not heard, though it still writes files.

Datagrams from each rank to the supervisor, with a word that only the processes of one try know. Where none
arrive (a firewall), files alone are watched. It knows nothing of torch.
"""

import json
import secrets
import socket
from collections.abc import Sequence
from typing import Any, Final

LISTENER: Final = "STOA_SUPERVISOR"
_LONGEST: Final = 2048


class Ear:
    """The supervisor's side: what was heard from each rank of the try that runs now."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("", 0))
        self._socket.setblocking(False)
        self._word = ""
        self.heard: dict[int, int] = {}

    def begin(self, addresses: Sequence[str]) -> str:
        """Listen for a new try. Returns what its ranks must know to be heard."""
        self._word = secrets.token_hex(8)
        self.heard = {}
        here = _address_towards(addresses[0])
        return f"{here}:{self._socket.getsockname()[1]}:{self._word}"

    def listen(self) -> dict[int, int]:
        """How many signs each rank has made by the last one that arrived."""
        while True:
            try:
                message = self._socket.recv(_LONGEST)
            except (BlockingIOError, ConnectionError):
                return self.heard
            try:
                told = json.loads(message)
                if told["word"] == self._word:
                    self.heard[int(told["rank"])] = int(told["beats"])
            except (ValueError, KeyError, TypeError):
                continue  # not from us

    def close(self) -> None:
        """Listen no more."""
        self._socket.close()


class Voice:
    """A rank's side."""

    def __init__(self, listener: str) -> None:
        """`listener` is what `Ear.begin` returned."""
        host, port, self._word = listener.rsplit(":", 2)
        self._to = (host, int(port))
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)

    def tell(self, sign: dict[str, Any]) -> None:
        """Send a sign; whether it arrives is not known."""
        told = {"word": self._word, "rank": sign["rank"], "beats": sign["beats"]}
        try:
            self._socket.sendto(json.dumps(told).encode(), self._to)
        except OSError:
            return  # the network is down: that is what the other side is to notice

    def close(self) -> None:
        """Fall silent."""
        self._socket.close()


def _address_towards(address: str) -> str:
    """The address of this machine that another one sees; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError:
            return "127.0.0.1"
        return str(probe.getsockname()[0])
