"""A real Ray cluster of one machine, with Ray Serve, where Ray is installed beside the tests."""

import contextlib
import importlib.util
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx

ROOT = Path(__file__).parents[1]
_START_SECONDS = 300
_SERVE = """
import sys, ray
from ray import serve
ray.init(address=sys.argv[1], log_to_driver=False)
serve.start(http_options={"host": "127.0.0.1", "port": int(sys.argv[2])})
"""


@dataclass(frozen=True)
class RayCluster:
    """Where the cluster answers."""

    gcs: str
    dashboard: str
    serve: str


def is_installed() -> bool:
    """Whether this Python has Ray."""
    return importlib.util.find_spec("ray") is not None


@contextlib.contextmanager
def running_cluster() -> Iterator[RayCluster]:
    """A cluster for the time of the block. Its processes are a group, and are ended with it."""
    gcs, dashboard, proxy, client = (_free_port() for _ in range(4))
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",  # what a job calls python
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        "RAY_AUTH_MODE": "disabled",  # whatever this machine has otherwise
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_raylet_start_wait_time_s": "120",
        "RAY_agent_register_timeout_ms": str(_START_SECONDS * 1000),
    }
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:
        command = [
            *(sys.executable, "-c", "from ray.scripts.scripts import main; main()", "start"),
            *("--head", "--block", "--disable-usage-stats", "--node-ip-address=127.0.0.1"),
            *(f"--port={gcs}", f"--dashboard-port={dashboard}", "--dashboard-host=127.0.0.1"),
            *(f"--ray-client-server-port={client}", f"--temp-dir={folder}", "--num-cpus=8"),
            *("--min-worker-port=0", "--max-worker-port=0", "--object-store-memory=100000000"),
        ]
        log = (Path(folder) / "start.log").open("wb")
        process = subprocess.Popen(
            command, env=environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            found = RayCluster(
                *(f"127.0.0.1:{gcs}", f"http://127.0.0.1:{dashboard}", f"http://127.0.0.1:{proxy}")
            )
            _wait(found, process, Path(log.name))
            subprocess.run(
                [sys.executable, "-c", _SERVE, found.gcs, str(proxy)],
                env=environment,
                check=True,
                timeout=_START_SECONDS,
            )
            yield found
        finally:
            log.close()
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(30)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait(cluster: RayCluster, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(httpx.HTTPError):
            url = f"{cluster.dashboard}/api/serve/applications/"
            if httpx.get(url, timeout=60, trust_env=False).is_success:
                return
        if process.poll() is not None:
            raise RuntimeError(f"Ray does not start: {log.read_text()[-2000:]}")
        time.sleep(0.5)
    raise TimeoutError("Ray does not start.")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])
