"""A process that counts a shared row up: `python count_up.py URL TIMES`."""

import sys

from sqlalchemy.orm import Session

from stoa.base.database import EVERY_WORKSPACE, Database
from stoa.base.identity.tables import AttemptCount


def one_more(session: Session) -> None:
    """Read, then write: loses counts unless the transaction really is one."""
    row = session.get(AttemptCount, ("shared", 0), with_for_update=True)
    if row is None:
        session.add(AttemptCount(subject="shared", window=0, count=1))
    else:
        row.count += 1


if __name__ == "__main__":
    opened = Database(sys.argv[1])
    for _ in range(int(sys.argv[2])):
        opened.write_now(one_more, workspace=EVERY_WORKSPACE)
    opened.close()
