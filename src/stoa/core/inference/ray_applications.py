"""The applications of Ray Serve on a cluster, through its dashboard's REST API: Ray need not be installed here.

The API takes the list of all applications at once. So a change reads the list, changes one entry and
sends all of them back, the entries of others as they were. Of two that do so at once one may undo the
other's change: whoever wants an application looks again until it is there (`ray_serve.py`).

Source: https://docs.ray.io/en/latest/serve/api/index.html#serve-rest-api
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import httpx

from stoa.core.inference.replica import ReplicaFailed

_PATH: Final = "/api/serve/applications/"
_SECONDS: Final = 30.0
_MOST_WORDS: Final = 500


@dataclass(frozen=True)
class Application:
    """What the cluster says of one application."""

    status: str
    """NOT_STARTED, DEPLOYING, RUNNING, UNHEALTHY, DEPLOY_FAILED or DELETING."""
    message: str
    config: dict[str, Any] | None
    """As it was sent; None for one that was not deployed through this API: a change leaves it alone."""


class Applications:
    """Reads and changes the list. Everything raises ReplicaFailed where the cluster does not do it."""

    def __init__(self, address: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._address = address.rstrip("/")
        self._client = httpx.AsyncClient(
            base_url=self._address, headers=headers, timeout=_SECONDS, trust_env=False
        )
        self._changing = asyncio.Lock()

    async def find(self, name: str) -> Application | None:
        """One of them, if it is there."""
        return _applications(await self._details()).get(name)

    async def put(self, config: Mapping[str, Any]) -> None:
        """Have an application deployed, or changed to this configuration."""
        await self._change(str(config["name"]), config)

    async def remove(self, name: str) -> None:
        """Have an application ended; its requests under way are answered. None there is no error."""
        await self._change(name, None)

    async def close(self) -> None:
        """Give back connections."""
        await self._client.aclose()

    async def _change(self, name: str, config: Mapping[str, Any] | None) -> None:
        async with self._changing:
            details = await self._details()
            found = _applications(details)
            if config is None and name not in found:
                return
            wanted = [
                each.config
                for other, each in found.items()
                if other != name and each.config is not None and each.status != "DELETING"
            ]
            body: dict[str, Any] = {"applications": [*wanted, *([config] if config else [])]}
            if details.get("target_capacity") is not None:  # what is left out is reset
                body["target_capacity"] = details["target_capacity"]
            await self._ask("PUT", body)

    async def _details(self) -> dict[str, Any]:
        details: dict[str, Any] = (await self._ask("GET")).json()
        return details

    async def _ask(self, method: str, body: Any = None) -> httpx.Response:
        try:
            answer = await self._client.request(method, _PATH, json=body)
        except httpx.HTTPError as error:
            raise ReplicaFailed(
                f"The Ray cluster at {self._address} does not answer ({type(error).__name__})."
            ) from error
        if answer.is_error:
            told = f"{answer.status_code} {answer.text[:_MOST_WORDS].strip()}"
            raise ReplicaFailed(f"The Ray cluster refused: {told}")
        return answer


def _applications(details: Mapping[str, Any]) -> dict[str, Application]:
    return {
        name: Application(
            status=str(each.get("status", "")),
            message=str(each.get("message", ""))[-_MOST_WORDS:],
            config=each.get("deployed_app_config"),
        )
        for name, each in details.get("applications", {}).items()
    }
