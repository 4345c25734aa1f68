"""A solution of the smallest kind, to try the faces on: they must not need a real one."""

import asyncio
import threading
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field

from stoa.base.errors import Conflict, LimitReached
from stoa.base.identity.caller import EDITORS, Caller, Role
from stoa.contract import (
    Call,
    FileField,
    FileId,
    Operation,
    Platform,
    Request,
    Result,
    Route,
    Schedule,
    Solution,
)
from stoa.core.flows.questions import Highlight


class Manner(StrEnum):
    """How to greet."""

    WARM = "warm"
    COOL = "cool"


class Place(BaseModel):
    """Where somebody is."""

    city: str
    floor: int = 0


class Greet(Request):
    """Whom to greet, and how."""

    name: str = Field(min_length=1, max_length=50, description="Whom to greet.")
    manner: Manner = Manner.WARM
    mark: Literal["!", "."] = "!"
    times: int = Field(1, ge=1, le=5)
    loud: bool = False
    titles: list[str] = Field(default_factory=list)
    place: Place | None = None
    url: str = Field("", description="A field that has the name of one of our own options.")


class Greeting(Result):
    """The greeting."""

    text: str


class Count(Request):
    """How far to count."""

    to: int = Field(ge=0, le=1000)
    pause: float = Field(0.0, ge=0, le=10, description="Seconds between two numbers.")
    fail_at: int = -1


class Counted(Result):
    """Where it came to."""

    sum: int


class Piece(BaseModel):
    """A piece of an answer."""

    word: str


class Weigh(Request):
    """Files to weigh."""

    files: list[FileId] = Field(min_length=1)
    tare: Annotated[FileId, FileField(accept=(".txt",))] | None = None


class Weight(Result):
    """What they weigh together, and their names."""

    size: int
    names: list[str]


class Nothing(Request):
    """No fields."""


async def greet(call: Call, request: Greet) -> Greeting:
    """Greet somebody.

    More than once, if asked.
    """
    words = " ".join([*request.titles, request.name])
    where = f" in {request.place.city}" if request.place else ""
    text = " ".join([f"Hello {words}{where}{request.mark}"] * request.times)
    return Greeting(text=text.upper() if request.loud else text)


async def _hurried(call: Call, request: Greet) -> Greeting:
    match request.name:
        case "Nobody":
            raise Conflict("Nobody is not here.", hint="Greet somebody.")
        case "Everybody":
            raise LimitReached("Enough for today.", hint="Come back tomorrow.", retry_after=30)
        case "Bug":
            raise RuntimeError("the secret is 12345")
    return await greet(call, request)


async def hurry(call: Call, request: Greet) -> Greeting:
    """Greet somebody, very often."""
    return await _hurried(call, request)


async def hurry_back(call: Call, request: Greet) -> Greeting:
    """Greet somebody, very often, by editors."""
    return await _hurried(call, request)


async def count(call: Call, request: Count) -> Counted:
    """Count, durably."""
    total = 0
    for number in range(1, request.to + 1):
        total = await call.step(_add, total, number, request.fail_at)
        await call.progress(f"at {number}", number, request.to)
        await asyncio.sleep(request.pause)
    return Counted(sum=total)


async def _add(total: int, number: int, fail_at: int) -> int:
    if number == fail_at:
        raise Conflict(f"{number} is a bad number.", hint="Count elsewhere.")
    return total + number


async def tell(call: Call, request: Greet) -> Greeting:
    """Greet word by word."""
    for word in ("Hello", request.name):
        await call.emit(Piece(word=word))
        await call.progress(word, 1, 2)
    if request.name == "Nobody":
        raise Conflict("Nobody is not here.", hint="Greet somebody.")
    return Greeting(text=f"Hello {request.name}")


async def weigh(call: Call, request: Weigh) -> Weight:
    """Weigh files."""
    views = [await call.platform.files.get(call.caller, each) for each in request.files]
    return Weight(size=sum(each.size for each in views), names=[each.name for each in views])


async def rule(call: Call, request: Nothing) -> Greeting:
    """Only for editors."""
    return Greeting(text=call.caller.role)


async def wipe(call: Call, request: Nothing) -> Greeting:
    """Wipes everything."""
    return Greeting(text="wiped")


async def tire(call: Call, request: Nothing) -> Greeting:
    """Always too much."""
    raise LimitReached("Enough for today.", hint="Come back tomorrow.", retry_after=30)


async def break_down(call: Call, request: Nothing) -> Greeting:
    """Never foreseen."""
    raise RuntimeError("the secret is 12345")


async def consult(call: Call, request: Greet) -> Greeting:
    """Ask a person before greeting."""
    decision = await call.ask_person(
        f"May {request.name} be greeted?",
        choices=["yes", "no"],
        editable_text=f"Hello {request.name}",
    )
    return Greeting(text=f"{decision.choice}: {decision.text}")


class Deliberate(Request):
    """A reply to look at, by how many, of which role, and until when."""

    review: str = "The kettle is great, but this idiot of a courier dropped it."
    reply: str = "Thank you for writing. We are sorry about the courier."
    people: int = Field(1, ge=1, le=5)
    role: Role | None = None
    hours: float = Field(48, gt=0)


async def deliberate(call: Call, request: Deliberate) -> Greeting:
    """Have a reply looked at before it is sent."""
    rude = request.review.find("idiot")
    marks = [Highlight(start=rude, end=rude + 5, note="rude, 0.55", field="review")]
    decision = await call.ask_person(
        "Is this reply fit to be sent?",
        choices=["send", "send_later", "reject"],
        to=request.role,
        context={"review": request.review, "channel": "shop", "toxicity": 0.55},
        editable_text=request.reply,
        highlights=marks if rude >= 0 else [],
        people=request.people,
        deadline=timedelta(hours=request.hours),
        default_choice="reject",
    )
    return Greeting(text=f"{decision.choice}: {decision.text}")


async def wait(call: Call, request: Nothing) -> Greeting:
    """Wait for as long as somebody listens."""
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        ABANDONED.set()
        raise
    return Greeting(text="waited")


async def _picture(platform: Platform, caller: Caller, given: object) -> tuple[str, bytes]:
    """A picture that is none."""
    return "image/png", repr((caller.workspace_id, dict(given))).encode()  # type: ignore[call-overload]


ABANDONED = threading.Event()
EXAMPLE = Solution(
    name="example",
    title="Example",
    summary="Greets and counts.",
    folder=Path(__file__).parent,
    operations=(
        Operation(greet),
        Operation(hurry, hot=True),
        Operation(hurry_back, hot=True, roles=EDITORS),
        Operation(count, durable=True),
        Operation(tell, streams=Piece),
        Operation(weigh),
        Operation(rule, roles=EDITORS),
        Operation(wipe, destructive=True),
        Operation(tire),
        Operation(break_down),
        Operation(wait, streams=Piece),
        Operation(consult, durable=True),
        Operation(deliberate, durable=True),
    ),
    routes=(Route("pictures/{number}", _picture),),
    schedules=(Schedule("nightly", "0 3 * * *", "count", Count(to=2)),),
)
