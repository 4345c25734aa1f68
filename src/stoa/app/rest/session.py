"""Signing in and out, and who is signed in. The session is a cookie that scripts can't read."""

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field, SecretStr

from stoa.app.callers import SESSION_COOKIE, address_of
from stoa.app.rest.failures import RESPONSES
from stoa.app.rest.parts import Parts
from stoa.base.identity.caller import Caller, Role
from stoa.base.identity.sessions import LONGEST
from stoa.contract import Request as Body


class SignIn(Body):
    """What a person signs in with."""

    email: str = Field(max_length=320)
    password: SecretStr = Field(max_length=1000)


class WhoAmI(BaseModel):
    """The caller, as Stoa sees them."""

    workspace_id: str
    user_id: str
    role: Role
    name: str
    scopes: list[str] | None


def session(parts: Parts) -> APIRouter:
    """`/api/session` and `/api/whoami`."""
    router = APIRouter(prefix="/api", tags=["Session"], responses=RESPONSES)
    accounts = parts.dispatcher.platform.accounts

    @router.post("/session", operation_id="session.sign_in", summary="Sign in", status_code=204)
    async def sign_in(request: Request, body: SignIn) -> Response:
        """Set the session cookie. Wrong password and unknown user answer the same."""
        parts.callers.refuse_forged(request, programs=True)
        token = await accounts.sign_in(
            body.email, body.password.get_secret_value(), address=address_of(request)
        )
        response = Response(status_code=204)
        remember(response, token, request)
        return response

    @router.delete("/session", operation_id="session.sign_out", summary="Sign out", status_code=204)
    async def sign_out(request: Request) -> Response:
        token = request.cookies.get(SESSION_COOKIE)
        if token:
            parts.callers.refuse_forged(request)
            await accounts.sign_out(token)
        response = Response(status_code=204)
        response.delete_cookie(SESSION_COOKIE)
        return response

    @router.get("/whoami", operation_id="session.whoami", summary="Who is calling")
    async def whoami(caller: Annotated[Caller, Depends(parts.caller)]) -> WhoAmI:
        return WhoAmI(
            workspace_id=caller.workspace_id,
            user_id=caller.user_id,
            role=caller.role,
            name=caller.name,
            scopes=None if caller.scopes is None else sorted(caller.scopes),
        )

    return router


def remember(response: Response, token: str, request: Request) -> None:
    """Set the session cookie: out of reach of scripts, and not sent along from other sites."""
    response.set_cookie(
        SESSION_COOKIE,
        token,
        max_age=int(LONGEST.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
