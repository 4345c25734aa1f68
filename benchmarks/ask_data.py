"""What a question over a database costs beside the model's own time, on a schema of 200 tables.

    python -m benchmarks.ask_data [--tables 200] [--questions 60]

The model is a stub in a process of its own that answers at once in OpenAI's wire format with a fixed
query and a fixed sentence. Two bare streamed calls of the official client to it are the model's own
time; what an answer takes beyond that is ours: table choice, prompt, guard, EXPLAIN, run, check of the
English, log and stored rows. The limit is 50 ms, for a reused query 15 ms. Beside it, in the same run
on the same stub and database: LangChain's SQL chain (table info of the chosen tables, query, run,
answer), which checks nothing and keeps nothing.
"""

import argparse
import asyncio
import json
import multiprocessing
import sqlite3
import subprocess
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import numpy as np
from openai import AsyncOpenAI
from tests.providers import Answer as Say
from tests.providers import running_stub

from benchmarks.results import record
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.dispatch import Dispatcher
from stoa.wiring import build

LIMIT_MS, REUSE_LIMIT_MS, WARM = 50.0, 15.0, 10
QUERY = "SELECT region, COUNT(*) AS orders FROM orders_1 GROUP BY region ORDER BY orders DESC"
ENGLISH = "The regions are listed with their orders."
PEER = Path(__file__).parents[1] / ".venv/peers/bin/python"
WORDS = ["sale", "stock", "visit", "claim", "route", "order", "grant", "batch", "asset", "lease"]


def make_database(path: Path, tables: int) -> None:
    """`tables` tables of ten columns with a hundred rows each, tied by foreign keys."""
    dice = Random(3)
    connection = sqlite3.connect(path)
    for number in range(1, tables + 1):
        name = "orders_1" if number == 1 else f"{WORDS[number % len(WORDS)]}_{number}"
        columns = ", ".join(f"measure_{n} REAL" for n in range(6))
        connection.execute(
            f"CREATE TABLE {name} (id INTEGER PRIMARY KEY, region TEXT, placed_on DATE, "
            f"parent_id INTEGER REFERENCES orders_1 (id), {columns})"
        )
        rows = [
            (n, dice.choice(["North", "South"]), f"2024-0{1 + n % 9}-01", 1 + n % 50, *_dice(dice))
            for n in range(100)
        ]
        connection.executemany(f"INSERT INTO {name} VALUES ({','.join('?' * 10)})", rows)
    connection.commit()
    connection.close()


def _dice(dice: Random) -> list[float]:
    return [dice.random() for _ in range(6)]


def serve_stub(pipe: Connection, calls: int) -> None:
    """In a process of its own: a model that answers each question with query, then English."""
    written = Say(output={"sql": QUERY, "reasoning": "Counts orders."})
    said = Say(output={"text": ENGLISH})
    with running_stub() as stub:
        pipe.send(stub.url)
        while (told := pipe.recv()) != "done":
            stub.forget()
            acts = [Say(text=QUERY), Say(text=ENGLISH)] if told == "plain" else [written, said]
            stub.plan(*(acts * calls))
            pipe.send("planned")


async def bare_calls(url: str, prompt: str, calls: int) -> float:
    """Milliseconds (p50) of two streamed calls of the official client, and nothing else."""
    seconds = []
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
        for place in range(calls + WARM):
            begun = time.perf_counter()
            for text in (prompt, prompt[:500]):
                answer = await client.chat.completions.create(
                    model="gpt-4o-mini",
                    messages=[{"role": "user", "content": text}],
                    tools=[{"type": "function", "function": {"name": "final_result"}}],
                )
                assert answer.choices
            if place >= WARM:
                seconds.append(time.perf_counter() - begun)
    return float(np.percentile(seconds, 50)) * 1000


async def asked(house: Dispatcher, caller: Caller, questions: list[str], *, reuse: bool) -> float:
    """Milliseconds (p50) of a question, one after another; its steps are printed."""
    seconds = []
    steps: dict[str, list[float]] = {}
    for place, question in enumerate(questions):
        request = {"database": "bench", "question": question, "use_vector_db": reuse}
        begun = time.perf_counter()
        found = await house.call(caller, "ask_data", "ask", request)
        if place >= WARM:
            seconds.append(time.perf_counter() - begun)
            for step in found.answers[0].steps:  # type: ignore[attr-defined]
                steps.setdefault(step.name, []).append(step.seconds * 1000)
        answer = found.answers[0]  # type: ignore[attr-defined]
        assert answer.status_code == 200, answer
        assert answer.reuse.used == (reuse and place > 0), answer.reuse
    print({name: round(float(np.percentile(taken, 50)), 1) for name, taken in steps.items()})
    return float(np.percentile(seconds, 50)) * 1000


async def measure(home: Path, url: str, pipe: Connection, tables: int, questions: int) -> float:
    """Ours: overhead and reuse. Returns the whole answer's p50 for the comparison."""
    settings = Settings.load(
        home=home / "home",
        openai_api_key="none",
        model_strong="openai:gpt-4o-mini",
        openai_base_url=f"{url}/v1",
    )
    house = build(settings)
    caller = await house.platform.accounts.ensure_sample()
    request = {"name": "bench", "url": f"sqlite:///{home / 'bench.sqlite'}"}
    await house.call(caller, "ask_data", "connect", request)
    texts = [f"How many orders are there in each region of area {n}?" for n in range(questions)]
    _plan(pipe, "tools")
    bare = await bare_calls(url, "x" * 18_000, questions)
    _plan(pipe, "tools")
    whole = await asked(house, caller, texts, reuse=False)
    _plan(pipe, "tools")
    again = await asked(house, caller, [texts[0]] * questions, reuse=True)
    note = f"{tables} tables, SQLite; whole answer p50 {whole:.0f} ms, two bare calls {bare:.0f} ms"
    record("question overhead p50", whole - bare, "ms", "limit", LIMIT_MS, note)
    record("reused question p50", again, "ms", "limit", REUSE_LIMIT_MS, f"{tables} tables, SQLite")
    await house.platform.databases.close()
    await house.platform.models.close()
    await house.platform.knowledge.close()
    house.platform.database.close()
    return whole


def peer(home: Path, url: str, questions: int) -> float | None:
    """LangChain's SQL chain on the same stub and database; None without the peers' environment."""
    if not PEER.exists():
        print("no peers' environment: make .venv/.bench makes it")
        return None
    script = str(Path(__file__).parent / "peer_ask_data.py")
    command = [str(PEER), script, str(home / "bench.sqlite"), url, str(questions), str(WARM)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(done.stdout.splitlines()[-1])["p50"])


def _plan(pipe: Connection, kind: str) -> None:
    pipe.send(kind)
    assert pipe.recv() == "planned"


def main() -> None:
    """Read the sizes and measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tables", type=int, default=200)
    parser.add_argument("--questions", type=int, default=60)
    chosen = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    calls = 2 * (chosen.questions + 2 * WARM)
    model = multiprocessing.get_context("spawn").Process(target=serve_stub, args=(theirs, calls))
    model.start()
    with tempfile.TemporaryDirectory() as folder:
        home, url = Path(folder), ours.recv()
        make_database(home / "bench.sqlite", chosen.tables)
        whole = asyncio.run(measure(home, url, ours, chosen.tables, chosen.questions))
        _plan(ours, "plain")
        other = peer(home, url, chosen.questions)
        if other is not None:
            note = f"{chosen.tables} tables, same stub model; ours guards, checks and keeps, the chain does not"
            record("question, model included p50", whole, "ms", "LangChain SQL chain", other, note)
    ours.send("done")
    model.join()


if __name__ == "__main__":
    main()
