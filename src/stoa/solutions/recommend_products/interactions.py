"""Interactions of a shop: files come in, each is a version, and each version starts the pipeline.

A version holds the rows that one file brought. What a version stands for is all of them since the last
one that replaces what was before, so adding a day to a year copies the day. Versions are never changed,
and two that arrive at once are two versions: neither is lost.
"""

import asyncio
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from stoa.base.database import now
from stoa.base.errors import NotFound
from stoa.contract import Call
from stoa.core.registry import datasets as registry
from stoa.solutions.recommend_products.catalogue import titles_of
from stoa.solutions.recommend_products.events import (
    INTERACTIONS_ADDED,
    SOURCE,
    InteractionsAdded,
)
from stoa.solutions.recommend_products.names import interactions_of, shop_of
from stoa.solutions.recommend_products.reading import (
    count_interactions,
    history_of,
    read_interactions,
    users_in,
)
from stoa.solutions.recommend_products.schema import (
    AddInteractions,
    Datasets,
    DatasetView,
    Had,
    ListDatasets,
    ListUsers,
    UserRequest,
    Users,
    UserView,
)

_MOST_VERSIONS = 500


async def add_interactions(call: Call, request: AddInteractions) -> DatasetView:
    """Take a file of interactions in as a version of the shop's data, which starts the pipeline.

    The same file again is the same version, and starts nothing again.
    """
    view = await call.step(partial(store, call, request))
    if request.train:
        await call.step(partial(_tell, call, view))
    return view


async def store(call: Call, request: AddInteractions) -> DatasetView:
    """Read the file and keep its rows as a version. Once per run, and once per content."""
    file = await call.platform.files.get(call.caller, request.file)
    name = interactions_of(request.shop)
    there = await call.platform.registry.datasets.list(call.caller, name, limit=_MOST_VERSIONS)
    mine = [each for each in there if call.run_id and each.run_id == call.run_id]
    if mine:
        return _view(mine[0])
    columns = {
        "user": request.user_column, "item": request.item_column,
        "time": request.time_column, "value": request.value_column,
    }  # fmt: skip
    # What replaces the rest is another version each time it comes, even with the same rows.
    note = f"replaces all before, after version {there[0].version if there else 0}"
    with tempfile.TemporaryDirectory(prefix="stoa-interactions-") as folder:
        arrived, kept = Path(folder) / "arrived", Path(folder) / "interactions.parquet"
        await call.platform.objects.download(file.object_key, arrived)
        read = await asyncio.to_thread(
            read_interactions,
            arrived,
            file.name,
            columns,
            kept,
            note=note if request.replace else "",
        )
        counts = await asyncio.to_thread(count_interactions, kept)
        await call.progress(f"{read.rows:,} interactions", read.rows, read.rows)
        added = await call.platform.registry.datasets.add(
            call.caller,
            name,
            kept,
            partition=request.partition or f"{now():%Y-%m-%dT%H%M}",
            statistics={**counts, "left_out": read.left_out, "replaces": request.replace},
            made=registry.Made(run_id=call.run_id, code_version=request.code_version),
        )
    return _view(added)


async def datasets(call: Call, request: ListDatasets) -> Datasets:
    """List the versions of a shop's interactions, newest first."""
    found = await call.platform.registry.datasets.list(
        call.caller, interactions_of(request.shop), limit=request.limit
    )
    return Datasets(datasets=[_view(each) for each in found])


async def user(call: Call, request: UserRequest) -> UserView:
    """Show what a user has had, newest first."""
    paths = await opened(call, await _newest(call, request.shop))
    total, found = await asyncio.to_thread(history_of, paths, request.user, request.limit)
    if not total:
        raise NotFound(f"Nobody called '{request.user}' is in the data.", hint="List the users.")
    titles = await titles_of(call, request.shop, [item for item, _ in found])
    history = [
        Had(item=item, title=titles.get(item, item), at=_moment(time)) for item, time in found
    ]
    return UserView(user=request.user, interactions=total, history=history)


async def users(call: Call, request: ListUsers) -> Users:
    """List users of a shop, those with the most interactions first."""
    paths = await opened(call, await _newest(call, request.shop))
    total, found = await asyncio.to_thread(users_in, paths, request.text, request.limit)
    return Users(users=found, total=total)


async def parts_of(
    call: Call, shop: str, dataset: str = "", version: int | None = None
) -> list[registry.DatasetView]:
    """The versions that one stands for, oldest first; of the newest where none is named.

    Raises:
        NotFound: the shop has no such version, or none at all.
    """
    chosen = await _chosen(call, shop, dataset, version)
    found = [chosen]
    while not found[-1].statistics.get("replaces") and found[-1].version > 1:
        before = await call.platform.registry.datasets.newest(
            call.caller, chosen.name, version=found[-1].version - 1
        )
        if before is None:
            break
        found.append(before)
    return found[::-1]


async def _chosen(call: Call, shop: str, dataset: str, version: int | None) -> registry.DatasetView:
    known = call.platform.registry.datasets
    found = (
        await known.show(call.caller, dataset)
        if dataset
        else await known.newest(call.caller, interactions_of(shop), version=version)
    )
    if found is None or found.name != interactions_of(shop):
        raise NotFound(
            f"The shop '{shop}' has no such interactions.",
            hint="Add some with add_interactions, or list those there are with datasets.",
        )
    return found


async def _newest(call: Call, shop: str) -> list[registry.DatasetView]:
    return await parts_of(call, shop)


async def opened(call: Call, parts: Sequence[registry.DatasetView]) -> list[Path]:
    """The files of some versions, on this machine."""
    found = [await call.platform.registry.datasets.open(call.caller, each.id) for each in parts]
    return [path / "interactions.parquet" if path.is_dir() else path for path in found]


async def _tell(call: Call, view: DatasetView) -> None:
    """The event that starts the pipeline, once for each version."""
    told = InteractionsAdded(
        shop=view.shop,
        dataset=view.id,
        version=view.version,
        path=view.path,
        partition=view.partition,
    )
    await call.platform.events.publish(
        call.caller.workspace_id,
        type=INTERACTIONS_ADDED,
        source=SOURCE,
        subject=view.id,
        data=told.model_dump(),
        key=f"{INTERACTIONS_ADDED} {view.id}",
    )


def _view(row: registry.DatasetView) -> DatasetView:
    counts: dict[str, Any] = row.statistics
    return DatasetView(
        id=row.id,
        shop=shop_of(row.name) or "",
        version=row.version,
        replaces=bool(counts.get("replaces")),
        partition=row.partition,
        path=row.address or f"artefact:{row.artefact_id}",
        digest=row.digest,
        rows=int(counts.get("rows", 0)),
        users=int(counts.get("users", 0)),
        items=int(counts.get("items", 0)),
        repeated=int(counts.get("repeated", 0)),
        left_out=int(counts.get("left_out", 0)),
        first=_moment(counts.get("first", 0)),
        last=_moment(counts.get("last", 0)),
        code_version=row.code_version,
        added_at=row.created_at,
    )


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(min(max(seconds, 0), 253_402_300_799), UTC)
