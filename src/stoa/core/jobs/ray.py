"""Jobs on a Ray cluster, through its dashboard's REST API: Ray itself need not be installed here.

The guard is the entrypoint, so limits, log and outcome are as everywhere; the run folder has to be on
storage that this machine and the cluster share, at the same path (`STOA_JOBS_FOLDER`), and Stoa has
to be installed on the cluster's machines.

Source: https://docs.ray.io/en/latest/cluster/running-applications/job-submission/api.html
"""

import asyncio
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx

from stoa.base.errors import ProviderError, SetupError
from stoa.base.settings import is_http_address
from stoa.core.jobs.guard import STOP
from stoa.core.jobs.job import Launch
from stoa.core.jobs.launchers import environment_of

_ENDED: Final = {"SUCCEEDED", "FAILED", "STOPPED"}
_SECONDS = 30.0
_MEBIBYTE = 2**20
_MOST_WORDS = 2_000


class Ray:
    """A cluster, by the address of its dashboard."""

    def __init__(self, address: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._address = address.rstrip("/")
        self._client = httpx.AsyncClient(
            base_url=self._address, headers=headers, timeout=_SECONDS, trust_env=False
        )

    async def start(
        self, job_id: str, attempt: int, folder: Path, launch: Launch
    ) -> dict[str, Any]:
        """Submit the guard under an id of ours: submitted twice it is one."""
        handle = self._handle(job_id, attempt)
        submission = handle["submission"]
        body: dict[str, Any] = {
            "entrypoint": shlex.join(
                ["python", "-m", "stoa.core.jobs.guard", "--folder", str(folder)]
            ),
            "submission_id": submission,
            "runtime_env": {"env_vars": environment_of(job_id, launch, {})},
            "metadata": {"stoa_job": job_id, "title": launch.title},
            "entrypoint_num_cpus": launch.threads or launch.processes,
        }
        if launch.gpus:
            body["entrypoint_num_gpus"] = launch.gpus
        if launch.limits.memory_mb:
            body["entrypoint_memory"] = launch.limits.memory_mb * _MEBIBYTE
        answer = await self._ask("POST", "/api/jobs/", body)
        if answer.is_error and await self._status(submission) is None:
            raise ProviderError(
                f"The Ray cluster refused the job: {_told(answer)}",
                hint="Check STOA_RAY_ADDRESS and what the cluster has.",
                retryable=answer.status_code >= 500,
            )
        return handle

    async def find(self, job_id: str, attempt: int, folder: Path) -> dict[str, Any] | None:
        """The submission's id is known beforehand."""
        return self._handle(job_id, attempt)

    def _handle(self, job_id: str, attempt: int) -> dict[str, Any]:
        return {"submission": f"{job_id}-{attempt}", "address": self._address}

    async def is_alive(self, job_id: str, folder: Path, handle: Mapping[str, Any]) -> bool:
        """What the cluster says of the submission; one that it has forgotten is dead."""
        status = await self._status(str(handle["submission"]))
        return status is not None and status not in _ENDED

    async def stop(self, job_id: str, folder: Path, handle: Mapping[str, Any]) -> None:
        """Let the cluster stop it, and the guard see the file where the cluster can't."""
        await asyncio.to_thread(_touch, folder)
        await self._ask("POST", f"/api/jobs/{handle['submission']}/stop")

    async def clear(self, job_id: str, folder: Path) -> None:
        """Nothing to do: Ray ends the processes of a job with it."""

    async def words(self, folder: Path, handle: Mapping[str, Any]) -> str:
        """What the cluster has of the guard's own output: why one could not even start."""
        answer = await self._ask("GET", f"/api/jobs/{handle['submission']}/logs")
        return "" if answer.is_error else str(answer.json().get("logs", ""))[-_MOST_WORDS:]

    async def close(self) -> None:
        """Give back connections."""
        await self._client.aclose()

    async def _status(self, submission: str) -> str | None:
        answer = await self._ask("GET", f"/api/jobs/{submission}")
        if answer.status_code == httpx.codes.NOT_FOUND:
            return None
        if answer.is_error:
            raise ProviderError(
                f"The Ray cluster failed: {_told(answer)}",
                hint="See its dashboard.",
                retryable=True,
            )
        return str(answer.json().get("status"))

    async def _ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        try:
            return await self._client.request(method, path, json=body)
        except httpx.HTTPError as error:
            raise ProviderError(
                f"The Ray cluster at {self._address} does not answer.",
                hint="Check STOA_RAY_ADDRESS.",
                retryable=True,
            ) from error


def ray_of(address: str, token: str) -> Ray | None:
    """The cluster that the settings name. Raises SetupError for what is no address."""
    if not address:
        return None
    if not is_http_address(address):
        raise SetupError(
            "STOA_RAY_ADDRESS is no address of a Ray dashboard.",
            hint="Give http://head:8265, and a token as STOA_RAY_TOKEN.",
        )
    return Ray(address, token)


def _touch(folder: Path) -> None:
    if folder.is_dir():
        (folder / STOP).touch()


def _told(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.text[:300].strip()}"
