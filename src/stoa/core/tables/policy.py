"""What a role may see of a database, as plain values. Knows no SQL."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Policy:
    """What a caller may see of a database.

    Views read with their owner's eyes: under a policy that holds anything, a view is readable only
    where the policy names it.
    """

    tables: frozenset[str] | None = None
    """Keys of the permitted tables; None: all."""
    rows: Mapping[str, str] = field(default_factory=dict)
    """Table key → SQL predicate over its own columns; only rows that fulfil it exist."""
    masked: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Table key → columns that read as NULL."""

    @property
    def is_open(self) -> bool:
        """It holds nothing: everything may be seen."""
        return self.tables is None and not self.rows and not self.masked

    def shows(self, key: str, *, is_view: bool = False) -> bool:
        """Whether the table of that key may be read at all."""
        if self.tables is not None and key not in self.tables:
            return False
        named = key in (self.tables or ()) or key in self.rows or key in self.masked
        return named or self.is_open or not is_view
