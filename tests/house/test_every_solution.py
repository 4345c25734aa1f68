"""What every solution keeps to, whatever it does. A new folder gets all of this for free.

Anatomy, prompts and twins, the sample and its expected results, the same answers on every face, a
console page, nothing for strangers, and durable work that survives kill -9.
"""

import ast
import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st
from pydantic import BaseModel

from stoa.contract import Operation, Solution
from stoa.core.models.prompts import Prompt
from stoa.wiring import SOLUTIONS, solutions
from tests.house import faces
from tests.house.conftest import Street
from tests.house.sample import (
    comparable,
    differences,
    file_fields,
    filled_in,
    ids_in,
    sample_calls,
)
from tests.house.values import minimal, values_of

ALL = solutions()
PROMPTS = [prompt for solution in ALL for prompt in solution.prompts]
each_solution = pytest.mark.parametrize("solution", ALL, ids=lambda each: each.name)
NEEDED = ("README.md", "solution.py", "schema.py", "flow.py", "sample/expected.toml", "cases.toml")
UNKNOWN = "0" * 26


# Anatomy


def test_the_folders_are_the_solutions() -> None:
    folder = Path(ALL[0].folder).parent
    assert sorted(SOLUTIONS) == sorted(path.parent.name for path in folder.glob("*/solution.py"))
    assert [each.name for each in ALL] == list(SOLUTIONS)


@each_solution
def test_the_folder_has_its_parts(solution: Solution) -> None:
    lacks = [name for name in NEEDED if not (solution.folder / name).is_file()]
    if solution.prompts and not (solution.folder / "offline.py").is_file():
        lacks.append("offline.py")
    assert lacks == []
    assert not (solution.folder / "__init__.py").read_text().strip()
    test = Path(__file__).parents[1] / "solutions" / solution.name
    assert test.is_dir() or test.with_name(f"test_{solution.name}.py").is_file()


@each_solution
def test_the_readme_leads_from_problem_to_first_change(solution: Solution) -> None:
    text = (solution.folder / "README.md").read_text()
    assert text.startswith("# ")
    assert "![" in text or "```mermaid" in text or "```text" in text, "a picture"
    assert f"stoa {solution.name} " in text or "make run" in text, "one command"
    assert "change first" in text.lower()


@each_solution
def test_every_module_says_what_it_is(solution: Solution) -> None:
    mute = [
        path.name
        for path in solution.folder.rglob("*.py")
        if path.name != "__init__.py" and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert mute == []


@each_solution
def test_the_declaration_declares_and_does_nothing_else(solution: Solution) -> None:
    tree = ast.parse((solution.folder / "solution.py").read_text())
    kinds = {type(node) for node in tree.body}
    assert kinds <= {ast.Expr, ast.Import, ast.ImportFrom, ast.Assign, ast.AnnAssign}


@each_solution
def test_every_word_is_explained(solution: Solution) -> None:
    mute = [
        f"{operation.name}: {what}"
        for operation in solution.operations
        for what, text in (
            ("summary", operation.summary),
            ("request", operation.request.__doc__),
            ("result", operation.result.__doc__),
        )
        if not text
    ]
    assert mute == []


# Prompts


@each_solution
def test_every_prompt_file_is_declared(solution: Solution) -> None:
    files = {path.name for path in (solution.folder / "prompts").glob("*.md")}
    assert files == {prompt.path.name for prompt in solution.prompts}


@pytest.mark.parametrize("prompt", PROMPTS, ids=lambda each: each.name)
@pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
@trying(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_prompt_renders_and_its_twin_answers(
    prompt: Prompt[Any, Any], data: st.DataObject
) -> None:
    inputs: BaseModel = data.draw(values_of(prompt.inputs))
    assert prompt.request(inputs).strip()
    first, second = prompt.twin(inputs), prompt.twin(inputs)
    assert isinstance(first, prompt.output)
    assert first == second, "a twin is deterministic"


# The sample


@each_solution
def test_the_sample_answers_as_expected_on_every_face(solution: Solution, street: Street) -> None:
    results: dict[str, Any] = {}
    for call in sample_calls(solution):
        operation = solution.operation(call.operation)
        assert operation is not None, f"there is no operation {call.operation}"
        request = filled_in(call.request, results)
        found = {
            face.__name__: face(street.url, street.owner)(solution, operation, request)
            for face in (faces.rest, faces.mcp, faces.cli)
        }
        if call.name:
            results[call.name] = found["rest"].result
        assert found["rest"].code == "", call
        assert differences(call.expect, found["rest"].result) == [], call
        if operation.destructive:
            continue  # the first face has done it; the others find nothing to do
        for name, answered in found.items():
            assert comparable(answered.result) == comparable(found["rest"].result), (name, call)


@each_solution
def test_the_console_page_opens(solution: Solution, street: Street) -> None:
    accounts = street.dispatcher.platform.accounts
    owner = asyncio.run(accounts.ensure_sample())
    cookie = f"stoa_session={asyncio.run(accounts.open_session(owner.user_id))}"
    with httpx.Client(base_url=street.url, headers={"Cookie": cookie}, timeout=30) as client:
        page = client.get(f"/solutions/{solution.name}")
    assert page.status_code == 200
    assert solution.title in page.text


# Strangers


_WORKS_FOR_MINUTES = {("pretrain_llm", "train")}
"""It trains a model whatever it is told. Its ids are tried in `tests/solutions/pretrain_llm`."""


@pytest.mark.slow
@each_solution
def test_a_foreign_id_is_as_good_as_none(solution: Solution, street: Street) -> None:
    """In every field that takes text, another workspace's id and one that never was answer alike.

    This holds for ids and for free text; that some fields really take ids shows in that the owner is
    answered otherwise.
    """
    known = _ids_of_the_sample(solution, street)
    assert known, "the sample calls show some ids"
    owner = faces.rest(street.url, street.owner)
    stranger = faces.rest(street.url, street.stranger)
    telling: list[tuple[Operation, dict[str, Any]]] = []
    for operation in solution.operations:
        if (solution.name, operation.name) in _WORKS_FOR_MINUTES:
            continue
        for field, identifier in _places(operation, known):
            foreign = minimal(operation.request) | field(identifier)
            absent = minimal(operation.request) | field(_unknown(identifier))
            refused = stranger(solution, operation, foreign)
            never = stranger(solution, operation, absent)
            assert refused.code == never.code, (operation.name, foreign)
            shown = str(comparable(refused.result)).replace(identifier, "")
            assert shown == str(comparable(never.result)).replace(_unknown(identifier), "")
            quiet = refused.code == "not_found" and not operation.destructive
            if quiet and owner(solution, operation, foreign).code != "not_found":
                telling.append((operation, foreign))
    assert telling, "some operation of the sample takes an id"
    for operation, request in telling:
        for face in (faces.mcp, faces.cli):
            assert face(street.url, street.stranger)(solution, operation, request).code == (
                "not_found"
            ), (face.__name__, operation.name, request)


def _ids_of_the_sample(solution: Solution, street: Street) -> dict[str, str]:
    """One id of each kind that the sample calls answer with."""
    owner = faces.rest(street.url, street.owner)
    results: dict[str, Any] = {}
    found: set[str] = set()
    for call in sample_calls(solution):
        operation = solution.operation(call.operation)
        assert operation is not None
        if operation.destructive:
            continue
        answered = owner(solution, operation, filled_in(call.request, results))
        results[call.name] = answered.result
        found |= ids_in(answered.result)
    return {each.split("_")[0]: each for each in sorted(found)}


def _places(operation: Operation, known: dict[str, str]) -> Any:
    """Every text field of an operation with every id that might go there."""
    files = dict(file_fields(operation))
    for name, field in operation.request.model_fields.items():
        if name in files:
            continue
        for identifier in known.values():
            if field.annotation is str or field.annotation == str | None:
                yield lambda value, name=name: {name: value}, identifier
            elif "list[" in str(field.annotation) and "str" in str(field.annotation):
                yield lambda value, name=name: {name: [value]}, identifier


def _unknown(identifier: str) -> str:
    return f"{identifier.split('_')[0]}_{UNKNOWN}"
