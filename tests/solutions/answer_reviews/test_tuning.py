"""Thresholds, statistics, drift, export, and the pictures of reviews."""

import csv
import io
import struct
import zlib
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.orm import Session

from stoa.base.database import now
from stoa.base.errors import Forbidden, InvalidInput, NotFound
from stoa.base.identity.caller import Role
from stoa.contract import Route
from stoa.core.events.log import MOST
from stoa.solutions.answer_reviews.events import SOURCE
from stoa.solutions.answer_reviews.schema import PictureVerdict, Thresholds
from stoa.solutions.answer_reviews.solution import SOLUTION
from stoa.solutions.answer_reviews.statistics import drift_of
from stoa.solutions.answer_reviews.thresholds import Labelled, curve_of, suggest, svg_of
from tests.solutions.answer_reviews.conftest import HOLDS, LETS_PASS, REFUSES, Desk

SEPARATED = [Labelled(0.1, False)] * 15 + [Labelled(0.9, True)] * 15
MIXED = [*SEPARATED, *[Labelled(0.5, False)] * 4, *[Labelled(0.55, True)] * 4]


def png(width: int, height: int) -> bytes:
    """A grey picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\x00" + b"\x80" * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


# Thresholds


def test_separated_labels_need_nobody_and_stay_near_the_settings() -> None:
    suggestion, _ = suggest(SEPARATED, (0.4, 0.6), 0.95, 0.95)
    assert suggestion is not None
    assert (suggestion.held, suggestion.missed, suggestion.wrongly_refused) == (0, 0, 0)
    assert (suggestion.low, suggestion.high) == (0.4, 0.6)


def test_mixed_labels_hold_what_is_mixed() -> None:
    suggestion, _ = suggest(MIXED, (0.4, 0.6), 1.0, 1.0)
    assert suggestion is not None
    assert suggestion.missed == suggestion.wrongly_refused == 0
    assert suggestion.low <= 0.55
    assert suggestion.high >= 0.5


@given(st.lists(st.builds(Labelled, st.floats(0, 1), st.booleans()), max_size=80))
def test_a_suggestion_keeps_what_was_asked(labels: list[Labelled]) -> None:
    suggestion, note = suggest(labels, (0.4, 0.6), 0.9, 0.9)
    assert note
    if suggestion is None:
        return
    harmful = [each for each in labels if each.harmful]
    above = [each for each in labels if each.score > suggestion.high]
    assert suggestion.low <= suggestion.high
    assert sum(each.score >= suggestion.low for each in harmful) >= 0.9 * len(harmful) - 1e-9
    assert sum(each.harmful for each in above) >= 0.9 * len(above) - 1e-9


def test_few_labels_suggest_nothing() -> None:
    suggestion, note = suggest(SEPARATED[:10], (0.4, 0.6), 0.95, 0.95)
    assert suggestion is None
    assert "10 labels" in note


def test_the_curve_is_right_at_its_ends() -> None:
    points = curve_of(SEPARATED)
    assert (points[0].precision, points[0].recall) == (0.5, 1.0)
    assert (points[-1].precision, points[-1].recall) == (None, 0.0)


def test_the_picture_is_whole_svg() -> None:
    found = Thresholds(
        channel="a", low=0.4, high=0.6, labels=38, harmful=19, curve=curve_of(MIXED),
        suggestion=suggest(MIXED, (0.4, 0.6), 0.95, 0.95)[0], note="",
    )  # fmt: skip
    assert ElementTree.fromstring(svg_of(found)).tag.endswith("svg")


async def test_decisions_and_labels_become_thresholds(desk: Desk) -> None:
    await desk.channel(**HOLDS)
    run = await desk.start()
    await desk.decide(run, "reject")
    await desk.channel("fine", **LETS_PASS)
    review = await desk.submit(channel="fine")
    await desk.call("label", review=review.id, harmful=True)
    await desk.call("label", review=review.id, harmful=False)
    found = await desk.call("thresholds")
    assert (found.labels, found.harmful) == (2, 1)
    assert (await desk.call("thresholds", channel="fine")).labels == 1
    route: Route = SOLUTION.routes[0]
    kind, picture = await route.answer(desk.house.platform, desk.caller, {"channel": "all"})
    assert kind == "image/svg+xml"
    assert picture.startswith(b"<svg")
    with pytest.raises(NotFound):
        await route.answer(desk.house.platform, desk.caller, {"channel": "../x"})


async def test_thresholds_that_cross_are_refused(desk: Desk) -> None:
    with pytest.raises(InvalidInput):
        await desk.channel(low=0.7, high=0.3)


async def test_members_look_and_set_nothing(desk: Desk) -> None:
    member = desk.beside("user_mia", Role.MEMBER)
    await member.call("list")
    for operation in ("channel_set", "thresholds", "statistics", "export", "event_log"):
        with pytest.raises(Forbidden):
            await member.call(operation)


async def test_what_was_told_of_a_review_is_found_however_much_came_after(desk: Desk) -> None:
    await desk.channel(**LETS_PASS)
    review = await desk.submit()

    def flood(session: Session) -> None:
        for number in range(MOST + 1):
            desk.house.platform.events.add(
                session,
                workspace=desk.caller.workspace_id,
                type="REVIEW_RECEIVED",
                source=SOURCE,
                subject=f"review_{number}",
                data={},
            )

    await desk.house.platform.database.write(flood, workspace=desk.caller.workspace_id)
    told = await desk.call("event_log", review=review.id)
    assert {each.type for each in told.events} == {"REVIEW_RECEIVED", "NEW_REVIEW_RESPONSE_CREATED"}


# Statistics


async def test_statistics_count_what_people_did(desk: Desk) -> None:
    await desk.channel("fine", **LETS_PASS)
    await desk.channel("bad", **REFUSES)
    await desk.channel("held", **HOLDS)
    fine = [await desk.submit(channel="fine") for _ in range(2)]
    await desk.submit(channel="bad")
    run = await desk.start(channel="held")
    await desk.decide(run, "accept")
    await desk.decide(run, "accept", "Something of my own.")
    await desk.call("label", review=fine[0].id, harmful=True)
    found = await desk.call("statistics")
    assert found.reviews == 4
    assert found.open == 0
    assert found.automatic == 0.75
    assert found.held == 0.25
    assert found.overturned == round(1 / 3, 4)
    assert found.edited == 1.0
    assert found.answer_p50 is not None
    assert found.held_p50 is not None
    assert [(each.automatic, each.held) for each in found.days] == [(3, 1)]


@pytest.mark.parametrize(("shift", "drifting"), [(0.0, False), (0.5, True)])
def test_drift_shows_when_people_become_stricter(shift: float, drifting: bool) -> None:
    today = now().date()
    decisions = [
        (today - timedelta(days=age), 0.5, (number % 10) / 10 < 0.5 + (shift if age < 28 else 0))
        for age in (3, 60)
        for number in range(40)
    ]
    found = drift_of(decisions)
    assert found.drifting is drifting
    assert len(found.weeks) == 2


async def test_export_is_safe_for_spreadsheets(desk: Desk) -> None:
    await desk.channel(**LETS_PASS)
    await desk.submit("=HYPERLINK(1) and the delivery was quick, thank you.", author="+Ida")
    file = await desk.call("export")
    rows = list(csv.DictReader(io.StringIO(file.text)))
    assert len(rows) == file.reviews == 1
    assert rows[0]["text"].startswith("'=")
    assert rows[0]["author"] == "'+Ida"
    lines = (await desk.call("export", format="jsonl")).text.splitlines()
    assert len(lines) == 1


# Pictures


async def upload(desk: Desk, name: str, content: bytes) -> str:
    return (await desk.house.platform.files.add(desk.caller, name, content)).id


async def pictures_of(desk: Desk, review: str, count: int) -> dict[str, Any]:
    """What came of them, once the consumer has looked at all."""
    while len(found := (await desk.call("pictures", review=review)).pictures) < count:
        pass
    return {each.picture: each for each in found}


async def test_the_second_consumer_looks_at_pictures_by_their_bytes(desk: Desk) -> None:
    await desk.channel(**LETS_PASS)
    good = await upload(desk, "kettle.jpg", png(64, 48))
    fake = await upload(desk, "kettle.png", b"<svg onload=alert(1)>")
    broken = await upload(desk, "broken.png", png(64, 48)[:60])
    tiny = await upload(desk, "dot.png", png(1, 1))
    review = await desk.submit(pictures=[good, fake, broken, tiny])
    found = await pictures_of(desk, review.id, 4)
    assert found[good].verdict is PictureVerdict.NOT_JUDGED
    assert (found[good].media_type, found[good].width, found[good].height) == ("image/png", 64, 48)
    assert found[good].by == "offline"
    assert {found[each].verdict for each in (fake, broken, tiny)} == {PictureVerdict.REFUSED}
    told = await desk.told(review.id)
    assert told.count("PICTURE_REVIEWED") == 4
    assert told.count("REVIEW_PICTURES_RECEIVED") == 1


async def test_a_picture_that_did_not_come_with_the_review_is_not_told_of(desk: Desk) -> None:
    """Whoever may send events in, or call, can't have a consumer told of pictures of their choice."""
    await desk.channel(**LETS_PASS)
    review = await desk.submit()
    other = await upload(desk, "other.png", png(64, 48))
    asked = {"review": review.id, "pictures": [other]}
    run = await desk.house.start(desk.caller, "answer_reviews", "check_pictures", asked)
    assert (await desk.settled(run.run_id)).result == {"pictures": []}
    assert "PICTURE_REVIEWED" not in await desk.told()


async def test_a_picture_of_another_workspace_is_not_found(desk: Desk, bob: Any) -> None:
    foreign = await upload(Desk(desk.house, bob), "a.png", png(64, 48))
    view = await desk.settled(await desk.start(pictures=[foreign]))
    assert view.error is not None
    assert view.error["code"] == NotFound.code
    assert (await desk.call("list")).total == 0
