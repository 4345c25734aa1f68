"""Where a database is: a URL taken apart, checked, and told without its login.

    sqlite:////srv/data/shop.sqlite        duckdb:////srv/data/shop.duckdb
    postgresql://reader:secret@host/shop   mysql://reader:secret@host/shop   (mariadb:// is the same)

Files must exist and may not be Stoa's own; hosts are resolved and checked at every connection, and the
connection is made to the checked address. Knows no driver's API but the names of its arguments.
"""

import ipaddress
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from stoa.base.errors import InvalidInput
from stoa.core.tables.catalogue import Dialect

_DIALECTS: Final[dict[str, Dialect]] = {
    "sqlite": "sqlite",
    "duckdb": "duckdb",
    "postgresql": "postgresql",
    "postgres": "postgresql",
    "postgresql+psycopg": "postgresql",
    "mysql": "mysql",
    "mariadb": "mysql",
    "mysql+pymysql": "mysql",
    "mariadb+pymysql": "mysql",
}
_PORTS: Final[dict[Dialect, int]] = {"postgresql": 5432, "mysql": 3306}
_OPTIONS: Final[dict[Dialect, frozenset[str]]] = {
    "sqlite": frozenset(),
    "duckdb": frozenset(),
    "postgresql": frozenset({"sslmode", "host"}),
    "mysql": frozenset({"ssl"}),
}
_NO_FILE: Final = "/nonexistent/pgpass"
_HERE: Final = "this machine"
_SSL_MODES: Final = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}


@dataclass(frozen=True)
class Rules:
    """What an operator lets people connect to."""

    own_files: tuple[Path, ...] = ()
    """Files and folders that are Stoa's own: nothing in them is a database to connect."""
    own_servers: frozenset[tuple[str, int, str]] = frozenset()
    """(host, port, database) of Stoa's own stores; no host: a socket of this machine."""
    folders: tuple[Path, ...] = ()
    """Where files may lie; empty: anywhere else."""
    private: bool = True
    """Whether servers at private addresses may be connected; most databases are at one."""


@dataclass(frozen=True)
class Location:
    """One database's place. `repr` shows no password."""

    dialect: Dialect
    shown: str
    """The URL without its login: errors tell it to people who may only ask."""
    path: Path | None = None
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    options: tuple[tuple[str, str], ...] = ()
    private: bool = True
    own: frozenset[str] = frozenset()
    """Hosts at which a database of this name and port is Stoa's own."""

    def arguments(self) -> dict[str, Any]:
        """What the driver connects with; the host's address is checked now.

        Raises:
            InvalidInput: there is no such host, or its address is not one to connect to.
        """
        if any(_places(self.host) & _places(own) for own in self.own):
            raise _is_stoas()
        given: dict[str, Any] = {"user": self.user or None, "password": self.password or None}
        options = dict(self.options)
        if self.dialect == "mysql":
            given |= {"host": self._address(), "port": self.port, "database": self.database}
            if options.get("ssl") == "true":
                given["ssl"] = {"check_hostname": False}
        else:
            given |= {"host": self.host, "port": self.port, "dbname": self.database, **options}
            if not self.host.startswith("/"):
                given["hostaddr"] = self._address()
            # libpq would else try the passwords of whoever runs Stoa: they are not the caller's.
            given |= {"password": self.password, "passfile": _NO_FILE}
        return {name: value for name, value in given.items() if value is not None}

    def _address(self) -> str:
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise InvalidInput(
                f"There is no host '{self.host}'.", hint="Check the URL for typing slips."
            ) from error
        addresses = [_plain_address(str(each[4][0])) for each in found]
        for address in addresses:
            if address.is_link_local or address.is_multicast or address.is_unspecified:
                raise _refused_address(self.host, "Name the host that the database runs on.")
            if not self.private and not address.is_global:
                raise _refused_address(
                    self.host, "An operator may allow private ones with STOA_DATABASE_PRIVATE."
                )
        return str(addresses[0])


_ANYWHERE: Final = Rules()


def names_file(url: sa.URL) -> bool:
    """Whether a URL names a file of this machine, however its scheme is spelled."""
    return _DIALECTS.get(url.drivername.lower()) in ("sqlite", "duckdb")


def locate(url: str, rules: Rules = _ANYWHERE) -> Location:
    """Take a URL apart and check it.

    Raises:
        InvalidInput: no URL of a kind we open, an option we do not pass on, or a place that the rules
            do not allow. The message never repeats the URL, which may hold a password.
    """
    try:
        parsed = sa.make_url(url)
        dialect = _DIALECTS[parsed.drivername.lower()]
    except (sa.exc.ArgumentError, KeyError, ValueError) as error:
        raise InvalidInput(
            "This is no database URL that is opened here.",
            hint="sqlite:///…, duckdb:///…, postgresql://…, mysql://… or mariadb://…",
        ) from error
    unknown = set(parsed.query) - _OPTIONS[dialect]
    if unknown:
        raise InvalidInput(
            f"The URL has an option that is not passed on: {min(unknown)}.", hint="Leave it out."
        )
    if dialect in ("sqlite", "duckdb"):
        path = _checked_path(parsed.database or "", rules)
        return Location(dialect, f"{dialect}:///{path}", path=path)
    return _server(parsed, dialect, rules)


def _server(parsed: sa.URL, dialect: Dialect, rules: Rules) -> Location:
    socket_folder = parsed.query.get("host", "")
    host = parsed.host or (socket_folder if isinstance(socket_folder, str) else "")
    if not host or not parsed.database:
        raise InvalidInput(
            "The URL names no host or no database.", hint="postgresql://user:password@host/database"
        )
    if parsed.host and socket_folder:
        raise InvalidInput("The URL names two hosts.", hint="Leave the option out.")
    if host.startswith("/") and not rules.private:
        raise _refused_address(host, "Name a host.")
    options = {name: str(value) for name, value in parsed.query.items() if name != "host"}
    if options.get("sslmode", "prefer") not in _SSL_MODES:
        raise InvalidInput("There is no such sslmode.", hint=", ".join(sorted(_SSL_MODES)))
    port = parsed.port or _PORTS[dialect]
    own = {own for own, at, name in rules.own_servers if (at, name) == (port, parsed.database)}
    if host in own:
        raise _is_stoas()
    shown = sa.URL.create(dialect, None, None, host, parsed.port, parsed.database)
    return Location(
        dialect,
        shown.render_as_string(),
        host=host,
        port=port,
        user=parsed.username or "",
        password=str(parsed.password or ""),
        database=parsed.database,
        options=tuple(sorted(options.items())),
        private=rules.private,
        own=frozenset(own),
    )


def _checked_path(given: str, rules: Rules) -> Path:
    """Links are followed first, so that none leads into what is Stoa's own."""
    if not given or given.startswith((":", "file:")) or "\x00" in given:
        raise InvalidInput("The URL names no file.", hint="sqlite:////full/path/of/the.sqlite")
    path = Path(given).resolve()
    if any(path == own or own in path.parents for own in rules.own_files):
        raise InvalidInput(
            "This file is Stoa's own.", hint="Connect a file outside its data folder."
        )
    if rules.folders and not any(folder in path.parents for folder in rules.folders):
        raise InvalidInput(
            "This file lies outside the folders that may be connected.",
            hint="An operator may add its folder to STOA_SOURCE_FOLDERS.",
        )
    if not path.is_file():
        raise InvalidInput("There is no such file on the server.", hint="Give its full path.")
    return path


def _is_stoas() -> InvalidInput:
    return InvalidInput("This is Stoa's own database.", hint="Connect another one.")


def _places(host: str) -> set[str]:
    """What a host is known by: its addresses, and one word for this machine's many names."""
    if not host or host.startswith("/"):
        return {_HERE}
    name = host.lower().rstrip(".")
    try:
        found = [_plain_address(str(each[4][0])) for each in socket.getaddrinfo(name, None)]
    except (OSError, UnicodeError):
        return {name}
    return {name, *(_HERE if each.is_loopback else str(each) for each in found)}


def _plain_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address; an IPv4 one in IPv6's clothes is the IPv4 one."""
    address = ipaddress.ip_address(text.split("%")[0])
    return getattr(address, "ipv4_mapped", None) or address


def _refused_address(host: str, hint: str) -> InvalidInput:
    return InvalidInput(f"{host} is at an address that is not connected to.", hint=hint)
