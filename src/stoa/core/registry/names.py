"""What things in the registry may be called, and how many are listed at once."""

import re
from typing import Final

from stoa.base.errors import InvalidInput

MOST_LISTED: Final = 500
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def check_name(name: str) -> None:
    """Raises InvalidInput for a name that would not fit a path or an address."""
    if not _NAME.fullmatch(name):
        raise InvalidInput(
            f"'{name[:80]}' can't be a name.",
            hint="Use up to 200 letters, digits, '.', '_' and '-', a letter or digit first.",
        )


def checked_limit(limit: int) -> int:
    """Raises InvalidInput for a number of rows that can't be listed."""
    if not 1 <= limit <= MOST_LISTED:
        raise InvalidInput(f"{limit} can't be listed.", hint=f"Ask for 1 to {MOST_LISTED}.")
    return limit
