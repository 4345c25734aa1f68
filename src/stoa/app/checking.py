"""`stoa admin check`: whether what belongs together is together.

It reads and changes nothing. Every finding says what is wrong and what to do about it.
"""

from pathlib import Path

import sqlalchemy as sa
from pydantic import BaseModel

from stoa.base.database import EVERY_WORKSPACE, Row
from stoa.base.files import File
from stoa.contract import Platform


class Finding(BaseModel):
    """One thing that is not as it should be."""

    what: str
    hint: str


class Health(BaseModel):
    """What a check came to."""

    database: str
    tables: int
    objects: int
    files: int
    findings: list[Finding]


async def check(platform: Platform) -> Health:
    """Database, object store, index and data folder of an installation."""
    findings: list[Finding] = []
    files = await platform.database.read(
        lambda s: s.execute(sa.select(File.id, File.object_key)).all(), workspace=EVERY_WORKSPACE
    )
    stored = set(await platform.objects.list(""))
    findings += [
        Finding(what=f"The bytes of {each.id} are gone.", hint="Restore them from a backup.")
        for each in files
        if each.object_key not in stored
    ]
    if (stale := await platform.knowledge.prepare()) > 0:
        findings.append(
            Finding(
                what=f"{stale} documents are indexed for another embedder.",
                hint="Run: stoa admin rebuild-index",
            )
        )
    findings += _folder_findings(platform.settings.home)
    return Health(
        database=platform.database.engine.dialect.name,
        tables=len(Row.metadata.tables),
        objects=len(stored),
        files=len(files),
        findings=findings,
    )


def _folder_findings(home: Path) -> list[Finding]:
    secret = home / "secret.key"
    if secret.is_file() and secret.stat().st_mode & 0o077:
        return [Finding(what=f"{secret} can be read by others.", hint=f"chmod 600 {secret}")]
    return []
