"""Health and metrics: what watches Stoa asks here."""

from typing import Literal

import sqlalchemy as sa
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from stoa.app.rest.failures import RESPONSES
from stoa.app.rest.parts import Parts
from stoa.base.database import EVERY_WORKSPACE
from stoa.base.errors import Forbidden, SetupError
from stoa.base.identity.caller import Role
from stoa.base.telemetry import METRICS_TYPE, render_metrics

_LOOPBACK = frozenset({"127.0.0.1", "::1"})


class Health(BaseModel):
    """What a load balancer wants to know."""

    status: Literal["ok"] = "ok"


def system(parts: Parts) -> APIRouter:
    """`/health` and `/metrics`."""
    router = APIRouter(tags=["System"], responses=RESPONSES)
    database = parts.dispatcher.platform.database

    @router.get("/health", operation_id="system.health", summary="Whether this process can work")
    async def health() -> Health:
        try:
            await database.read(lambda s: s.execute(sa.text("SELECT 1")), workspace=EVERY_WORKSPACE)
        except SQLAlchemyError as error:
            raise SetupError(
                "The database does not answer.", hint="Check STOA_DATABASE_URL and the server."
            ) from error
        return Health()

    @router.get(
        "/metrics",
        operation_id="system.metrics",
        summary="Prometheus metrics",
        response_class=Response,
    )
    async def metrics(request: Request) -> Response:
        """For this machine, or an owner's key: names of workspaces and models stand in here."""
        await _admit(parts, request)
        return Response(render_metrics(), media_type=METRICS_TYPE)

    return router


async def _admit(parts: Parts, request: Request) -> None:
    forwarded = "x-forwarded-for" in request.headers or "forwarded" in request.headers
    if request.client and request.client.host in _LOOPBACK and not forwarded:
        return
    caller = await parts.callers.of(request)
    if caller.role is not Role.OWNER or not caller.may("metrics"):
        raise Forbidden("Metrics are for owners.", hint="Use an owner's key.")
