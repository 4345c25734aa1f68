"""Reading a run folder while it grows: new metrics, metrics out of the log, progress, how it ended.

Metrics that a regular expression finds in the log are written beside the others, as `patterns.jsonl`,
so that curves are read the same way. This file writes nothing else and knows no rows.
"""

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

from stoa.base.redaction import redact_text
from stoa.core.jobs.folder import LOG, METRICS, PROGRESS, read_json, read_lines
from stoa.core.jobs.guard import EXIT
from stoa.core.jobs.job import Curve, Point

PATTERNS: Final = "patterns.jsonl"
_LONGEST_LINE = 65_536
_MOST_AT_ONCE = 4 * 2**20
_BUCKETS = 2


@dataclass
class News:
    """What has come since the last look."""

    latest: dict[str, float | str] = field(default_factory=dict)
    progress: tuple[str, int, int] | None = None


class Reader:
    """Follows one folder from its first byte."""

    def __init__(self, folder: Path, patterns: Mapping[str, str]) -> None:
        self._folder = folder
        self._patterns = {name: re.compile(pattern) for name, pattern in patterns.items()}
        self._counts = dict.fromkeys(patterns, 0)
        self._metrics = _Growing(folder / METRICS)
        self._log = _Growing(folder / LOG)
        self._said: tuple[str, int, int] | None = None
        (folder / PATTERNS).unlink(missing_ok=True)

    def look(self) -> News:
        """Read on. Blocking."""
        news = News()
        for line in self._metrics.lines():
            found = _parsed(line)
            if found is not None:
                news.latest |= found["values"]
        if self._patterns:
            self._search(news)
        progress = read_json(self._folder / PROGRESS)
        if progress is not None:
            said = (
                str(progress.get("message", ""))[:500],
                _whole(progress.get("done")),
                _whole(progress.get("total")),
            )
            if said != self._said:
                news.progress = self._said = said
        return news

    def _search(self, news: News) -> None:
        found: list[str] = []
        for line in self._log.lines():
            for name, pattern in self._patterns.items():
                for match in pattern.finditer(line):
                    value = _number(match.group(1))
                    if value is None:
                        continue
                    self._counts[name] += 1
                    news.latest[name] = value
                    point = {"time": 0.0, "step": self._counts[name], "values": {name: value}}
                    found.append(json.dumps(point) + "\n")
        if found:
            with (self._folder / PATTERNS).open("a", encoding="utf-8") as file:
                file.writelines(found)


class _Growing:
    """The whole new lines of a text file that grows, and may be replaced by a shorter one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self._inode = 0

    def lines(self) -> Iterable[str]:
        """New lines; a half one at the end waits until it is whole, or far too long."""
        try:
            file = self._path.open("rb")
        except OSError:
            return []
        with file:
            return self._read(file)

    def _read(self, file: IO[bytes]) -> list[str]:
        state = self._path.stat()
        if state.st_ino != self._inode or state.st_size < self._offset:
            self._offset, self._inode = 0, state.st_ino
        file.seek(self._offset)
        content = file.read(_MOST_AT_ONCE)
        end = content.rfind(b"\n") + 1
        if end == 0 and len(content) > _LONGEST_LINE:
            end = len(content)
        self._offset += end
        return content[:end].decode(errors="replace").splitlines()


def read_exit(folder: Path) -> dict[str, Any] | None:
    """How the guard says that it ended; None where it did not come to say it. Blocking."""
    return read_json(folder / EXIT)


def read_curves(
    files: Iterable[Path], names: Iterable[str] | None = None, *, most: int = 500
) -> list[Curve]:
    """Each metric over its steps, thinned to about `most` points with its extremes kept. Blocking.

    Where work was resumed from a checkpoint, the steps that were done again count once.
    """
    wanted = None if names is None else set(names)
    found: dict[str, list[Point]] = {}
    for file in files:
        for line in read_lines(file):
            for name, value in line["values"].items():
                if isinstance(value, int | float) and (wanted is None or name in wanted):
                    points = found.setdefault(name, [])
                    while points and points[-1].step >= line["step"]:
                        points.pop()
                    points.append(Point(step=line["step"], time=line.get("time", 0.0), value=value))
    return [Curve(name=name, points=thinned(points, most)) for name, points in found.items()]


def thinned(points: list[Point], most: int) -> list[Point]:
    """About `most` of the points: of each stretch the lowest and the highest, and both ends."""
    if len(points) <= most:
        return points
    width = math.ceil(len(points) * _BUCKETS / most)
    kept = [points[0]]
    for start in range(1, len(points) - 1, width):
        stretch = points[start : min(start + width, len(points) - 1)]
        ends = {min(stretch, key=_value).step, max(stretch, key=_value).step}
        kept += [point for point in stretch if point.step in ends]
    return [*kept, points[-1]]


def read_tail(path: Path, most: int) -> str:
    """The end of a text file, from a line's beginning, without what looks like a secret. Blocking."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - most))
            content = file.read(most)
    except OSError:
        return ""
    if size > most:
        content = content[content.find(b"\n") + 1 :]
    return redact_text(content.decode(errors="replace"))


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    is_metric = isinstance(found, dict) and isinstance(found.get("values"), dict)
    return found if is_metric else None


def _number(text: str) -> float | None:
    try:
        value = float(text.strip().rstrip("%"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _value(point: Point) -> float:
    return point.value
