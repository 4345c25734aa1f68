"""Pictures of PDF pages, rendered in the same guarded child process that reads documents."""

import base64
from dataclasses import asdict
from pathlib import Path

from stoa.base.errors import InvalidInput, NotFound
from stoa.core.knowledge.parsing.limits import Limits
from stoa.core.knowledge.parsing.parse import refused, started

_SECONDS = 30.0


async def render_page(
    path: Path, number: int, width_px: int = 1_000, *, limits: Limits | None = None
) -> bytes:
    """PNG of page `number` (from 1) as a person sees it, `width_px` wide or narrower: a picture is
    never more than 16 million pixels.

    Raises:
        NotFound: the file has no such page, or is no PDF.
        InvalidInput: the page can't be rendered within the limits.
    """
    request = {
        "task": "picture",
        "path": str(path),
        "page": number,
        "width": width_px,
        "limits": asdict(limits or Limits()),
    }
    async with started(request) as worker:
        try:
            event = await worker.event(_SECONDS)
        except TimeoutError:
            raise _unrendered(f"it takes longer than {_SECONDS:g} s") from None
        if event is None:
            raise _unrendered(await worker.cause_of_death())
    if event["event"] == "refused":
        error = refused(event)
        raise NotFound(error.message, hint=error.hint) if event["code"] == NotFound.code else error
    return base64.b64decode(event["png"])


def _unrendered(reason: str) -> InvalidInput:
    return InvalidInput(
        f"The page can't be shown as a picture: {reason}.", hint="Its text is still searchable."
    )
