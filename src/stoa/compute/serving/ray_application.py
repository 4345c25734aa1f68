"""A model as an application of Ray Serve, for whose import `build` is named (`core/inference/ray_serve.py`).

A request is a frame of calls, its reply a frame of results, as on the socket of a local replica
(`core/inference/wire.py`). Who asks shows a token; the application was given only its hash, since whoever
sees the cluster's dashboard sees that.
"""

import asyncio
import hmac
import os
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from stoa.compute.serving.answering import results_of
from stoa.compute.serving.servable import kind_of, load
from stoa.core.inference.wire import HEALTH, ReplyFrame, calls, encoded, hash_of

DEPLOYMENT: Final = "Model"


class Model:
    """One replica: a loaded model that answers requests."""

    def __init__(self, folder: str, token_hash: str) -> None:
        self._kind = kind_of(Path(folder))
        self._model = load(self._kind, Path(folder))
        self._token_hash = token_hash
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="model")

    async def __call__(self, request: Request) -> Response:
        """A batch. What is quick is answered here; the rest in a thread, so that health is still told."""
        shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(hash_of(shown), self._token_hash):
            return Response(status_code=401)
        try:
            call = calls.decode(await request.body())
        except msgspec.DecodeError:
            return Response(status_code=400)
        if call.method == HEALTH:
            results: list[tuple[str, Any]] = [("", {"kind": self._kind, "pid": os.getpid()})]
        elif self._model.is_quick:
            results = results_of(self._model, call.method, call.payloads)
        else:
            loop = asyncio.get_running_loop()
            results = await loop.run_in_executor(
                self._thread, results_of, self._model, call.method, call.payloads
            )
        return Response(encoded(ReplyFrame(call.id, results)), media_type="application/msgpack")


def build(arguments: dict[str, str]) -> Any:
    """The application, as Serve asks for it: `arguments` name the folder and the hash of the token."""
    serve = import_module("ray.serve")
    deployment = serve.deployment(Model, name=DEPLOYMENT)
    return deployment.bind(arguments["folder"], arguments["token_hash"])
