"""Brings interactions in: CSV, TSV, Parquet and MovieLens' `ratings.dat`, from disk or object store.

DuckDB reads them in a stream. Times are unix seconds or anything it takes for a timestamp; they are
only compared, so their unit does not matter as long as it is one.
"""

# ruff: noqa: S608 - own names, and columns and paths that are quoted

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import duckdb
import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from stoa.base.errors import InvalidInput, SetupError
from stoa.compute.training.recommenders.preparing.recipe import PrepareRecipe

_NAMES: Final = {
    "user": ("user", "user_id", "userid", "customer_id", "member_id", "visitor_id"),
    "item": ("item", "item_id", "itemid", "product_id", "movie_id", "movieid", "sku"),
    "time": ("time", "timestamp", "ts", "event_time", "created_at", "datetime", "date"),
}
_CHUNK = 1 << 20


def connect(recipe: PrepareRecipe, scratch: Path) -> duckdb.DuckDBPyConnection:
    """A connection that spills to `scratch` rather than hold more than the recipe allows."""
    connection = duckdb.connect(
        config={
            "memory_limit": f"{recipe.memory_mb}MB",
            "threads": recipe.threads,
            "temp_directory": str(scratch / "spilled"),
            "preserve_insertion_order": False,
        }
    )
    connection.execute("SET autoinstall_known_extensions = false")
    return connection


def fetched(sources: tuple[str, ...], scratch: Path) -> list[Path]:
    """The sources as files: what lies in an object store is streamed into `scratch`.

    Raises:
        InvalidInput: a file is missing, or the store has no such object.
        SetupError: the store does not answer.
    """
    found = []
    for number, source in enumerate(sources):
        if "://" not in source:
            path = Path(source)
            if not path.is_file():
                raise InvalidInput(f"There is no file {path.name}.", hint="Check the sources.")
            found.append(path)
            continue
        path = scratch / f"source-{number}{Path(urlsplit(source).path).suffix}"
        if not path.exists():
            _download(source, path)
        found.append(path)
    return found


def _download(source: str, path: Path) -> None:
    parent, _, name = source.rpartition("/")
    partial = path.with_suffix(".partial")
    try:
        with partial.open("wb") as file:
            for chunk in obstore.get(from_url(parent), name).stream(min_chunk_size=_CHUNK):
                file.write(chunk)
    except FileNotFoundError as error:
        raise InvalidInput(f"There is no object {source}.", hint="Check the sources.") from error
    except (BaseError, OSError) as error:
        raise SetupError(
            f"{source} can't be read: {error}", hint="Check address, credentials and region."
        ) from error
    partial.replace(path)


def events_of(connection: duckdb.DuckDBPyConnection, path: Path, recipe: PrepareRecipe) -> str:
    """SQL that selects user and item (text) and time (number) of a file; rows without are left out.

    Raises:
        InvalidInput: a column is missing, or the file can't be read.
    """
    table = _table(path)
    try:
        columns = [row[0] for row in connection.execute(f"DESCRIBE FROM {table}").fetchall()]
    except duckdb.Error as error:
        raise InvalidInput(
            f"{path.name} can't be read as a table: {error}",
            hint="Give CSV with a heading, Parquet, or MovieLens' ratings.dat.",
        ) from error
    user, item, time = (
        _column(columns, part, asked, path)
        for part, asked in (
            ("user", recipe.user_column),
            ("item", recipe.item_column),
            ("time", recipe.time_column),
        )
    )
    moment = (
        f"coalesce(TRY_CAST({time} AS DOUBLE), epoch(TRY_CAST({time} AS TIMESTAMPTZ)))"
        if path.suffix != ".parquet"
        else f"coalesce(TRY_CAST({time}::VARCHAR AS DOUBLE), epoch(TRY_CAST({time} AS TIMESTAMPTZ)))"
    )
    return (
        f"SELECT * FROM (SELECT nullif(trim({user}::VARCHAR), '') AS user, "
        f"nullif(trim({item}::VARCHAR), '') AS item, {moment} AS time FROM {table}) "
        "WHERE user IS NOT NULL AND item IS NOT NULL AND isfinite(time)"
    )


def _table(path: Path) -> str:
    name = "'" + str(path).replace("'", "''") + "'"
    if path.suffix == ".parquet":
        return f"read_parquet({name})"
    if path.suffix == ".dat":
        return (
            f"read_csv({name}, delim = '::', header = false, all_varchar = true, quote = '', "
            "columns = {'user': 'VARCHAR', 'item': 'VARCHAR', 'value': 'VARCHAR', 'time': 'VARCHAR'})"
        )
    return f"read_csv({name}, header = true, all_varchar = true)"


def _column(columns: list[str], part: str, asked: str, path: Path) -> str:
    names = (asked.lower(),) if asked else _NAMES[part]
    by_name = {each.lower(): each for each in columns}
    found = next((by_name[name] for name in names if name in by_name), None)
    if found is None:
        raise InvalidInput(
            f"{path.name} has no column for the {part}; it has {', '.join(columns)[:200]}.",
            hint=f"Name it in {part}_column.",
        )
    return '"' + found.replace('"', '""') + '"'
