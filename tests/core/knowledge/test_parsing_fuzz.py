"""Whatever the bytes, reading ends with an accounted document or an error that carries a hint."""

import asyncio
import random
import zipfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stoa.base.errors import UserError
from stoa.core.knowledge.parsing.limits import Limits
from tests.core.knowledge import documents
from tests.core.knowledge.test_parsing import parsed

SEEDS: dict[str, bytes] = {
    "text.pdf": documents.text_pdf(["A line.", "Another."], ["Page two."]),
    "table.pdf": documents.ruled_table_pdf(),
    "columns.pdf": documents.two_columns_pdf(),
    "a.docx": documents.word_file(),
    "a.pptx": documents.slides_file(),
    "a.xlsx": documents.sheets_file(more_rows=20),
    "a.html": documents.HTML_PAGE.encode(),
    "a.md": documents.MARKDOWN_PAGE.encode(),
    "a.csv": b"a;b;c\n1;2;3\n",
    "a.txt": "Grüße aus Köln.\n\n".encode() * 20,
}
LIMITS = Limits(ocr="none", page_seconds=5, open_seconds=10)


def flipped(content: bytes, chance: random.Random) -> bytes:
    """A few bytes changed."""
    changed = bytearray(content)
    for _ in range(chance.randint(1, 30)):
        changed[chance.randrange(len(changed))] = chance.randrange(256)
    return bytes(changed)


def cut(content: bytes, chance: random.Random) -> bytes:
    """The end missing."""
    return content[: chance.randrange(len(content))]


def repeated(content: bytes, chance: random.Random) -> bytes:
    """A stretch of it many times over."""
    start = chance.randrange(len(content))
    stretch = content[start : start + chance.randint(1, 2_000)]
    return content[:start] + stretch * chance.randint(2, 50) + content[start:]


def swapped_parts(content: bytes, chance: random.Random) -> bytes:
    """Inside an archive, one part damaged or gone; else bytes changed."""
    if not content.startswith(b"PK"):
        return flipped(content, chance)
    source = zipfile.ZipFile(BytesIO(content))
    parts = {name: source.read(name) for name in source.namelist()}
    victim = chance.choice([name for name in parts if parts[name]])
    if chance.random() < 0.3:
        del parts[victim]
    else:
        parts[victim] = chance.choice([flipped, cut, repeated])(parts[victim], chance)
    return documents.archive(parts)


MUTATIONS: list[Callable[[bytes, random.Random], bytes]] = [flipped, cut, repeated, swapped_parts]
CASES = st.tuples(
    st.sampled_from(sorted(SEEDS)), st.sampled_from(MUTATIONS), st.integers(0, 2**32), st.booleans()
)


Case = tuple[str, Callable[[bytes, random.Random], bytes], int, bool]


def check_read(folder: Path, content: bytes, name: str) -> None:
    refused: UserError | None = None
    try:
        asyncio.run(parsed(folder, content, name, LIMITS))
    except UserError as error:
        refused = error
    assert refused is None or refused.hint


def check_mutated(folder: Path, case: Case) -> None:
    name, mutate, seed, wrong_name = case
    chance = random.Random(seed)
    content = mutate(SEEDS[name], chance)
    check_read(folder, content, chance.choice(sorted(SEEDS)) if wrong_name else name)


@given(CASES)
@settings(
    max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_mutated_documents(tmp_path: Path, case: Case) -> None:
    check_mutated(tmp_path, case)


@pytest.mark.slow
@pytest.mark.timeout(900)
@given(CASES)
@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_many_mutated_documents(tmp_path: Path, case: Case) -> None:
    check_mutated(tmp_path, case)


@given(st.binary(max_size=400), st.sampled_from(sorted(SEEDS)))
@settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_any_bytes(tmp_path: Path, content: bytes, name: str) -> None:
    check_read(tmp_path, content, name)
