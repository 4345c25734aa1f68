"""Starts ranks as torchrun does, on a free port of this machine."""

import os
import socket

from tests.forked import run_forked


def torchrun(ranks: int, module: str, *arguments: str, seconds: float = 400) -> str:
    """Run a module on `ranks` processes to its end. Returns what they printed."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = ["--master-addr", "127.0.0.1", "--master-port", str(port)]
    done = run_forked(
        "torch.distributed.run",
        ["--nproc-per-node", str(ranks), *meeting, "-m", module, *arguments],
        timeout=seconds,
        kit="training",
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, f"{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout
