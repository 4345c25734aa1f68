"""The second consumer: it hears that a review with pictures came in, looks at its pictures, and tells what it saw.

The flow that takes reviews in does not know of it. What a picture is is decided by its bytes, never by
its name; what it shows only a model that sees can say, and without one nobody claims to know.
"""

import asyncio
import io
import warnings
from functools import partial
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.base.errors import NotFound, ProviderError, SetupError
from stoa.contract import Call
from stoa.core.models.prompts import Prompt
from stoa.solutions.answer_reviews import events, offline
from stoa.solutions.answer_reviews.asking import PictureInputs
from stoa.solutions.answer_reviews.keeping import found, names_of, tell
from stoa.solutions.answer_reviews.schema import (
    CheckPictures,
    Pictures,
    PictureVerdict,
    PictureView,
    ReviewRequest,
    ReviewState,
)
from stoa.solutions.answer_reviews.tables import PictureRow, ReviewRow

PICTURE = Prompt(Path("prompts/picture.md"), twin=offline.picture)
MOST_BYTES = 15 * 2**20
MOST_PIXELS = 50_000_000
SMALLEST_SIDE = 32
_KINDS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}
_AT_ONCE = 3


class _Seen(NamedTuple):
    media_type: str
    width: int
    height: int
    problem: str


async def check_pictures(call: Call, request: CheckPictures) -> Pictures:
    """Check the pictures of a review: real, of a sane size, and fit to be shown where a model can say.

    Started by the event that a review came in. Pictures that did not come with it are left out.
    """
    review = await call.platform.database.read(
        lambda s: found(s, request.review), workspace=call.caller.workspace_id
    )
    wanted = [each for each in request.pictures if each in review.pictures]
    await call.map(
        lambda picture: call.step(partial(_check, call, request.review, picture)),
        wanted,
        at_once=_AT_ONCE,
    )
    return await pictures(call, ReviewRequest(review=request.review))


async def pictures(call: Call, request: ReviewRequest) -> Pictures:
    """Show what came of the pictures of a review."""

    def look(session: Session) -> Pictures:
        review = found(session, request.review)
        query = sa.select(PictureRow).where(PictureRow.review == review.id)
        rows = session.scalars(query.order_by(PictureRow.file_id))
        return Pictures(pictures=[_view(row) for row in rows])

    return await call.platform.database.read(look, workspace=call.caller.workspace_id)


async def _check(call: Call, review: str, picture: str) -> None:
    product = await call.platform.database.read(
        lambda s: found(s, review).product, workspace=call.caller.workspace_id
    )
    try:
        file = await call.platform.files.get(call.caller, picture)
    except NotFound:
        seen, content = _Seen("", 0, 0, "The file is gone."), b""
    else:
        if file.size > MOST_BYTES:
            seen, content = _Seen("", 0, 0, "The file is too large to be looked at."), b""
        else:
            content = await call.platform.objects.get(file.object_key)
            seen = await asyncio.to_thread(_look, content)
    if seen.problem:
        verdict, reason, by = PictureVerdict.REFUSED, seen.problem, "local check"
    else:
        verdict, reason, by = await _judged(call, content, product)
    await call.platform.database.write(
        lambda s: _keep(s, call, review, picture, seen, (verdict, reason, by)),
        workspace=call.caller.workspace_id,
    )


async def _judged(call: Call, content: bytes, product: str) -> tuple[PictureVerdict, str, str]:
    try:
        reply = await call.prompt(PICTURE, PictureInputs(picture=content, product=product))
    except ProviderError as error:
        return (
            PictureVerdict.NOT_JUDGED,
            f"The model did not answer: {error.message}",
            "local check",
        )
    return reply.output.verdict, reply.output.reason, reply.answered_by


def _look(content: bytes) -> _Seen:
    """Type and size by the bytes themselves; a picture is decoded whole, so that a broken one shows."""
    try:
        from PIL import Image, UnidentifiedImageError  # noqa: PLC0415 - optional part
    except ImportError as error:
        raise SetupError(
            "Pictures can't be checked here.", hint="Install stoa[documents], which brings Pillow."
        ) from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content), formats=list(_KINDS)) as picture:
                media_type, (width, height) = _KINDS[picture.format or ""], picture.size
                if width * height > MOST_PIXELS:
                    return _Seen(media_type, width, height, "The picture has too many pixels.")
                picture.load()
    except (UnidentifiedImageError, KeyError):
        return _Seen("", 0, 0, "This is no picture of a kind that is taken.")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return _Seen("", 0, 0, "The picture is broken.")
    if min(width, height) < SMALLEST_SIDE:
        return _Seen(media_type, width, height, "The picture is too small to show anything.")
    return _Seen(media_type, width, height, "")


def _keep(
    session: Session,
    call: Call,
    review: str,
    picture: str,
    seen: _Seen,
    told: tuple[PictureVerdict, str, str],
) -> None:
    row = found(session, review)
    query = sa.select(PictureRow.id).where(
        PictureRow.review == review, PictureRow.file_id == picture
    )
    if row.state == ReviewState.RETRACTED or session.scalar(query) is not None:
        return
    verdict, reason, by = told
    session.add(
        PictureRow(
            id=new_id("picture"),
            review=review,
            file_id=picture,
            media_type=seen.media_type,
            width=seen.width,
            height=seen.height,
            verdict=verdict,
            reason=reason[:500],
            by=by,
            at=now(),
        )
    )
    _tell(session, call, row, picture, told)


def _tell(
    session: Session,
    call: Call,
    row: ReviewRow,
    picture: str,
    told: tuple[PictureVerdict, str, str],
) -> None:
    verdict, reason, by = told
    data = events.PictureReviewed(
        **names_of(row), picture=picture, verdict=verdict, reason=reason, by=by
    )
    key = f"{events.PICTURE} {picture}"
    tell(call.platform.events, session, row, events.PICTURE, data, key=key)


def _view(row: PictureRow) -> PictureView:
    return PictureView(
        picture=row.file_id,
        review=row.review,
        media_type=row.media_type,
        width=row.width,
        height=row.height,
        verdict=PictureVerdict(row.verdict),
        reason=row.reason,
        by=row.by,
    )
