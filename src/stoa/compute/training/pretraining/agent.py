"""What the supervisor starts on a node: names the network interface, ties its life to its parent's, and
becomes torchrun.

    python -m stoa.compute.training.pretraining.agent --address 10.0.0.2 -- --nnodes 2 … module arguments

Gloo and NCCL find a machine by its host name, which is wrong wherever it has several networks; the
interface that holds the node's address is right.
"""

import ctypes
import fcntl
import os
import runpy
import signal
import socket
import struct
import sys
from typing import Final

_SIOCGIFADDR: Final = 0x8915
_PR_SET_PDEATHSIG: Final = 1


def interface_of(address: str) -> str | None:
    """Name of the interface with an IPv4 address; None where none has it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            asked = struct.pack("256s", name.encode()[:15])
            try:
                answer = fcntl.ioctl(probe.fileno(), _SIOCGIFADDR, asked)
            except OSError:  # it has none
                continue
            if socket.inet_ntoa(answer[20:24]) == address:
                return name
    return None


def bind_to(address: str) -> None:
    """Let collectives use the interface with this address."""
    name = interface_of(socket.gethostbyname(address))
    if name is not None:
        os.environ.setdefault("GLOO_SOCKET_IFNAME", name)
        os.environ.setdefault("NCCL_SOCKET_IFNAME", name)


def die_with_parent() -> None:
    """Be killed when the parent ends, however it ends (Linux)."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    except (OSError, AttributeError):
        return


def main() -> None:
    """Become torchrun."""
    marker = sys.argv.index("--")
    address = sys.argv[sys.argv.index("--address") + 1]
    die_with_parent()
    bind_to(address)
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"  # pytorch#135712
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    sys.argv = ["torchrun", *sys.argv[marker + 1 :]]
    runpy.run_module("torch.distributed.run", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
