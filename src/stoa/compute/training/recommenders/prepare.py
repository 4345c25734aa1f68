"""Prepares interactions for training: `python -m stoa.compute.training.recommenders.prepare --folder …`.

    sources → ids → events cut by user → per part: latest event per pair, leave-one-out, negatives

A user's last event is the test, the one before is for validation, and is taken from what training may
see; users with two events have no validation, with one neither. Events may come in any order and more
than once. Memory is DuckDB's limit plus one part, however many events there are.
"""

# ruff: noqa: S608 - own names, and columns and paths that are quoted

import json
import shutil
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import duckdb

from stoa.base.errors import InvalidInput, SetupError
from stoa.compute.training.recommenders.preparing.parts import (
    SPLITS,
    Part,
    done_here,
    prepare_part,
)
from stoa.compute.training.recommenders.preparing.prepared import MANIFEST
from stoa.compute.training.recommenders.preparing.recipe import PrepareRecipe
from stoa.compute.training.recommenders.preparing.sources import connect, events_of, fetched
from stoa.core.jobs.folder import RunFolder, work_in_folder, write_whole
from stoa.core.jobs.recipe import make_recipe

_CUT = "cut.json"
_MEBIBYTE = 2**20


def main() -> int:
    """Work on the run folder of the command line. Returns the exit code."""
    return work_in_folder(lambda run: prepare(run, make_recipe(PrepareRecipe, run.recipe())))


def prepare(run: RunFolder, recipe: PrepareRecipe) -> None:
    """Write `artefacts/partition=…`, which appears in one stroke; goes on where a killed run was.

    Raises:
        InvalidInput: a source can't be read, or there is not one whole event in them.
    """
    scratch = run.checkpoints
    run.progress("Reading the sources", 0, 1)
    cut = _cut(recipe, scratch)
    out = scratch / "prepared"
    parts = [
        Part(
            number=number,
            events=scratch / "events" / f"part={number}",
            out=out,
            scratch=scratch,
            item_count=cut["items"],
            recipe=recipe,
        )
        for number in cut["parts"]
    ]
    counts = dict.fromkeys(SPLITS, 0)
    for done, found in enumerate(_spread(parts, recipe), start=1):
        for split in SPLITS:
            counts[split] += found[split]
        run.progress("Splitting", done, len(parts))
    manifest = {
        **{name: cut[name] for name in ("events", "users", "items", "partition")},
        **counts,
        "repeated": cut["events"] - sum(counts.values()),
        "seed": recipe.seed,
        "negatives": recipe.negatives,
    }
    for table in ("users", "items"):
        shutil.copyfile(scratch / f"{table}.parquet", out / f"{table}.parquet")
    write_whole(out / MANIFEST, json.dumps(manifest, indent=1))
    final = run.artefacts / f"partition={cut['partition']}"
    shutil.rmtree(final, ignore_errors=True)
    out.rename(final)
    metrics = {name: float(value) for name, value in manifest.items() if isinstance(value, int)}
    run.finish(metrics, {"partition": cut["partition"], "path": final.name})
    shutil.rmtree(scratch, ignore_errors=True)


def _cut(recipe: PrepareRecipe, scratch: Path) -> dict[str, Any]:
    """Ids, and the events as indices in one folder per part of the users. Kept once whole."""
    kept = scratch / _CUT
    if kept.exists():
        found: dict[str, Any] = json.loads(kept.read_text(encoding="utf-8"))
        return found
    shutil.rmtree(scratch / "events", ignore_errors=True)
    with connect(recipe, scratch) as connection:
        queries = [events_of(connection, path, recipe) for path in fetched(recipe.sources, scratch)]
        try:
            cut = _written(connection, " UNION ALL ".join(queries), recipe, scratch)
        except duckdb.ConversionException as error:
            raise InvalidInput(f"A source is spoilt: {error}", hint="Check its columns.") from error
    write_whole(kept, json.dumps(cut))
    return cut


def _written(
    connection: duckdb.DuckDBPyConnection, query: str, recipe: PrepareRecipe, scratch: Path
) -> dict[str, Any]:
    connection.execute(f"CREATE TEMP VIEW events AS {query}")
    counts = {}
    for table, column in (("users", "user"), ("items", "item")):
        # By length, then text: numbers in their order, and the same for the same data always.
        connection.execute(
            f"CREATE TEMP TABLE {table} AS SELECT id, "
            "(row_number() OVER (ORDER BY length(id), id) - 1)::INTEGER AS place "
            f"FROM (SELECT DISTINCT {column} AS id FROM events)"
        )
        target = _literal(scratch / f"{table}.parquet")
        connection.execute(f"COPY (SELECT id FROM {table} ORDER BY place) TO {target}")
        counts[table] = _number(connection, f"SELECT count(*) FROM {table}")
    if not counts["users"]:
        raise InvalidInput(
            "There is no event with a user, an item and a time in the sources.",
            hint="Check the columns, and that times are numbers or timestamps.",
        )
    connection.execute(
        "COPY (SELECT users.place AS user, items.place AS item, time, "
        f"users.place // {recipe.users_per_part} AS part FROM events "
        "JOIN users ON users.id = events.user JOIN items ON items.id = events.item) "
        f"TO {_literal(scratch / 'events')} (FORMAT parquet, PARTITION_BY (part))"
    )
    folders = (scratch / "events").glob("part=*")
    return {
        **counts,
        "events": _number(
            connection,
            f"SELECT count(*) FROM read_parquet({_literal(scratch / 'events/*/*.parquet')})",
        ),
        "parts": sorted(int(each.name.removeprefix("part=")) for each in folders),
        "partition": recipe.partition or f"{datetime.now(UTC):%Y-%m-%dT%H%M%S}",
    }


def _spread(parts: list[Part], recipe: PrepareRecipe) -> Iterable[dict[str, int]]:
    """Here, or over the Ray cluster in which this process runs; both see the run folder."""
    return _done_on_ray(parts, recipe) if recipe.ray else done_here(parts)


def _done_on_ray(parts: list[Part], recipe: PrepareRecipe) -> Iterator[dict[str, int]]:
    """A task for each part, in the order in which they end; those of a machine that dies run elsewhere."""
    try:
        ray = import_module("ray")
    except ImportError as error:
        raise SetupError("Ray is not installed.", hint="pip install 'ray[default]'") from error
    ray.init(ignore_reinit_error=True)
    needs = {"num_cpus": recipe.threads, "memory": recipe.memory_mb * _MEBIBYTE}
    task = ray.remote(prepare_part).options(**needs)
    waiting = [task.remote(part) for part in parts]
    while waiting:
        done, waiting = ray.wait(waiting)
        yield from ray.get(done)


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _literal(path: Path) -> str:
    return "'" + str(path).replace("'", "''") + "'"


if __name__ == "__main__":
    sys.exit(main())
