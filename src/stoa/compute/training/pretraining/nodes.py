"""The machines of a run, and how commands are run on them: here, or through ssh and its like.

Processes that work on a run are known by the signs of life they leave (`presence.py`), so they can be ended
on their machine even where what started them is gone.
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from stoa.compute.training.pretraining.recipe import NodeRecipe

HERE: Final = NodeRecipe(name="here")
_KILL_SECONDS: Final = 5.0


def start(
    node: NodeRecipe,
    module: str,
    arguments: Sequence[str],
    *,
    environment: dict[str, str],
    **how: Any,
) -> subprocess.Popen[str]:
    """Run a module of ours on a node, in a process group of its own."""
    command = [sys.executable, "-m", module, *arguments]
    if node.command:
        # What is not inherited over there is said in the command itself.
        told = {**environment, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
        settings = [f"{name}={value}" for name, value in told.items()]
        command = [*node.command, "env", *settings, *command]
        if Path(node.command[0]).name == "ssh":
            command = [*node.command, shlex.join(command[len(node.command) :])]
    return subprocess.Popen(  # noqa: S603 - our own module, and the command that the recipe names
        command,
        env={**os.environ, **environment},
        start_new_session=True,
        text=True,
        stdin=subprocess.DEVNULL,
        **how,
    )


def end(process: subprocess.Popen[str]) -> None:
    """Kill a process that was started here, and its group."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def send(
    nodes: Sequence[NodeRecipe], signs: Iterable[dict[str, Any]], number: signal.Signals
) -> None:
    """Send a signal to the processes that left these signs, each on its node."""
    by_node: dict[int, list[int]] = {}
    for sign in signs:
        by_node.setdefault(int(sign["node"]), []).append(int(sign["pid"]))
    for index, pids in by_node.items():
        node = nodes[index] if index < len(nodes) else HERE
        if not node.command:
            for pid in pids:
                with suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, number)
            continue
        kill = [*node.command, "kill", f"-{int(number)}", *map(str, pids)]
        with suppress(subprocess.TimeoutExpired, OSError):
            subprocess.run(kill, timeout=_KILL_SECONDS, check=False, capture_output=True)  # noqa: S603


def free_port(span: int = 2) -> int:
    """A port that is free here, as are the next ones; on other nodes it very likely is too."""
    while True:
        with socket.socket() as probe:
            probe.bind(("", 0))
            port = int(probe.getsockname()[1])
        if port + span < 65536 and all(_is_free(port + step) for step in range(span)):
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
