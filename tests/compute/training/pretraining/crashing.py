"""Stands in for training where only its end matters: leaves a sign of life, and fails."""

import os
import sys
from pathlib import Path

from stoa.base.errors import InvalidInput
from stoa.compute.training.pretraining.presence import Presence


def main() -> None:
    folder = Path(sys.argv[sys.argv.index("--folder") + 1])
    with Presence(folder, rank=int(os.environ["RANK"])):
        if (folder / "wrong.txt").exists():
            raise InvalidInput("Shard 'a.jsonl' can't be read at line 7.", hint="Fetch it again.")
        raise OSError("the network card is gone")


if __name__ == "__main__":
    main()
