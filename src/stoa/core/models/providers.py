"""The one file that names model providers: `provider:model` in, a model that can be asked out.

OpenAI (or any server that speaks its protocol), Anthropic and Amazon Bedrock are built here from
Settings. Every other provider that pydantic-ai carries works by its name there, once its package is
installed; it reads its key from its own variable, such as `MISTRAL_API_KEY`.

Client libraries load when a model of theirs is first built: they are heavy, and most processes need
none. Each event loop gets clients of its own, because a connection pool can't serve two.
"""

import asyncio
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic_ai.embeddings import EmbeddingModel, infer_embedding_model
from pydantic_ai.exceptions import UserError
from pydantic_ai.models import Model, create_async_httpx2_client, infer_model
from pydantic_ai.providers import Provider, infer_provider_class

from stoa.base.errors import SetupError
from stoa.base.settings import Settings
from stoa.core.models.retries import RetryingModel, RetryPolicy

if TYPE_CHECKING:
    from openai import AsyncOpenAI

_OPENAI_URL = "https://api.openai.com/v1"
_ANTHROPIC_URL = "https://api.anthropic.com"
_CONNECT_SECONDS = 5.0


@dataclass
class _Clients:
    """What one event loop owns."""

    http: Any
    """An httpx2.AsyncClient: pydantic-ai's own HTTP library."""
    models: dict[str, Model] = field(default_factory=dict)
    embedding_models: dict[str, EmbeddingModel] = field(default_factory=dict)
    openai: "AsyncOpenAI | None" = None
    others: list[Any] = field(default_factory=list)
    """Clients with connections of their own."""


class Catalogue:
    """Builds models by name and keeps them."""

    def __init__(self, settings: Settings, policy: RetryPolicy) -> None:
        self._settings = settings
        self._policy = policy
        self._clients: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, _Clients] = (
            weakref.WeakKeyDictionary()
        )
        self._makers: dict[str, Callable[[_Clients], Provider[Any]]] = {
            "openai": self._openai,
            "openai-responses": self._openai,
            "anthropic": self._anthropic,
            "bedrock": self._bedrock,
        }

    async def model(self, name: str) -> Model:
        """The model of that name, retried by the policy.

        Raises:
            SetupError: no such provider, its package or its key is missing.
        """
        clients = self._of_this_loop()
        if name not in clients.models:
            # In a thread: loading a client library takes long and reads files.
            clients.models[name] = await asyncio.to_thread(self._build, name, clients)
        return clients.models[name]

    async def embedding_model(self, name: str) -> EmbeddingModel:
        """The embedding model of that name. Raises SetupError as `model` does."""
        clients = self._of_this_loop()
        if name not in clients.embedding_models:
            clients.embedding_models[name] = await asyncio.to_thread(
                self._build_embedding, name, clients
            )
        return clients.embedding_models[name]

    async def own_server(self) -> "AsyncOpenAI":
        """A client of the server at STOA_OPENAI_BASE_URL, for what pydantic-ai does not carry."""
        clients = self._of_this_loop()
        if clients.openai is not None:
            return clients.openai
        return await asyncio.to_thread(self._openai_client, clients)

    def check_own_server(self, name: str) -> None:
        """Raises SetupError where `name` is of another provider, or no such server is named."""
        provider, _ = split(name)
        if provider != "openai" or not self._settings.openai_base_url:
            raise SetupError(
                f"'{name}' can't put passages in order.",
                hint="Write openai:model and name a server that has /rerank in "
                "STOA_OPENAI_BASE_URL (vLLM, LiteLLM), or onnx:/folder.",
            )

    def check(self, name: str) -> None:
        """Raises SetupError where `name` can't be built. Asks no provider."""
        provider, _ = split(name)
        if provider not in self._makers:
            _class_of(provider)

    async def close(self) -> None:
        """Close this event loop's connections."""
        clients = self._clients.pop(asyncio.get_running_loop(), None)
        if clients is not None:
            await clients.http.aclose()
            for other in clients.others:
                await asyncio.to_thread(other.close)

    def _of_this_loop(self) -> _Clients:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = _Clients(create_async_httpx2_client(timeout=self._policy.timeout))
        return self._clients[loop]

    def _build(self, name: str, clients: _Clients) -> Model:
        provider, model = split(name)
        # pydantic-ai's bare "openai" is the Responses protocol; chat completions is what every
        # compatible server speaks, and OpenAI too.
        kind = "openai-chat" if provider == "openai" else provider
        with _setup_errors(name):
            built = infer_model(f"{kind}:{model}", lambda _: self._provider(provider, clients))
        return RetryingModel(built, self._policy)

    def _build_embedding(self, name: str, clients: _Clients) -> EmbeddingModel:
        provider, _ = split(name)
        with _setup_errors(name):
            return infer_embedding_model(
                name, provider_factory=lambda _: self._provider(provider, clients)
            )

    def _provider(self, name: str, clients: _Clients) -> Provider[Any]:
        make = self._makers.get(name)
        return make(clients) if make else _class_of(name)()

    def _openai(self, clients: _Clients) -> Provider[Any]:
        from pydantic_ai.providers.openai import OpenAIProvider  # noqa: PLC0415 - heavy
        from pydantic_ai.providers.openai_compatible import (  # noqa: PLC0415 - heavy
            OpenAICompatibleProvider,
        )

        client = self._openai_client(clients)
        if self._settings.openai_base_url:
            # Under a name of its own, so that nobody reckons OpenAI's prices for a local server.
            return OpenAICompatibleProvider("own-server", openai_client=client)
        return OpenAIProvider(openai_client=client)

    def _openai_client(self, clients: _Clients) -> "AsyncOpenAI":
        from openai import AsyncOpenAI  # noqa: PLC0415 - heavy

        key, url = self._settings.openai_api_key, self._settings.openai_base_url
        if key is None and not url:
            raise SetupError(
                "No key for OpenAI.", hint="Set OPENAI_API_KEY, or STOA_OPENAI_BASE_URL."
            )
        if clients.openai is None:
            clients.openai = AsyncOpenAI(
                api_key=key.get_secret_value() if key else "none",
                base_url=url or _OPENAI_URL,
                timeout=self._policy.timeout,
                max_retries=0,
                http_client=clients.http,
            )
        return clients.openai

    def _anthropic(self, clients: _Clients) -> Provider[Any]:
        from anthropic import AsyncAnthropic  # noqa: PLC0415 - heavy
        from pydantic_ai.providers.anthropic import AnthropicProvider  # noqa: PLC0415 - heavy

        key = self._settings.anthropic_api_key
        if key is None:
            raise SetupError("No key for Anthropic.", hint="Set ANTHROPIC_API_KEY.")
        client = AsyncAnthropic(
            api_key=key.get_secret_value(),
            base_url=self._settings.anthropic_base_url or _ANTHROPIC_URL,
            timeout=self._policy.timeout,
            max_retries=0,
            http_client=clients.http,
        )
        return AnthropicProvider(anthropic_client=client)

    def _bedrock(self, clients: _Clients) -> Provider[Any]:
        import boto3  # noqa: PLC0415 - heavy
        from botocore.config import Config  # noqa: PLC0415 - heavy
        from botocore.exceptions import BotoCoreError  # noqa: PLC0415 - heavy
        from pydantic_ai.providers.bedrock import BedrockProvider  # noqa: PLC0415 - heavy

        try:
            client = boto3.client(
                "bedrock-runtime",
                endpoint_url=self._settings.bedrock_endpoint_url or None,
                config=Config(
                    read_timeout=self._policy.timeout,
                    connect_timeout=_CONNECT_SECONDS,
                    retries={"total_max_attempts": 1},
                ),
            )
        except BotoCoreError as error:
            raise SetupError(
                f"Amazon Bedrock can't be used: {error}", hint="Set AWS_REGION and the AWS_* keys."
            ) from error
        clients.others.append(client)
        return BedrockProvider(bedrock_client=client)


def split(name: str) -> tuple[str, str]:
    """`provider:model` in two. Raises SetupError where it is not."""
    provider, colon, model = name.partition(":")
    if not (provider and colon and model):
        raise SetupError(
            f"'{name}' names no model.", hint="Write provider:model, such as openai:gpt-5-mini."
        )
    return provider, model


def _class_of(provider: str) -> type[Provider[Any]]:
    try:
        return infer_provider_class(provider)
    except ValueError as error:
        raise SetupError(
            f"There is no model provider '{provider}'.",
            hint="openai, anthropic, bedrock, or another name that pydantic-ai knows.",
        ) from error
    except ImportError as error:
        raise SetupError(
            f"The package for the model provider '{provider}' is missing.",
            hint=f"Install pydantic-ai-slim[{provider}].",
        ) from error


@contextmanager
def _setup_errors(name: str) -> Iterator[None]:
    """Turns pydantic-ai's complaints about names, packages and keys into ours."""
    try:
        yield
    except (UserError, ImportError) as error:
        raise SetupError(
            f"The model {name} can't be used: {error}",
            hint="Check its name, its package and its key variable.",
        ) from error
