"""Text to learn from: uploaded shards, and datasets that all their shards were merged into.

A dataset is a version in the registry: one Arrow file and its manifest, by the hash of their content.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from stoa.base.errors import InvalidInput, NotFound
from stoa.compute.training.pretraining.data.corpus import CorpusFacts, merge
from stoa.compute.training.pretraining.data.shards import readable
from stoa.compute.training.pretraining.recipe import DataRecipe, Source
from stoa.contract import Call
from stoa.core.registry.datasets import DatasetView as Registered
from stoa.solutions.pretrain_llm.schema import AddData, DatasetList, Datasets, DatasetView

_KIND = "pretrain_llm.text"
_FILE = "text.arrow"
_MOST = 500


async def add_data(call: Call, request: AddData) -> DatasetView:
    """Merge shards of text into one memory-mapped Arrow file and keep it as a dataset.

    Text, JSONL and Parquet, plain or compressed. A shard that can't be read is refused with its file
    and line, or left out and told of. The same content again is the same version.
    """
    shards = await files_on_disk(call, request.files)
    _check_kinds(shards)
    with tempfile.TemporaryDirectory(dir=_scratch(call)) as name:
        folder = Path(name)
        await call.progress(f"Merging {len(shards)} files", 0, 2)
        facts = await asyncio.to_thread(_merged, shards, request, folder)
        await call.progress("Storing", 1, 2)
        added = await call.platform.registry.datasets.add(
            call.caller, request.name, folder / "kept", statistics=_statistics(facts)
        )
    return _view(added)


async def datasets(call: Call, request: Datasets) -> DatasetList:
    """Datasets of text, newest first."""
    found = await call.platform.registry.datasets.list(call.caller, limit=_MOST)
    ours = [each for each in found if each.statistics.get("kind") == _KIND]
    return DatasetList(datasets=[_view(each) for each in ours[: request.limit]])


async def dataset_file(call: Call, name: str) -> Path:
    """The Arrow file of the newest version of a dataset, on this machine. Raises NotFound."""
    registered = call.platform.registry.datasets
    found = await registered.newest(call.caller, name)
    if found is None or found.statistics.get("kind") != _KIND:
        raise NotFound(f"There is no dataset '{name}'.", hint="Add it with add_data.")
    return await registered.open(call.caller, found.id) / _FILE


async def files_on_disk(call: Call, ids: Sequence[str]) -> list[Path]:
    """Uploaded files under their own names in a folder of the workspace; fetched once."""
    paths = []
    for each in ids:
        view = await call.platform.files.get(call.caller, each)
        path = _scratch(call) / view.id / Path(view.name).name
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            partial = path.with_name(f".{path.name}.partial")
            await call.platform.objects.download(view.object_key, partial)
            partial.replace(path)
        paths.append(path)
    return paths


def _scratch(call: Call) -> Path:
    folder = call.platform.settings.home.resolve() / "pretrain_llm" / call.caller.workspace_id
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _check_kinds(shards: Sequence[Path]) -> None:
    for shard in shards:
        if not readable(shard):
            raise InvalidInput(
                f"'{shard.name}' is of no kind that is read as a shard.",
                hint="Shards are .jsonl, .parquet or .txt, plain or with .gz, .zst, .bz2, .lz4, .br.",
            )


def _merged(shards: Sequence[Path], request: AddData, folder: Path) -> CorpusFacts:
    """The Arrow file under `folder/kept`; shards in the order they were given, by their names."""
    gathered = folder / "shards"
    gathered.mkdir()
    for place, shard in enumerate(shards):
        _put(shard, gathered / f"{place:05d}-{shard.name}")
    source = Source(path=str(gathered), column=request.column, split=request.split)
    pieces = DataRecipe.model_fields["piece_bytes"].default
    path = folder / "kept" / _FILE
    skips = request.corrupt == "skip"
    facts = merge(source, path, skip_corrupt=skips, piece_bytes=pieces).facts
    # The manifest's key is of the shards' places and times; here only what they hold counts.
    facts = facts.model_copy(update={"key": facts.content})
    path.with_suffix(".json").write_text(facts.model_dump_json(indent=1), encoding="utf-8")
    return facts


def _put(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)


def _statistics(facts: CorpusFacts) -> dict[str, object]:
    return {
        "kind": _KIND,
        "documents": facts.documents,
        "text_bytes": facts.bytes,
        "skipped": facts.skipped,
        "skipped_places": facts.skipped_places,
    }


def _view(found: Registered) -> DatasetView:
    told = found.statistics
    return DatasetView(
        id=found.id,
        name=found.name,
        version=found.version,
        documents=told["documents"],
        text_bytes=told["text_bytes"],
        skipped=told["skipped"],
        skipped_places=told["skipped_places"],
    )
