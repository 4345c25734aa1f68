"""A house at work: its schedules wound up, its flows launched, and all of it put down in order.

Server, worker and the in-process command line all begin here, because every process must know the
same work by the same names. It knows no solution by name.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime

from stoa.base.identity.people import stoa_itself
from stoa.contract import Schedule, Solution
from stoa.dispatch import Dispatcher


@asynccontextmanager
async def at_work(
    dispatcher: Dispatcher, *, works: bool = True, serves: bool = False
) -> AsyncIterator[None]:
    """Launch; when the block ends, stop taking work. What is unfinished goes on at the next launch.

    Args:
        dispatcher: the house, built and not yet launched.
        works: also work on durable runs; False leaves them to other processes.
        serves: keep the replicas of all endpoints up; False brings up only what is asked for here.
    """
    for solution in dispatcher.solutions.values():
        for schedule in solution.schedules:
            _wind(dispatcher, solution, schedule)
    platform = dispatcher.platform
    async with AsyncExitStack() as stack:
        stack.push_async_callback(platform.models.close)
        stack.push_async_callback(platform.knowledge.close)
        stack.push_async_callback(platform.databases.close)
        await platform.inference.launch(serves=serves)
        stack.push_async_callback(platform.inference.close)
        # A launch may fail when its name is taken already.
        stack.push_async_callback(platform.flows.close)
        await platform.flows.launch(works=works)
        await platform.jobs.launch(works=works)
        stack.push_async_callback(platform.jobs.close)
        await platform.events.launch(works=works)
        stack.push_async_callback(platform.events.close)
        yield


def _wind(dispatcher: Dispatcher, solution: Solution, schedule: Schedule) -> None:
    async def tick(at: datetime) -> None:
        await keep_schedule(dispatcher, solution, schedule, at)

    dispatcher.platform.flows.schedule(_name(solution, schedule), schedule.cron, tick)


async def keep_schedule(
    dispatcher: Dispatcher, solution: Solution, schedule: Schedule, at: datetime
) -> None:
    """Do the work of one tick for every workspace, as Stoa itself.

    A tick that comes twice, as after a crash, starts a durable operation once.
    """
    _, operation = dispatcher.find(solution.name, schedule.operation)
    for workspace in await dispatcher.platform.accounts.all_workspaces():
        caller = stoa_itself(workspace.id)
        if operation.durable:
            key = f"{_name(solution, schedule)} {at.isoformat()}"
            await dispatcher.start(caller, solution.name, operation.name, schedule.request, key=key)
        else:
            await dispatcher.call(caller, solution.name, operation.name, schedule.request)


def _name(solution: Solution, schedule: Schedule) -> str:
    return f"{solution.name}.{schedule.name}"
