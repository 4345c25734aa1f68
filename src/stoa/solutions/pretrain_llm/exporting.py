"""Hands a finished run's model to the registry, as files that Hugging Face's transformers read."""

import asyncio
from pathlib import Path

from stoa.base.errors import InvalidInput
from stoa.contract import Call
from stoa.core.registry.datasets import Made
from stoa.core.registry.versions import NewVersion
from stoa.solutions.pretrain_llm import measures
from stoa.solutions.pretrain_llm.reading import one_run
from stoa.solutions.pretrain_llm.schema import Export, Exported

KIND = "llama"
_MODEL = "model"


async def export(call: Call, request: Export) -> Exported:
    """Register a finished run's model: its Hugging Face folder becomes a version, to be approved."""
    seen = await one_run(call, request.job)
    if seen.job is None:
        raise InvalidInput(
            "That run was trained elsewhere.", hint="Its model is where it was made."
        )
    made = await call.platform.jobs.artefacts(call.caller, seen.id)
    folder = made / _MODEL
    if not await asyncio.to_thread((folder / "config.json").is_file):
        raise InvalidInput(
            "That run has left no model.", hint="Set checkpoints.export = true, and train again."
        )
    registry = call.platform.registry
    artefact = await registry.artefacts.add(call.caller, folder)
    metrics = {
        name: value
        for name in (measures.LOSS, measures.VALIDATION, measures.TOKENS)
        if (value := seen.value(name)) is not None
    }
    new = NewVersion(
        kind=KIND,
        metrics=metrics,
        parameters={"recipe": seen.recipe},
        job_id=seen.id,
        made=Made(run_id=seen.job.run_id),
        key=seen.id,
    )
    version = await registry.versions.register(call.caller, request.model, artefact, new)
    return Exported(
        id=version.id,
        model=version.group,
        version=version.version,
        status=version.status.value,
        files=await asyncio.to_thread(_names, folder),
        size=artefact.size,
    )


def _names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    )
