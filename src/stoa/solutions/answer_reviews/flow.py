"""From a review to an answer, a refusal, or a person's decision. Read this first.

    toxicity     of the review; in the middle, or in doubt: a person decides; harmful: the end
    sentiment    how the writer feels, and about what
    reply        a draft; without a model composed of phrases and words of the review
    toxicity     of the reply; in the middle, or in doubt: a person decides, and may edit it

It is plain Python that survives kill -9 at any line: what a step gave is kept, what a step writes is
written once with its event, and a wait for a person holds nothing for as long as it takes. What a review
says is data: it is judged and answered, it decides nothing.
"""

from datetime import timedelta
from functools import partial
from pathlib import Path

from pydantic import BaseModel

from stoa.base.errors import ProviderError
from stoa.base.identity.caller import Role
from stoa.contract import Call
from stoa.core.flows.questions import Decision, Highlight
from stoa.core.models.prompts import Prompt
from stoa.solutions.answer_reviews import offline
from stoa.solutions.answer_reviews.asking import (
    ReplyInputs,
    ReplyOutput,
    SentimentInputs,
    SentimentOutput,
)
from stoa.solutions.answer_reviews.judging import (
    LOCAL,
    PromptedToxicity,
    band,
    judge_text,
    plain_text,
)
from stoa.solutions.answer_reviews.keeping import ACCEPT, REJECT, Desk, Findings, Intake
from stoa.solutions.answer_reviews.replies import doubt_about
from stoa.solutions.answer_reviews.schema import (
    ChannelSettings,
    ReviewState,
    ReviewView,
    Score,
    Submit,
)

TOXICITY = Prompt(Path("prompts/toxicity.md"), twin=offline.toxicity)
SENTIMENT = Prompt(Path("prompts/sentiment.md"), twin=offline.sentiment)
REPLY = Prompt(Path("prompts/reply.md"), twin=offline.reply)
_HOUR = 3600.0
LONGEST_READ = 12_000
"""Characters of a review that sentiment and reply are made from; toxicity reads all of it."""
LONGEST_SHOWN = 20_000
"""Characters of a review that a person is shown with the question."""


class Feeling(BaseModel):
    """How the writer feels, and about what."""

    score: Score
    topics: list[str]


class Draft(BaseModel):
    """A reply that nobody has seen yet."""

    text: str
    by: str
    toxicity: Score
    doubt: str


async def submit(call: Call, request: Submit) -> ReviewView:
    """Judge a review, then answer it, refuse it, or hold it for a person; tell what came of it.

    The same `review_id` of the same channel and source is one review, however often it is sent.
    """
    review = await call.step(partial(Desk(call).receive, request))
    if not review.mine:
        return await call.step(partial(Desk(call).shown, review.id))
    answering = _Answering(call, request, review)

    toxicity = await answering.judge()
    harmful = band(toxicity.score, review.settings) == "harmful"
    if answering.in_doubt(toxicity):
        verdict = await answering.ask_about_review(toxicity)
        if verdict.choice is None:
            return await answering.end(ReviewState.FAILED, "Nobody decided in time.")
        harmful = verdict.choice == REJECT
    if harmful:
        return await answering.end(ReviewState.HARMFUL)

    try:
        feeling = await answering.feel()
        draft = await answering.write(feeling)
    except ProviderError as error:
        return await answering.end(ReviewState.FAILED, f"No reply was written: {error.message}")
    if not draft.text.strip():
        return await answering.end(ReviewState.FAILED, "No decent reply could be written.")
    if draft.doubt or answering.in_doubt(draft.toxicity):
        verdict = await answering.ask_about_reply(draft, feeling)
        if verdict.choice is None:
            return await answering.end(ReviewState.FAILED, "Nobody decided in time.")
        if verdict.choice == REJECT:
            return await answering.end(ReviewState.FAILED, verdict.reason or "Rejected.")
    elif band(draft.toxicity.score, review.settings) == "harmful":
        return await answering.end(ReviewState.FAILED, "The reply was toxic.")
    return await answering.end(ReviewState.ANSWERED)


class _Answering:
    """One review under way: the work of its steps, and the questions to people."""

    def __init__(self, call: Call, request: Submit, review: Intake) -> None:
        self._call = call
        self._request = request
        self._review = review
        self._settings: ChannelSettings = review.settings
        self._desk = Desk(call)
        self._found = Findings()

    def in_doubt(self, score: Score) -> bool:
        """Whether a person decides: between the thresholds, or the judge is not sure of itself."""
        return not score.sure or band(score.score, self._settings) == "unsure"

    async def judge(self) -> Score:
        """How toxic the review is."""
        self._found.toxicity = await self._call.step(self._judged)
        return self._found.toxicity

    async def feel(self) -> Feeling:
        """How its writer feels, and about what."""
        feeling = await self._call.step(self._felt)
        self._found.sentiment = feeling.score
        return feeling

    async def write(self, feeling: Feeling) -> Draft:
        """A reply, and how toxic it is."""
        draft = await self._call.step(partial(self._written, feeling))
        self._found.reply, self._found.reply_by = draft.text, draft.by
        self._found.reply_toxicity = draft.toxicity
        return draft

    async def _judged(self) -> Score:
        text = f"{self._request.title}\n{self._request.text}" if self._request.title else ""
        toxicity = await self._toxicity(text or self._request.text)
        if text:  # spans are told in characters of the review
            toxicity = _moved(toxicity, -len(self._request.title) - 1)
        return toxicity

    async def _felt(self) -> Feeling:
        """By the model of the role `fast`, or the local classifier."""
        inputs = SentimentInputs(text=self._read(), rating=self._request.rating)
        if self._settings.judge == "model":
            reply = await self._call.prompt(SENTIMENT, inputs)
            told, by = reply.output, reply.answered_by
        else:
            told, by = offline.sentiment(inputs), "local-sentiment"
        return Feeling(score=Score(score=round(told.score, 4), by=by), topics=_topics(told))

    async def _written(self, feeling: Feeling) -> Draft:
        """By the model of the role `strong`, or of phrases."""
        inputs = ReplyInputs(
            text=self._read(),
            language=self._review.language,
            sentiment=feeling.score.score,
            topics=feeling.topics,
            author=self._request.author,
            product=self._request.product,
            signature=self._settings.signature,
        )
        reply = await self._call.prompt(REPLY, inputs)
        return await self._checked(reply.output, reply.answered_by)

    async def _checked(self, written: ReplyOutput, by: str) -> Draft:
        doubt = written.doubt or doubt_about(written.text, self._request, self._settings)
        if not doubt and self._settings.approve_replies:
            doubt = "Every reply of this channel is approved by a person."
        toxicity = await self._toxicity(written.text)
        return Draft(text=written.text, by=by, toxicity=toxicity, doubt=doubt)

    async def ask_about_review(self, toxicity: Score) -> Decision:
        """Hold the review until a person has decided."""
        if not await self._hold(ReviewState.HELD):
            return Decision(approval_id="")  # there is nothing to decide any more
        text = self._request.text[:LONGEST_SHOWN]
        decision = await self._ask(
            "May this review be answered?",
            {
                **self._about(),
                "review": text,
                "toxicity": toxicity.score,
                "judged by": toxicity.by,
                "why asked": toxicity.note or "The score lies between the thresholds.",
            },
            _highlights(toxicity, text, "review"),
        )
        await self._call.step(
            partial(self._desk.decided, self._review.id, decision, about_reply=False)
        )
        return decision

    async def ask_about_reply(self, draft: Draft, feeling: Feeling) -> Decision:
        """Hold the reply until a person has accepted it, edited or not."""
        if not await self._hold(ReviewState.REPLY_HELD):
            return Decision(approval_id="")  # there is nothing to decide any more
        decision = await self._ask(
            "May this reply go out?",
            {
                **self._about(),
                "review": self._request.text[:LONGEST_SHOWN],
                "sentiment": feeling.score.score,
                "written by": draft.by,
                "why asked": draft.doubt
                or draft.toxicity.note
                or "The score of the reply lies between the thresholds.",
            },
            _highlights(draft.toxicity, draft.text, ""),
            draft.text,
        )
        await self._call.step(
            partial(self._desk.decided, self._review.id, decision, about_reply=True)
        )
        return decision

    async def end(self, state: ReviewState, reason: str = "") -> ReviewView:
        """Tell what came of it."""
        return await self._call.step(
            partial(self._desk.finish, self._review.id, state, reason, self._found)
        )

    async def _hold(self, state: ReviewState) -> bool:
        return await self._call.step(partial(self._desk.hold, self._review.id, state, self._found))

    async def _ask(
        self, question: str, context: dict[str, object], highlights: list[Highlight],
        editable: str | None = None,
    ) -> Decision:  # fmt: skip
        return await self._call.ask_person(
            question,
            choices=[ACCEPT, REJECT],
            to=Role.REVIEWER,
            context={name: each for name, each in context.items() if each not in ("", None)},
            highlights=highlights,
            editable_text=editable,
            people=self._settings.people,
            deadline=timedelta(seconds=self._settings.deadline_hours * _HOUR),
        )

    def _about(self) -> dict[str, object]:
        asked = self._request
        return {
            "channel": asked.channel,
            "author": asked.author,
            "product": asked.product,
            "title": asked.title,
            "rating": asked.rating,
            "language": self._review.language,
            "review id": self._review.id,
        }

    async def _toxicity(self, text: str) -> Score:
        """By whom the channel says. A model that does not answer leaves it to a person."""
        if self._settings.judge == "local":
            return await judge_text(text, LOCAL, self._settings)
        try:
            judge = PromptedToxicity(self._call, TOXICITY)
            return await judge_text(text, judge, self._settings)
        except ProviderError as error:
            score = await judge_text(text, LOCAL, self._settings)
            return score.model_copy(update={"sure": False, "note": error.message})

    def _read(self) -> str:
        return plain_text(self._request.text)[:LONGEST_READ] or self._request.text[:LONGEST_READ]


def _topics(told: SentimentOutput) -> list[str]:
    return [topic for topic in (" ".join(each.split()) for each in told.topics) if topic][:4]


def _highlights(score: Score, text: str, field: str) -> list[Highlight]:
    return [
        Highlight(start=span.start, end=span.end, note=span.kind, field=field)
        for span in score.spans
        if 0 <= span.start < span.end <= len(text)
    ]


def _moved(score: Score, by: int) -> Score:
    spans = [
        span.model_copy(update={"start": span.start + by, "end": span.end + by})
        for span in score.spans
        if span.start + by >= 0
    ]
    return score.model_copy(update={"spans": spans})
