"""Passages cover every page, fit the embedder, follow the headings, and are the same at every run."""

import re
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from stoa.core.knowledge.chunking import Chunking, chunk, estimate
from stoa.core.knowledge.pages import Heading, ParsedPage, Passage

SENTENCE = "The keeper fills the lantern with oil before the storm comes. "


def page(number: int, text: str, *headings: tuple[int, str]) -> ParsedPage:
    """A page whose headings stand where their text first stands."""
    return ParsedPage(
        number=number,
        status="indexed",
        text=text,
        headings=[
            Heading(start=text.index(heading), level=level, text=heading)
            for level, heading in headings
        ],
    )


def words(text: str) -> int:
    return len(text.split())


def spans(pages: list[ParsedPage], passage: Passage) -> Iterator[tuple[int, int, int]]:
    """(page number, start, end) of each stretch that a passage covers."""
    for each in pages:
        if each.status == "indexed" and passage.page <= each.number <= passage.last_page:
            start = passage.start if each.number == passage.page else 0
            end = passage.end if each.number == passage.last_page else len(each.text)
            yield each.number, start, end


TEXTS = st.text(
    alphabet=st.sampled_from("abcdefg ABC .!?\n\n\t-|123äöü中文字。،"), max_size=600
) | st.text(max_size=200)


@st.composite
def documents(draw: st.DrawFn) -> list[ParsedPage]:
    pages = []
    for number, text in enumerate(draw(st.lists(TEXTS, max_size=6)), 1):
        if not text.strip():
            pages.append(ParsedPage(number=number, status="reported", reason="blank page"))
            continue
        starts = draw(st.lists(st.integers(0, len(text) - 1), max_size=4, unique=True))
        headings = [
            Heading(start=start, level=draw(st.integers(1, 4)), text=text[start : start + 10])
            for start in starts
        ]
        pages.append(ParsedPage(number=number, status="indexed", text=text, headings=headings))
    return pages


@given(documents(), st.integers(1, 60), st.integers(0, 40))
@example([page(1, "word")], 1, 0)
@settings(deadline=None, max_examples=300)
def test_every_character_is_in_a_passage_and_every_passage_is_what_stands_there(
    pages: list[ParsedPage], most: int, overlap: int
) -> None:
    chunking = Chunking(most, min(overlap, most - 1))
    passages = list(chunk("doc", pages, chunking=chunking, count=words))
    covered = {each.number: set[int]() for each in pages}
    for passage in passages:
        parts = []
        for number, start, end in spans(pages, passage):
            covered[number].update(range(start, end))
            parts.append(pages[number - 1].text[start:end])
        assert passage.text == "\n".join(parts)
        assert passage.text.strip()
    for each in pages:
        if each.status == "indexed":
            lost = [c for i, c in enumerate(each.text) if i not in covered[each.number]]
            assert not "".join(lost).strip()
    assert [passage.id for passage in passages] == [f"doc:{n}" for n in range(len(passages))]


@given(documents(), st.integers(8, 80))
@settings(deadline=None, max_examples=200)
def test_no_passage_is_larger_than_asked(pages: list[ParsedPage], most: int) -> None:
    for passage in chunk("doc", pages, chunking=Chunking(most, most // 5), count=words):
        assert passage.tokens <= most


def test_the_same_pages_give_the_same_passages() -> None:
    pages = [page(n, SENTENCE * 80) for n in range(1, 4)]
    assert list(chunk("doc", pages)) == list(chunk("doc", iter(pages)))


def test_passages_end_with_sentences_and_overlap_by_sentences() -> None:
    text = "\n".join(f"Sentence number {n} is about lanterns and\noil." for n in range(60))
    passages = list(chunk("doc", [page(1, text)], chunking=Chunking(100, 20), count=words))
    assert len(passages) > 4
    for passage in passages:
        assert passage.text.startswith("Sentence number")
        assert passage.text.endswith("oil.")
    for before, after in pairwise(passages):
        assert 0 < words(text[after.start : before.end]) <= 20


def test_a_heading_starts_a_passage_and_names_its_path() -> None:
    text = f"Lanterns\n\n{SENTENCE * 9}\n\nCare\n\n{SENTENCE * 9}\n\nPrices\n\n{SENTENCE * 9}"
    pages = [page(1, text, (1, "Lanterns"), (2, "Care"), (2, "Prices"))]
    passages = list(chunk("doc", pages, chunking=Chunking(120, 20), count=words))
    assert [passage.heading for passage in passages] == [
        "Lanterns",
        "Lanterns › Care",
        "Lanterns › Prices",
    ]
    assert [passage.text.split()[0] for passage in passages] == ["Lanterns", "Care", "Prices"]


def test_short_sections_share_a_passage() -> None:
    text = "".join(f"Question {n}\n\nAnswer {n}.\n\n" for n in range(10))
    pages = [page(1, text, *((1, f"Question {n}") for n in range(10)))]
    passages = list(chunk("doc", pages, chunking=Chunking(100, 20), count=words))
    assert len(passages) < 4


def test_a_sentence_over_a_page_break_stays_whole() -> None:
    pages = [
        page(1, SENTENCE * 3 + "The oil is kept"),
        page(2, "in the cellar of the tower. " + SENTENCE * 3),
    ]
    [passage] = chunk("doc", pages, chunking=Chunking(100, 20), count=words)
    assert (passage.page, passage.last_page) == (1, 2)
    assert "kept\nin the cellar" in passage.text


def test_table_rows_are_not_torn() -> None:
    text = "\n".join(f"item {n} | price {n}.50 | stock. Many {n}" for n in range(200))
    passages = list(chunk("doc", [page(1, text)], chunking=Chunking(80, 20), count=words))
    for passage in passages:
        assert re.match(r"item \d+ \|", passage.text)
        assert re.search(r"Many \d+$", passage.text)


def test_reported_pages_have_no_passage() -> None:
    pages = [ParsedPage(number=1, status="reported", reason="blank page"), page(2, "Text.")]
    [passage] = chunk("doc", pages)
    assert (passage.page, passage.start, passage.end) == (2, 0, 5)


def test_pages_are_taken_as_they_come() -> None:
    taken = 0

    def endless() -> Iterator[ParsedPage]:
        nonlocal taken
        while True:
            taken += 1
            yield page(taken, SENTENCE * 40)

    passages = chunk("doc", endless(), chunking=Chunking(200, 40))
    for _ in range(50):
        next(passages)
    assert taken < 50


@pytest.mark.parametrize(("most", "overlap"), [(0, 0), (10, 10), (10, -1)])
def test_impossible_sizes_are_refused(most: int, overlap: int) -> None:
    with pytest.raises(ValueError, match="overlap"):
        Chunking(most, overlap)


def test_the_estimate_is_near_a_tokenizer() -> None:
    assert estimate("") == 0
    assert 10 <= estimate(SENTENCE) <= 16
    assert estimate("中文字。") == 4
