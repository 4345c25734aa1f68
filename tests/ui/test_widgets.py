"""Widgets, by what they put on the page: forms from types, results from data, text as text."""

import asyncio
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from nicegui import ui
from nicegui.client import Client
from nicegui.elements.mixins.value_element import ValueElement
from pydantic import BaseModel, Field

from stoa.base.errors import Conflict, InvalidInput
from stoa.contract import FileField, FileId, Request
from stoa.core.knowledge.pages import Box
from stoa.ui.elements import Tag, guarded, outside_link, tag
from stoa.ui.feedback import confirm
from stoa.ui.forms import Form, Shape
from stoa.ui.frame import ago, amount, count, took
from stoa.ui.results import result_view
from stoa.ui.sources import page_picture, quoted_text
from stoa.ui.tables import Column, plain, table
from stoa.ui.upload_zone import Uploaded, UploadZone

EVIL = "<img src=x onerror=alert(1)>"


class Colour(StrEnum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    """A nested type."""

    city: str
    floor: int = 3


class Everything(Request):
    """One field of each kind."""

    name: str = Field(max_length=40)
    essay: str = ""
    times: int = Field(2, ge=1, le=9)
    share: float = 0.5
    loud: bool = True
    colour: Colour = Colour.BLUE
    mark: Literal["a", "b"] | None = None
    titles: list[str] = Field(default_factory=lambda: ["Dr"])
    colours: list[Colour] = Field(default_factory=list)
    day: date | None = None
    place: Inner
    spot: Inner | None = None
    anything: dict[str, Any] = Field(default_factory=dict)
    file: FileId
    files: list[Annotated[FileId, FileField(accept=(".pdf",))]] = Field(default_factory=list)


def values_of(canvas: Client) -> dict[str, ValueElement[Any]]:
    """The input elements of a form by the path of their field."""
    return {
        str(element.props["data-testid"]).removeprefix("input-"): element
        for element in canvas.elements.values()
        if isinstance(element, ValueElement)
        and str(element.props.get("data-testid", "")).startswith("input-")
    }


def words_of(canvas: Client) -> str:
    return " ".join(str(getattr(element, "text", "")) for element in canvas.elements.values())


def test_a_form_begins_with_the_defaults_of_the_type(canvas: Client) -> None:
    values = Form(Everything).values()
    assert values["times"] == 2
    assert values["loud"] is True
    assert values["colour"] == "blue"
    assert values["titles"] == ["Dr"]
    assert values["place"] == {"city": "", "floor": 3}
    assert values["file"] == ""
    assert "mark" not in values
    assert "day" not in values
    assert "spot" not in values


def test_what_is_filled_in_makes_a_valid_request(canvas: Client) -> None:
    form = Form(Everything)
    fields = values_of(canvas)
    fields["name"].value = " Ada "
    fields["titles"].value = "Prof\n\n Dr "
    fields["day"].value = "2026-02-03"
    fields["mark"].value = "b"
    fields["place.city"].value = "Bern"
    fields["spot"].value = '{"city": "Ulm"}'
    zones = [each for each in canvas.elements.values() if isinstance(each, UploadZone)]
    file = f"file_{'0' * 26}"
    zones[0]._on_file(_uploaded(file))
    zones[1]._on_file(_uploaded(file))
    request = Everything.model_validate(form.values())
    assert request.name == "Ada"
    assert request.titles == ["Prof", "Dr"]
    assert request.day == date(2026, 2, 3)
    assert request.place == Inner(city="Bern")
    assert request.spot == Inner(city="Ulm")
    assert (request.file, request.files) == (file, [file])
    assert zones[1].props["accept"] == ".pdf"


def _uploaded(file: str) -> Any:
    return Uploaded(file, EVIL, 1)


def test_problems_are_shown_at_their_fields(canvas: Client) -> None:
    form = Form(Everything)
    form.complain(
        [{"field": "name", "problem": "too short"}, {"field": "place.city", "problem": "unknown"}]
    )
    assert "too short" in words_of(canvas)
    assert "unknown" in words_of(canvas)
    form.complain([])
    assert "too short" not in words_of(canvas)
    assert "unknown" not in words_of(canvas)


def test_json_that_is_none_is_told_by_field(canvas: Client) -> None:
    form = Form(Everything)
    values_of(canvas)["anything"].value = "{no"
    with pytest.raises(InvalidInput) as caught:
        form.values()
    assert caught.value.details["fields"][0]["field"] == "anything"


@pytest.mark.parametrize(
    ("annotation", "nested"), [(Inner, True), (dict[str, int], False), (int | str, False)]
)
def test_only_whole_models_become_groups_of_fields(annotation: Any, nested: bool) -> None:
    assert (Shape.of(annotation, [], None).nested is not None) is nested


@pytest.mark.parametrize(
    "value",
    [
        {},
        {"name": EVIL, "n": 1, "ok": True, "none": None},
        {"rows": [{"id": "a", "text": EVIL, "score": 0.5, "tags": ["x", EVIL]}], "none": []},
        {"deep": {"deeper": {"deepest": {"end": {"at": "last"}}}}},
        {"long": "word " * 100, "list": ["one", EVIL]},
    ],
)
def test_any_result_can_be_shown_and_markup_stays_text(canvas: Client, value: Any) -> None:
    result_view(value)
    for element in canvas.elements.values():
        assert element.tag not in {"img", "script"}
        assert "innerHTML" not in element.props


def test_rows_of_a_table_are_plain_text(canvas: Client) -> None:
    moment = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    made = table(
        [Column("what"), Column("n", number=True)],
        [{"id": 7, "what": [EVIL, moment, None, True], "n": 2}],
        label="Things",
    )
    row = made.rows[0]
    assert row["id"] == "7"
    assert row["what"].startswith(EVIL)
    assert row["n"] == 2
    assert made.props["aria-label"] == "Things"


@pytest.mark.parametrize("address", ["javascript:alert(1)", "data:text/html,x", "//evil", "x", ""])
def test_only_web_addresses_become_links(canvas: Client, address: str) -> None:
    assert outside_link(address, "origin").tag == "span"
    assert outside_link("https://example.org/a", "origin").props["rel"].startswith("noopener")


def test_attributes_are_set_not_parsed(canvas: Client) -> None:
    element = tag("a", EVIL, title='" onclick="alert(1)', href="/x", aria_label=EVIL)
    assert element.text == EVIL
    assert element.props["title"] == '" onclick="alert(1)'
    assert "onclick" not in element.props


def test_boxes_lie_where_the_fractions_say(canvas: Client) -> None:
    with page_picture("/p", [Box(x0=0.1, y0=0.2, x1=0.5, y1=0.25)], alt="Page 1") as figure:
        pass
    overlay = figure.default_slot.children[1]
    assert overlay.style["left"] == "10.000%"
    assert overlay.style["width"] == "40.000%"
    assert overlay.style["height"] == "5.000%"


@pytest.mark.parametrize(
    ("passage", "quote", "marked"),
    [
        ("one two three", "two", ["two"]),
        ("one", "absent", []),
        ("one", "", []),
        ("a a", "a", ["a"]),
    ],
)
def test_the_quote_is_marked_once(
    canvas: Client, passage: str, quote: str, marked: list[str]
) -> None:
    block = quoted_text(passage, quote)
    children = [child for child in block.default_slot.children if isinstance(child, Tag)]
    assert [child.text for child in children if child.tag == "mark"] == marked
    assert "".join(child.text for child in children) == passage


async def test_an_error_of_an_action_becomes_a_message(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    told: list[str] = []
    monkeypatch.setattr("stoa.ui.elements.say", lambda message, bad=False: told.append(message))

    async def fail() -> None:
        raise Conflict("It is taken.", hint="Take another.")

    assert await guarded(fail) is False
    assert await guarded(lambda: None) is True
    assert told == ["It is taken. Take another."]


def test_times_and_amounts_in_words() -> None:
    moment = datetime(2026, 3, 1, tzinfo=UTC)
    assert ago(moment, now=moment + timedelta(seconds=3)) == "just now"
    assert ago(moment, now=moment + timedelta(hours=1)) == "1 hour ago"
    assert ago(moment, now=moment - timedelta(days=2)) == "in 2 days"
    assert ago(moment, now=moment + timedelta(days=90)) == "1 Mar 2026"
    assert [took(0.0123), took(2.34), took(125)] == ["12 ms", "2.3 s", "2 min 5 s"]
    assert [amount(999), amount(1_500_000)] == ["999 B", "1.5 MB"]
    assert [count(1, "page"), count(1200, "page")] == ["1 page", "1,200 pages"]
    assert plain({"a": [True, None]}) == "a: yes, "


async def test_a_page_that_is_left_while_it_asks_means_no() -> None:
    page = Client(ui.page(""))
    page.outbox.stop()

    async def ask() -> bool:
        with page:
            return await confirm("Delete it?", "For good.", yes="Delete")

    asking = asyncio.create_task(ask())
    await asyncio.sleep(0.05)
    page.delete()
    async with asyncio.timeout(5):
        assert await asking is False
