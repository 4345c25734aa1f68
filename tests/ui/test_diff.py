"""Changes between two texts: nothing is lost, nothing is invented."""

from hypothesis import given
from hypothesis import strategies as st

from stoa.ui.diff import changes


def test_a_changed_word_shows_as_one() -> None:
    assert changes("Dear all, thank you.", "Dear Ada, thank you!") == [
        ("same", "Dear "),
        ("out", "all"),
        ("in", "Ada"),
        ("same", ", thank you"),
        ("out", "."),
        ("in", "!"),
    ]
    assert changes("same", "same") == [("same", "same")]
    assert changes("", "new") == [("in", "new")]
    assert changes("old", "") == [("out", "old")]


def test_a_long_text_is_compared_by_lines() -> None:
    before = "".join(f"line {n} of many\n" for n in range(2_000))
    found = changes(before, before.replace("line 700 ", "LINE 700 "))
    assert ("out", "line 700 of many\n") in found
    assert ("in", "LINE 700 of many\n") in found
    assert len(found) == 4


@given(st.text(max_size=80), st.text(max_size=80))
def test_both_texts_can_be_read_from_the_changes(before: str, after: str) -> None:
    found = changes(before, after)
    assert "".join(part for kind, part in found if kind != "in") == before
    assert "".join(part for kind, part in found if kind != "out") == after
