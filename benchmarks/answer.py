"""What an answer costs beside the model's own time, at 100,000 passages.

    python -m benchmarks.answer [--passages 100000] [--questions 100]

The model is a stub in a process of its own that answers at once in OpenAI's wire format. A bare call
of the official client to it, streamed where the answer is, is the model's own time; what an answer
takes beyond that is ours: understanding, search, reading rows, the prompt, checking of citations,
keeping the turn. The limit is 50 ms. Beside it, in the same run: the search alone, and the offline twin.
"""

import argparse
import asyncio
import multiprocessing
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random

import numpy as np
from openai import AsyncOpenAI, AsyncStream
from pydantic import BaseModel
from sqlalchemy import insert
from sqlalchemy.orm import Session
from tests.providers import Answer as Say
from tests.providers import running_stub

from benchmarks.corpus import paragraph
from benchmarks.results import record
from stoa.base.database import now
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.core.knowledge import tables as knowledge
from stoa.core.knowledge.index.choose import choose_index
from stoa.core.knowledge.index.index import IndexRow, Space
from stoa.core.knowledge.pages import ParsedPage
from stoa.core.models.embedding.embedder import Embedder
from stoa.dispatch import Dispatcher
from stoa.solutions.ask_docs import tables as ask_docs
from stoa.wiring import build

COLLECTION, PER_DOCUMENT, EMBEDDED, BATCH, LIMIT_MS = "col_bench", 50, 1_000, 2_000, 50.0


async def fill(house: Dispatcher, caller: Caller, settings: Settings, passages: int) -> list[str]:
    """Write `passages` passages of published documents; return some of their texts to ask about.

    Only `EMBEDDED` texts are really embedded; the others get one of these vectors with noise.
    """
    dice, rng = Random(5), np.random.default_rng(5)
    embedder: Embedder = house.platform.models.embedder
    await embedder.prepare()
    space = Space(embedder.name, embedder.dimensions)
    texts = [paragraph(dice, 4) for _ in range(passages)]
    known = await embedder.embed(texts[:EMBEDDED], "passage")
    index = choose_index(settings.resolved_index_url())
    await index.open(space)
    documents = [f"doc_bench{number:06}" for number in range(-(-passages // PER_DOCUMENT))]

    def rows(session: Session) -> None:
        moment, own = now(), {"workspace_id": caller.workspace_id}
        session.add(
            ask_docs.CollectionRow(
                id=COLLECTION,
                name="Bench",
                readers=["everyone"],
                writers=["role:owner"],
                review=False,
                review_days=365,
                created_at=moment,
            )
        )
        session.flush()
        for first in range(0, len(documents), 500):
            some = documents[first : first + 500]
            session.execute(
                insert(knowledge.DocumentRow), [own | _read(each, space) for each in some]
            )
            session.execute(
                insert(ask_docs.DocumentRow), [own | _current(each, moment) for each in some]
            )
        for first in range(0, passages, BATCH):
            some_rows = [
                own | _passage(n, documents, texts)
                for n in range(first, min(first + BATCH, passages))
            ]
            session.execute(insert(knowledge.PassageRow), some_rows)
            session.execute(insert(knowledge.PageRow), [own | _page(each) for each in some_rows])

    await house.platform.database.write(rows, workspace=caller.workspace_id)
    for first in range(0, passages, BATCH):
        batch = range(first, min(first + BATCH, passages))
        noise = rng.normal(size=(len(batch), embedder.dimensions)).astype(np.float32) * 0.03
        vectors = known[[n % EMBEDDED for n in batch]] + noise
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        if first == 0:
            vectors[: min(EMBEDDED, len(batch))] = known[: min(EMBEDDED, len(batch))]
        await index.upsert(
            caller.workspace_id,
            [
                IndexRow(
                    _id(n, documents),
                    documents[n // PER_DOCUMENT],
                    COLLECTION,
                    True,
                    texts[n],
                    vectors[place],
                )
                for place, n in enumerate(batch)
            ],
        )
    await index.optimise(caller.workspace_id)
    await index.close()
    house.platform.database.analyse()
    return texts[:EMBEDDED]


def _id(n: int, documents: list[str]) -> str:
    return f"{documents[n // PER_DOCUMENT]}:{n % PER_DOCUMENT}"


def _read(document: str, space: Space) -> dict[str, object]:
    return {
        "id": document,
        "collection": COLLECTION,
        "object_key": f"bench/{document}",
        "name": f"{document}.txt",
        "title": document,
        "ready": True,
        "live": True,
        "space": space.id,
    }


def _current(document: str, moment: object) -> dict[str, object]:
    return {
        "id": document,
        "collection_id": COLLECTION,
        "lineage": document,
        "version": 1,
        "state": "current",
        "searchable": True,
        "file_id": "",
        "name": f"{document}.txt",
        "title": document,
        "size": 0,
        "sha256": document,
        "live_sha256": document,
        "added_by": "bench",
        "added_by_name": "bench",
        "added_at": moment,
        "changed_at": moment,
    }


def _passage(n: int, documents: list[str], texts: list[str]) -> dict[str, object]:
    return {
        "id": _id(n, documents),
        "document_id": documents[n // PER_DOCUMENT],
        "ordinal": n % PER_DOCUMENT,
        "page": n % PER_DOCUMENT + 1,
        "last_page": n % PER_DOCUMENT + 1,
        "start": 0,
        "end": len(texts[n]),
        "text": texts[n],
        "heading": "",
        "tokens": 60,
        "digest": _id(n, documents),
        "windows": 1,
    }


def _page(passage: dict[str, object]) -> dict[str, object]:
    """The page that holds this passage and nothing else."""
    text = str(passage["text"])
    number = int(str(passage["page"]))
    content = ParsedPage(number=number, status="indexed", text=text)
    return {
        "document_id": passage["document_id"],
        "number": number,
        "status": "indexed",
        "source": "text",
        "reason": "",
        "characters": len(text),
        "tables": 0,
        "content": content.model_dump_json(),
    }


async def drop(event: BaseModel) -> None:
    """A caller who streams, and does nothing with it."""


async def timed(
    house: Dispatcher,
    caller: Caller,
    operation: str,
    asked: list[dict[str, str]],
    *,
    streamed: bool = False,
) -> tuple[float, float]:
    """p50 and p99 in milliseconds, one call after another, after ten to get warm."""
    listener = drop if streamed else None
    seconds = []
    for place, request in enumerate(asked[:10] + asked):
        begun = time.perf_counter()
        await house.call(caller, "ask_docs", operation, request, on_event=listener)
        if place >= 10:
            seconds.append(time.perf_counter() - begun)
    p50, p99 = np.percentile(seconds, [50, 99]) * 1000
    return float(p50), float(p99)


def serve_stub(pipe: Connection, calls: int) -> None:
    """In a process of its own: a model that answers every call at once with one cited sentence."""
    draft = {"text": "That is recorded.", "citations": [{"passage": 1, "quote": "and"}]}
    with running_stub() as stub:
        stub.plan(*[Say(output={"sentences": [draft]}) for _ in range(calls)])
        pipe.send(stub.url)
        pipe.recv()


async def bare_call(url: str, prompt: str, calls: int, *, streamed: bool) -> float:
    """Milliseconds (p50) of one call of the official client, and nothing else."""
    seconds = []
    async with AsyncOpenAI(base_url=f"{url}/v1", api_key="none") as client:
        for place in range(calls):
            begun = time.perf_counter()
            reply = await client.chat.completions.create(
                model="gpt-4o-mini",
                messages=[{"role": "user", "content": prompt}],
                tools=[{"type": "function", "function": {"name": "final_result"}}],
                stream=streamed,
            )
            if isinstance(reply, AsyncStream):
                async for _ in reply:
                    pass
            if place >= 10:
                seconds.append(time.perf_counter() - begun)
    return float(np.percentile(seconds, 50)) * 1000


async def measure(passages: int, questions: int, home: Path, url: str) -> None:
    """Fill once, then ask with the stub model, search alone, and ask the offline twin."""
    offline = Settings.load(home=home)
    house = build(offline)
    caller = await house.platform.accounts.ensure_sample()
    texts = await fill(house, caller, offline, passages)
    asked = [{"question": f"Who {' '.join(each.split()[3:9])}?"} for each in texts[:questions]]
    note = f"{passages:,} passages, LanceDB, SQLite"
    search = await timed(house, caller, "search", [{"query": each["question"]} for each in asked])
    record("search operation p50", search[0], "ms", "limit", LIMIT_MS, note)
    twin = await timed(house, caller, "ask", asked)
    record("answer by the offline twin p50", twin[0], "ms", "limit", LIMIT_MS, note)
    await house.platform.knowledge.close()
    house.platform.database.close()

    connected = Settings.load(
        home=home,
        openai_api_key="none",
        model_strong="openai:gpt-4o-mini",
        openai_base_url=f"{url}/v1",
    )
    house = build(connected)
    for streamed in (False, True):
        bare = await bare_call(url, "\n".join(texts[:12]), questions, streamed=streamed)
        whole = await timed(house, caller, "ask", asked, streamed=streamed)
        detail = f"{note}; whole answer p50 {whole[0]:.0f} ms, bare model call {bare:.0f} ms"
        name = "streamed answer" if streamed else "answer"
        record(f"{name} overhead p50", whole[0] - bare, "ms", "limit", LIMIT_MS, detail)
        record(f"{name} overhead p99", whole[1] - bare, "ms", "limit", LIMIT_MS, detail)
    await house.platform.models.close()
    await house.platform.knowledge.close()
    house.platform.database.close()


def main() -> None:
    """Read the sizes and measure."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=100)
    chosen = parser.parse_args()
    ours, theirs = multiprocessing.Pipe()
    calls = 5 * (chosen.questions + 10)
    model = multiprocessing.get_context("spawn").Process(target=serve_stub, args=(theirs, calls))
    model.start()
    with tempfile.TemporaryDirectory() as home:
        asyncio.run(measure(chosen.passages, chosen.questions, Path(home), ours.recv()))
    ours.send("done")
    model.join()


if __name__ == "__main__":
    main()
