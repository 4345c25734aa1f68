"""When two steps are the same: the same code and the same inputs.

The code of a step is the source of its module, and of whatever further modules it names. A change of a
comment counts as a change: rather too often anew than once too seldom.
"""

import functools
import hashlib
import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from stoa.core.pipelines.pipeline import Step

FORMAT = "1"
"""Raise it where what steps leave behind changes its meaning."""


def fingerprint(pipeline: str, step: Step, inputs: Mapping[str, Any]) -> str:
    """64 hexadecimal digits for a step with these inputs (plain JSON)."""
    plain = json.dumps(inputs, sort_keys=True, separators=(",", ":"))
    parts = (FORMAT, pipeline, step.name, step.work.__qualname__, code_version(step), plain)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def code_version(step: Step) -> str:
    """A hash over the source of the step's module and of those it names."""
    whole = hashlib.sha256()
    for name in (step.work.__module__, *step.code):
        whole.update(_source_hash(name).encode())
    return whole.hexdigest()[:16]


@functools.lru_cache(maxsize=256)
def _source_hash(name: str) -> str:
    """Of a module's file, or of all files of a package, which is not imported for it."""
    whole = hashlib.sha256(name.encode())
    for path in _files(name):
        whole.update(path.name.encode())
        whole.update(path.read_bytes())
    return whole.hexdigest()


def _files(name: str) -> list[Path]:
    loaded = sys.modules.get(name)
    origin = getattr(loaded, "__file__", None)
    if origin is None:
        spec = importlib.util.find_spec(name)
        origin = None if spec is None else spec.origin
    if origin is None:
        return []
    path = Path(origin)
    return sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
