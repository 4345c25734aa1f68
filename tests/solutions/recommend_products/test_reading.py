"""Files of interactions and products, of every kind that is read, and those that are none."""

import zipfile
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from stoa.base.errors import InvalidInput, StoaError, TooLarge, UnsupportedType
from stoa.solutions.recommend_products.reading import (
    count_interactions,
    history_of,
    read_interactions,
    read_products,
    users_in,
)
from tests.solutions.recommend_products.conftest import SAMPLE

RATINGS = b"1::1193::5::978300760\n1::661::3::978302109\n2::1::4::978302110\n3::::4::978302109\n"
MOVIES = '1::Toy "Story" (1995)::Animation|Children\'s\n2::Les Misérables::Drama\n'.encode(
    "latin-1"
)


def written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def read(
    folder: Path, name: str, content: bytes, **columns: str
) -> list[tuple[str, str, int, float]]:
    out = folder / "out.parquet"
    read_interactions(written(folder, name, content), name, columns, out)
    table = pq.read_table(out).to_pydict()
    return list(zip(table["user"], table["item"], table["time"], table["value"], strict=True))


def test_csv_whose_columns_are_understood(tmp_path: Path) -> None:
    content = (
        b"customer_id,sku,timestamp,rating\nann,mug,2025-03-01T10:00:00Z,4\nbob,pan,1740823200,\n"
    )
    assert read(tmp_path, "a.csv", content) == [
        ("ann", "mug", 1740823200, 4.0),
        ("bob", "pan", 1740823200, 1.0),
    ]


def test_columns_that_are_named(tmp_path: Path) -> None:
    content = b"who;what;when\nann;mug;1740823200\n"
    found = read(tmp_path, "a.csv", content, user="who", item="what", time="when")
    assert found == [("ann", "mug", 1740823200, 1.0)]
    with pytest.raises(InvalidInput, match="no column 'whom'"):
        read(tmp_path, "a.csv", content, user="whom")


@pytest.mark.parametrize(
    "time", ["1740823200", "1740823200000", "1740823200000000", "1740823200.9"]
)
def test_times_in_seconds_milliseconds_and_microseconds(tmp_path: Path, time: str) -> None:
    found = read(tmp_path, "a.csv", f"user,item,time\na,b,{time}\n".encode())
    assert found[0][2] == 1740823200


def test_movielens_as_it_comes(tmp_path: Path) -> None:
    assert read(tmp_path, "ratings.dat", RATINGS)[0] == ("1", "1193", 978300760, 5.0)
    products = [*read_products(written(tmp_path, "movies.dat", MOVIES), "movies.dat", {})]
    assert products[0] == {
        "item": "1", "title": 'Toy "Story" (1995)', "genres": "Animation|Children's"
    }  # fmt: skip
    assert products[1]["title"] == "Les Misérables"


def test_a_zip_holds_both(tmp_path: Path) -> None:
    path = tmp_path / "ml-1m.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("ml-1m/README", "words")
        archive.writestr("ml-1m/ratings.dat", RATINGS)
        archive.writestr("ml-1m/movies.dat", MOVIES)
    kept = read_interactions(path, path.name, {}, tmp_path / "out.parquet")
    assert (kept.rows, kept.left_out) == (3, 1)
    assert len([*read_products(path, path.name, {})]) == 2
    assert sorted(each.name for each in tmp_path.iterdir()) == ["ml-1m.zip", "out.parquet"]


def test_a_zip_bomb_is_refused_by_its_table_of_contents(tmp_path: Path) -> None:
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("ratings.csv", b"0" * (30 << 20))
    with pytest.raises(TooLarge):
        read_interactions(path, path.name, {}, tmp_path / "out.parquet")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"user,item,time\n"),
        ("a.csv", b"user,item,time\n,,\nann,mug,never\n"),
        ("a.csv", b"left,right\n1,2\n"),
        ("a.csv", bytes(range(256)) * 20),
        ("a.parquet", b"PAR1 and then nothing"),
        ("a.zip", b"PK"),
        ("a.exe", b"MZ"),
        ("a.csv", b"user,item,time,value\nann,mug,1740823200,nan\n"),
    ],
)
def test_what_holds_no_interactions_is_refused_with_a_hint(
    tmp_path: Path, name: str, content: bytes
) -> None:
    with pytest.raises(StoaError) as refused:
        read(tmp_path, name, content)
    assert isinstance(refused.value, InvalidInput | UnsupportedType)
    assert refused.value.hint


def test_the_sample_has_what_real_exports_have(tmp_path: Path) -> None:
    out = tmp_path / "out.parquet"
    read_interactions(SAMPLE / "interactions.parquet", "interactions.parquet", {}, out)
    counts = count_interactions(out)
    assert counts["rows"] == 21262
    assert counts["repeated"] > 300
    times = pq.read_table(out)["time"].to_pylist()
    assert times != sorted(times)
    total, names = users_in([out], "u0", 5)
    assert total > 90
    assert len(names) == 5
    had, newest = history_of([out], names[0], 3)
    assert had > 3
    assert [at for _, at in newest] == sorted((at for _, at in newest), reverse=True)


def test_no_path_or_column_becomes_a_query(tmp_path: Path) -> None:
    evil = tmp_path / "it's '); DROP.csv"
    evil.write_bytes(b'"us""er\'); --",item,time\nann,mug,1740823200\n')
    out = tmp_path / "out'.parquet"
    read_interactions(evil, evil.name, {"user": "us\"er'); --"}, out, note="it's")
    assert count_interactions(out)["rows"] == 1
    assert history_of([out], "' OR 1=1 --", 5) == (0, [])
