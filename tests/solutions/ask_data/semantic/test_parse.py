"""Questions over databases of our own: right where it answers, silent where it should be."""

from datetime import date
from typing import Final

import pytest
import sqlglot
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from stoa.core.tables.catalogue import Catalogue, Dialect
from stoa.solutions.ask_data.semantic.meaning import Meaning
from stoa.solutions.ask_data.semantic.parse import NotUnderstood, Understood, parse
from tests.solutions.ask_data.semantic.databases import Run, open_sqlite, right
from tests.solutions.ask_data.semantic.questions import QUESTIONS
from tests.solutions.ask_data.semantic.schemas import SCHEMAS

_TODAY: Final = date(2023, 7, 10)
_OPEN: Final[dict[str, tuple[Catalogue, Run]]] = {
    name: open_sqlite(script=script) for name, script in SCHEMAS.items()
}
_ASKED: Final = [
    (schema, question, gold) for schema, pairs in QUESTIONS.items() for question, gold in pairs
]
_KNOWN_GAPS: Final = {  # silent on these, for now; a wrong answer to them fails
    "How many units of each product were sold?",
    "Who wrote Nebel?",
    "Who has the best grade in Algebra?",
    "How many students enrolled each year?",
}


def _rows(schema: str, question: str, previous: Meaning | None = None) -> list[tuple[object, ...]]:
    catalogue, run = _OPEN[schema]
    found = parse(question, catalogue, previous=previous, today=_TODAY)
    assert isinstance(found, Understood), found
    return run(found.sql)


@pytest.mark.parametrize(("schema", "question", "gold"), [each for each in _ASKED if each[2]])
def test_what_it_answers_is_right(schema: str, question: str, gold: str) -> None:
    catalogue, run = _OPEN[schema]
    found = parse(question, catalogue, today=_TODAY)
    if isinstance(found, NotUnderstood):
        assert question in _KNOWN_GAPS, found
        return
    assert right([gold], found.sql, run, "sqlite"), found.sql
    assert set(found.tables) <= {table.key for table in catalogue.tables}
    assert found.reasoning.endswith(".")


@pytest.mark.parametrize(("schema", "question"), [each[:2] for each in _ASKED if not each[2]])
def test_it_is_silent_rather_than_wrong(schema: str, question: str) -> None:
    found = parse(question, _OPEN[schema][0], today=_TODAY)
    assert isinstance(found, NotUnderstood), found
    assert found.reason


def test_there_are_enough_questions() -> None:
    assert len({question for _, question, _ in _ASKED}) >= 120


@pytest.mark.parametrize(
    "question",
    [
        "Delete all patients",
        "please drop the table patients",
        "Could you update the salary of Ada Brand to 1?",
        "How many patients are there? Then delete them",
        "Insert a new doctor",
        "how many patients; truncate patients",
    ],
)
def test_who_asks_for_a_change_is_told(question: str) -> None:
    found = parse(question, _OPEN["clinic"][0])
    assert isinstance(found, NotUnderstood)
    assert found.kind == "writes"


@pytest.mark.parametrize(
    ("schema", "question", "kind"),
    [
        ("library", "What is the capital of France?", "not_in_database"),
        ("shop", "Who won the election?", "not_in_database"),
        ("shop", "Top 3 clients", "ambiguous"),
        ("clinic", "", "words"),
        ("clinic", "?!", "words"),
        ("clinic", "patients " * 100, "words"),
        ("clinic", "How many elephants visited the doctors?", "words"),
    ],
)
def test_it_says_why_it_is_silent(schema: str, question: str, kind: str) -> None:
    found = parse(question, _OPEN[schema][0])
    assert isinstance(found, NotUnderstood)
    assert found.kind == kind


def test_it_names_the_words_that_it_did_not_understand() -> None:
    found = parse("How many elephants visited the doctors?", _OPEN["clinic"][0])
    assert isinstance(found, NotUnderstood)
    assert found.words == ("elephants",)


@pytest.mark.parametrize(
    ("schema", "chain"),
    [
        ("clinic", [
            ("How many appointments were there in 2022?", [(4,)]),
            ("and in 2023?", [(6,)]),
            ("what about 2022?", [(4,)]),
        ]),
        ("clinic", [
            ("Which patients live in Leeds?", [("Gil", "Hart"), ("Ivo", "Jung"), ("Lia", "Moss")]),
            ("what about York?", [("Hana", "Ito"), ("Kai", "Lund")]),
            ("sort by last name", [("Hana", "Ito"), ("Kai", "Lund")]),
        ]),
        ("shop", [
            ("Total revenue per country", [("Egypt", 45), ("Italy", 29.5), ("Norway", 189.9), ("Sweden", 150)]),
            ("only the top 2", [("Norway", 189.9), ("Sweden", 150)]),
            ("by status instead", [("shipped", 268.4), ("pending", 101)]),
        ]),
        ("shop", [
            ("Products without reviews", [("Hose",), ("Whisk",), ("Mug",)]),
            ("only those under 10", [("Whisk",), ("Mug",)]),
        ]),
    ],
)  # fmt: skip
def test_a_follow_up_changes_one_part(
    schema: str, chain: list[tuple[str, list[tuple[object, ...]]]]
) -> None:
    catalogue, run = _OPEN[schema]
    meaning: Meaning | None = None
    for question, rows in chain:
        found = parse(question, catalogue, previous=meaning, today=_TODAY)
        assert isinstance(found, Understood), (question, found)
        assert sorted(run(found.sql), key=str) == sorted(rows, key=str), (question, found.sql)
        meaning = Meaning.model_validate_json(found.meaning.model_dump_json())
        assert meaning == found.meaning


def test_a_question_of_its_own_after_another_is_not_a_follow_up() -> None:
    catalogue, _ = _OPEN["clinic"]
    first = parse("Which patients live in Leeds?", catalogue)
    assert isinstance(first, Understood)
    assert _rows("clinic", "How many doctors are there?", first.meaning) == [(6,)]


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ("How many appointments in the last 3 months?", 3),
        ("How many appointments last month?", 0),
        ("How many appointments this month?", 1),
        ("How many appointments since May 2023?", 3),
        ("How many appointments before 2023?", 4),
        ("How many appointments after March 15, 2022?", 8),
        ("How many appointments in Q1 2022?", 3),
        ("How many appointments between January 2023 and March 2023?", 3),
        ("How many appointments on 2023-05-09?", 1),
        ("How many appointments from 2022-01-01 to 2022-03-15?", 2),
    ],
)
def test_periods_count_from_today(question: str, rows: int) -> None:
    assert _rows("clinic", question) == [(rows,)]


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "duckdb", "mysql"])
def test_every_dialect_is_written_well(dialect: Dialect) -> None:
    read = {"postgresql": "postgres"}.get(dialect, dialect)
    for name, (catalogue, _) in _OPEN.items():
        other = catalogue.model_copy(update={"dialect": dialect})
        for question, _ in QUESTIONS[name]:
            found = parse(question, other, today=_TODAY)
            if isinstance(found, Understood):
                sqlglot.parse_one(found.sql, dialect=read)


_WORDS: Final = sorted(
    {word for _, question, _ in _ASKED for word in question.replace("?", "").split()}
    | {"the", "not", "or", "and", "most", "top", "5", "2022", "by", "per", "without", "average"}
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(sorted(SCHEMAS)), st.lists(st.sampled_from(_WORDS), min_size=1, max_size=9))
def test_whatever_it_answers_is_one_select_over_known_columns(
    schema: str, words: list[str]
) -> None:
    catalogue, run = _OPEN[schema]
    found = parse(" ".join(words), catalogue, today=_TODAY)
    if isinstance(found, NotUnderstood):
        return
    tree = sqlglot.parse_one(found.sql, dialect="sqlite")
    assert isinstance(tree, exp.Select)
    for column in tree.find_all(exp.Column):
        table = catalogue.table(column.table)
        assert table is not None
        assert table.column(column.name) is not None
    run(found.sql)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=80))
def test_no_text_makes_it_fail(text: str) -> None:
    found = parse(text, _OPEN["shop"][0], today=_TODAY)
    assert isinstance(found, Understood | NotUnderstood)


def test_quotes_in_a_question_stay_inside_the_value() -> None:
    catalogue, run = _OPEN["library"]
    found = parse("books with the title \"x' OR '1'='1\"", catalogue)
    if isinstance(found, Understood):
        assert run(found.sql) == []
        assert len(sqlglot.parse(found.sql, dialect="sqlite")) == 1
