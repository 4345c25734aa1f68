"""Fills a fresh workspace with the reviews and labels of `sample/`.

The reviews come in as events, as they would from a shop: they are worked on as soon as the house runs,
and those that nobody can be sure about wait in the inbox. The labels are the sample's own.
"""

import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.contract import Call
from stoa.core.language.toxicity import LocalToxicity
from stoa.solutions.answer_reviews.events import NEW_REVIEW
from stoa.solutions.answer_reviews.schema import ChannelSettings
from stoa.solutions.answer_reviews.tables import ChannelRow, LabelRow

_FOLDER = Path(__file__).parent / "sample"
_SIGNATURES = {
    "app": "The team of the Larkfield app",
    "hotel": "Larkfield Stay",
    "shop": "Larkfield Home",
}
SOURCE = "/sample/larkfield"
"""Whose reviews they are, in the events and in the reviews."""


def sample_reviews() -> list[dict[str, Any]]:
    """The reviews of the sample, each with its label `harmful`."""
    text = (_FOLDER / "reviews.toml").read_text(encoding="utf-8")
    return [dict(each) for each in tomllib.loads(text)["review"]]


async def fill(call: Call) -> None:
    """Send the sample's reviews, and keep its labels and signatures, where they are not there yet."""
    reviews = sample_reviews()
    scores = await LocalToxicity().score([each["text"] for each in reviews])

    def put(session: Session) -> None:
        known = set(session.scalars(sa.select(ChannelRow.name)))
        for name, signature in _SIGNATURES.items():
            if name not in known:
                settings = ChannelSettings(channel=name, signature=signature)
                session.add(
                    ChannelRow(
                        id=new_id("channel"),
                        workspace_id=call.caller.workspace_id,
                        name=name,
                        settings=settings.model_dump(mode="json"),
                    )
                )
        labelled = set(session.scalars(sa.select(LabelRow.key)))
        for number, (each, score) in enumerate(zip(reviews, scores, strict=True)):
            key = f"sample {each['review_id']}"
            if key not in labelled:
                session.add(_label(call.caller.workspace_id, key, each, score, number))
            data = {name: value for name, value in each.items() if name != "harmful"}
            call.platform.events.add(
                session,
                workspace=call.caller.workspace_id,
                type=NEW_REVIEW,
                source=SOURCE,
                subject=each["review_id"],
                data=data | {"source": SOURCE},
                key=f"answer_reviews {key}",
            )

    await call.platform.database.write(put, workspace=call.caller.workspace_id)


def _label(workspace: str, key: str, review: dict[str, Any], score: float, number: int) -> LabelRow:
    return LabelRow(
        id=new_id("label"),
        workspace_id=workspace,
        key=key,
        review="",
        channel=review["channel"],
        score=score,
        harmful=review["harmful"],
        asked=False,
        by="sample",
        note="",
        at=now() - timedelta(days=7 * (number % 8)),
    )
