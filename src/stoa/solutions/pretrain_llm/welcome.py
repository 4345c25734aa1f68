"""Fills a fresh workspace with the runs of `sample/recorded`, so that there is something to look at.

They were really trained, with the recipe `sample` and the text beside it, on two processor cores; what
they wrote is shown, marked as recorded. Training starts when somebody asks for it.
"""

from pathlib import Path

from stoa.contract import Call
from stoa.solutions.pretrain_llm.importing import keep

_FOLDER = Path(__file__).parent / "sample" / "recorded"


async def fill(call: Call) -> None:
    """Show the recorded runs; those that are there already stay as they are."""
    for folder in sorted(path for path in _FOLDER.iterdir() if path.is_dir()):
        await keep(call, folder)
