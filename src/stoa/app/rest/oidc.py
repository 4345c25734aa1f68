"""Signing in at the organisation's own issuer: the two redirects of OpenID Connect."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from starlette.responses import RedirectResponse

from stoa.app.rest.failures import RESPONSES
from stoa.app.rest.parts import Parts
from stoa.app.rest.session import remember
from stoa.base.errors import NotFound
from stoa.base.identity.oidc import STATE_SECONDS, OpenIdConnect
from stoa.base.secrets import load_secret

START = "/oidc/start"
CALLBACK = "/oidc/callback"
_COOKIE = "stoa_oidc"


def oidc(parts: Parts) -> APIRouter:
    """`/oidc/start` and `/oidc/callback`; both absent where no issuer is configured."""
    router = APIRouter(tags=["Session"], responses=RESPONSES)
    connect = _connect(parts)

    @router.get(
        START,
        operation_id="oidc.start",
        summary="Go to the organisation's sign-in page",
        status_code=303,
        response_class=Response,
    )
    async def start(
        request: Request, after: Annotated[str, Query(alias="next", max_length=2000)] = "/"
    ) -> Response:
        begun = await _configured(connect).begin(after)
        response = RedirectResponse(begun.url, 303)
        response.set_cookie(
            _COOKIE,
            begun.cookie,
            max_age=STATE_SECONDS,
            path=CALLBACK,
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response

    @router.get(
        CALLBACK,
        operation_id="oidc.callback",
        summary="Come back from the organisation's sign-in page",
        status_code=303,
        response_class=Response,
    )
    async def callback(request: Request) -> Response:
        finished = await _configured(connect).finish(
            request.query_params, request.cookies.get(_COOKIE, "")
        )
        response = RedirectResponse(finished.return_to, 303)
        remember(response, finished.session, request)
        response.delete_cookie(_COOKIE, path=CALLBACK)
        return response

    return router


def _connect(parts: Parts) -> OpenIdConnect | None:
    platform = parts.dispatcher.platform
    if not platform.settings.oidc_issuer:
        return None
    return OpenIdConnect(
        platform.settings,
        platform.accounts,
        secret=load_secret(platform.settings),
        redirect_url=platform.settings.resolved_public_url() + CALLBACK,
    )


def _configured(connect: OpenIdConnect | None) -> OpenIdConnect:
    if connect is None:
        raise NotFound(
            "No sign-in service is configured.", hint="The operator may set STOA_OIDC_ISSUER."
        )
    return connect
