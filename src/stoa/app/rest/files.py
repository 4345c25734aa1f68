"""Files over HTTP: uploads come in, signed links go out as downloads."""

from collections.abc import AsyncIterator
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import StreamingResponse

from stoa.app.rest.failures import RESPONSES
from stoa.app.rest.parts import Parts
from stoa.app.rest.uploads import FIELD, received
from stoa.base.files import FileView
from stoa.base.identity.caller import Caller

_FORM_OVERHEAD = 64 * 2**10
_UPLOAD_BODY = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": [FIELD],
                "properties": {FIELD: {"type": "string", "format": "binary"}},
            }
        }
    },
}


def files(parts: Parts) -> APIRouter:
    """`POST /api/files` and `GET /objects/{token}`."""
    router = APIRouter(tags=["Files"], responses=RESPONSES)
    platform = parts.dispatcher.platform
    limit_bytes = platform.settings.upload_limit_mb * 2**20

    @router.post(
        "/api/files",
        operation_id="files.upload",
        summary="Upload a file",
        status_code=201,
        openapi_extra={"requestBody": _UPLOAD_BODY},
        max_body_size=limit_bytes + _FORM_OVERHEAD,
    )
    async def upload(
        request: Request, caller: Annotated[Caller, Depends(parts.caller)]
    ) -> FileView:
        """Store one file; operations take its id. What is cut off leaves nothing behind."""
        async with received(request, limit_bytes) as (name, path):
            return await platform.files.add(caller, name, path)

    @router.get(
        "/objects/{token}",
        operation_id="objects.download",
        summary="Download by a signed link",
        response_class=Response,
    )
    async def download(token: str) -> Response:
        """Whoever has the link may download until it expires. Never shown inside our pages."""
        key, name = platform.objects.open_link(token)
        size = await platform.objects.size(key)
        return StreamingResponse(
            _content(parts, key),
            media_type="application/octet-stream",
            headers={
                "Content-Length": str(size),
                "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name, safe='')}",
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "private, no-store",
            },
        )

    return router


async def _content(parts: Parts, key: str) -> AsyncIterator[bytes]:
    async for chunk in parts.dispatcher.platform.objects.stream(key):
        yield chunk
