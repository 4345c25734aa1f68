"""Where a database may be: URLs taken apart, files and hosts that are refused, passwords not shown."""

from pathlib import Path

import pytest

from stoa.base.errors import InvalidInput
from stoa.core.tables.location import Location, Rules, locate


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "data" / "shop.sqlite"
    path.parent.mkdir()
    path.touch()
    return path


@pytest.mark.parametrize(
    ("url", "dialect", "host", "port", "database"),
    [
        ("postgresql://me:pw@db.example.org/shop", "postgresql", "db.example.org", 5432, "shop"),
        ("postgres://me:pw@db:6000/shop", "postgresql", "db", 6000, "shop"),
        ("postgresql+psycopg://me@db/shop?sslmode=require", "postgresql", "db", 5432, "shop"),
        (
            "postgresql://me@/shop?host=/run/postgresql",
            "postgresql",
            "/run/postgresql",
            5432,
            "shop",
        ),
        ("mysql://me:pw@db/shop", "mysql", "db", 3306, "shop"),
        ("mariadb://me:pw@db:3307/shop?ssl=true", "mysql", "db", 3307, "shop"),
    ],
)
def test_servers(url: str, dialect: str, host: str, port: int, database: str) -> None:
    found = locate(url)
    assert (found.dialect, found.host, found.port, found.database) == (
        dialect,
        host,
        port,
        database,
    )
    assert found.user == "me"


def test_files(file: Path) -> None:
    assert locate(f"sqlite:///{file}").path == file
    assert locate(f"duckdb:///{file}").path == file


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nonsense",
        "http://example.org",
        "oracle://me@db/x",
        "mssql+pyodbc://me@db/x",
        "sqlite://",
        "sqlite:///:memory:",
        "duckdb:///:memory:",
        "sqlite:///file:/etc/passwd?mode=rw&uri=true",
        "sqlite:////nowhere/at/all.sqlite",
        "sqlite:////tmp",
        "postgresql://me@db",
        "postgresql:///shop",
        "postgresql://me@db/shop?host=other",
        "postgresql://me@db/shop?options=-c%20x",
        "postgresql://me@db/shop?service=x",
        "postgresql://me@db/shop?passfile=/etc/passwd",
        "postgresql://me@db/shop?sslmode=maybe",
        "postgresql://me@db:port/shop",
        "mysql://me@db/shop?read_default_file=/etc/my.cnf",
        "mysql://me@db/shop?unix_socket=/tmp/s",
        "mysql://me@db/shop?local_infile=1",
        "mysql+mysqldb://me@db/shop",
        "duckdb:///md:shop?motherduck_token=x",
    ],
)
def test_what_is_not_opened(url: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        locate(url)
    assert caught.value.hint


def test_logins_are_not_shown() -> None:
    found = locate("postgresql://me:s3cret@db/shop")
    assert found.shown == "postgresql://db/shop"
    assert "s3cret" not in repr(found)
    for url in ("oracle://me:s3cret@db/x", "postgresql://me:s3cret@db/x?options=1", "x://:s3cret@"):
        with pytest.raises(InvalidInput) as caught:
            locate(url)
        assert "s3cret" not in str(caught.value)


def test_what_is_stoas_own_is_refused(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "deep").mkdir(parents=True)
    for name in ("stoa.sqlite", "deep/other.sqlite"):
        (home / name).touch()
    (tmp_path / "link.sqlite").symlink_to(home / "stoa.sqlite")
    (tmp_path / "folder").symlink_to(home)
    rules = Rules(own_files=(home,), own_servers=frozenset({("db", 5432, "stoa")}))
    for path in ("home/stoa.sqlite", "home/deep/other.sqlite", "link.sqlite", "folder/stoa.sqlite"):
        with pytest.raises(InvalidInput, match="own"):
            locate(f"sqlite:///{tmp_path / path}", rules)
    with pytest.raises(InvalidInput, match="own"):
        locate(f"sqlite:///{tmp_path}/folder/../home/stoa.sqlite", rules)
    with pytest.raises(InvalidInput, match="own"):
        locate("postgresql://anybody@db/stoa", rules)
    locate("postgresql://anybody@db/shop", rules)


def test_files_outside_the_folders_are_refused(file: Path, tmp_path: Path) -> None:
    locate(f"sqlite:///{file}", Rules(folders=(file.parent,)))
    with pytest.raises(InvalidInput, match="outside"):
        locate(f"sqlite:///{file}", Rules(folders=(tmp_path / "other",)))


def _arguments(host: str, *, private: bool) -> dict[str, object]:
    return locate(f"postgresql://me@{host}/shop", Rules(private=private)).arguments()


@pytest.mark.parametrize(
    "host",
    ["169.254.169.254", "0.0.0.0", "224.0.0.1", "[fe80::1]", "[::]", "[::ffff:169.254.169.254]"],
)
def test_some_addresses_are_never_connected_to(host: str) -> None:
    with pytest.raises(InvalidInput, match="not connected to"):
        _arguments(host, private=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "10.0.0.8", "192.168.1.4", "[::1]", "localhost"])
def test_private_addresses_are_the_operators_choice(host: str) -> None:
    assert "hostaddr" in _arguments(host, private=True)
    with pytest.raises(InvalidInput, match="not connected to"):
        _arguments(host, private=False)


@pytest.mark.parametrize(
    ("mine", "given"),
    [
        ("localhost", "127.0.0.1"),
        ("127.0.0.1", "LOCALHOST"),
        ("127.0.0.1", "[::1]"),
        ("localhost", "?host=/run/postgresql"),
        ("", "?host=/run/postgresql"),
        ("", "localhost"),
        ("10.0.0.8", "[::ffff:10.0.0.8]"),
    ],
)
def test_stoas_own_server_is_refused_by_every_name(mine: str, given: str) -> None:
    host, _, option = given.partition("?")
    rules = Rules(own_servers=frozenset({(mine, 5432, "stoa")}))
    found = locate(f"postgresql://me@{host}/stoa?{option}", rules)
    with pytest.raises(InvalidInput, match="own"):
        found.arguments()
    assert locate(f"postgresql://me@{host}/shop?{option}", rules).arguments()


def test_the_passwords_of_whoever_runs_stoa_are_not_tried() -> None:
    given = _arguments("127.0.0.1", private=True)
    assert given["password"] == ""
    assert not Path(str(given["passfile"])).exists()


def test_sockets_are_private() -> None:
    with pytest.raises(InvalidInput, match="not connected to"):
        locate("postgresql://me@/shop?host=/run/postgresql", Rules(private=False))


def test_the_connection_goes_to_the_checked_address() -> None:
    found = _arguments("127.0.0.1", private=True)
    assert (found["host"], found["hostaddr"]) == ("127.0.0.1", "127.0.0.1")
    mysql = Location("mysql", "", host="localhost", port=3306, database="shop").arguments()
    assert mysql["host"] in ("127.0.0.1", "::1")
