"""Answers of a suite kept by what was asked, so that an interrupted run goes on where it stopped.

A file per answer, named by the hash of prompt, version, answerer and inputs: whoever changes any of them gets a
new answer. Files are written whole or not at all. Offline twins are not kept: they cost nothing, and their code
is no part of the name.
"""

import asyncio
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, ValidationError


class Answered(BaseModel):
    """What an answerer gave for one request."""

    output: dict[str, Any]
    answered_by: str = ""
    tokens: int = Field(0, ge=0)
    cost_usd: float | None = 0.0
    seconds: float = 0.0


class Kept:
    """The answers kept in one folder; with None, nothing is kept."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    async def get(self, *asked: Any) -> Answered | None:
        """What was kept under that name, if anything."""
        return await asyncio.to_thread(self._read, _name(asked))

    async def put(self, answered: Answered, *asked: Any) -> None:
        """Keep an answer."""
        await asyncio.to_thread(self._write, _name(asked), answered)

    def _read(self, name: str) -> Answered | None:
        if self._folder is None:
            return None
        try:
            content = (self._folder / name).read_text(encoding="utf-8")
            return Answered.model_validate_json(content)
        except (FileNotFoundError, ValidationError):
            return None

    def _write(self, name: str, answered: Answered) -> None:
        if self._folder is None:
            return
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(answered.model_dump_json(), encoding="utf-8")
        temporary.replace(path)


def _name(asked: tuple[Any, ...]) -> str:
    text = json.dumps(asked, sort_keys=True, ensure_ascii=False, default=_plain)
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{digest[:2]}/{digest[2:]}.json"


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if isinstance(value, Mapping):
        return dict(value)
    return str(value)
