"""Pictures of lines and of parts: nothing is lost that matters, and they are told in words too."""

import json
import math

from nicegui.client import Client

from stoa.ui.charts import stacked
from stoa.ui.curves import Curves, Mark, Series, curves


def points_of(figure: object, place: int = 0) -> list[list[float]]:
    data = json.loads(figure.props["data-curves"])  # type: ignore[attr-defined]
    found: list[list[float]] = data["series"][place]["points"]
    return found


def test_thinning_keeps_spikes_and_both_ends(canvas: Client) -> None:
    points = [(step, 100.0 if step == 7_777 else math.sin(step / 500)) for step in range(20_000)]
    kept = points_of(curves([Series("loss", points)], label="Loss"))
    assert len(kept) <= 401
    assert [7_777, 100.0] in kept
    assert kept[-1] == [19_999, points[-1][1]]
    assert [each[0] for each in kept] == sorted(each[0] for each in kept)


def test_what_is_no_number_is_left_out_and_nothing_draws_as_nothing(canvas: Client) -> None:
    drawn = curves([Series("a", [(0, 1.0), (1, math.nan), (2, math.inf), (3, 2.0)])], label="A")
    assert points_of(drawn) == [[0, 1.0], [3, 2.0]]
    assert points_of(curves([Series("none", [])], label="None")) == []
    curves([Series("one", [(5, 3.0)])], label="One", log_x=True, log_y=True)
    curves([Series("zeros", [(0, 0.0), (1, 0.0)])], label="Zeros", log_y=True)


def test_drawn_anew_it_is_the_same_picture_and_a_lone_point_is_seen(canvas: Client) -> None:
    picture = Curves()
    picture.draw([Series("loss", [(1, 4.0), (2, 3.0)]), Series("held out", [])], label="Loss")
    picture.draw(
        [Series("loss", [(1, 4.0), (3, 2.0)]), Series("held out", [(3, 2.5)])], label="Loss"
    )
    assert points_of(picture.figure) == [[1, 4.0], [3, 2.0]]
    assert picture.figure.props["aria-label"] == "Loss. loss ends at 2; held out ends at 2.5"
    drawn = [" ".join(each.classes) for each in picture.figure.descendants()]
    assert drawn.count("curves-dot dot-2") == 1
    assert sum("curves-cursor" in each for each in drawn) == 1


def test_the_picture_is_told_in_words(canvas: Client) -> None:
    drawn = curves(
        [Series("first", [(1, 4.0), (2, 1.25)]), Series("<b>second", [(1, 3.0)])],
        label="Loss of two runs",
        marks=[Mark(1, 4.0, "spike"), Mark(2, None, "best")],
    )
    told = drawn.props["aria-label"]
    assert told == "Loss of two runs. first ends at 1.25; <b>second ends at 3"
    words = [str(getattr(each, "text", "")) for each in canvas.elements.values()]
    assert "<b>second" in words
    assert "best" in words


def test_parts_of_nothing_are_left_out(canvas: Client) -> None:
    bar = stacked([("a", 3.0, "3 s"), ("b", 0.0, "0 s"), ("c", 1.0, "1 s")], label="Time")
    assert bar.props["aria-label"] == "Time: a 3 s, c 1 s"
    stacked([], label="Nothing")
