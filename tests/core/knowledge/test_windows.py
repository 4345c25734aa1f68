"""Windows: all of a passage is indexed once, on the right page, and figures are not embedded."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stoa.core.knowledge.chunking import Chunking, chunk
from stoa.core.knowledge.pages import ParsedPage, Passage
from stoa.core.knowledge.windows import repeated, telling, windows_of
from stoa.core.models.embedding.embedder import Window


def passages(texts: list[str], most: int = 40, overlap: int = 10) -> list[Passage]:
    pages = [ParsedPage(number=n, status="indexed", text=text) for n, text in enumerate(texts, 1)]
    return list(chunk("doc", pages, chunking=Chunking(most, overlap)))


def by_five_words(text: str) -> list[Window]:
    starts = [n for n in range(len(text)) if n == 0 or (text[n - 1] == " " and text[n] != " ")]
    chosen = starts[::5] or [0]
    return [
        Window(start, text[start:end])
        for start, end in zip(chosen, [*chosen[1:], None], strict=True)
    ]


@pytest.mark.parametrize(
    ("written", "embedded"),
    [
        ("Revenue | 1,577 | (23) | $ 4,401.5\nCosts | 12%  | 9 | 8", "Revenue \nCosts "),
        ("Year | 2022 | 2021\nmore", "Year 2022 2021\nmore"),
        ("Name | Place | Role", "Name Place Role"),
        ("The fee is 25 euros for 3 days.", "The fee is 25 euros for 3 days."),
        ("1 | 2 | 3", "1 | 2 | 3"),
        ("", ""),
    ],
)
def test_columns_of_figures_are_not_embedded(written: str, embedded: str) -> None:
    assert telling(written)[0] == embedded


@given(st.text("ab 19,|\n$(%", max_size=80))
def test_every_place_is_found_again(written: str) -> None:
    text, before = telling(written)
    places = [before(place) for place in range(len(text))]
    assert "".join(written[place] for place in places) == text
    assert places == sorted(set(places))


@given(st.lists(st.lists(st.sampled_from(["one", "Two.", "3 | 4 | 5\n", "six"]), max_size=60)))
def test_the_windows_of_a_document_hold_its_text_once(pages: list[list[str]]) -> None:
    made = passages([" ".join(words) for words in pages])
    held: set[str] = set()
    whole = "".join("".join(words) for page in pages for words in page)
    whole = "".join(whole.split())
    for before, passage in pairwise([None, *made]):
        assert passage is not None
        skip = repeated(before, passage)
        assert passage.text[:skip] == (before.text[-skip:] if before and skip else "")
        windows = windows_of(passage, skip, by_five_words)
        assert all(passage.page <= window.page <= passage.last_page for window in windows)
        held.update("".join(window.written for window in windows).split())
        assert "".join("".join(window.written for window in windows).split()) == "".join(
            passage.text[skip:].split()
        )
    for before, passage in pairwise(made):
        skip = repeated(before, passage)
        if passage.page in (before.page, before.last_page):
            assert "".join((before.text + passage.text[skip:]).split()) in whole
    assert not made or held


def test_a_window_stands_on_the_page_of_its_text() -> None:
    (passage,) = passages(["alpha " * 15, "beta " * 15], most=100)
    pages = {window.page: window.written for window in windows_of(passage, 0, by_five_words)}
    assert "beta" not in pages[1]
    assert "alpha" not in pages[2]
