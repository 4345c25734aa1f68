"""Connections, catalogue and policies: what is kept, what is shown to whom, what outlives a refresh."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import select

from stoa.base.database import EVERY_WORKSPACE
from stoa.base.errors import Conflict, Forbidden, InvalidInput, NotFound, StoaError
from stoa.base.identity.caller import Role
from stoa.solutions.ask_data.cards import card
from stoa.solutions.ask_data.drafting import describe_inputs
from stoa.solutions.ask_data.schema import AskEvent
from stoa.solutions.ask_data.tables import ConnectionRow
from tests.solutions.ask_data.conftest import TRIPS, Desk, bikes


async def test_a_connection_shows_no_secret(asked: Desk) -> None:
    view = (await asked.call("connections")).connections[0]
    assert (view.name, view.dialect, view.tables, view.version) == ("bikes", "sqlite", 6, 1)
    assert view.address == "sqlite: bikes.sqlite"
    rows = await asked.house.platform.database.read(
        lambda session: list(session.scalars(select(ConnectionRow))), workspace=EVERY_WORKSPACE
    )
    assert b"bikes.sqlite" not in rows[0].sealed_url
    health = await asked.call("test", database="bikes")
    assert health.dialect == "sqlite"
    assert health.server_version


async def test_a_name_is_given_once(asked: Desk, tmp_path: Path) -> None:
    with pytest.raises(Conflict):
        await asked.call("connect", name="bikes", url=f"sqlite:///{tmp_path / 'bikes.sqlite'}")


async def test_disconnecting_takes_everything_along(asked: Desk) -> None:
    answer = await asked.one(TRIPS)
    await asked.call("save", answer=answer.id)
    await asked.call("disconnect", database="bikes")
    assert (await asked.call("connections")).connections == []
    assert (await asked.call("saved")).saved == []
    objects = asked.house.platform.objects
    assert await objects.list(f"{asked.caller.workspace_id}/ask_data") == []
    with pytest.raises(NotFound):
        await asked.ask(TRIPS)


async def test_an_answer_to_a_database_that_is_removed_meanwhile_leaves_nothing(
    asked: Desk,
) -> None:
    async def remove(event: AskEvent) -> None:
        if event.step == "english":
            await asked.call("disconnect", database="bikes")

    request = {"database": "bikes", "question": TRIPS}
    with pytest.raises(NotFound, match="removed meanwhile"):
        await asked.house.call(asked.caller, "ask_data", "ask", request, on_event=cast(Any, remove))
    objects = asked.house.platform.objects
    assert await objects.list(f"{asked.caller.workspace_id}/ask_data") == []
    assert (await asked.call("report")).questions == 0


async def test_stoas_own_files_and_other_places_are_refused(desk: Desk, tmp_path: Path) -> None:
    home = desk.house.platform.settings.home
    for url, error in (
        (f"sqlite:///{home / 'stoa.sqlite'}", Forbidden),
        (f"sqlite:///{tmp_path / 'link.sqlite'}", Forbidden),
        ("sqlite:////etc/hostname", Forbidden),
        ("SQLite:////etc/hostname", Forbidden),
        ("DUCKDB:////etc/hostname", Forbidden),
        ("postgresql://me:secret@host:port/x", InvalidInput),
        (f"sqlite:///{tmp_path / 'none.sqlite'}", InvalidInput),
        ("sqlite://", InvalidInput),
        ("sqlite:///:memory:", InvalidInput),
        (f"sqlite:///file:{tmp_path}/x?mode=rw&uri=true", InvalidInput),
        ("oracle://host/x", InvalidInput),
        ("no url", InvalidInput),
    ):
        if "link" in url and not (tmp_path / "link.sqlite").is_symlink():
            (tmp_path / "link.sqlite").symlink_to(home / "stoa.sqlite")
        with pytest.raises(error):
            await desk.call("test", url=url)
        with pytest.raises(StoaError):
            await desk.call("connect", name="own", url=url)


async def test_words_outlive_a_refresh(asked: Desk, tmp_path: Path) -> None:
    await asked.call("describe", database="bikes", table="trip", description="A rental.")
    await asked.call(
        "describe", database="bikes", table="trip", column="fee", description="In euros."
    )
    connection = sqlite3.connect(tmp_path / "bikes.sqlite")
    connection.executescript(
        "ALTER TABLE trip ADD COLUMN note TEXT; CREATE TABLE shop (id INTEGER);"
    )
    connection.close()
    refreshed = await asked.call("refresh", database="bikes")
    assert (refreshed.added, refreshed.removed, refreshed.changed) == (["shop"], [], ["trip"])
    found = await asked.call("catalogue", database="bikes", table="trip")
    (table,) = found.catalogue.tables
    assert table.description == "A rental."
    assert table.column("fee").description == "In euros."
    assert table.column("note") is not None
    assert (await asked.call("connections")).connections[0].version == refreshed.version == 4
    assert (await asked.call("refresh", database="bikes")).version == 4
    await asked.call("describe", database="bikes", table="trip", description="")
    found = await asked.call("catalogue", database="bikes", table="trip")
    assert found.catalogue.tables[0].description != "A rental."


async def test_descriptions_come_from_a_csv(asked: Desk) -> None:
    text = "table,description\ntrip,A rental\nnowhere,Nothing\n"
    done = await asked.call("import_descriptions", database="bikes", text=text)
    assert (done.described, done.unknown) == (1, ["nowhere"])
    file = await asked.house.platform.files.add(
        asked.caller, "meta.csv", b"\xef\xbb\xbfTable,Column,Description\r\nTRIP,Fee,In euros\r\n"
    )
    done = await asked.call("import_descriptions", database="bikes", file=file.id)
    assert (done.described, done.unknown) == (1, [])
    exported = json.loads((await asked.call("export", database="bikes")).text)
    trip = next(table for table in exported["tables"] if table["name"] == "trip")
    assert trip["description"] == "A rental"
    assert next(c for c in trip["columns"] if c["name"] == "fee")["description"] == "In euros"
    for wrong in ("", "a,b\n1,2\n", f"table,description\ntrip,{'x' * 200_000}\n"):
        with pytest.raises(InvalidInput):
            await asked.call("import_descriptions", database="bikes", text=wrong)


async def test_drafts_describe_what_nobody_described(asked: Desk) -> None:
    await asked.call("describe", database="bikes", table="trip", description="A rental.")
    drafted = await asked.call("draft", database="bikes")
    tables = (await asked.call("catalogue", database="bikes")).catalogue.tables
    words = {table.name: table.description for table in tables}
    assert words["trip"] == "A rental."
    assert all(words.values())
    assert drafted.described <= 5


async def test_a_policy_holds_on_every_way_to_the_data(asked: Desk) -> None:
    await asked.call(
        "policy",
        database="bikes",
        role="member",
        tables=["town", "customer", "trip"],
        rows={"town": "region = 'North'"},
        masked={"customer": ["email", "name"]},
    )
    mia = asked.beside("mia", Role.MEMBER)
    seen = (await mia.call("catalogue", database="bikes")).catalogue
    assert {table.name for table in seen.tables} == {"town", "customer", "trip"}
    assert "Easton" not in seen.model_dump_json()
    assert "email" not in seen.model_dump_json()
    assert "@example.org" not in (await mia.call("export", database="bikes")).text
    with pytest.raises(NotFound):
        await mia.call("catalogue", database="bikes", table="repair")

    async def run(sql: str) -> list[list[object]] | None:
        answer = await mia.call("run_sql", database="bikes", sql=sql)
        rows: list[list[object]] | None = answer.sql_answer and answer.sql_answer.rows
        return rows

    assert await run("SELECT name FROM town ORDER BY name") == [["Larkfield"], ["Northhaven"]]
    assert await run("SELECT count(*) FROM town t WHERE t.region = 'South'") == [[0]]
    assert await run("SELECT DISTINCT email, name FROM customer") == [[None, None]]
    assert await run("SELECT count(*) FROM repair") is None
    assert (await mia.one("How many towns are there?")).sql_answer.rows == [[2]]  # type: ignore[union-attr]
    assert (await mia.one("What is the total cost of repairs?")).status_code == 400
    owner = await asked.one("How many towns are there?", use_vector_db=False)
    assert owner.sql_answer is not None
    assert owner.sql_answer.rows == [[4]]
    found = await asked.call("policy", database="bikes", role="member", clear=True)
    assert found.policies == []
    assert await run("SELECT count(*) FROM town") == [[4]]


async def test_a_saved_query_runs_within_the_rights_of_whoever_runs_it(asked: Desk) -> None:
    answer = await asked.one("How many towns are there?")
    kept = await asked.call("save", answer=answer.id, name="Towns", shared=True)
    await asked.call("save", answer=answer.id, name="Mine")
    mia = asked.beside("mia", Role.MEMBER)
    saved = (await mia.call("saved")).saved
    assert [(each.name, each.mine) for each in saved] == [("Towns", False)]
    rows = {"town": "region = 'North'"}
    await asked.call("policy", database="bikes", role="member", rows=rows)
    again = await mia.call("run_sql", database="bikes", sql=saved[0].sql_code)
    assert again.sql_answer.rows == [[2]]
    with pytest.raises(NotFound):
        await mia.call("forget", id=kept.id)
    await asked.call("forget", id=kept.id)
    assert (await mia.call("saved")).saved == []


@pytest.mark.parametrize(
    "policy",
    [
        {"tables": ["nowhere"]},
        {"rows": {"nowhere": "1 = 1"}},
        {"rows": {"town": "no such predicate ("}},
        {"rows": {"town": "wage > 3"}},
        {"rows": {"town": "1 = 1; DROP TABLE town"}},
        {"masked": {"town": ["wage"]}},
    ],
)
async def test_a_policy_that_does_not_fit_is_refused(
    asked: Desk, policy: dict[str, object]
) -> None:
    with pytest.raises((InvalidInput, NotFound)):
        await asked.call("policy", database="bikes", role="member", **policy)
    assert (await asked.call("policies", database="bikes")).policies == []


async def test_members_connect_nothing_and_set_no_rights(asked: Desk, tmp_path: Path) -> None:
    mia = asked.beside("mia", Role.MEMBER)
    url = f"sqlite:///{tmp_path / 'bikes.sqlite'}"
    for operation, request in (
        ("connect", {"name": "mine", "url": url}),
        ("test", {"url": url}),
        ("disconnect", {"database": "bikes"}),
        ("policy", {"database": "bikes", "role": "member", "clear": True}),
        ("policies", {"database": "bikes"}),
        ("describe", {"database": "bikes", "table": "trip", "description": "x"}),
        ("report", {}),
    ):
        with pytest.raises(Forbidden):
            await mia.call(operation, **request)


async def test_the_report_counts_judgements(asked: Desk) -> None:
    first = await asked.one(TRIPS)
    second = await asked.one("How many towns are there?")
    await asked.one("What is the meaning of life?")
    await asked.one(TRIPS)
    await asked.call("feedback", answer=first.id, good=True)
    await asked.call("feedback", answer=second.id, good=False, why="wanted regions")
    report = await asked.call("report")
    assert (report.questions, report.answered, report.reused) == (4, 3, 1)
    assert (report.good, report.bad, report.acceptance) == (1, 1, 0.5)
    assert (report.target, report.line) == (0.9, 0.95)
    assert [each.why for each in report.bad_answers] == ["wanted regions"]
    assert [each.question for each in report.failed] == ["What is the meaning of life?"]
    assert {each.step for each in report.latency} >= {"total", "guard", "run"}
    assert sum(day.asked for day in report.days) == 4
    assert (await asked.call("report", database="bikes")).questions == 4


async def test_a_database_of_another_kind_of_name(desk: Desk, tmp_path: Path) -> None:
    more = 'CREATE TABLE "Order Line" ("Line Id" INTEGER PRIMARY KEY, "Grand Total" REAL);'
    await desk.call("connect", name="bikes", url=f"sqlite:///{bikes(tmp_path, more)}")
    answer = await desk.call("run_sql", database="bikes", sql='SELECT count(*) FROM "Order Line"')
    assert answer.sql_answer.rows == [[0]]


async def test_a_view_shows_no_values_that_a_policy_hides(desk: Desk, tmp_path: Path) -> None:
    view = "CREATE VIEW contact AS SELECT name, email FROM customer;"
    await desk.call("connect", name="bikes", url=f"sqlite:///{bikes(tmp_path, view)}")
    assert "contact" in (await desk.call("export", database="bikes")).text
    policy = {"database": "bikes", "role": "member", "masked": {"customer": ["email"]}}
    await desk.call("policy", **policy)
    shown = (await desk.beside("mia").call("export", database="bikes")).text
    assert "contact" not in shown
    assert "@example.org" not in shown
    await desk.call("policy", **policy | {"masked": {"contact": ["email"]}})
    assert "contact" in (await desk.beside("mia").call("export", database="bikes")).text


async def test_drafts_are_not_made_of_values(asked: Desk) -> None:
    """Every role reads a description, also one from which a policy hides the values."""
    tables = (await asked.call("catalogue", database="bikes")).catalogue.tables
    town = next(table for table in tables if table.name == "town")
    assert "Larkfield" in card(town)
    assert "Larkfield" not in describe_inputs(town).table
    assert "region" in describe_inputs(town).table


async def test_who_may_not_connect_may_not_try_addresses(asked: Desk, tmp_path: Path) -> None:
    editor = asked.beside("eda", Role.EDITOR)
    assert (await editor.call("test", database="bikes")).read_only
    with pytest.raises(Forbidden):
        await editor.call("test", url=f"sqlite:///{tmp_path / 'bikes.sqlite'}")


async def test_a_refresh_names_no_table_that_a_policy_hides(asked: Desk, tmp_path: Path) -> None:
    await asked.call("policy", database="bikes", role="editor", tables=["town"])
    with closing(sqlite3.connect(tmp_path / "bikes.sqlite")) as connection:
        for change in ("CREATE TABLE wage (id INTEGER)", "DROP TABLE repair"):
            connection.execute(change)
        for table in ("town", "trip"):
            connection.execute(f"ALTER TABLE {table} ADD COLUMN note TEXT")
    found = await asked.beside("eda", Role.EDITOR).call("refresh", database="bikes")
    assert (found.added, found.removed, found.changed) == ([], [], ["town"])
