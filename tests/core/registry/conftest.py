"""A registry on each kind of database, over a folder of objects."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.orm import Session

from stoa.base.database import Database
from stoa.base.identity.audit import AuditLog
from stoa.base.objects import Objects
from stoa.base.settings import Settings
from stoa.core.registry.registry import Registry


@pytest.fixture(autouse=True)
def _no_solutions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.conftest.solutions", list)


class Heard:
    """An outbox that keeps what is left in it."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []

    def add(
        self,
        session: Session,
        *,
        workspace: str,
        type: str,
        source: str,
        subject: str | None = None,
        data: dict[str, Any],
        key: str | None = None,
    ) -> None:
        self.events.append((type, data))


@pytest.fixture
def heard() -> Heard:
    """What the registry tells."""
    return Heard()


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    """A folder of objects."""
    return Objects((tmp_path / "objects").as_uri(), secret=b"s" * 32, public_url="http://stoa")


@pytest.fixture
def registry(database: Database, objects: Objects, tmp_path: Path, heard: Heard) -> Registry:
    """A registry that tells `heard`."""
    settings = Settings.load(home=tmp_path / "home")
    return Registry(settings, database, objects, AuditLog(database), events=heard)


def folder_of(path: Path, **files: str) -> Path:
    """A folder with these files; `__` in a name stands for a folder."""
    for name, content in files.items():
        file = path / (name.replace("__", "/") + ".txt")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return path
