"""What comes as a file becomes two plain tables: interactions (user, item, time, value) and products.

CSV, TSV, Parquet, MovieLens' `ratings.dat` and `movies.dat`, or a zip that holds one of them. DuckDB
reads and writes in a stream, within the memory it is given, so 25 million rows need no more of it than
25 thousand. Knows no store and no registry: a path goes in, a Parquet file comes out.
"""

# ruff: noqa: S608 - own names, and columns, paths and notes that are quoted

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Final

from stoa.base.errors import InvalidInput, SetupError, TooLarge, UnsupportedType

if TYPE_CHECKING:
    import duckdb

ENDINGS: Final = (".csv", ".tsv", ".txt", ".dat", ".parquet", ".zip")
_TABLES: Final = (".csv", ".tsv", ".txt", ".dat", ".parquet")
_MOST_UNPACKED: Final = 8 << 30
_MOST_RATIO: Final = 200
_SMALL: Final = 10 << 20
_MEMORY: Final = "1GB"
_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "user": ("user", "user_id", "userid", "customer", "customer_id", "member", "member_id", "visitor_id"),
    "item": ("item", "item_id", "itemid", "product", "product_id", "movie", "movie_id", "movieid", "sku"),
    "time": ("time", "timestamp", "ts", "datetime", "date", "event_time", "created_at"),
    "value": ("value", "rating", "weight", "count", "quantity"),
    "title": ("title", "name", "product_name"),
    "picture": ("picture", "image", "image_url", "picture_url", "img"),
}  # fmt: skip
"""Names of columns that are understood without being told."""
_HEADLESS: Final = {
    "interactions": ("user", "item", "value", "time"),
    "products": ("item", "title", "genres"),
}
"""The columns of MovieLens' `.dat` files, which have no heading."""


@dataclass(frozen=True)
class Read:
    """What a file held."""

    rows: int
    """Kept."""
    left_out: int
    """Without a user, an item or a time that can be read."""


def read_interactions(
    path: Path, name: str, columns: Mapping[str, str], out: Path, *, note: str = ""
) -> Read:
    """Write `out`, Parquet of user, item (text), time (unix seconds) and value, in the file's order.

    Args:
        path: the file; `name` is what it was called, by whose ending it is read.
        columns: `user`, `item`, `time`, `value` → the column's name, for those not understood.
        note: kept in the file: the same rows with another note are another content.

    Raises:
        UnsupportedType: neither ending nor content is one that is read here.
        InvalidInput: a column is missing, or no row can be used.
        TooLarge: a zip that unpacks to too much.
    """
    with _source(path, name, "interactions", columns) as (connection, source, found):
        for column in ("user", "item", "time"):
            _need(column, found)
        value = f"TRY_CAST({_quoted(found['value'])} AS DOUBLE)" if "value" in found else "1.0"
        rows = (
            f'SELECT {_text(found["user"])} AS "user", {_text(found["item"])} AS item, '
            f'{_seconds(found["time"])} AS "time", {value} AS value FROM {source}'
        )
        good = (
            '"user" IS NOT NULL AND item IS NOT NULL AND "time" IS NOT NULL AND '
            "(value IS NULL OR isfinite(value))"
        )
        connection.execute(f"CREATE TEMP VIEW arrived AS {rows}")
        all_, kept = _one(
            connection, f"SELECT count(*), count(*) FILTER (WHERE {good}) FROM arrived"
        )
        if not kept:
            raise InvalidInput(
                "No row of the file has a user, an item and a time.",
                hint="Check which columns they are in; times are seconds since 1970 or ISO 8601.",
            )
        connection.execute(
            'COPY (SELECT "user", item, "time", coalesce(value, 1.0) AS value FROM arrived '
            f"WHERE {good}) TO {_literal(out)} "
            f"(FORMAT parquet, COMPRESSION zstd, KV_METADATA {{note: {_literal(note)}}})"
        )
    return Read(rows=kept, left_out=all_ - kept)


def read_products(path: Path, name: str, columns: Mapping[str, str]) -> Iterator[dict[str, str]]:
    """The rows of a catalogue as text, each with `item` and `title`; `picture` and others where given.

    Raises as `read_interactions`.
    """
    with _source(path, name, "products", columns) as (connection, source, found):
        _need("item", found)
        known = {
            column: each for column, each in found.items() if column in ("item", "title", "picture")
        }
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        others = [str(row[0]) for row in described if row[0] not in known.values()]
        asked = [*known.items(), *((each, each) for each in others)]
        chosen = ", ".join(f"{_text(column)}" for _, column in asked)
        reading = connection.execute(f"SELECT {chosen} FROM {source}")
        while rows := reading.fetchmany(2_000):
            for row in rows:
                made = {
                    key: str(value)
                    for (key, _), value in zip(asked, row, strict=True)
                    if value is not None
                }
                if made.get("item"):
                    yield {"title": made["item"], **made}


def count_interactions(path: Path) -> dict[str, int]:
    """Rows, users, items, repeated pairs, first and last time of what `read_interactions` wrote."""
    with _connected() as connection:
        found = _one(
            connection,
            'SELECT count(*), count(DISTINCT "user"), count(DISTINCT item), min("time"), max("time"), '
            f'count(*) - count(DISTINCT ("user", item)) FROM {_parts([path])}',
        )
    names = ("rows", "users", "items", "first", "last", "repeated")
    return {name: int(value) for name, value in zip(names, found, strict=True)}


def history_of(paths: Sequence[Path], user: str, limit: int) -> tuple[int, list[tuple[str, int]]]:
    """How many items a user had, and the newest of them with their times, the latest of each."""
    with _connected() as connection:
        rows = connection.execute(
            f'SELECT item, max("time") AS latest FROM {_parts(paths)} WHERE "user" = ? '
            "GROUP BY item ORDER BY latest DESC, item",
            [user],
        ).fetchall()
    return len(rows), [(str(item), int(at)) for item, at in rows[:limit]]


def users_in(paths: Sequence[Path], start: str, limit: int) -> tuple[int, list[str]]:
    """How many users there are whose id begins so, and some of them: those with the most first."""
    with _connected() as connection:
        begins = f'FROM {_parts(paths)} WHERE starts_with("user", ?)'
        total = connection.execute(f'SELECT count(DISTINCT "user") {begins}', [start]).fetchone()
        rows = connection.execute(
            f'SELECT "user" {begins} GROUP BY "user" ORDER BY count(*) DESC, "user" LIMIT {int(limit)}',
            [start],
        ).fetchall()
    return int(total[0]) if total else 0, [str(user) for (user,) in rows]


@contextmanager
def _source(
    path: Path, name: str, what: str, columns: Mapping[str, str]
) -> Iterator[tuple["duckdb.DuckDBPyConnection", str, dict[str, str]]]:
    """A connection, the file as a table expression, and the column of each thing it holds."""
    with _unpacked(path, name, what) as (file, kept_name), _connected() as connection:
        source = _table(file, kept_name, what)
        try:
            described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        except _duckdb().Error as error:
            raise UnsupportedType(
                f"'{kept_name}' can't be read as a table.",
                hint="Send CSV with a heading, Parquet, ratings.dat, or a zip of one of them.",
            ) from error
        try:
            yield connection, source, _assigned([str(row[0]) for row in described], columns)
        except _duckdb().Error as error:
            raise InvalidInput(
                f"'{kept_name}' stops being a table somewhere: {str(error).splitlines()[0][:200]}",
                hint="Export it again, or leave the broken rows out.",
            ) from error


def _table(path: Path, name: str, what: str) -> str:
    ending = PurePath(name).suffix.lower()
    if ending == ".parquet":
        return f"read_parquet({_literal(path)})"
    if ending == ".dat":
        names = ", ".join(f"'{each}'" for each in _HEADLESS[what])
        return (
            f"read_csv({_literal(path)}, delim='::', header=false, names=[{names}], quote='', "
            "escape='', all_varchar=true, encoding='latin-1')"
        )
    if ending in (".csv", ".tsv", ".txt"):
        return f"read_csv({_literal(path)}, header=true, all_varchar=true)"
    raise UnsupportedType(
        f"'{name}' is none of the kinds that are read.", hint=f"They end in {', '.join(ENDINGS)}."
    )


def _assigned(there: Sequence[str], told: Mapping[str, str]) -> dict[str, str]:
    """The column of the file for each thing: as told, else by names that are understood."""
    by_name = {each.lower(): each for each in there}
    found: dict[str, str] = {}
    for thing, names in _NAMES.items():
        asked = told.get(thing, "")
        if asked:
            if asked not in there:
                raise InvalidInput(
                    f"The file has no column '{asked}'.", hint=f"It has: {', '.join(there)[:500]}."
                )
            found[thing] = asked
            continue
        match = next((by_name[each] for each in names if each in by_name), None)
        if match is not None and match not in found.values():
            found[thing] = match
    if not (told or found):
        found["columns"] = ", ".join(there)
    return found


def _need(column: str, found: Mapping[str, str]) -> None:
    if column not in found:
        raise InvalidInput(
            f"It can't be told which column is the {column}.",
            hint=f"Name it: the option is {column}_column.",
        )


@contextmanager
def _unpacked(path: Path, name: str, what: str) -> Iterator[tuple[Path, str]]:
    """The file itself, or the one of a zip that holds the table, beside the zip for as long as the block lasts."""
    if PurePath(name).suffix.lower() != ".zip":
        yield path, name
        return
    made = path.with_name(f"{path.name}.unpacked")
    try:
        with zipfile.ZipFile(path) as archive:
            entry = _member(archive, what)
            with archive.open(entry) as packed, made.open("wb") as file:
                while piece := packed.read(1 << 20):
                    file.write(piece)
        yield made, PurePath(entry.filename).name
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise UnsupportedType(
            "The zip can't be opened.", hint="Pack it again, without a password."
        ) from error
    finally:
        made.unlink(missing_ok=True)


def _member(archive: zipfile.ZipFile, what: str) -> zipfile.ZipInfo:
    wanted = (
        ("ratings", "interactions", "events")
        if what == "interactions"
        else ("movies", "products", "items")
    )
    tables = [
        each
        for each in archive.infolist()
        if PurePath(each.filename).suffix.lower() in _TABLES
        and not PurePath(each.filename).name.startswith((".", "README"))
    ]
    named = [each for each in tables if PurePath(each.filename).stem.lower() in wanted]
    chosen = named or (tables if len(tables) == 1 else [])
    if not chosen:
        raise UnsupportedType(
            f"The zip holds no file called {' or '.join(wanted)}, and not just one table.",
            hint=f"Pack one file whose name ends in {', '.join(_TABLES)}.",
        )
    entry = chosen[0]
    bomb = entry.file_size > max(_SMALL, _MOST_RATIO * entry.compress_size)
    if bomb or entry.file_size > _MOST_UNPACKED:
        raise TooLarge("The zip unpacks to too much.", hint="Send the file itself, as Parquet.")
    return entry


def _text(column: str) -> str:
    return f"nullif(trim(CAST({_quoted(column)} AS VARCHAR)), '')"


def _seconds(column: str) -> str:
    """Unix seconds of a column of numbers (s, ms, µs or ns by their size) or of times."""
    number = f"TRY_CAST({_quoted(column)} AS DOUBLE)"
    moment = f"epoch(TRY_CAST({_quoted(column)} AS TIMESTAMPTZ))"
    scaled = (
        f"CASE WHEN {number} < 0 THEN NULL WHEN {number} < 1e11 THEN {number} "
        f"WHEN {number} < 1e14 THEN {number} / 1e3 WHEN {number} < 1e17 THEN {number} / 1e6 "
        f"WHEN {number} < 1e20 THEN {number} / 1e9 END"
    )
    either = f"CASE WHEN {number} IS NOT NULL THEN {scaled} ELSE {moment} END"
    return f"CAST(floor({either}) AS BIGINT)"


def _one(connection: "duckdb.DuckDBPyConnection", sql: str) -> tuple[Any, ...]:
    found = connection.execute(sql).fetchone()
    assert found is not None
    return tuple(found)


@contextmanager
def _connected() -> Iterator["duckdb.DuckDBPyConnection"]:
    connection = _duckdb().connect(
        ":memory:",
        config={
            "memory_limit": _MEMORY,
            "autoinstall_known_extensions": "false",
            "allow_community_extensions": "false",
            "preserve_insertion_order": "true",
        },
    )
    try:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


def _duckdb() -> Any:
    try:
        import duckdb  # noqa: PLC0415 - an optional part
    except ImportError as error:
        raise SetupError(
            "DuckDB is not installed here.", hint="pip install stoa[compute]."
        ) from error
    return duckdb


def _quoted(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _literal(text: Path | str) -> str:
    return "'" + str(text).replace("'", "''") + "'"


def _parts(paths: Sequence[Path]) -> str:
    return f"read_parquet([{', '.join(_literal(path) for path in paths)}])"
