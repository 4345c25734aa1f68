"""DBOS as Stoa uses it: the one file that imports it.

A run is one DBOS workflow of the same id. Its argument is that id and nothing else; caller, payload,
state and result are rows of ours. DBOS brings the queue, the record of finished steps, and the rule
that only one process owns a run: another one's next write is refused.

Decided here, because the defaults of DBOS 3.4 are otherwise:
- JSON, never pickle; a fixed application version, or an edit of the code would orphan open runs.
- SQLite gets an engine with WAL; PostgreSQL keeps DBOS's tables in the schema `dbos`.
- DBOS replaces the event loop's default threads with its own, and takes them along when it is
  destroyed: `stop` gives the loop new ones.
- `destroy` is called in a thread: DBOS's queue threads wait for the loop while it waits for them.
- Starting a run, and its row, are one transaction, through the client's `…_in_transaction`.
- Steps are numbered in the order they begin. Branches that run side by side would share one count and
  be numbered otherwise on every replay, so `branch` gives each its own range of numbers.
"""

import asyncio
import copy
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import sqlalchemy as sa
from dbos import DBOS, DBOSClient, DBOSConfig, DBOSPortableJSONSerializer, EnqueueOptions
from dbos._context import DBOSContext, _dbos_context_var, get_local_dbos_context
from sqlalchemy import event
from sqlalchemy.orm import Session

from stoa.base.database import Database, wait_out_restarts
from stoa.base.errors import Bug, SetupError

APPLICATION = "stoa"
FORMAT = "1"
"""Version of what runs leave behind. Raise it only with a plan for the open runs of the old one."""
QUEUE = "runs"
TICKS = "ticks"
_RUN = "run"
_TICK = "tick"
_SCHEMA = "dbos"
ACTIVE = frozenset({"PENDING", "ENQUEUED", "DELAYED"})
"""DBOS's words for what has not ended."""
_KEEP_EVERY_STEP = 2**31 - 1
_POOL = 8
_THREADS = 64
_LAST_STEP = 2**31 - 1
"""Step numbers are 32-bit integers in the database."""


@dataclass(frozen=True)
class Pace:
    """How often things are looked at, and how long waited for, in seconds."""

    queue: float = 0.1
    """For queued runs. Nothing wakes DBOS's queue, so this is what a run waits on an idle worker."""
    watch: float = 0.2
    """For events that other processes wrote."""
    beat: float = 1.0
    """A worker says that it lives."""
    dead_after: float = 15.0
    """A worker on another machine that has not said so is given up."""
    sweep: float = 5.0
    """For runs that DBOS and we disagree about."""
    analyse: float = 600.0
    """For how large the tables have grown."""
    rest: float = 0.25
    """The longest pause before a run starts again is this by two to the power of the starts before."""
    settled: float = 600.0
    """A run that has worked for so long is not what takes its workers down."""


class Engine:
    """Queue, ownership and recorded steps. At most one per process works."""

    _working: ClassVar["Engine | None"] = None

    def __init__(self, database: Database, executor_id: str, concurrency: int, pace: Pace) -> None:
        self.executor_id = executor_id
        self._database = database
        self._concurrency = concurrency
        self._pace = pace
        self._client: DBOSClient | None = None
        self._sql: sa.Engine | None = None

    @property
    def client(self) -> DBOSClient:
        """The public client API. Raises SetupError before `open`."""
        if self._client is None:
            raise SetupError("The flows are not launched.", hint="Call `launch` first.")
        return self._client

    def open(self) -> None:
        """Create or upgrade DBOS's tables and connect. Blocking."""
        _route_log()
        DBOS.migrate(self._database.url, schema=_SCHEMA)
        self._sql = _sql_engine(self._database)
        self._client = DBOSClient(
            system_database_engine=self._sql,
            dbos_system_schema=_SCHEMA,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
        )

    async def work(
        self,
        run: Callable[[str], Coroutine[Any, Any, None]],
        tick: Callable[[str, datetime], Coroutine[Any, Any, None]],
    ) -> None:
        """Start to take runs off the queue, on the running event loop."""
        if Engine._working is not None:
            raise SetupError(
                "Two flows can't work in one process.", hint="Close the first one before."
            )
        Engine._working = self
        await asyncio.to_thread(self._register_queues)  # before, or the first run waits a second
        DBOS(config=self._config())
        _register(run, tick)
        DBOS.listen_queues([QUEUE, TICKS])
        DBOS.launch()  # from here, so that workflows run on this event loop

    def _config(self) -> DBOSConfig:
        return DBOSConfig(
            name=APPLICATION,
            application_version=FORMAT,
            executor_id=self.executor_id,
            system_database_engine=self._sql,
            dbos_system_schema=_SCHEMA,
            serializer=DBOSPortableJSONSerializer(),
            run_migrations=False,
            enable_otlp=False,
            log_level="WARNING",
            max_executor_threads=_THREADS,
            use_listen_notify=False,  # nobody here waits for DBOS's messages or events
            notification_listener_polling_interval_sec=self._pace.watch,
        )

    def _register_queues(self) -> None:
        """Workspaces take turns: each is a partition, and DBOS picks partitions at random."""
        self.client.register_queue(
            QUEUE,
            worker_concurrency=self._concurrency,
            partition_worker_concurrency=share(self._concurrency),
            polling_interval_sec=self._pace.queue,
        )
        self.client.register_queue(TICKS, polling_interval_sec=self._pace.beat)

    def enqueue(self, session: Session, run_id: str, workspace_id: str) -> None:
        """Queue a run in the transaction that writes its row."""
        options = EnqueueOptions(
            workflow_name=_RUN,
            queue_name=QUEUE,
            workflow_id=run_id,
            queue_partition_key=workspace_id,
            app_version=FORMAT,
        )
        self.client.enqueue_in_transaction(session, options, run_id)

    def enqueue_tick(self, name: str, at: datetime) -> None:
        """Queue one call of a scheduled function; the same one again is the same one."""
        options = EnqueueOptions(
            workflow_name=_TICK,
            queue_name=TICKS,
            workflow_id=f"tick-{name}-{at:%Y%m%dT%H%M}",
            app_version=FORMAT,
        )
        self.client.enqueue(options, name, at.isoformat())

    def cancel(self, run_ids: Sequence[str]) -> None:
        """Take runs off the queue, and stop those that work at their next step."""
        self.client.cancel_workflows(list(run_ids))

    def resume(self, run_ids: Sequence[str]) -> None:
        """Queue cancelled or interrupted runs again; finished steps stay finished."""
        self.client.resume_workflows(list(run_ids), queue_name=QUEUE)

    def is_active(self, run_id: str) -> bool:
        """Whether DBOS has the run queued or in work."""
        return self.statuses([run_id]).get(run_id) in ACTIVE

    def requeue(self, run_id: str, workspace_id: str, step: int | None) -> None:
        """Queue a run again that is not active, without the records from that step on."""
        self.client.rewind_workflow(
            run_id,
            start_step=step or _KEEP_EVERY_STEP,
            queue_name=QUEUE,
            queue_partition_key=workspace_id,
        )

    def delete(self, run_ids: Sequence[str]) -> None:
        """Forget what DBOS keeps of these runs."""
        self.client.delete_workflows(list(run_ids))

    def statuses(self, run_ids: Sequence[str]) -> dict[str, str]:
        """DBOS's word for where each run stands; absent where it has none."""
        found = self.client.list_workflows(
            workflow_ids=list(run_ids), load_input=False, load_output=False
        )
        return {each.workflow_id: each.status for each in found}

    def owned_by(self, executor_id: str) -> list[tuple[str, str]]:
        """(id, queue) of all that a worker has begun and not ended."""
        found = self.client.list_workflows(
            executor_id=[executor_id], status="PENDING", load_input=False, load_output=False
        )
        return [(each.workflow_id, each.queue_name or QUEUE) for each in found]

    def owners(self) -> set[str]:
        """The workers that have begun something and not ended it."""
        found = self.client.list_workflows(status="PENDING", load_input=False, load_output=False)
        return {each.executor_id for each in found if each.executor_id}

    def hand_over(self, executor_id: str) -> int:
        """Queue again all that a dead worker had begun; how many that were."""
        owned = self.owned_by(executor_id)
        for queue in {queue for _, queue in owned}:
            ids = [run_id for run_id, of in owned if of == queue]
            self.client.resume_workflows(ids, queue_name=queue)
        return len(owned)

    async def step(self, name: str, work: Callable[[], Awaitable[Any]]) -> Any:
        """Inside a workflow: do it once, keep its plain result, and stop it when cancelled."""
        return await DBOS.run_step_async({"name": name, "preemptible": True}, work)

    def reserve(self, branches: int, width: int) -> int:
        """Inside a workflow: set numbers aside for branches, `width` each; the first of them.

        Raises:
            Bug: there are not that many numbers.
        """
        context = _context()
        first = context.function_id
        if first + branches * width > _LAST_STEP:
            raise Bug(f"{branches} branches of up to {width} steps do not fit into one run.")
        context.function_id = first + branches * width
        return first

    def branch(self, first: int) -> None:
        """Number the steps of this task, and of no other, from `first` on."""
        context = copy.copy(_context())
        context.function_id = first
        _dbos_context_var.set(context)

    def count(self) -> int:
        """The number of the step that began last in this branch."""
        return _context().function_id

    @property
    def step_number(self) -> int:
        """Inside a step: its number among the recorded steps of the run, from 1."""
        return DBOS.step_id or 0

    async def stop(self) -> None:
        """Let go of the queue. What was begun stays begun."""
        if Engine._working is not self:
            return
        try:
            await _in_thread(lambda: DBOS.destroy(destroy_registry=True))
        finally:  # also where that fails or is cut off: the next one may work
            Engine._working = None
            asyncio.get_running_loop().set_default_executor(
                ThreadPoolExecutor(thread_name_prefix="asyncio")
            )

    def close(self) -> None:
        """Let go of the database, after `stop`. Blocking."""
        if self._client is not None:
            self._client.destroy()
        if self._sql is not None:
            self._sql.dispose()
        self._client = self._sql = None


def _context() -> DBOSContext:
    context = get_local_dbos_context()
    if context is None:
        raise Bug("There is no run to branch here.")
    return context


def share(concurrency: int) -> int:
    """How many of a worker's places one workspace may fill: from three on, all but one."""
    return concurrency if concurrency < 3 else concurrency - 1


def _register(
    run: Callable[[str], Coroutine[Any, Any, None]],
    tick: Callable[[str, datetime], Coroutine[Any, Any, None]],
) -> None:
    loop = asyncio.get_running_loop()

    @DBOS.workflow(name=_RUN, max_recovery_attempts=None)
    async def work_on_run(run_id: str) -> None:
        await _on(loop, run(run_id))

    @DBOS.workflow(name=_TICK)
    async def call_scheduled(name: str, at: str) -> None:
        await _on(loop, tick(name, datetime.fromisoformat(at)))


async def _on(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    """Do it on that loop. DBOS begins on one of its own while ours stands still, between two calls
    of it; but locks, tasks and connections of a run belong to ours."""
    if asyncio.get_running_loop() is loop:
        await work
    else:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, loop))


async def _in_thread(work: Callable[[], None]) -> None:
    """In a thread that belongs to nobody: the loop's own may be gone half-way through."""
    done = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()

    def run() -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - carried over to the waiting coroutine
            loop.call_soon_threadsafe(done.set_exception, error)
        else:
            loop.call_soon_threadsafe(done.set_result, None)

    threading.Thread(target=run, name="flows-close").start()
    await done


def _route_log() -> None:
    """DBOS's messages go where ours go, and only when something is wrong."""
    logger = logging.getLogger("dbos")
    if not logger.handlers:  # or DBOS adds one that writes to the terminal
        logger.addHandler(logging.NullHandler())
    logger.setLevel(logging.WARNING)
    logger.addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """Leaves out that a task was interrupted: we do that whenever a run waits, stops or moves."""
    return record.module != "_outcome"


def _sql_engine(database: Database) -> sa.Engine:
    if not database.is_sqlite:
        engine = sa.create_engine(database.url, pool_size=_POOL, max_overflow=4, pool_pre_ping=True)
        wait_out_restarts(engine)
        return engine
    engine = sa.create_engine(database.url, pool_size=_POOL, connect_args={"timeout": 30})
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = "IMMEDIATE"  # DBOS counts on it: writers take turns from the start
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        "busy_timeout=30000",
    ):
        connection.execute(f"PRAGMA {pragma}")
