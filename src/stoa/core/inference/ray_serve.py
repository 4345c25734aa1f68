"""Models on a Ray cluster: each version that is served is an application of Ray Serve there.

All processes of Stoa share it. Its artefact lies in a folder that they and the cluster share, and beside it
a file that each process that uses it touches every few seconds. What nobody has touched for two minutes is
taken down by whichever process sees it first; so a killed process leaves nothing behind for long, and a
version that is gone back to within that time is still there.
"""

import asyncio
import contextlib
import hashlib
import hmac
import shutil
import tempfile
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec

from stoa.base.errors import SetupError
from stoa.base.secrets import derive_key
from stoa.base.settings import Settings, is_http_address
from stoa.base.telemetry import get_logger
from stoa.core.inference.ray_applications import Applications
from stoa.core.inference.replica import ReplicaFailed
from stoa.core.inference.views import Scaling
from stoa.core.inference.wire import HEALTH, CallFrame, encoded, hash_of, replies

TOUCH_SECONDS: Final = 10.0
UNUSED_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.25
TARGET_REQUESTS: Final = 2.0
"""Under way per process: as many as one replica of the router has, so that there are as many as busy ones."""
_MOST_REQUESTS = 4
_HEALTH_SECONDS = 2.0
_CALM_SECONDS = 30.0
_PREFIX: Final = "stoa-"
_ARTEFACT: Final = "artefact"
_USED: Final = "used"
_log = get_logger(__name__)


class RayServe:
    """The cluster's applications of this installation of Stoa."""

    def __init__(self, applications: Applications, address: str, key: bytes, shared: Path) -> None:
        self._applications = applications
        self._key = key
        self._shared = shared
        limits = httpx.Limits(max_connections=None, keepalive_expiry=2.0)
        self._client = httpx.AsyncClient(base_url=address, limits=limits, trust_env=False)
        self._seeing = asyncio.Lock()
        self._used = Counter[str]()
        self._keeping: asyncio.Task[None] | None = None

    async def bring_up(
        self, version_id: str, folder: Path, scaling: Scaling
    ) -> tuple[str, dict[str, Any]]:
        """Name of the application of a version, and what it says of itself, once it answers.

        Raises:
            ReplicaFailed: it did not get that far in `scaling.start_seconds`; it is taken down again
                where it was made here.
        """
        name = name_of(version_id, scaling)
        made = False
        try:
            async with asyncio.timeout(scaling.start_seconds):
                while (described := await self._health(name)) is None:
                    async with self._seeing:  # of several that start at once, one makes it
                        made |= await self._see_to(name, folder, scaling)
                    await asyncio.sleep(LOOK_SECONDS)
                return name, described
        except TimeoutError:
            if made:
                await self._applications.remove(name)
            raise ReplicaFailed(f"It was not ready in {scaling.start_seconds:g} s.") from None

    def use(self, name: str) -> None:
        """Keep an application up from now on."""
        self._used[name] += 1
        if self._keeping is None:
            self._keeping = asyncio.create_task(self._keep())

    def leave(self, name: str) -> None:
        """Need it no more."""
        self._used[name] -= 1
        self._used += Counter()  # without those that are at zero

    async def ask(self, name: str, body: bytes, seconds: float) -> bytes:
        """The application's reply to a frame. Raises ReplicaFailed where there is none."""
        headers = {"Authorization": f"Bearer {self._token(name)}"}
        try:
            answer = await self._client.post(
                f"/{name}", content=body, headers=headers, timeout=seconds
            )
        except httpx.HTTPError as error:
            raise ReplicaFailed(f"Ray Serve does not answer ({type(error).__name__}).") from error
        if answer.is_error:
            raise ReplicaFailed(f"Ray Serve answers {answer.status_code}.")
        return answer.content

    async def sweep(self) -> None:
        """Take down what nobody uses. Raises ReplicaFailed, OSError."""
        for name in await asyncio.to_thread(_unused, self._shared):
            _log.info("an unused application is taken down", application=name)
            await self._applications.remove(name)
            await asyncio.to_thread(shutil.rmtree, self._shared / name, ignore_errors=True)

    async def close(self) -> None:
        """Let go of everything; the applications stay for those who use them."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
            self._keeping = None
        await self._client.aclose()
        await self._applications.close()

    async def _see_to(self, name: str, folder: Path, scaling: Scaling) -> bool:
        """Have an application deployed where it is not; True where that was done now."""
        await asyncio.to_thread(_touch, self._shared / name)
        found = await self._applications.find(name)
        if found is None:
            artefact = await asyncio.to_thread(_published, folder, self._shared / name)
            token = hash_of(self._token(name))
            await self._applications.put(_configuration(name, artefact, token, scaling))
            return True
        if found.status == "DEPLOY_FAILED":
            await self._applications.remove(name)
            raise ReplicaFailed(f"Ray Serve could not start it: {found.message}")
        return False

    async def _health(self, name: str) -> dict[str, Any] | None:
        try:
            frame = encoded(CallFrame(0, HEALTH, [None]))
            reply = replies.decode(await self.ask(name, frame, _HEALTH_SECONDS))
        except (ReplicaFailed, msgspec.DecodeError):
            return None
        described: dict[str, Any] = reply.results[0][1]
        return described

    def _token(self, name: str) -> str:
        return hmac.new(self._key, name.encode(), hashlib.sha256).hexdigest()

    async def _keep(self) -> None:
        """Touch what is used here; once all who are there have had time for it, sweep as well."""
        loop = asyncio.get_running_loop()
        sweep_at = loop.time() + UNUSED_SECONDS
        while True:
            try:
                for name in list(self._used):
                    await asyncio.to_thread(_touch, self._shared / name)
                if loop.time() >= sweep_at:
                    await self.sweep()
            except (ReplicaFailed, OSError) as error:
                _log.warning("the applications on Ray could not be kept", error=str(error))
            await asyncio.sleep(TOUCH_SECONDS)


def ray_serve_of(settings: Settings, secret: bytes) -> RayServe | None:
    """The cluster that serves endpoints, where the settings name one.

    Raises:
        SetupError: an address is none, or the dashboard's is missing.
    """
    if not settings.ray_serve_address:
        return None
    for name in ("ray_address", "ray_serve_address"):
        _check_address(name, getattr(settings, name))
    token = settings.ray_token.get_secret_value() if settings.ray_token else ""
    return RayServe(
        Applications(settings.ray_address, token),
        settings.ray_serve_address,
        derive_key(secret, "stoa.inference.ray"),
        Path(settings.jobs_folder or settings.home / "jobs").resolve() / "serving",
    )


def _check_address(name: str, address: str) -> None:
    if not is_http_address(address):
        raise SetupError(
            f"STOA_{name.upper()} is no address.",
            hint="To serve on Ray give the dashboard's, http://head:8265, as STOA_RAY_ADDRESS, and "
            "Serve's, http://head:8000, as STOA_RAY_SERVE_ADDRESS.",
        )


def name_of(version_id: str, scaling: Scaling) -> str:
    """The application of a version at a scaling, under this code: other code is another application."""
    basis = f"{version('stoa')} {scaling.model_dump_json()}"
    return f"{_PREFIX}{version_id}-{hashlib.sha256(basis.encode()).hexdigest()[:8]}"


def _configuration(name: str, artefact: Path, token_hash: str, scaling: Scaling) -> dict[str, Any]:
    options: dict[str, Any] = {"num_cpus": scaling.threads}  # Ray gives arithmetic as many threads
    if scaling.memory_mb:
        options["memory"] = scaling.memory_mb * 2**20
    return {
        "name": name,
        "route_prefix": f"/{name}",
        "import_path": "stoa.compute.serving.ray_application:build",
        "args": {"folder": str(artefact), "token_hash": token_hash},
        "deployments": [
            {
                "name": "Model",
                "max_ongoing_requests": _MOST_REQUESTS,
                "graceful_shutdown_timeout_s": scaling.drain_seconds,
                "ray_actor_options": options,
                "autoscaling_config": {
                    "min_replicas": scaling.min_replicas,
                    "max_replicas": scaling.max_replicas,
                    "target_ongoing_requests": TARGET_REQUESTS,
                    "look_back_period_s": 5.0,
                    "upscale_delay_s": 2.0,
                    "downscale_delay_s": _CALM_SECONDS,
                },
            }
        ],
    }


def _published(folder: Path, place: Path) -> Path:
    """The artefact where the cluster sees it, whole or not at all. Blocking."""
    target = place / _ARTEFACT
    if not target.is_dir():
        scratch = Path(tempfile.mkdtemp(prefix=".partial-", dir=place))
        shutil.copytree(folder, scratch, dirs_exist_ok=True)
        with contextlib.suppress(OSError):  # another process was first with the same
            scratch.rename(target)
    return target


def _touch(place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    (place / _USED).touch()


def _unused(shared: Path) -> list[str]:
    """Names that nobody has touched for long, by the clock of the storage. Blocking."""
    if not shared.is_dir():
        return []
    clock = shared / ".now"
    clock.touch()
    before = clock.stat().st_mtime - UNUSED_SECONDS
    found = []
    for place in shared.glob(f"{_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):  # swept by another meanwhile
            if (place / _USED).stat().st_mtime < before:
                found.append(place.name)
    return found
