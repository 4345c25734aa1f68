"""Takes in the files of a run that was trained elsewhere, so that it is shown beside the others."""

import asyncio
import shutil
import tempfile
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from stoa.base.database import new_id, now
from stoa.base.errors import InvalidInput
from stoa.compute.training.pretraining.ledger import LEDGER
from stoa.contract import Call
from stoa.core.jobs.folder import LOG, METRICS, PROGRESS, RECIPE, RESULT, read_json
from stoa.solutions.pretrain_llm.data import files_on_disk
from stoa.solutions.pretrain_llm.schema import Imported, ImportRun
from stoa.solutions.pretrain_llm.tables import ImportedRunRow

KNOWN = (RECIPE, METRICS, PROGRESS, RESULT, LEDGER, LOG)


async def import_run(call: Call, request: ImportRun) -> Imported:
    """Show a run that was trained elsewhere, under torchrun on a cluster, from the files of its folder:
    recipe.json and metrics.jsonl, with ledger.jsonl, result.json and log.txt where they are there."""
    paths = await files_on_disk(call, request.files)
    with tempfile.TemporaryDirectory() as name:
        await asyncio.to_thread(_gather, paths, Path(name))
        return await keep(call, Path(name), request.title)


async def keep(call: Call, folder: Path, title: str = "") -> Imported:
    """Keep a run folder's files; the same files again are the same run.

    Raises:
        InvalidInput: it holds no recipe or no metrics.
    """
    recipe = await asyncio.to_thread(read_json, folder / RECIPE)
    if recipe is None or not (folder / METRICS).is_file():
        raise InvalidInput(
            f"A run is known by its {RECIPE} and {METRICS}; one of them is missing or broken.",
            hint="Send the files of the run folder under their own names.",
        )
    artefact = await call.platform.registry.artefacts.add(call.caller, folder)
    shown = title or str(recipe.get("name", "run"))

    def put(session: Session) -> str:
        query = sa.select(ImportedRunRow.id).where(ImportedRunRow.artefact_id == artefact.id)
        known = session.scalar(query)
        if known is not None:
            return known
        row = ImportedRunRow(
            id=new_id("imported"), title=shown[:120], artefact_id=artefact.id, created_at=now()
        )
        session.add(row)
        return row.id

    run = await call.platform.database.write(put, workspace=call.caller.workspace_id)
    return Imported(job=run, title=shown)


def _gather(paths: list[Path], folder: Path) -> None:
    for path in paths:
        if path.name not in KNOWN:
            raise InvalidInput(
                f"'{path.name}' is no file of a run folder.", hint=f"It has {', '.join(KNOWN)}."
            )
        shutil.copyfile(path, folder / path.name)
