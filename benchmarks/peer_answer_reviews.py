"""The flow of answer_reviews on LangGraph with its own checkpointer. In the peers' environment:

    .venv/peers/bin/python benchmarks/peer_answer_reviews.py sqlite:///FILE 200 8

takes the database, how many reviews, and how many at once; prints one JSON object. The same nodes, the
same instant answers, and the same two rows written at the start and at the end; every state is on disk
before the next node (`durability="sync"`), as ours is. SQLite syncs as ours does (WAL, NORMAL). It has no
outbox, no queue and no worker that would take a dead process's runs over: only the graph is compared.
"""

import asyncio
import contextlib
import json
import sqlite3
import sys
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, TypedDict

import aiosqlite
import psycopg
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph
from psycopg.rows import dict_row
from psycopg_pool import AsyncConnectionPool

Execute = Callable[[str, tuple[Any, ...]], Awaitable[None]]
TABLES = (
    "CREATE TABLE IF NOT EXISTS review (id TEXT PRIMARY KEY, text TEXT, state TEXT, reply TEXT)",
    "CREATE TABLE IF NOT EXISTS told (id TEXT PRIMARY KEY, review TEXT, type TEXT)",
)


class State(TypedDict, total=False):
    """What is kept between the nodes."""

    review: str
    text: str
    toxicity: float
    sentiment: float
    reply: str
    reply_toxicity: float


def graph_of(execute: Execute) -> StateGraph[Any, Any, Any, Any]:
    """receive → toxicity → (harmful, or sentiment → reply → its toxicity → finish)."""

    async def receive(state: State) -> State:
        sql = "INSERT INTO review VALUES (%s, %s, 'received', '')"
        await execute(sql, (state["review"], state["text"]))
        return {}

    async def toxicity(state: State) -> State:
        return {"toxicity": 0.1}

    async def sentiment(state: State) -> State:
        return {"sentiment": 0.9}

    async def reply(state: State) -> State:
        return {"reply": "Thank you.", "reply_toxicity": 0.1}

    async def finish(state: State) -> State:
        sql = "UPDATE review SET state = 'answered', reply = %s WHERE id = %s"
        await execute(sql, (state.get("reply", ""), state["review"]))
        told = (str(uuid.uuid4()), state["review"], "NEW_REVIEW_RESPONSE_CREATED")
        await execute("INSERT INTO told VALUES (%s, %s, %s)", told)
        return {}

    graph = StateGraph(State)
    nodes = (receive, toxicity, sentiment, reply, finish)
    for node in nodes:
        graph.add_node(node.__name__, node)
    graph.add_edge(START, "receive")
    graph.add_edge("receive", "toxicity")
    graph.add_conditional_edges(
        "toxicity", lambda s: "finish" if s["toxicity"] > 0.6 else "sentiment"
    )
    graph.add_edge("sentiment", "reply")
    graph.add_edge("reply", "finish")
    graph.add_edge("finish", END)
    return graph


@contextlib.asynccontextmanager
async def opened(url: str, at_once: int) -> AsyncIterator[tuple[Any, Execute]]:
    """The checkpointer and a way to write, on SQLite or PostgreSQL."""
    if url.startswith("sqlite:///"):
        path = url.removeprefix("sqlite:///")
        with sqlite3.connect(path) as plain:
            for table in TABLES:
                plain.execute(table)
        async with aiosqlite.connect(path) as kept, aiosqlite.connect(path) as own:
            for connection in (kept, own):
                await connection.execute("PRAGMA journal_mode=WAL")
                await connection.execute("PRAGMA synchronous=NORMAL")
                await connection.execute("PRAGMA busy_timeout=30000")
            saver = AsyncSqliteSaver(kept)
            await saver.setup()

            async def write(sql: str, values: tuple[Any, ...]) -> None:
                await own.execute(sql.replace("%s", "?"), values)
                await own.commit()

            yield saver, write
        return
    with psycopg.connect(url, autocommit=True) as plain_pg:
        for table in TABLES:
            plain_pg.execute(table)
    given = {"autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}
    async with AsyncConnectionPool(url, min_size=4, max_size=at_once, kwargs=given) as pool:
        saver_pg = AsyncPostgresSaver(pool)
        await saver_pg.setup()

        async def write_pg(sql: str, values: tuple[Any, ...]) -> None:
            async with pool.connection() as connection:
                await connection.execute(sql, values)

        yield saver_pg, write_pg


async def main(url: str, reviews: int, at_once: int) -> None:
    """Answer them all, after a few to warm up."""
    async with opened(url, at_once) as (saver, execute):
        app = graph_of(execute).compile(checkpointer=saver)
        places = asyncio.Semaphore(at_once)

        async def one(number: int) -> None:
            name = str(uuid.uuid4())
            async with places:
                await app.ainvoke(
                    {"review": name, "text": f"The delivery was quick. Order {number}."},
                    {"configurable": {"thread_id": name}},
                    durability="sync",
                )

        await asyncio.gather(*(one(number) for number in range(at_once)))
        started = time.perf_counter()
        await asyncio.gather(*(one(number) for number in range(reviews)))
        seconds = time.perf_counter() - started
    print(json.dumps({"reviews_per_second": reviews / seconds}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
