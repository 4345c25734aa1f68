"""The models room: prompts, embeddings and chat over any provider, booked and bounded.

A prompt goes to the model of its role; when that fails, along the fall-back chain; with no model
configured, or where the operator allows it at the end of the chain, to its offline twin. Whoever
answers, the reply says so and the ledger has a line.
"""

import time
from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from pydantic import BaseModel

from stoa.base.database import Database
from stoa.base.errors import Bug, NotFound, ProviderError, SetupError
from stoa.base.identity.audit import AuditLog
from stoa.base.identity.caller import Caller
from stoa.base.settings import Settings
from stoa.core.models.embedding.choose import choose_embedder
from stoa.core.models.embedding.embedder import Embedder, Kind
from stoa.core.models.ledger import Ledger, Subject, UsageLine
from stoa.core.models.limits import Limits, ModelLimits
from stoa.core.models.prompts import OFFLINE, Prompt, Reply, Role
from stoa.core.models.question import Question
from stoa.core.models.reranking.choose import is_provided, local_reranker
from stoa.core.models.reranking.reranker import Reranker
from stoa.core.models.twins import OnPartial, ask_twin

if TYPE_CHECKING:  # they load pydantic-ai
    from stoa.core.models.conversation import Conversation, Spoken
    from stoa.core.models.remote import Remote
    from stoa.core.models.retries import RetryPolicy

In = TypeVar("In", bound=BaseModel)
Out = TypeVar("Out", bound=BaseModel)
_EMBEDDING = "stoa-embedding"


class Models:
    """Everything that asks a model goes through here: roles, fall-back, ledger, budgets."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        audit: AuditLog | None = None,
        *,
        policy: "RetryPolicy | None" = None,
    ) -> None:
        """Asks nobody yet. Raises SetupError for a model name that can't be used."""
        self._settings = settings
        self._limits = Limits(database, audit)
        self._ledger = Ledger(database, self._limits)
        self._roles: dict[Role, str] = {
            "strong": settings.model_strong,
            "fast": settings.model_fast or settings.model_strong,
            "vision": settings.model_vision or settings.model_strong,
        }
        names = settings.model_fallback.split(",")
        self._fallback = [name.strip() for name in names if name.strip()]
        self.embedder: Embedder = choose_embedder(
            settings.model_embedding, settings.home, provider=lambda _: self._provided.embedder
        )
        self._provider_embeds = self.embedder.name == settings.model_embedding
        self._provider_reranks = is_provided(settings.model_reranker)
        self._reranker: Reranker | None = None
        if settings.model_reranker and not self._provider_reranks:
            self._reranker = local_reranker(settings.model_reranker)
        embedding = [self.embedder.name] if self._provider_embeds else []
        named = {*filter(None, self._roles.values()), *self._fallback, *embedding}
        remote = named or self._provider_reranks
        self._remote = _load_remote(settings, self._ledger, policy) if remote else None
        for name in named:
            self._provided.catalogue.check(name)
        if self._provider_reranks:
            self._provided.catalogue.check_own_server(settings.model_reranker)

    @property
    def _provided(self) -> "Remote":
        if self._remote is None:
            raise Bug("A provider is asked, and none is configured.")
        return self._remote

    async def run(
        self,
        prompt: Prompt[In, Out],
        inputs: In,
        *,
        caller: Caller,
        run_id: str | None = None,
        on_partial: OnPartial | None = None,
    ) -> Reply[Out]:
        """Answer `prompt`. `on_partial` gets the output as far as it has come, while it streams.

        Where a model fails half-way and the next one takes over, the output starts anew: each piece
        given to `on_partial` replaces the one before.

        Raises:
            LimitReached: the workspace's rate or budget is used up.
            ProviderError: every model of the chain failed; the last failure.
        """
        subject = Subject(
            caller.workspace_id,
            caller.user_id,
            prompt.name,
            prompt.head.role,
            prompt.version,
            run_id,
        )
        question = Question.of(prompt, inputs)
        failure: ProviderError | None = None
        for name in self.chain(prompt.head.role):
            try:
                return await self._ask(name, question, subject, on_partial)
            except ProviderError as error:
                failure = error
        assert failure is not None, "a chain has at least one name"
        raise failure

    def chain(self, role: Role) -> list[str]:
        """Who is asked for a role, in order: `provider:model` names, `offline`."""
        if not self._roles[role]:
            return [OFFLINE]
        names = list(dict.fromkeys([self._roles[role], *self._fallback]))
        return [*names, OFFLINE] if self._settings.offline_fallback else names

    async def _ask(
        self,
        name: str,
        question: Question[In, Out],
        subject: Subject,
        on_partial: OnPartial | None,
    ) -> Reply[Out]:
        if name != OFFLINE:
            return await self._provided.ask(name, question, subject, on_partial)
        started = time.perf_counter()
        async with self._ledger.entry(subject, OFFLINE):
            output = await ask_twin(question, on_partial)
        return Reply(output, OFFLINE, seconds=time.perf_counter() - started)

    def offered(self) -> list[str]:
        """What a program may ask for by name: configured roles, the embedder, and their models."""
        roles = [f"stoa-{role}" for role, name in self._roles.items() if name]
        names = dict.fromkeys([*filter(None, self._roles.values()), *self._fallback])
        return [*roles, _EMBEDDING, *names]

    def offer(self, name: str) -> list[str]:
        """Who is asked when a program asks for `name`, in order.

        Raises:
            SetupError: the role has no model.
            NotFound: there is no such name.
        """
        role = next((role for role in self._roles if name == f"stoa-{role}"), None)
        if role is not None and not self._roles[role]:
            raise SetupError(
                f"No model is configured for {name}.",
                hint="The operator sets STOA_MODEL_STRONG=provider:model. Embeddings work without.",
            )
        if role is not None:
            return [each for each in self.chain(role) if each != OFFLINE]
        if name == _EMBEDDING or name not in self.offered():
            chats = ", ".join(each for each in self.offered() if each != _EMBEDDING) or "none yet"
            raise NotFound(f"There is no chat model '{name}'.", hint=f"There are: {chats}.")
        return [name]

    async def converse(
        self, name: str, conversation: "Conversation", *, caller: Caller, purpose: str = "v1.chat"
    ) -> "Spoken":
        """The answer of the model called `name` to a conversation.

        Raises:
            NotFound, SetupError: as `offer`.
            LimitReached, ProviderError: as `run`.
        """
        subject = Subject(caller.workspace_id, caller.user_id, purpose, name)
        chain = self.offer(name)
        return await self._provided.speaker.answer(chain, conversation, subject)

    def converse_stream(
        self, name: str, conversation: "Conversation", *, caller: Caller, purpose: str = "v1.chat"
    ) -> AsyncGenerator[Any]:
        """As `converse`, in pieces: pydantic-ai's events, then one `Spoken`. Close it when done."""
        subject = Subject(caller.workspace_id, caller.user_id, purpose, name)
        chain = self.offer(name)
        return self._provided.speaker.stream(chain, conversation, subject)

    async def embed(self, texts: Sequence[str], *, workspace: str, kind: Kind) -> np.ndarray:
        """Unit vectors, float32, shape (len(texts), self.embedder.dimensions).

        A provider's vectors are booked and bounded; local ones cost nothing and are neither.

        Raises:
            LimitReached, ProviderError: where a provider embeds, as `run`.
        """
        subject = Subject(workspace, "", "embed", "embedding")
        if not self._provider_embeds:
            return await self.embedder.embed(texts, kind)
        return (await self._provided.embed(texts, subject, kind))[0]

    @property
    def reranks(self) -> bool:
        """Whether a reranker is configured."""
        return self._provider_reranks or self._reranker is not None

    async def rerank(self, query: str, texts: Sequence[str], *, workspace: str) -> np.ndarray:
        """How well each text answers the query: float32, (len(texts),), higher is better.

        A provider's work is booked and bounded, as in `embed`.

        Raises:
            Bug: no reranker is configured.
            LimitReached, ProviderError: where a provider reranks, as `run`.
        """
        if self._provider_reranks:
            subject = Subject(workspace, "", "rerank", "reranker")
            return (await self._provided.score(query, texts, subject)).scores
        if self._reranker is None:
            raise Bug("Texts are to be reranked, and no reranker is configured.")
        return (await self._reranker.score(query, texts)).scores

    async def embed_for(
        self, name: str, texts: Sequence[str], *, caller: Caller
    ) -> tuple[np.ndarray, int]:
        """Vectors for a program that asks for the embedder by name, and the tokens they took.

        Raises:
            NotFound: `name` is no embedder here.
        """
        if name not in (_EMBEDDING, self.embedder.name):
            raise NotFound(f"There is no embedder '{name}'.", hint=f"Ask for {_EMBEDDING}.")
        subject = Subject(caller.workspace_id, caller.user_id, "v1.embeddings", _EMBEDDING)
        if self._provider_embeds:
            return await self._provided.embed(texts, subject, "passage")
        async with self._ledger.entry(subject, OFFLINE):
            return await self.embedder.embed(texts, "passage"), 0

    async def usage(self, caller: Caller, *, days: int = 30) -> list[UsageLine]:
        """What the caller's workspace used: a line per day, prompt and model, newest day first."""
        return await self._ledger.summary(caller, days=days)

    async def limits(self, caller: Caller) -> ModelLimits:
        """The limits of the caller's workspace."""
        return await self._limits.show(caller)

    async def set_limits(self, caller: Caller, limits: ModelLimits) -> ModelLimits:
        """Replace them. Raises Forbidden for all but owners."""
        return await self._limits.set(caller, limits)

    async def close(self) -> None:
        """Close connections to providers."""
        if self._remote is not None:
            await self._remote.close()


def _load_remote(settings: Settings, ledger: Ledger, policy: "RetryPolicy | None") -> "Remote":
    from stoa.core.models.remote import Remote  # noqa: PLC0415 - heavy

    return Remote(settings, ledger, policy)
