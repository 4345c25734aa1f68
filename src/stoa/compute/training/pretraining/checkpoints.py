"""Saves a run without stopping it, and takes it up again on any number of ranks.

`save` copies the local shards to CPU memory, which is all that training waits for; a thread then writes
them with torch.distributed.checkpoint over a process group of its own, hashes what it wrote, and seals the
step with a manifest. So a full disk, a killed rank or a power cut leave the step before untouched: a
step without a manifest is never taken. `load` takes the newest whole step whose files are what the
manifest says, and reshards it to the layout it finds.

`dcp.async_save` is not used: it fails where tensors lie on several meshes.
"""

import logging
import os
import shutil
import threading
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader, FileSystemWriter
from torch.distributed.checkpoint.state_dict_loader import load as read_tensors
from torch.distributed.checkpoint.state_dict_saver import save as write_tensors
from torch.distributed.tensor import DTensor

from stoa.base.errors import InvalidInput, SetupError, StoaError
from stoa.compute.training.pretraining.interfaces import Kept
from stoa.compute.training.pretraining.recipe import CheckpointRecipe
from stoa.compute.training.pretraining.shelf import (
    METADATA,
    FileFacts,
    Manifest,
    Shelf,
    hash_file,
    open_shelf,
)

log = logging.getLogger(__name__)
# One process is as good as many; torch says so at each save and load.
warnings.filterwarnings("ignore", message="torch.distributed is disabled", category=UserWarning)


@dataclass(frozen=True)
class Restored:
    """What `load` took: the step, and the newer steps it passed over with the reasons."""

    step: int
    passed_over: dict[int, str]


class Checkpointer:
    """Saves, keeps and restores the checkpoints of one run. All ranks make one and call it together."""

    def __init__(self, folder: Path, recipe: CheckpointRecipe | None = None) -> None:
        """Open the place; the process group, where there is one, is the default one.

        Args:
            folder: the run folder's `checkpoints`.
            recipe: where else they go, and how many are kept.

        Raises:
            SetupError: the store that the recipe names can't be opened.
        """
        self._recipe = recipe or CheckpointRecipe()
        self._shelf: Shelf = open_shelf(folder, self._recipe.to)
        self._ranks = _Ranks()
        self._snapshot = _Snapshot()
        self._thread: threading.Thread | None = None
        self._failure: SetupError | None = None
        self._sealed = False
        self.failures = 0

    def save(self, step: int, kept: Kept, *, wait: bool = False) -> float:
        """Save a step; return the seconds that training waited for it.

        A failed earlier save is logged and counted in `failures`; the last good step stays. With `wait`,
        or where the recipe says so, it returns when the step is whole.

        Raises SetupError, with `wait`: the step could not be written.
        """
        started = time.perf_counter()
        self._join()
        self._failure = None
        tensors = self._snapshot.take(kept.tensors())
        values = kept.values()
        self._thread = threading.Thread(
            target=self._write, args=(step, tensors, values), name="checkpoint"
        )
        self._thread.start()
        if wait or not self._recipe.background:
            self.wait()
        return time.perf_counter() - started

    def wait(self) -> None:
        """Until what was saved last is whole. Raises SetupError: it could not be written."""
        self._join()
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure

    def load(self, kept: Kept) -> Restored | None:
        """Fill the tensors and values from the newest whole step; None where there is none.

        A step whose files are not what its manifest says is passed over, told, and never shown again.

        Raises:
            InvalidInput: the step is of another model, tokenizer or data.
        """
        self._join()
        passed: dict[int, str] = {}
        while True:
            step = self._ranks.first(self._newest)
            if step is None:
                return None
            manifest, reason = self._verified(step)
            if manifest is not None:
                break
            passed[step] = reason
            if self._ranks.rank == 0:
                log.warning("checkpoint of step %d is passed over: %s", step, reason)
                self._shelf.spoil(step)
            self._ranks.barrier()
        self._fill(kept, self._shelf.staging(step), step)
        self._ranks.barrier()
        if self._ranks.local_rank == 0:
            self._shelf.release(step)
        kept.restore(manifest.values)
        return Restored(step, passed)

    def close(self) -> None:
        """Wait for the thread."""
        self._join()

    # Saving, in the thread ------------------------------------------------------------------------------

    def _write(self, step: int, tensors: dict[str, Tensor], values: dict[str, Any]) -> None:
        try:
            self._ranks.all_or_none(lambda: self._begin(step))
            self._ranks.all_or_none(lambda: self._stage(step))
            folder = self._shelf.staging(step)
            write_tensors(
                dict(tensors),
                storage_writer=FileSystemWriter(folder, single_file_per_rank=True),
                process_group=self._ranks.group,
                no_dist=self._ranks.group is None,
            )
            mine = self._ranks.all_or_none(lambda: self._publish(step))
            files = {name: facts for part in mine for name, facts in part.items()}
            manifest = Manifest(
                step=step,
                time=time.time(),
                world=self._ranks.world,
                values=values,
                files=dict(sorted(files.items())),
            )
            self._ranks.all_or_none(lambda: self._seal(manifest))
        # The thread's edge: told by `wait`, counted in `failures`. torch's own is a BaseException.
        except (Exception, CheckpointException) as error:  # noqa: BLE001
            self._failed(step, error)

    def _begin(self, step: int) -> None:
        self._sealed = False
        if self._ranks.rank == 0:
            self._shelf.begin(step)

    def _stage(self, step: int) -> None:
        self._shelf.staging(step).mkdir(parents=True, exist_ok=True)

    def _publish(self, step: int) -> dict[str, FileFacts]:
        """Hash this rank's files and bring them to their place."""
        folder = self._shelf.staging(step)
        names = [path.name for path in folder.glob(f"__{self._ranks.rank}_*.distcp")]
        if self._ranks.rank == 0:
            names.append(METADATA)
        facts = {name: hash_file(folder / name) for name in sorted(names)}
        self._shelf.publish(step, facts)
        return facts

    def _seal(self, manifest: Manifest) -> None:
        if self._ranks.rank == 0:
            self._shelf.seal(manifest)
            self._sealed = True
            self._prune()

    def _prune(self) -> None:
        """Keep the last ones, and those of every so many steps."""
        every = self._recipe.keep_every
        for step in self._shelf.steps()[: -self._recipe.keep_last]:
            if not every or step % every:
                self._shelf.remove(step)

    def _failed(self, step: int, error: BaseException) -> None:
        self.failures += 1
        free = _free(self._shelf.staging(step))  # torch's words for a full disk are dark
        self._failure = SetupError(
            f"The checkpoint of step {step} could not be written: {_reason(error)} ({free}).",
            hint="The one before is whole. Free space where checkpoints go; the next one is tried as usual.",
        )
        # Its space is needed; but a rank that lost another one does not know whether the first one sealed.
        if self._ranks.local_rank == 0:
            self._shelf.release(step)
        if self._ranks.rank == 0 and not self._sealed:
            shutil.rmtree(self._shelf.staging(step), ignore_errors=True)
        if self._ranks.rank == 0:
            log.warning("%s", self._failure.message)

    def _join(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    # Loading --------------------------------------------------------------------------------------------

    def _newest(self) -> int | None:
        return max(self._shelf.steps(), default=None)

    def _verified(self, step: int) -> tuple[Manifest | None, str]:
        """The manifest, where all files are what it says; else why not. Ranks share the reading."""
        try:
            manifest = self._shelf.manifest(step)
        except (ValueError, OSError) as error:
            return self._agreed(None, _reason(error))
        self._ranks.all_or_none(lambda: self._fetch(step))
        folder = self._shelf.staging(step)
        reason = ""
        names = sorted(manifest.files)
        for name in names[self._ranks.local_rank :: self._ranks.local_world]:
            if not (folder / name).is_file():
                reason = f"'{name}' is missing"
            elif hash_file(folder / name) != manifest.files[name]:
                reason = f"the content of '{name}' has changed"
        return self._agreed(manifest, reason)

    def _fetch(self, step: int) -> None:
        if self._ranks.local_rank == 0:
            self._shelf.fetch(step)

    def _agreed(self, manifest: Manifest | None, reason: str) -> tuple[Manifest | None, str]:
        reasons = [told for told in self._ranks.gather(reason) if told]
        return (None, reasons[0]) if reasons else (manifest, "")

    def _fill(self, kept: Kept, folder: Path, step: int) -> None:
        tensors = {name: tensor.detach() for name, tensor in kept.tensors().items()}
        try:
            read_tensors(
                dict(tensors),
                storage_reader=FileSystemReader(folder),
                process_group=self._ranks.group,
                no_dist=self._ranks.group is None,
            )
        except (CheckpointException, RuntimeError, ValueError, KeyError) as error:
            raise InvalidInput(
                f"The checkpoint of step {step} does not fit this model: {_reason(error)}.",
                hint="Resume with the recipe it was made with, or start in an empty folder.",
            ) from error


class _Snapshot:
    """Copies tensors to CPU memory that is taken once; pinned where a GPU fills it."""

    def __init__(self) -> None:
        self._buffers: dict[str, Tensor] = {}

    def take(self, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The same tensors, on the CPU, not changed by what training does next."""
        copies: dict[str, Tensor] = {}
        for name, tensor in tensors.items():
            local = tensor.to_local() if isinstance(tensor, DTensor) else tensor
            buffer = self._buffer(name, local.detach())
            buffer.copy_(local.detach(), non_blocking=True)
            if isinstance(tensor, DTensor):
                # The constructor, because from_local would move it back to the mesh's device.
                copies[name] = DTensor(buffer, tensor._spec, requires_grad=False)
            else:
                copies[name] = buffer
        if torch.cuda.is_available():
            torch.cuda.synchronize()
        return copies

    def _buffer(self, name: str, local: Tensor) -> Tensor:
        kept = self._buffers.get(name)
        if kept is None or kept.shape != local.shape or kept.dtype != local.dtype:
            kept = torch.empty(
                local.shape, dtype=local.dtype, pin_memory=local.device.type == "cuda"
            )
            self._buffers[name] = kept
        return kept


class _Ranks:
    """The ranks that save together, over a group of their own: training's is busy meanwhile."""

    def __init__(self) -> None:
        alone = not (dist.is_available() and dist.is_initialized())
        self.group: Any = None if alone else dist.new_group(backend="gloo")
        self.rank = 0 if alone else dist.get_rank()
        self.world = 1 if alone else dist.get_world_size()
        self.local_rank, self.local_world = (0, 1) if alone else _local(self.rank, self.world)

    def gather(self, value: Any) -> list[Any]:
        """The values of all ranks, by rank, on every rank."""
        if self.group is None:
            return [value]
        found: list[Any] = [None] * self.world
        dist.all_gather_object(found, value, group=self.group)
        return found

    def first(self, ask: Any) -> Any:
        """What rank 0 answers, on every rank."""
        return self.gather(ask() if self.rank == 0 else None)[0]

    def barrier(self) -> None:
        """Until all are here."""
        self.gather(None)

    def all_or_none(self, work: Any) -> list[Any]:
        """Do a rank's part; where one fails, all raise what it said. Returns what all ranks made."""
        made, failure = None, ""
        try:
            made = work()
        except (StoaError, OSError) as error:
            failure = _reason(error)
        found = self.gather((made, failure))
        for _, told in found:
            if told:
                raise SetupError(told)
        return [part for part, _ in found]


def _local(rank: int, world: int) -> tuple[int, int]:
    """Rank and number of ranks on this node, as torchrun tells them."""
    local, size = os.environ.get("LOCAL_RANK"), os.environ.get("LOCAL_WORLD_SIZE")
    return (rank, world) if local is None or size is None else (int(local), int(size))


def _free(folder: Path) -> str:
    """How much space is left where a folder is, or would be."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    return f"{shutil.disk_usage(there).free / 2**20:,.1f} MiB are free there"


def _reason(error: BaseException) -> str:
    """The innermost cause, in one line."""
    if isinstance(error, CheckpointException):
        inner = next(iter(error.failures.values()))
        return _reason(inner[0] if isinstance(inner, tuple) else inner)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__).rstrip(".")[:300]
