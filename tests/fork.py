"""Stands in for Python where a process of `forked.py` starts others: `-m module …` runs in a child of the
parent at an address. It ends as the child does, hands on signals to it, and takes it along when it is killed.

    python -IS fork.py ADDRESS [-u] -m module arguments

It is started once for each such process, so it loads next to nothing.
"""

import ctypes
import json
import os
import signal
import socket
import sys

_PR_SET_PDEATHSIG = 1


def main(address: str, words: list[str]) -> int:
    """Run what Python is asked to; the exit code."""
    if "-m" not in words[:2]:
        os.execv(sys.executable, [sys.executable, *words])
    # Whoever started it can't be seen by the child, whose parent is another.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    module, *arguments = words[words.index("-m") + 1 :]
    request = {
        "target": module,
        "arguments": arguments,
        "cwd": os.getcwd(),
        "env": dict(os.environ),
        "bound": True,
    }
    passed_on = {signal.SIGTERM, signal.SIGINT, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, passed_on)
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(address)
    socket.send_fds(channel, [b"\0"], [0, 1, 2])
    channel.sendall(json.dumps(request).encode() + b"\n")
    told = channel.makefile("rb")
    pid = int(told.readline())
    for number in passed_on:
        signal.signal(number, lambda number, _: os.kill(pid, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, passed_on)
    code = int(told.readline() or b"1")
    if code >= 0:
        return code
    if -code != signal.SIGKILL:
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
